// SPDX-License-Identifier: GPL-2.0-only
/* No memory for the record: ENOMEM, nothing changes, and a retry succeeds. */
#include "fail_nth.h"
#include "inplace.h"

GM_FILE(.clause = "conv.inplace_no_memory", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS | GM_NEEDS(FAIL_NTH, DEBUGFS), .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_ALONE, .timeout = 120)

#define NPAGES 512UL
#define SIZE (NPAGES * PG)
#define STEP 64 /* bytes */
#define PAGE 101UL
#define COUNT 302UL

struct scarce {
	struct gm_fixture *w;
	struct gm_memory_attributes2 was, arg;
};

static int set_attributes(void *arg)
{
	struct scarce *s = arg;

	s->arg = s->was;
	return ip_set(s->w->gmem, &s->arg);
}

static void expect_not_set(void *arg, unsigned int bytes, int err)
{
	struct scarce *s = arg;

	GM_EXPECT_EQ(err, ENOMEM, "errno with memory for %u bytes", bytes);
	GM_EXPECT_EQ(s->arg.error_offset, PAGE * PG, "error_offset");
	s->arg.error_offset = s->was.error_offset;
	GM_EXPECT(!memcmp(&s->arg, &s->was, sizeof(s->was)),
		  "a field of the argument other than error_offset changed");
	ip_expect_state(s->w, 0, NPAGES, "after ENOMEM");
}

GM_CASES(starved, struct ip_start, v)
{
	struct scarce s = { .w = IP_FIXTURE(v->private_first, .size = SIZE) };
	unsigned int failed = 0;

	/* Many entries in the record, so that a change must allocate nodes. */
	ip_striped(s.w);
	gm_fail_nth_open();
	for (int to_private = 1; to_private >= 0; to_private--) {
		s.was = ip_arg(PAGE * PG, COUNT * PG, to_private);
		failed += gm_fail_from_sweep(set_attributes, expect_not_set, &s, STEP);
		if (gm_failures())
			gm_end();
		gm_model_convert(s.w->model, ip_gfn(s.w, PAGE), COUNT, to_private);
		ip_expect_all(s.w, "after the success");
	}
	gm_fixture_free(s.w);
	/* The record's allocator may have its own reserve, which fault injection does not reach. */
	if (!failed)
		gm_skip("memory for the record cannot be made to fail",
			"a kernel with CONFIG_FAILSLAB=y whose records come from the slab caches");
}
GM_ROW(starved, starved_shared, .name = "conv.inplace_no_memory.record",
       .text = "no memory for the record: ENOMEM at the start, no page changes") = {
	.private_first = false,
};
GM_ROW(starved, starved_private, .name = "conv.inplace_no_memory.record.private_first",
       .text = "the same in a file that started private") = { .private_first = true };
