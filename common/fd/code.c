// SPDX-License-Identifier: GPL-2.0-only
/* A guest executes code in guest_memfd: fd.gmem_only. */
#include "fd.h"
#include "guest/guest.h"

GM_CASE(code, .name = "fd.gmem_only.code", .clause = "fd.gmem_only", .flavours = FD_EACH_TDP_QUICK,
	.text = "the guest runs code in a page of the file, and new code there after a hole")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 512 * PG, .vcpus = 2);
	static const uint64_t pages[] = { 511, 100, 0 };

	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(pages); i++) {
		uint64_t page = pages[i / 2], gpa = GM_BASE + page * PG;
		uint16_t val = 1000 + 7 * i;
		struct gm_op op[] = {
			{ .code = GM_OP_WRITE, .addr = gpa, .val = gm_arch_guest_code(val) },
			{ .code = GM_OP_EXEC, .addr = gpa },
		};

		/* The vCPUs take turns: a hole drops the code before the next one writes. */
		gm_run(w->vm, i % 2, op, 2);
		GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(gpa), .off = GM_AT(page * PG)), op[1].ret == val,
			     "the code should give %u, and gave %ld", val, op[1].ret);
		gm_gmem_punch(w->gmem, page * PG, PG);
	}
	fd_fixture_free(w);
}
