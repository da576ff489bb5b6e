// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory model: conversions of exact ranges, the content that a guest sees, the pages to check.
 */
#include "unit.h"

#include "../../lib/model/model.c"

#define FIRST 0x100000UL
#define NPAGES (3 * 512UL * 512)

static int make(void **state)
{
	*state = gm_model_new(FIRST, NPAGES, GM_CONTENT_TWO_MEMORIES);
	return 0;
}

static int drop(void **state)
{
	gm_model_free(*state);
	return 0;
}

static void is(const struct gm_model *m, uint64_t gfn, bool private, enum gm_writer writer,
	       unsigned int gen)
{
	struct gm_content c = gm_model_guest(m, gfn);

	assert_int_equal(gm_model_private(m, gfn), private);
	assert_int_equal(c.writer, writer);
	assert_int_equal(c.gen, gen);
}

static void starts_shared_and_zero(void **state)
{
	struct gm_model *m = *state;

	is(m, FIRST, false, GM_WRITER_NONE, 0);
	is(m, FIRST + NPAGES - 1, false, GM_WRITER_NONE, 0);
	assert_int_equal(gm_model_private_pages(m), 0);
	assert_int_equal(gm_model_run(m, FIRST, NPAGES), NPAGES);
	assert_false(gm_model_has(m, FIRST - 1));
	assert_false(gm_model_has(m, FIRST + NPAGES));
}

static void converts_exactly_the_range(void **state)
{
	struct gm_model *m = *state;

	gm_model_convert(m, FIRST + 10, 5, true);
	for (uint64_t i = 0; i < 20; i++)
		assert_int_equal(gm_model_private(m, FIRST + i), i >= 10 && i < 15);
	gm_model_convert(m, FIRST + 12, 1, false);
	assert_int_equal(gm_model_private_pages(m), 4);
	assert_int_equal(gm_model_run(m, FIRST, NPAGES), 10);
	assert_int_equal(gm_model_run(m, FIRST + 10, NPAGES), 2);
	assert_int_equal(gm_model_run(m, FIRST + 12, NPAGES), 1);
	assert_int_equal(gm_model_run(m, FIRST + 13, 1), 1);
}

static void two_memories_are_separate(void **state)
{
	struct gm_model *m = *state;

	gm_model_guest_wrote(m, FIRST, 3, GM_WRITER_SHARED, 1, 1);
	gm_model_convert(m, FIRST + 1, 1, true);
	is(m, FIRST + 1, true, GM_WRITER_NONE, 0);
	gm_model_guest_wrote(m, FIRST, 3, GM_WRITER_PRIVATE, 2, 64);
	is(m, FIRST, false, GM_WRITER_PRIVATE, 2);
	is(m, FIRST + 1, true, GM_WRITER_PRIVATE, 2);
	assert_int_equal(gm_model_guest(m, FIRST + 1).stride, 64);
	assert_int_equal(gm_model_memory(m, FIRST + 1, false).gen, 1);
	gm_model_host_wrote(m, FIRST, 3, GM_WRITER_HOST, 3);
	is(m, FIRST + 1, true, GM_WRITER_PRIVATE, 2);
	gm_model_convert(m, FIRST + 1, 1, false);
	is(m, FIRST + 1, false, GM_WRITER_HOST, 3);
	gm_model_punched(m, FIRST, 3);
	is(m, FIRST, false, GM_WRITER_HOST, 3);
	gm_model_convert(m, FIRST + 1, 1, true);
	is(m, FIRST + 1, true, GM_WRITER_NONE, 0);
	gm_model_dropped(m, FIRST, 2);
	is(m, FIRST, false, GM_WRITER_NONE, 0);
	is(m, FIRST + 2, false, GM_WRITER_HOST, 3);
}

static int make_one(void **state)
{
	*state = gm_model_new(FIRST, 64, GM_CONTENT_ONE_MEMORY);
	return 0;
}

/* What was written in one state is read in the other; a hole zeroes both. */
static void one_memory_is_kept(void **state)
{
	struct gm_model *m = *state;

	assert_int_equal(gm_model_rule(m), GM_CONTENT_ONE_MEMORY);
	gm_model_guest_wrote(m, FIRST, 4, GM_WRITER_SHARED, 1, 1);
	gm_model_convert(m, FIRST + 1, 2, true);
	is(m, FIRST, false, GM_WRITER_SHARED, 1);
	is(m, FIRST + 1, true, GM_WRITER_SHARED, 1);
	gm_model_guest_wrote(m, FIRST + 1, 1, GM_WRITER_PRIVATE, 2, 64);
	assert_int_equal(gm_model_memory(m, FIRST + 1, false).gen, 2);
	assert_int_equal(gm_model_memory(m, FIRST + 1, true).gen, 2);
	assert_int_equal(gm_model_run(m, FIRST, 4), 1);
	assert_int_equal(gm_model_run(m, FIRST + 2, 2), 1);
	gm_model_convert(m, FIRST + 1, 2, false);
	is(m, FIRST + 1, false, GM_WRITER_PRIVATE, 2);
	is(m, FIRST + 2, false, GM_WRITER_SHARED, 1);
	assert_int_equal(gm_model_run(m, FIRST + 2, 2), 2);
	gm_model_host_wrote(m, FIRST + 2, 1, GM_WRITER_HOST, 3);
	gm_model_convert(m, FIRST + 2, 1, true);
	is(m, FIRST + 2, true, GM_WRITER_HOST, 3);
	gm_model_punched(m, FIRST + 1, 2);
	is(m, FIRST + 1, false, GM_WRITER_NONE, 0);
	is(m, FIRST + 2, true, GM_WRITER_NONE, 0);
	assert_true(gm_model_private(m, FIRST + 2));
	is(m, FIRST + 3, false, GM_WRITER_SHARED, 1);
	gm_model_dropped(m, FIRST + 3, 1);
	is(m, FIRST + 3, false, GM_WRITER_NONE, 0);
}

/* Writes of one word in each page. */
static void sparse_writes_are_known(void **state)
{
	struct gm_model *m = *state;

	gm_model_guest_wrote(m, FIRST, 3, GM_WRITER_SHARED, 7, GM_PAGE_WORDS);
	assert_int_equal(gm_model_guest(m, FIRST + 2).stride, GM_PAGE_WORDS);
	assert_int_equal(gm_model_run(m, FIRST, 8), 3);
	gm_model_guest_wrote(m, FIRST + 1, 1, GM_WRITER_SHARED, 7, 0);
	assert_int_equal(gm_model_guest(m, FIRST + 1).stride, 1);
	assert_int_equal(gm_model_run(m, FIRST, 8), 1);
}

static void clips(void **state)
{
	uint64_t gfn = FIRST - 5, n = 10;

	assert_true(gm_model_clip(*state, &gfn, &n));
	assert_int_equal(gfn, FIRST);
	assert_int_equal(n, 5);
	gfn = FIRST + NPAGES - 1;
	n = UINT64_MAX;
	assert_true(gm_model_clip(*state, &gfn, &n));
	assert_int_equal(n, 1);
	gfn = FIRST + NPAGES;
	n = 3;
	assert_false(gm_model_clip(*state, &gfn, &n));
	gfn = 0;
	n = FIRST;
	assert_false(gm_model_clip(*state, &gfn, &n));
}

static bool has(const uint64_t *list, size_t n, uint64_t gfn)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == gfn)
			return true;
	return false;
}

static void suspects_are_where_defects_show(void **state)
{
	uint64_t s[GM_MODEL_SUSPECTS], at = FIRST + 512 * 512 + 700, n = 1000;
	size_t nr = gm_model_suspects(*state, at, n, s);
	const uint64_t wanted[] = {
		at - 1,
		at,
		at + 1,
		at + n - 2,
		at + n - 1,
		at + n,
		at + n / 2,
		at - 512,
		at + 512,
		at - 512 * 512,
		at + 512 * 512,
		at + n + 512,
		at + n + 512 * 512,
		/* borders of 2 MiB: the range touches those at 512 to 2048 */
		at - 700 + 511,
		at - 700 + 512,
		at - 700 + 1023,
		at - 700 + 1024,
		at - 700 + 1535,
		at - 700 + 1536,
		at - 700 + 2047,
		at - 700 + 2048,
		/* borders of 1 GiB */
		at - 701,
		at - 700,
		at - 700 + 512 * 512 - 1,
		at - 700 + 512 * 512,
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		assert_true(has(s, nr, wanted[i]));
	for (size_t i = 1; i < nr; i++)
		assert_true(s[i - 1] < s[i]);
	assert_true(nr < GM_MODEL_SUSPECTS);
}

static void suspects_stay_inside(void **state)
{
	uint64_t s[GM_MODEL_SUSPECTS];
	size_t nr;

	nr = gm_model_suspects(*state, FIRST, 1, s);
	assert_true(nr > 3 && s[0] == FIRST);
	nr = gm_model_suspects(*state, FIRST, NPAGES, s);
	assert_true(nr > 3 && s[0] == FIRST && s[nr - 1] == FIRST + NPAGES - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(starts_shared_and_zero, make, drop),
		cmocka_unit_test_setup_teardown(converts_exactly_the_range, make, drop),
		cmocka_unit_test_setup_teardown(two_memories_are_separate, make, drop),
		cmocka_unit_test_setup_teardown(one_memory_is_kept, make_one, drop),
		cmocka_unit_test_setup_teardown(sparse_writes_are_known, make, drop),
		cmocka_unit_test_setup_teardown(clips, make, drop),
		cmocka_unit_test_setup_teardown(suspects_are_where_defects_show, make, drop),
		cmocka_unit_test_setup_teardown(suspects_stay_inside, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
