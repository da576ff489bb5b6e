// SPDX-License-Identifier: GPL-2.0-only
/* A conversion that fails with ENOMEM changes nothing, and can be retried: conv.refuse_bad. */
#include "conv.h"
#include "fail_nth.h"

#define STEP 500 /* bytes: less than one XArray node of the attributes */

struct scarce {
	struct gm_fixture *w;
	uint64_t gfn, n, done; /* pages, pages, and bytes that the last call converted */
	unsigned int failed;
};

/* Checks the first, the middle and the last page: the guest still reads shared memory. */
static void expect_shared(struct gm_fixture *w, uint64_t gfn, uint64_t n)
{
	gm_fixture_check_guest(w, 0, gfn, 1, 64, "the first page after ENOMEM");
	gm_fixture_check_guest(w, 0, gfn + n / 2, 1, 64, "the middle page after ENOMEM");
	gm_fixture_check_guest(w, 0, gfn + n - 1, 1, 64, "the last page after ENOMEM");
}

static int to_private(void *arg)
{
	struct scarce *s = arg;

	return __gm_convert_to(s->w->vm, GPA(s->gfn), GPA(s->n), true, &s->done);
}

static void expect_not_converted(void *arg, unsigned int bytes, int err)
{
	struct scarce *s = arg;

	GM_EXPECT_EQ(err, ENOMEM, "errno with memory for %u bytes", bytes);
	GM_EXPECT_EQ(s->done, 0, "bytes converted with memory for %u bytes", bytes);
	if (s->failed++ % 4 == 0)
		expect_shared(s->w, s->gfn, s->n);
}

GM_CASE(no_memory, .name = "conv.refuse_bad.no_memory", .clause = "conv.refuse_bad",
	.providers = GM_PROVIDERS_HUGE, .needs = GM_NEEDS(FAIL_NTH, DEBUGFS), .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_ALONE, .timeout = 120,
	.text = "conversions with too little memory, in small steps: ENOMEM, no page changes; with enough memory it succeeds")
{
	struct gm_fixture *w = GM_FIXTURE(.size = 2 * GM_2M);
	uint64_t gfn = GFN(w->gpa) + 100, n = 700;
	struct scarce s = { .w = w, .gfn = gfn, .n = n };
	struct gm_batch batch;
	int ret, err;

	gm_batch_init(&batch, w, 0);
	gm_batch_fill(&batch, GFN(w->gpa), 1024, 8);
	gm_batch_flush(&batch);
	gm_fail_nth_open();
	gm_fail_from_sweep(to_private, expect_not_converted, &s, STEP);
	/*
	 * All or nothing. Converting back needs no memory, except in place for the file's record.
	 */
	gm_model_convert(w->model, gfn, n, true);
	gm_fixture_check_guest(w, 0, GFN(w->gpa), 1024, 64, "after the successful conversion");
	gm_fail_from(0);
	ret = __gm_convert(w->vm, GPA(gfn), GPA(n), false);
	err = errno;
	gm_fail_from_end();
	GM_EXPECT(!ret || (err == ENOMEM && w->provider->file_serves_shared),
		  "to shared without memory: %s", gm_errno_name(err));
	gm_model_convert(w->model, gfn, n, ret);
	GM_SETUP(s.failed || gm_failures(), "no conversion failed: CONFIG_FAILSLAB");
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}
