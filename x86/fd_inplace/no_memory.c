// SPDX-License-Identifier: GPL-2.0-only
/* Without memory for its record a conversion is ENOMEM, and changes nothing: fd.no_memory. */
#include "fail_nth.h"
#include "fd_inplace.h"

#define MOST 50U /* steps: far more than one conversion has */
#define NPAGES 128UL

struct sweep {
	struct gm_fixture *w;
	bool to_private;
	unsigned int refused;
};

static void expect_refused(struct sweep *s, uint64_t page, int err, uint64_t error_offset,
			   const char *how)
{
	s->refused++;
	GM_EXPECT_EQ(err, ENOMEM, "errno, page %lu, %s", page, how);
	GM_EXPECT_EQ(error_offset, page * PG, "error_offset, page %lu, %s", page, how);
	for (uint64_t p = page - 1; p <= page + 2; p++)
		inplace_expect_page(s->w->hva, p, gm_model_private(s->w->model, GFN(s->w->gpa) + p),
				    "after ENOMEM");
	if (s->refused % 16 == 1)
		inplace_expect_all(s->w, "after ENOMEM");
}

/* Converts two pages, with each step failing once, until it succeeds. */
static void each_step(struct sweep *s, uint64_t page)
{
	uint64_t error_offset;
	bool reached = true;
	int ret = -1, err;

	for (unsigned int n = 1; ret && n < MOST && reached && !gm_failures(); n++) {
		gm_fail_nth(n);
		ret = __gm_gmem_convert(s->w->gmem, page * PG, 2 * PG, s->to_private,
					&error_offset);
		err = errno;
		reached = gm_fail_nth_reached();
		if (ret)
			expect_refused(s, page, err, error_offset, "one step failed");
	}
}

/* Converts with all allocations failing, since the kernel may retry after a single failure. */
static void every_step(struct sweep *s, uint64_t page)
{
	uint64_t error_offset;
	int ret, err;

	gm_fail_from(0);
	ret = __gm_gmem_convert(s->w->gmem, page * PG, 2 * PG, s->to_private, &error_offset);
	err = errno;
	gm_fail_from_end();
	if (ret)
		expect_refused(s, page, err, error_offset, "all steps failed");
}

/* The record grows page by page, and shrinks again: only some of these steps allocate. */
GM_CASE(convert_no_memory, .name = "fd.no_memory.convert", .clause = "fd.no_memory",
	.providers = GM_PROVIDERS(INPLACE), .caps = GM_CAPS_ALL, .tokens = GM_TOKEN_MODULE,
	.needs = GM_NEEDS(FAIL_NTH, DEBUGFS), .timeout = 120,
	.text = "each allocation of conversions failing: ENOMEM, error_offset the start, no page changed")
{
	struct sweep s = { .w = GM_FIXTURE(.size = GM_2M) };
	uint64_t first = GFN(s.w->gpa);

	gm_fixture_fill(s.w, 0, first, NPAGES);
	gm_fail_nth_open();
	for (int way = 0; way < 2; way++) {
		s.to_private = !way;
		for (uint64_t p = 1; p + 3 < NPAGES && !gm_failures(); p += 4) {
			if (p % 8 == 1)
				each_step(&s, p);
			else
				every_step(&s, p);
			/*
			 * Converts without failures, also if the conversion has already succeeded.
			 */
			gm_fixture_convert(s.w, first + p, 2, s.to_private);
		}
		inplace_expect_all(s.w, "after the conversions");
	}
	gm_note("%u conversions failed", s.refused);
	if (!s.refused)
		gm_skip("no allocation of a conversion can be made to fail", "CONFIG_FAILSLAB=y");
	gm_fixture_free(s.w);
}
