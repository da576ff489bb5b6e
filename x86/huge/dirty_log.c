// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logging splits huge pages and recovers them; a recovered mapping must not cover private
 * pages. A slot with a guest_memfd cannot be logged, so these slots have none: the guest cannot
 * reach private pages, and no huge mapping may cover them.
 */
#include "huge.h"

GM_FILE(.clause = "huge.interplay", .providers = GM_PROVIDERS(ATTRIBUTES), .needs = HUGE_NEEDS)

static void log_set(struct huge_vm *r, uint64_t size, bool on)
{
	gm_slot_set(r->w->vm, GM_SLOT, on ? KVM_MEM_LOG_DIRTY_PAGES : 0, r->base, size,
		    r->w->mem->hva, -1, 0);
	gm_shape_log(r->shape, GM_SLOT, on);
	huge_expect(r, "dirty logging %s", on ? "on" : "off");
}

/*
 * Ignores the faults so far: a write to a page protected by logging faults without a new mapping.
 */
static void forget_faults(struct huge_vm *r)
{
	struct gm_page_counts now;

	gm_page_counts_read(r->w->vm, &now);
	r->shape->now.fixed = now.fixed - r->start.fixed;
}

static void expect_private(struct huge_vm *r, uint64_t gpa, const char *when)
{
	gm_guest_expect_fault(r->w->vm, 0, gpa, false, KVM_MEMORY_EXIT_FLAG_PRIVATE, GM_PAGE_SIZE,
			      when);
	gm_guest_expect_fault(r->w->vm, 0, gpa, true, KVM_MEMORY_EXIT_FLAG_PRIVATE, GM_PAGE_SIZE,
			      when);
}

/* Checks a page next to a private one, and the ends of its 2 MiB. */
static void check_around(struct huge_vm *r, uint64_t gpa, const char *when)
{
	const uint64_t at[] = { gpa ^ GM_PAGE_SIZE, gpa & ~(GM_2M - 1),
				gpa | (GM_2M - GM_PAGE_SIZE), gpa ^ GM_2M };

	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		huge_check(r, at[i], 1, when);
	huge_expect(r, "%s", when);
	expect_private(r, gpa, when);
	huge_expect(r, "%s, after the private page was refused", when);
}

GM_CASE(log_split, .name = "huge.interplay.dirty_log",
	.text = "logging splits all; after logging all is whole except around private pages",
	.huge_1g = 1)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = GM_1G, .no_gmem = true);
	uint64_t first = huge_gpa(0, 3), other = huge_gpa(0, 512 * 300 + 511);

	huge_touch_all(r);
	log_set(r, GM_1G, true);
	huge_check_sparse(r, "split");
	log_set(r, GM_1G, false);
	gm_page_counts_expect(r->w->vm, &r->start,
			      &(struct gm_page_counts){ .pages = { [GM_SIZE_1G] = 1 }, .fixed = 1 },
			      "whole again");
	huge_check_sparse(r, "whole again");
	huge_expect(r, "whole again, read");
	/* With private pages in two of its 2 MiB. */
	huge_convert(r, first, 1, true);
	huge_convert(r, other, 1, true);
	huge_check_sparse(r, "two pages private");
	huge_expect(r, "two pages private");
	log_set(r, GM_1G, true);
	check_around(r, first, "a page in the first 2 MiB is private while logging");
	log_set(r, GM_1G, false);
	check_around(r, first, "it is private after logging");
	check_around(r, other, "the other is private after logging");
	huge_check_sparse(r, "after logging");
	forget_faults(r);
	huge_vm_free(r);
}

GM_CASE(log_convert, .name = "huge.interplay.dirty_log_convert",
	.text = "conversions while all is split: after logging exactly the uniform huge pages are whole",
	.huge_1g = 2)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 2 * GM_1G, .no_gmem = true);
	uint64_t back = huge_gpa(0, 512 * 100 + 5), gone = huge_gpa(1, 512 * 511 + 1);

	huge_convert(r, back, 1, true);
	huge_touch_all(r);
	log_set(r, 2 * GM_1G, true);
	huge_convert(r, back, 1, false);
	huge_convert(r, gone, 1, true);
	huge_convert(r, gone - 512 * GM_PAGE_SIZE, 3, true);
	/* A read maps it by 4 KiB, since logging is on. */
	huge_check_around(r, back, 2, "converted back while logging");
	huge_expect(r, "converted back while logging, read");
	check_around(r, gone, "converted while logging");
	log_set(r, 2 * GM_1G, false);
	check_around(r, gone, "converted while logging, after logging");
	huge_check_around(r, back, 2, "whole again");
	huge_expect(r, "the GiB that is shared is one page again");
	GM_EXPECT(r->shape->now.pages[GM_SIZE_1G] == 1, "the model has %ld of 1G",
		  r->shape->now.pages[GM_SIZE_1G]);
	huge_convert(r, gone - 512 * GM_PAGE_SIZE, 513, false);
	huge_check_sparse(r, "all shared");
	huge_expect(r, "all shared");
	huge_vm_free(r);
}

/* Checks that the log has exactly the written pages. */
GM_CASE(log_pages, .name = "huge.interplay.dirty_log_pages",
	.text = "writes after logging began are in the log, one bit per 4 KiB, in huge pages too",
	.huge_2m = 4)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_2M, .size = 4 * GM_2M, .no_gmem = true);
	static const uint64_t wrote[] = { 0, 1, 511, 512, 1300, 2047 };
	uint64_t private = huge_gpa(0, 700);
	unsigned long log[4 * 512 / 64];

	huge_write(r, r->base, 4 * 512);
	huge_convert(r, private, 1, true);
	huge_touch_all(r);
	log_set(r, 4 * GM_2M, true);
	/*
	 * Read all of it first: a read must not restore a huge mapping, which would hide writes.
	 * KVM may log a page when it maps it, so the log is reset after that.
	 */
	huge_check(r, r->base, 4 * 512, "read while logging");
	huge_expect(r, "all read while logging");
	kvm_vm_get_dirty_log(r->w->vm->kvm, GM_SLOT, log);
	/* Alternates between two sets of pages: reading the log must write-protect pages again. */
	for (unsigned int round = 0; round < 3; round++) {
		unsigned int shift = round & 1;

		for (unsigned int i = 0; i < ARRAY_SIZE(wrote); i++)
			huge_write(r, huge_gpa(0, wrote[i] + shift), wrote[i] + shift < 2048);
		memset(log, 0, sizeof(log));
		kvm_vm_get_dirty_log(r->w->vm->kvm, GM_SLOT, log);
		for (uint64_t p = 0; p < 4 * 512; p++) {
			bool want = false, got = log[p / 64] >> p % 64 & 1;

			for (unsigned int i = 0; i < ARRAY_SIZE(wrote); i++)
				want |= p == wrote[i] + shift;
			GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(huge_gpa(0, p))), want == got,
				     "round %u: page %lu %s written, the log has %d", round, p,
				     want ? "was" : "was not", got);
		}
	}
	forget_faults(r);
	log_set(r, 4 * GM_2M, false);
	check_around(r, private, "after logging");
	huge_vm_free(r);
}

/*
 * Linux 7.3.4 warns here (arch/x86/kvm/mmu/mmu.c:3396, "Get pfn+order from guest_memfd"): recovery
 * asks for the page size of a gfn that is private, in a slot that has no guest_memfd. Any user of
 * /dev/kvm can trigger the warning, and a panic with panic_on_warn.
 */
GM_CASE(log_private_block, .name = "huge.interplay.dirty_log_private_block",
	.text = "2 MiB that become private as a whole while logging: no warning, no huge mapping over them",
	.flags = GM_FULL_ONLY | GM_DESTRUCTIVE, .huge_2m = 4)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_2M, .size = 4 * GM_2M, .no_gmem = true);

	huge_write(r, r->base, 4 * 512);
	log_set(r, 4 * GM_2M, true);
	huge_convert(r, r->base + GM_2M, 512, true);
	huge_expect(r, "a whole 2 MiB page private while logging");
	log_set(r, 4 * GM_2M, false);
	huge_check(r, r->base, 4 * 512, "after logging");
	expect_private(r, r->base + GM_2M, "after logging");
	huge_expect(r, "after logging, read");
	huge_vm_free(r);
}
