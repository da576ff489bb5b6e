// SPDX-License-Identifier: GPL-2.0-only
/* No memory for the record: ENOMEM, nothing changed, and the next one goes through. */
#include "fail_nth.h"
#include "inplace.h"

#define NPAGES 512UL
#define SIZE (NPAGES * PG)
#define STEP 64 /* bytes */
#define MOST 200

static void starved(const struct gm_case *self)
{
	struct gm_fixture *w = IP_FIXTURE(self->val, .size = SIZE);
	uint64_t page = 101, n = 302;
	unsigned int failed = 0;
	int ret = -1, err;

	/* Records all over: what changes them has to take new nodes. */
	ip_striped(w);
	gm_fail_nth_open();
	for (int to_private = 1; to_private >= 0; to_private--) {
		for (unsigned int i = 0; i < MOST; i++) {
			struct gm_memory_attributes2 was = ip_arg(page * PG, n * PG, to_private);
			struct gm_memory_attributes2 arg = was;

			gm_fail_from(i * STEP);
			ret = ip_set(w->gmem, &arg);
			err = errno;
			gm_fail_from_end();
			if (!ret)
				break;
			failed++;
			GM_EXPECT_EQ(err, ENOMEM, "errno with memory for %u bytes", i * STEP);
			GM_EXPECT_EQ(arg.error_offset, page * PG, "error_offset");
			arg.error_offset = was.error_offset;
			GM_EXPECT(!memcmp(&arg, &was, sizeof(was)),
				  "another word of the argument than error_offset changed");
			ip_expect_state(w, 0, NPAGES, "after ENOMEM");
			if (gm_failures())
				gm_end();
		}
		GM_EXPECT(!ret, "it still fails with %u bytes of memory", MOST * STEP);
		gm_model_convert(w->model, ip_gfn(w, page), n, to_private);
		ip_expect_all(w, "once it went through");
	}
	gm_note("%u conversions failed before one went through", failed);
	gm_fixture_free(w);
	/* Records may have memory of their own set aside, which fault injection does not reach. */
	if (!failed)
		gm_skip("memory for the record cannot be made to fail",
			"a kernel with CONFIG_FAILSLAB=y whose records come from the slab caches");
}
#define STARVED(id, what, about, val_)                                                             \
	INPLACE_VARIANT(starved, starved_##id, "no_memory", what, about, .val = val_,              \
			.needs = IP_NEEDS | GM_NEEDS(FAIL_NTH, DEBUGFS), .caps = GM_CAPS_ALL,      \
			.tokens = GM_TOKEN_ALONE, .timeout = 120)
STARVED(shared, "record", "no memory for the record: ENOMEM at the start, no page changes", 0)
STARVED(private, "record.private_first", "the same in a file that started private", 1)
