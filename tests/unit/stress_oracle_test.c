// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle: exactly one value if no operations overlap, the values of every order if they do, and
 * never a value that no order gives.
 */
#include "unit.h"

#include "oracle.h"
#include "seed.h"

#define W(a, b) ((struct st_when){ a, b })

static void convert(struct st_oracle *o, uint64_t t0, uint64_t t1, uint32_t page, uint32_t n,
		    unsigned int half)
{
	st_oracle_add(o, &(struct st_event){ .when = { t0, t1 },
					     .page = page,
					     .n = n,
					     .change = ST_CONVERT,
					     .states = half });
}

static void write_(struct st_oracle *o, uint64_t t0, uint64_t t1, uint32_t page, uint64_t stamp)
{
	st_oracle_add(o, &(struct st_event){ .when = { t0, t1 },
					     .page = page,
					     .n = 1,
					     .change = ST_GUEST_WRITE,
					     .stamp = stamp,
					     .regs = ST_WORD0 | ST_BODY });
}

static void punch(struct st_oracle *o, uint64_t t0, uint64_t t1, uint32_t page, uint32_t n)
{
	st_oracle_add(o, &(struct st_event){ .when = { t0, t1 },
					     .page = page,
					     .n = n,
					     .change = ST_ZERO,
					     .states = ST_PRIVATE });
}

static bool sees(struct st_oracle *o, uint32_t page, uint64_t stamp, uint64_t t0, uint64_t t1)
{
	return st_oracle_explains(o, page, 0, ST_BODY, stamp, W(t0, t1));
}

static void one_value_without_overlap(void **state)
{
	struct st_oracle *o = st_oracle_new(100);

	assert_true(sees(o, 5, 0, 1, 2));
	write_(o, 10, 11, 5, 77);
	assert_true(sees(o, 5, 77, 12, 13));
	assert_false(sees(o, 5, 0, 12, 13));
	convert(o, 20, 21, 5, 1, ST_PRIVATE);
	assert_true(sees(o, 5, 0, 22, 23));
	assert_false(sees(o, 5, 77, 22, 23));
	assert_true(st_oracle_explains(o, 5, ST_SHARED, ST_BODY, 77, W(22, 23)));
	write_(o, 30, 31, 5, 78);
	assert_true(sees(o, 5, 78, 32, 33));
	punch(o, 40, 41, 4, 2);
	assert_true(sees(o, 5, 0, 42, 43));
	assert_false(sees(o, 5, 78, 42, 43));
	convert(o, 50, 51, 0, 100, ST_SHARED);
	assert_true(sees(o, 5, 77, 52, 53));
	assert_false(sees(o, 5, 0, 52, 53));
	assert_true(sees(o, 6, 0, 52, 53));
	st_oracle_free(o);
}

static void overlap_explains_both(void **state)
{
	struct st_oracle *o = st_oracle_new(8);

	write_(o, 1, 2, 3, 10);
	write_(o, 10, 20, 3, 11);
	assert_true(sees(o, 3, 10, 12, 13));
	assert_true(sees(o, 3, 11, 12, 13));
	assert_false(sees(o, 3, 0, 12, 13));
	assert_false(sees(o, 3, 10, 21, 22));
	/* During a conversion a read may see either memory, and a write may go to either. */
	convert(o, 30, 40, 3, 1, ST_PRIVATE);
	write_(o, 32, 34, 3, 12);
	assert_true(sees(o, 3, 11, 31, 32));
	assert_true(sees(o, 3, 0, 31, 32));
	assert_true(sees(o, 3, 12, 50, 51));
	assert_true(sees(o, 3, 0, 50, 51));
	/* A guest read cannot see the shared memory any more. */
	assert_false(sees(o, 3, 10, 50, 51));
	assert_true(st_oracle_explains(o, 3, ST_SHARED, ST_BODY, 11, W(50, 51)));
	assert_true(st_oracle_explains(o, 3, ST_SHARED, ST_BODY, 12, W(50, 51)));
	st_oracle_free(o);
}

static void seen(struct st_oracle *o, uint64_t t0, uint64_t t1, uint32_t page, uint64_t stamp)
{
	st_oracle_add(o, &(struct st_event){ .when = { t0, t1 },
					     .page = page,
					     .n = 1,
					     .change = ST_SEEN,
					     .states = ST_SHARED,
					     .stamp = stamp,
					     .regs = ST_BODY });
}

static void reads_never_go_back(void **state)
{
	struct st_oracle *o = st_oracle_new(8);

	write_(o, 1, 2, 3, 10);
	write_(o, 10, 20, 3, 11);
	write_(o, 11, 40, 3, 12);
	assert_true(sees(o, 3, 10, 14, 15));
	seen(o, 12, 13, 3, 11);
	assert_false(sees(o, 3, 10, 14, 15));
	assert_true(sees(o, 3, 11, 14, 15));
	assert_true(sees(o, 3, 12, 14, 15));
	/* A read that overlaps the one that saw it may come first. */
	assert_true(sees(o, 3, 10, 12, 14));
	seen(o, 22, 23, 3, 12);
	assert_false(sees(o, 3, 11, 24, 25));
	assert_true(sees(o, 3, 12, 24, 25));
	st_oracle_free(o);
}

static void counters(void **state)
{
	struct st_oracle *o = st_oracle_new(4);
	uint64_t least, most;

	for (int i = 0; i < 3; i++)
		st_oracle_add(o, &(struct st_event){ .when = { 10 + 2 * i, 11 + 2 * i },
						     .op = i,
						     .page = 1,
						     .n = 1,
						     .change = ST_COUNT });
	assert_true(st_oracle_counts(o, 1, 0, 3, W(20, 21), 99, &least, &most));
	assert_int_equal(least, 3);
	assert_int_equal(most, 3);
	assert_true(st_oracle_counts(o, 1, 0, 2, W(14, 15), 2, &least, &most));
	assert_false(st_oracle_counts(o, 1, 0, 3, W(14, 15), 2, &least, &most));
	convert(o, 30, 31, 0, 4, ST_PRIVATE);
	assert_true(st_oracle_counts(o, 1, 0, 0, W(40, 41), 99, &least, &most));
	assert_false(st_oracle_counts(o, 1, 0, 3, W(40, 41), 99, &least, &most));
	st_oracle_free(o);
}

/*
 * Plays random histories: each operation takes effect at one moment inside its interval. The oracle
 * must explain the value of each read; without overlap it must explain no other value.
 */
static void play(uint64_t seed, bool overlap)
{
	struct st_oracle *o = st_oracle_new(4);
	struct {
		uint64_t t0, t1, at, stamp;
		unsigned int kind;
	} op[60];
	struct gm_rng rng;
	uint64_t half[2] = {};
	bool private = false;
	unsigned int order[60];

	gm_rng_init(&rng, seed);
	for (unsigned int i = 0; i < 60; i++) {
		op[i].t0 = overlap ? 1 + gm_rng_below(&rng, 300) : 10 * i + 1;
		op[i].t1 = op[i].t0 + 2 + (overlap ? gm_rng_below(&rng, 30) : 3);
		op[i].at = op[i].t0 + 1 + gm_rng_below(&rng, op[i].t1 - op[i].t0 - 1);
		op[i].kind = gm_rng_below(&rng, 5);
		op[i].stamp = 100 + i;
		order[i] = i;
	}
	for (unsigned int i = 0; i < 60; i++)
		for (unsigned int j = i + 1; j < 60; j++)
			if (op[order[j]].at < op[order[i]].at) {
				unsigned int t = order[i];

				order[i] = order[j];
				order[j] = t;
			}
	for (unsigned int i = 0; i < 60; i++) {
		if (op[i].kind == 0)
			convert(o, op[i].t0, op[i].t1, 2, 1, i % 2 ? ST_PRIVATE : ST_SHARED);
		else if (op[i].kind == 1)
			write_(o, op[i].t0, op[i].t1, 2, op[i].stamp);
		else if (op[i].kind == 2)
			punch(o, op[i].t0, op[i].t1, 1, 2);
	}
	for (unsigned int k = 0; k < 60; k++) {
		unsigned int i = order[k];

		if (op[i].kind == 0) {
			private = i % 2;
		} else if (op[i].kind == 1) {
			half[private] = op[i].stamp;
		} else if (op[i].kind == 2) {
			half[1] = 0;
		} else {
			unsigned int where = st_oracle_states(o, 2, W(op[i].t0, op[i].t1));
			uint64_t some[64];

			assert_true(sees(o, 2, half[private], op[i].t0, op[i].t1));
			if (where != ST_BOTH)
				st_oracle_add(o, &(struct st_event){ .when = { op[i].t0, op[i].t1 },
								     .page = 2,
								     .n = 1,
								     .change = ST_SEEN,
								     .states = where,
								     .stamp = half[private],
								     .regs = ST_BODY });
			if (!overlap)
				assert_int_equal(st_oracle_expected(o, 2, 0, ST_BODY,
								    W(op[i].t0, op[i].t1), some,
								    64),
						 1);
		}
	}
	st_oracle_free(o);
}

static void correct_reads_are_explained(void **state)
{
	for (uint64_t seed = 1; seed <= 400; seed++) {
		play(seed, false);
		play(seed, true);
	}
}

static void long_ranges(void **state)
{
	struct st_oracle *o = st_oracle_new(100000);

	convert(o, 10, 11, 100, 90000, ST_PRIVATE);
	convert(o, 20, 21, 5000, 1, ST_SHARED);
	assert_int_equal(st_oracle_states(o, 99, W(30, 31)), ST_SHARED);
	assert_int_equal(st_oracle_states(o, 100, W(30, 31)), ST_PRIVATE);
	assert_int_equal(st_oracle_states(o, 5000, W(30, 31)), ST_SHARED);
	assert_int_equal(st_oracle_states(o, 5001, W(30, 31)), ST_PRIVATE);
	assert_int_equal(st_oracle_states(o, 90099, W(30, 31)), ST_PRIVATE);
	assert_int_equal(st_oracle_states(o, 90100, W(30, 31)), ST_SHARED);
	st_oracle_free(o);
}

static void in_place_a_page_is_one_memory(void **state)
{
	struct st_oracle *o = st_oracle_new_inplace(8, ST_SHARED);

	write_(o, 10, 11, 3, 77);
	convert(o, 20, 21, 3, 1, ST_PRIVATE);
	assert_int_equal(st_oracle_states(o, 3, W(22, 23)), ST_PRIVATE);
	assert_true(sees(o, 3, 77, 22, 23));
	assert_false(sees(o, 3, 0, 22, 23));
	write_(o, 30, 31, 3, 78);
	convert(o, 40, 50, 3, 1, ST_SHARED);
	/* Either state during the conversion, but only one content. */
	assert_int_equal(st_oracle_states(o, 3, W(42, 43)), ST_BOTH);
	assert_int_equal(st_oracle_memories(o, 3, W(42, 43)), ST_SHARED);
	assert_true(sees(o, 3, 78, 42, 43));
	assert_false(sees(o, 3, 77, 42, 43));
	assert_true(st_oracle_explains(o, 3, ST_SHARED, ST_BODY, 78, W(60, 61)));
	/* A hole keeps the state and zeroes the content, whichever state the event names. */
	punch(o, 70, 71, 3, 1);
	assert_int_equal(st_oracle_states(o, 3, W(80, 81)), ST_SHARED);
	assert_true(sees(o, 3, 0, 80, 81));
	assert_false(sees(o, 3, 78, 80, 81));
	seen(o, 90, 91, 3, 0);
	assert_true(sees(o, 3, 0, 92, 93));
	st_oracle_free(o);
}

static void in_place_all_can_start_private(void **state)
{
	struct st_oracle *o = st_oracle_new_inplace(8, ST_PRIVATE);

	assert_int_equal(st_oracle_states(o, 3, W(1, 2)), ST_PRIVATE);
	convert(o, 10, 12, 3, 1, ST_SHARED);
	assert_int_equal(st_oracle_states(o, 3, W(10, 11)), ST_BOTH);
	assert_int_equal(st_oracle_states(o, 3, W(20, 21)), ST_SHARED);
	assert_int_equal(st_oracle_states(o, 4, W(20, 21)), ST_PRIVATE);
	st_oracle_free(o);
}

/* If an event zeroes only the counter and the stack, the other words are never zero. */
static void zeros_of_some_registers(void **state)
{
	struct st_oracle *o = st_oracle_new(8);
	struct st_event zero = { .when = { 10, 20 },
				 .page = 3,
				 .n = 1,
				 .change = ST_ZERO,
				 .states = ST_SHARED,
				 .regs = ST_COUNTER | ST_STACK };
	uint64_t least, most;

	write_(o, 1, 2, 3, 77);
	st_oracle_add(
		o, &(struct st_event){ .when = { 3, 4 }, .page = 3, .n = 1, .change = ST_COUNT });
	assert_false(st_oracle_counts(o, 3, 0, 0, W(5, 6), UINT32_MAX, &least, &most));
	st_oracle_add(o, &zero);
	write_(o, 10, 20, 3, 78);
	assert_true(sees(o, 3, 77, 12, 13));
	assert_true(sees(o, 3, 78, 12, 13));
	assert_false(sees(o, 3, 0, 12, 13));
	assert_false(sees(o, 3, 0, 30, 31));
	assert_true(st_oracle_counts(o, 3, 0, 0, W(30, 31), UINT32_MAX, &least, &most));
	assert_false(st_oracle_counts(o, 3, 0, 1, W(30, 31), UINT32_MAX, &least, &most));
	st_oracle_free(o);
}

static void holes_are_known(void **state)
{
	struct st_oracle *o = st_oracle_new_inplace(8, ST_SHARED);

	punch(o, 10, 20, 3, 1);
	assert_true(st_oracle_may_zero(o, 3, W(15, 16)));
	assert_true(st_oracle_may_zero(o, 3, W(1, 11)));
	assert_false(st_oracle_may_zero(o, 3, W(1, 9)));
	assert_false(st_oracle_may_zero(o, 3, W(21, 30)));
	assert_false(st_oracle_may_zero(o, 4, W(1, 30)));
	assert_true(st_oracle_zeroed(o, 3, W(9, 21)));
	assert_false(st_oracle_zeroed(o, 3, W(9, 20)));
	assert_false(st_oracle_zeroed(o, 3, W(10, 30)));
	st_oracle_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_value_without_overlap),
		cmocka_unit_test(overlap_explains_both),
		cmocka_unit_test(reads_never_go_back),
		cmocka_unit_test(counters),
		cmocka_unit_test(correct_reads_are_explained),
		cmocka_unit_test(long_ranges),
		cmocka_unit_test(in_place_a_page_is_one_memory),
		cmocka_unit_test(in_place_all_can_start_private),
		cmocka_unit_test(holes_are_known),
		cmocka_unit_test(zeros_of_some_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
