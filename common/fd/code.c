// SPDX-License-Identifier: GPL-2.0-only
/* A guest executes code in guest_memfd: fd.gmem_only. */
#include "fd.h"
#include "guest/guest.h"

/* In the result: whether code that runs says anything of KVM's own maintenance of the instruction cache. */
static void note_icache(void)
{
#ifdef __aarch64__
	if (gm_platform_icache_coherent())
		gm_note("CTR_EL0.DIC: fetches see stores, whatever KVM does with the instruction cache");
	else
		gm_note("no CTR_EL0.DIC: KVM maintained the instruction cache");
#endif
}

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
	note_icache();
	fd_fixture_free(w);
}

/*
 * As a VMM loads a kernel: nobody but KVM cares for the caches, when it maps the page
 * (arch/arm64/kvm/hyp/pgtable.c:1006). Where the CPU has CTR_EL0.DIC the instruction cache needs none
 * (arch/arm64/mm/cache.S:92), and this case cannot tell whether KVM does it.
 */
GM_CASE(host_code, .name = "fd.gmem_only.host_code.p1", .clause = "fd.gmem_only", .profile = "P1",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP),
	.text = "code that the host writes into the file runs in the guest, without maintenance of its own; after a hole new code does")
{
	struct gm_fixture *w = FD_FIXTURE(&gm_p1, 512 * PG, .vcpus = 2);

	for (unsigned int i = 0; i < 12; i++) {
		uint64_t page = i / 4 * 200, gpa = GM_BASE + page * PG;
		uint16_t val = 2000 + 7 * i;
		struct gm_op op = { .code = GM_OP_CALL, .addr = gpa };

		*(volatile uint64_t *)(w->hva + page * PG) = gm_arch_guest_code(val);
		gm_run(w->vm, i % 2, &op, 1);
		GM_EXPECT(op.ret == val,
			  "page %lu, round %u: the code should give %u, and gave %ld", page, i, val,
			  op.ret);
		gm_gmem_punch(w->gmem, page * PG, PG);
	}
	note_icache();
	fd_fixture_free(w);
}
