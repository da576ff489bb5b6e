// SPDX-License-Identifier: GPL-2.0-only
/*
 * How slow a machine is: never below 1, and that of the slowest part.
 */
#include <math.h>

#include "unit.h"

#include "time_factor.h"
#include "../../runner/speed.h"

static const struct row {
	const char *what;
	struct speed s;
	double factor;
} rows[] = {
	{ "a machine of today", { 140, 1, 0.1 }, 1 },
	{ "the lab", { 1700, 6, 0.42 }, 1 },
	{ "just at the limit", { 4000, 15, 1 }, 1 },
	{ "processes are slow", { 14000, 15, 1 }, 3.5 },
	{ "faults are slow", { 4000, 105, 1 }, 7 },
	{ "memory is slow", { 4000, 15, 2.25 }, 2.3 },
	{ "all is slow", { 40000, 300, 12 }, 20 },
	{ "slower than any machine", { 1e12, 15, 1 }, SPEED_FACTOR_MAX },
	{ "nothing could be measured", { 0, 0, 0 }, 1 },
	{ "no number", { NAN, 30, 1 }, 2 },
	{ "endless", { INFINITY, 30, 1 }, SPEED_FACTOR_MAX },
};

static void factor_is_that_of_the_slowest(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (fabs(speed_factor(&rows[i].s) - rows[i].factor) > 0.001)
			fail_msg("%s: expected %g, observed %g", rows[i].what, rows[i].factor,
				 speed_factor(&rows[i].s));
}

static void measures_all(void **state)
{
	struct speed s = speed_measure();
	double f = speed_factor(&s);

	assert_true(s.process > 0 && s.fault > 0 && s.clear > 0);
	assert_true(f >= 1 && f <= SPEED_FACTOR_MAX);
}

static void cases_get_the_factor(void **state)
{
	static const struct {
		const char *text;
		int limit;
	} given[] = { { NULL, 200 }, { "1", 200 },   { "2.5", 500 },
		      { "0.1", 20 }, { "x", 200 },   { "0", 200 },
		      { "-3", 200 }, { "nan", 200 }, { "1e9", INT32_MAX } };

	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		if (given[i].text)
			setenv("GM_TIME_FACTOR", given[i].text, 1);
		else
			unsetenv("GM_TIME_FACTOR");
		assert_int_equal(gm_time_limit(200), given[i].limit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(factor_is_that_of_the_slowest),
		cmocka_unit_test(measures_all),
		cmocka_unit_test(cases_get_the_factor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
