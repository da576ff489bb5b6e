// SPDX-License-Identifier: GPL-2.0-only
/*
 * Seeds: the published algorithms, numbers that never change, no bias.
 */
#include "unit.h"

#include "seed.h"

static void rng_is_xoshiro256starstar(void **state)
{
	/* First outputs of the reference code for the state 1, 2, 3, 4. */
	static const uint64_t expected[] = {
		11520, 0, 1509978240, 1215971899390074240, 1216172134540287360,
	};
	struct gm_rng rng = { { 1, 2, 3, 4 } };

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_int_equal(gm_rng_next(&rng), expected[i]);
}

static void init_is_splitmix64(void **state)
{
	/* First outputs of the reference code for the seed 1234567. */
	static const uint64_t expected[] = {
		6457827717110365317u,
		3203168211198807973u,
		9817491932198370423u,
		4593380528125082431u,
	};
	struct gm_rng rng;

	gm_rng_init(&rng, 1234567);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(rng.s[i], expected[i]);
}

/* Old reports name seeds: these must never change. */
static void derived_seeds_are_frozen(void **state)
{
	assert_int_equal(gm_seed_derive(0, ""), 6566800829925814604u);
	assert_int_equal(gm_seed_derive(1, "fd.create_args.zero"), 2526226154065717267u);
	assert_int_equal(gm_seed_derive(~0ULL, "conv.any_range"), 16423645897871421235u);
}

static void derived_seeds_differ(void **state)
{
	uint64_t seen[2000];
	char name[32];

	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "case.%d", i % 1000);
		seen[i] = gm_seed_derive(i / 1000, name);
		for (int j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
	}
}

static void below_stays_below(void **state)
{
	static const uint64_t bounds[] = { 1,	 2, 3, 512, 1000003, 1ULL << 63, (1ULL << 63) + 1,
					   ~0ULL };
	struct gm_rng rng;

	gm_rng_init(&rng, 7);
	assert_int_equal(gm_rng_below(&rng, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++)
		for (int j = 0; j < 1000; j++)
			assert_true(gm_rng_below(&rng, bounds[i]) < bounds[i]);
}

static void below_is_uniform(void **state)
{
	/* With a plain modulo of 3 * 2^62 the lower quarter would come twice as often. */
	const uint64_t n = 3ULL << 62;
	unsigned int third[3] = { 0 };
	struct gm_rng rng;

	gm_rng_init(&rng, 11);
	for (int i = 0; i < 30000; i++)
		third[gm_rng_below(&rng, n) >> 62]++;
	for (int i = 0; i < 3; i++)
		assert_in_range(third[i], 9600, 10400);
}

static void parse_takes_numbers_only(void **state)
{
	static const char *const bad[] = {
		"", " 1", "+1", "-1", "1 ", "1x", "0x", "0xg", "18446744073709551616", "one",
	};
	uint64_t seed;

	assert_int_equal(gm_seed_parse("0", &seed), 0);
	assert_int_equal(seed, 0);
	assert_int_equal(gm_seed_parse("010", &seed), 0);
	assert_int_equal(seed, 10);
	assert_int_equal(gm_seed_parse("18446744073709551615", &seed), 0);
	assert_int_equal(seed, ~0ULL);
	assert_int_equal(gm_seed_parse("0xFFFFffffFFFFffff", &seed), 0);
	assert_int_equal(seed, ~0ULL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (!gm_seed_parse(bad[i], &seed))
			fail_msg("'%s' was accepted", bad[i]);
}

static void fresh_seeds_differ(void **state)
{
	assert_int_not_equal(gm_seed_fresh(), gm_seed_fresh());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rng_is_xoshiro256starstar), cmocka_unit_test(init_is_splitmix64),
		cmocka_unit_test(derived_seeds_are_frozen),  cmocka_unit_test(derived_seeds_differ),
		cmocka_unit_test(below_stays_below),	     cmocka_unit_test(below_is_uniform),
		cmocka_unit_test(parse_takes_numbers_only),  cmocka_unit_test(fresh_seeds_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
