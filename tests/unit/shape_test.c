// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model of mappings: the largest page that slot, host and attributes allow, and the fault
 * counts.
 */
#include "unit.h"

#include "../../lib/model/shape.c"

#define BASE (4UL << 30)
#define M2 (2UL << 20)
#define G1 (1UL << 30)

/* Three GiB, one slot over all of it, host pages of 1 GiB. */
static int make(void **state)
{
	struct gm_shape *s = gm_shape_new(BASE, 3 * G1);

	gm_shape_slot(s, 1, BASE, 3 * G1, BASE, GM_SIZE_1G);
	*state = s;
	return 0;
}

static int discard(void **state)
{
	gm_shape_free(*state);
	return 0;
}

static void is(const struct gm_shape *s, int64_t n4k, int64_t n2m, int64_t n1g, int64_t fixed)
{
	assert_int_equal(s->now.pages[GM_SIZE_4K], n4k);
	assert_int_equal(s->now.pages[GM_SIZE_2M], n2m);
	assert_int_equal(s->now.pages[GM_SIZE_1G], n1g);
	assert_int_equal(s->now.fixed, fixed);
}

static void touch_all(struct gm_shape *s)
{
	for (uint64_t gpa = s->base; gpa < s->base + s->size; gpa += M2)
		if (gm_shape_has_slot(s, gpa))
			gm_shape_touch(s, gpa);
}

/* The numbers of the contract, for a page at each border and one in the middle. */
static void one_page_splits_one_gib(void **state)
{
	static const uint64_t page[] = { 0, 1, 511, 512, 131072, 262143 };
	struct gm_shape *s = *state;
	int64_t fixed;

	touch_all(s);
	is(s, 0, 0, 3, 3);
	for (unsigned int i = 0; i < 6; i++) {
		uint64_t at = BASE + G1 + page[i] * PAGE;

		fixed = s->now.fixed;
		gm_shape_convert(s, at, PAGE, true);
		is(s, 0, 0, 2, fixed);
		assert_true(gm_shape_private(s, at));
		assert_int_equal(gm_shape_allowed(s, at), GM_SIZE_4K);
		assert_int_equal(gm_shape_allowed(s, at ^ PAGE), GM_SIZE_4K);
		assert_int_equal(gm_shape_allowed(s, at ^ M2), GM_SIZE_2M);
		assert_int_equal(gm_shape_allowed(s, BASE), GM_SIZE_1G);
		assert_int_equal(gm_shape_allowed(s, BASE + 2 * G1), GM_SIZE_1G);
		touch_all(s);
		is(s, 1, 511, 2, fixed + 512);
		for (uint64_t p = at & ~(M2 - 1); p < (at | (M2 - 1)); p += PAGE)
			gm_shape_touch(s, p);
		is(s, 512, 511, 2, fixed + 512 + 511);
		gm_shape_convert(s, at, PAGE, false);
		is(s, 511, 511, 2, fixed + 512 + 511);
		gm_shape_touch(s, at);
		is(s, 0, 0, 3, fixed + 512 + 511 + 1);
	}
}

static void converting_again_costs_nothing(void **state)
{
	struct gm_shape *s = *state;

	gm_shape_convert(s, BASE + M2, M2, true);
	touch_all(s);
	is(s, 1, 511, 2, 514);
	gm_shape_convert(s, BASE + M2, M2, true);
	gm_shape_convert(s, BASE + M2 + 5 * PAGE, PAGE, true);
	gm_shape_convert(s, BASE + G1, 2 * G1, false);
	is(s, 1, 511, 2, 514);
	/* One page of the range changes: the whole range is unmapped. */
	gm_shape_convert(s, BASE + M2 - PAGE, M2, true);
	assert_true(gm_shape_private(s, BASE + M2 - PAGE));
	assert_false(gm_shape_private(s, BASE + M2 - 2 * PAGE));
	is(s, 0, 510, 2, 514);
}

/* Private memory is mapped by single 4 KiB pages, even where a whole GiB is private. */
static void private_is_small(void **state)
{
	struct gm_shape *s = *state;

	gm_shape_convert(s, BASE, G1, true);
	assert_int_equal(gm_shape_touch(s, BASE + 7 * PAGE), GM_SIZE_4K);
	assert_int_equal(gm_shape_touch(s, BASE + 8 * PAGE), GM_SIZE_4K);
	is(s, 2, 0, 0, 2);
	gm_shape_convert(s, BASE, G1, false);
	is(s, 0, 0, 0, 2);
	assert_int_equal(gm_shape_touch(s, BASE), GM_SIZE_1G);
}

static void slot_and_host_decide(void **state)
{
	struct gm_shape *s = *state;

	gm_shape_slot(s, 1, BASE, 0, 0, GM_SIZE_NONE);
	assert_false(gm_shape_has_slot(s, BASE));
	/* From one page into the first GiB to one page before the end of the second. */
	gm_shape_slot(s, 1, BASE + PAGE, 2 * G1 - 2 * PAGE, BASE + PAGE, GM_SIZE_1G);
	assert_false(gm_shape_has_slot(s, BASE));
	assert_true(gm_shape_has_slot(s, BASE + PAGE));
	assert_false(gm_shape_has_slot(s, BASE + 2 * G1 - PAGE));
	assert_int_equal(gm_shape_allowed(s, BASE + PAGE), GM_SIZE_4K);
	assert_int_equal(gm_shape_allowed(s, BASE + M2), GM_SIZE_2M);
	assert_int_equal(gm_shape_allowed(s, BASE + 2 * G1 - M2 - PAGE), GM_SIZE_2M);
	assert_int_equal(gm_shape_allowed(s, BASE + 2 * G1 - 2 * PAGE), GM_SIZE_4K);
	/* Host and guest addresses differ by 2 MiB: no 1 GiB page; by one page: no huge page. */
	gm_shape_slot(s, 1, BASE, 2 * G1, BASE + M2, GM_SIZE_1G);
	assert_int_equal(gm_shape_allowed(s, BASE + 5 * M2), GM_SIZE_2M);
	gm_shape_slot(s, 1, BASE, 2 * G1, BASE + PAGE, GM_SIZE_1G);
	assert_int_equal(gm_shape_allowed(s, BASE + 5 * M2), GM_SIZE_4K);
	gm_shape_slot(s, 1, BASE, 2 * G1, BASE, GM_SIZE_2M);
	assert_int_equal(gm_shape_allowed(s, BASE + 5 * M2), GM_SIZE_2M);
	gm_shape_host(s, BASE + 5 * M2, M2, GM_SIZE_4K);
	assert_int_equal(gm_shape_allowed(s, BASE + 5 * M2), GM_SIZE_4K);
	assert_int_equal(gm_shape_allowed(s, BASE + 6 * M2), GM_SIZE_2M);
}

static void other_slots_lose_nothing(void **state)
{
	struct gm_shape *s = *state;

	gm_shape_slot(s, 1, BASE, 0, 0, GM_SIZE_NONE);
	gm_shape_slot(s, 1, BASE, G1, BASE, GM_SIZE_1G);
	gm_shape_slot(s, 2, BASE + G1, G1, BASE + G1, GM_SIZE_1G);
	touch_all(s);
	is(s, 0, 0, 2, 2);
	gm_shape_slot(s, 2, BASE + G1, 0, 0, GM_SIZE_NONE);
	is(s, 0, 0, 1, 2);
	gm_shape_zap(s, BASE + G1 - PAGE, PAGE);
	is(s, 0, 0, 0, 2);
}

static void logging_splits_and_joins(void **state)
{
	struct gm_shape *s = *state;
	const int64_t per_g = 262144;

	touch_all(s);
	gm_shape_log(s, 1, true);
	is(s, 3 * per_g, 0, 0, 3);
	assert_int_equal(gm_shape_allowed(s, BASE), GM_SIZE_4K);
	gm_shape_convert(s, BASE + G1 + 5 * PAGE, PAGE, true);
	gm_shape_log(s, 1, false);
	/* The page that was converted is unmapped, its neighbours stay small. */
	is(s, 511, 511, 2, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_page_splits_one_gib, make, discard),
		cmocka_unit_test_setup_teardown(converting_again_costs_nothing, make, discard),
		cmocka_unit_test_setup_teardown(private_is_small, make, discard),
		cmocka_unit_test_setup_teardown(slot_and_host_decide, make, discard),
		cmocka_unit_test_setup_teardown(other_slots_lose_nothing, make, discard),
		cmocka_unit_test_setup_teardown(logging_splits_and_joins, make, discard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
