// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stage-2 page sizes on arm64, huge.*: huge pages of the host are mapped by blocks, an operation
 * splits only the block that it touches, and the block is restored afterwards; guest_memfd is
 * mapped by pages. The cases with blocks need a kernel with pages of 4 KiB.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>

#include "gm.h"
#include "stage2.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

GM_FILE(.clause = "huge.blocks", .profile = "P1")

/* Expects exactly these numbers of leaf entries in [gpa, gpa + len). */
static bool expect(struct gm_vm *vm, uint64_t gpa, uint64_t len, int64_t n1g, int64_t n2m,
		   int64_t n4k, const char *when)
{
	struct gm_page_counts l;

	GM_SETUP(gm_stage2_count(vm, gpa, len, &l), "no stage-2 dump: %s", gm_errno_name(errno));
	return GM_EXPECT_AT(
		GM_PAGE(.gpa = GM_AT(gpa)),
		l.pages[GM_SIZE_1G] == n1g && l.pages[GM_SIZE_2M] == n2m &&
			l.pages[GM_SIZE_4K] == n4k,
		"%s: expected %ld of 1G, %ld of 2M, %ld of 4K, observed %ld, %ld, %ld in %#lx bytes",
		when, n1g, n2m, n4k, l.pages[GM_SIZE_1G], l.pages[GM_SIZE_2M], l.pages[GM_SIZE_4K],
		len);
}

static struct gm_vm *vm_over(struct gm_mem *m, uint64_t size)
{
	struct gm_vm *vm = GM_VM_NEW(.vcpus = 1, .extra_pages = 16);

	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, size, m->hva, -1, 0);
	/* 2 MiB: few guest page tables fit into the framework's memory. */
	gm_vm_map(vm, GM_BASE, size, GM_2M);
	return vm;
}

static void write_word(struct gm_vm *vm, uint64_t gpa)
{
	struct gm_op op = { .code = GM_OP_WRITE, .addr = gpa, .val = gpa };

	gm_run(vm, 0, &op, 1);
}

GM_CASE(blocks_2m, .name = "huge.blocks.2m_dirty_log", .huge_2m = 6,
	.text = "2 MiB pages are 2 MiB blocks; dirty logging splits only the block that is written; without logging it is a block again",
	.needs = GM_NEEDS(STAGE2_DUMP, PAGES_4K))
{
	uint64_t size = 6 * GM_2M, at = GM_BASE + 2 * GM_2M;
	struct gm_mem *m = gm_mem_new(GM_MEM_HUGE_2M, size);
	struct gm_vm *vm = vm_over(m, size);

	memset(m->hva, 0, size);
	for (int i = 5; i >= 0; i--) {
		write_word(vm, GM_BASE + i * GM_2M + 0x123000);
		expect(vm, GM_BASE, size, 0, 6 - i, 0, "one block for each 2 MiB touched");
	}
	gm_slot_set(vm, GM_SLOT, KVM_MEM_LOG_DIRTY_PAGES, GM_BASE, size, m->hva, -1, 0);
	expect(vm, GM_BASE, size, 0, 6, 0, "logging switched on, nothing written yet");
	write_word(vm, at + 0x7000);
	expect(vm, at, GM_2M, 0, 0, 1, "the block that was written");
	expect(vm, GM_BASE, 2 * GM_2M, 0, 2, 0, "the blocks below it");
	expect(vm, at + GM_2M, 3 * GM_2M, 0, 3, 0, "the blocks above it");
	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, size, m->hva, -1, 0);
	write_word(vm, at + 0x9000);
	expect(vm, GM_BASE, size, 0, 6, 0,
	       "logging switched off, another page of the block written");
	GM_EXPECT_EQ(*(uint64_t *)(m->hva + 2 * GM_2M + 0x7000), at + 0x7000,
		     "the word that was written while the block was split");
	gm_vm_free(vm);
	gm_mem_free(m);
}

GM_CASE(blocks_1g, .name = "huge.blocks.1g_dirty_log", .huge_1g = 1,
	.text = "a 1 GiB page is one block; dirty logging maps only the written page; without logging it is one block again",
	.needs = GM_NEEDS(STAGE2_DUMP, PAGES_4K))
{
	struct gm_mem *m = gm_mem_new(GM_MEM_HUGE_1G, GM_1G);
	struct gm_vm *vm = vm_over(m, GM_1G);

	write_word(vm, GM_BASE + GM_1G - GM_PAGE_SIZE);
	expect(vm, GM_BASE, GM_1G, 1, 0, 0, "its last page touched");
	gm_guest_touch(vm, 0, GM_BASE, GM_1G, 16 * GM_2M);
	expect(vm, GM_BASE, GM_1G, 1, 0, 0, "pages everywhere touched");
	gm_slot_set(vm, GM_SLOT, KVM_MEM_LOG_DIRTY_PAGES, GM_BASE, GM_1G, m->hva, -1, 0);
	write_word(vm, GM_BASE + 300 * GM_2M);
	expect(vm, GM_BASE, GM_1G, 0, 0, 1, "one page written under dirty logging");
	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, GM_1G, m->hva, -1, 0);
	write_word(vm, GM_BASE + 10 * GM_2M);
	expect(vm, GM_BASE, GM_1G, 1, 0, 0, "logging switched off, another page written");
	gm_vm_free(vm);
	gm_mem_free(m);
}

GM_CASE(blocks_hole, .name = "huge.blocks.2m_hole", .huge_2m = 5,
	.text = "a hole for one huge page of the file removes its block and no other; a new page is a block again",
	.needs = GM_NEEDS(STAGE2_DUMP, PAGES_4K))
{
	uint64_t size = 5 * GM_2M, at = GM_BASE + 3 * GM_2M;
	struct gm_mem *m = gm_mem_new(GM_MEM_HUGE_2M, size);
	struct gm_vm *vm = vm_over(m, size);

	gm_guest_touch(vm, 0, GM_BASE, size, GM_2M);
	expect(vm, GM_BASE, size, 0, 5, 0, "all touched");
	GM_SETUP_OK(fallocate(m->fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 3 * GM_2M, GM_2M));
	expect(vm, at, GM_2M, 0, 0, 0, "the hole");
	expect(vm, GM_BASE, 3 * GM_2M, 0, 3, 0, "the blocks below it");
	expect(vm, at + GM_2M, GM_2M, 0, 1, 0, "the block above it");
	gm_guest_check_zero(vm, 0, at + GM_2M - GM_PAGE_SIZE, 1, "the new page");
	expect(vm, GM_BASE, size, 0, 5, 0, "touched again");
	gm_vm_free(vm);
	gm_mem_free(m);
}

GM_CASE(blocks_unmap, .name = "huge.blocks.partial_unmap",
	.text = "4 KiB of a transparent huge page unmapped: only its block is removed; after MADV_COLLAPSE it is a block again",
	.needs = GM_NEEDS(STAGE2_DUMP, THP, PAGES_4K))
{
	uint64_t size = 4 * GM_2M, hit = 2 * GM_2M, at = GM_BASE + hit;
	struct gm_mem *m = gm_mem_new(GM_MEM_THP, size);
	struct gm_vm *vm = vm_over(m, size);

	gm_host_fill(m->hva, GM_BASE / GM_PAGE_SIZE, size / GM_PAGE_SIZE, GM_WRITER_HOST, 1);
	gm_guest_touch(vm, 0, GM_BASE, size, GM_2M);
	expect(vm, GM_BASE, size, 0, 4, 0, "all touched");
	GM_SETUP_OK(madvise(m->hva + hit + 0x5000, GM_PAGE_SIZE, MADV_DONTNEED));
	expect(vm, at, GM_2M, 0, 0, 0, "the block that lost a page");
	expect(vm, GM_BASE, 2 * GM_2M, 0, 2, 0, "the blocks below it");
	expect(vm, at + GM_2M, GM_2M, 0, 1, 0, "the block above it");
	gm_guest_check_zero(vm, 0, at + 0x5000, 1, "the page that was unmapped");
	expect(vm, at, GM_2M, 0, 0, 1, "that page, touched");
	gm_guest_check(vm, 0, at, 5, GM_WRITER_HOST, 1, "the pages below it");
	gm_guest_check(vm, 0, at + 0x6000, 506, GM_WRITER_HOST, 1, "the pages above it");
	expect(vm, at, GM_2M, 0, 0, 512, "every page of the 2 MiB touched");
	GM_SETUP_OK(madvise(m->hva + hit, GM_2M, MADV_COLLAPSE));
	gm_guest_check(vm, 0, at + 0x6000, 1, GM_WRITER_HOST, 1, "after the collapse");
	expect(vm, GM_BASE, size, 0, 4, 0, "collapsed, one page touched");
	gm_guest_check(vm, 0, at, 5, GM_WRITER_HOST, 1,
		       "the pages of the block after the collapse");
	gm_vm_free(vm);
	gm_mem_free(m);
}

GM_CASE(misaligned, .name = "huge.blocks.misaligned", .huge_2m = 3,
	.text = "a slot whose memory is not aligned to 2 MiB, or not as the gpa: blocks only where slot and alignment allow",
	.needs = GM_NEEDS(STAGE2_DUMP, PAGES_4K))
{
	struct gm_mem *m = gm_mem_new(GM_MEM_HUGE_2M, 3 * GM_2M);
	struct gm_vm *vm = GM_VM_NEW(.vcpus = 1, .extra_pages = 32);

	/* gpa and hva have different offsets in 2 MiB: pages only. */
	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, GM_2M, m->hva + GM_PAGE_SIZE, -1, 0);
	/* The same offset, but the slot begins inside the first 2 MiB and ends inside the last. */
	gm_slot_set(vm, GM_SLOT + 1, 0, GM_BASE + GM_1G + GM_PAGE_SIZE, 2 * GM_2M,
		    m->hva + GM_PAGE_SIZE, -1, 0);
	gm_vm_map(vm, GM_BASE, GM_2M, GM_PAGE_SIZE);
	gm_vm_map(vm, GM_BASE + GM_1G, 3 * GM_2M, GM_PAGE_SIZE);
	gm_guest_touch(vm, 0, GM_BASE, GM_2M, 64 * GM_PAGE_SIZE);
	expect(vm, GM_BASE, GM_2M, 0, 0, 8, "gpa and hva with different offsets in 2 MiB");
	write_word(vm, GM_BASE + GM_1G + GM_PAGE_SIZE);
	write_word(vm, GM_BASE + GM_1G + GM_2M + 0x5000);
	write_word(vm, GM_BASE + GM_1G + 2 * GM_2M);
	expect(vm, GM_BASE + GM_1G, GM_2M, 0, 0, 1, "the first 2 MiB, partly in the slot");
	expect(vm, GM_BASE + GM_1G + GM_2M, GM_2M, 0, 1, 0, "the middle 2 MiB, all in the slot");
	expect(vm, GM_BASE + GM_1G + 2 * GM_2M, GM_2M, 0, 0, 1,
	       "the last 2 MiB, partly in the slot");
	gm_vm_free(vm);
	gm_mem_free(m);
}

GM_CASE(gmem_4k, .name = "huge.gmem_4k.stage2", .clause = "huge.gmem_4k",
	.text = "guest_memfd, aligned to 2 MiB in file, guest and host, is mapped by pages only",
	.needs = GM_NEEDS(STAGE2_DUMP, GMEM_MMAP, INIT_SHARED))
{
	struct gm_vm *vm = GM_VM_NEW(.vcpus = 1, .extra_pages = 32);
	int gmem = gm_gmem_new(vm, 2 * GM_2M, 3);
	uint8_t *map = mmap(NULL, 2 * GM_2M, PROT_READ | PROT_WRITE, MAP_SHARED, gmem, 0);

	GM_SETUP(map != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, 2 * GM_2M, map, gmem, 0);
	gm_vm_map(vm, GM_BASE, 2 * GM_2M, GM_PAGE_SIZE);
	write_word(vm, GM_BASE + 5 * GM_PAGE_SIZE);
	expect(vm, GM_BASE, 2 * GM_2M, 0, 0, 1, "one page touched");
	gm_guest_touch(vm, 0, GM_BASE, GM_2M, GM_PAGE_SIZE);
	expect(vm, GM_BASE, GM_2M, 0, 0, GM_2M / GM_PAGE_SIZE, "every page of 2 MiB touched");
	expect(vm, GM_BASE + GM_2M, GM_2M, 0, 0, 0, "the next 2 MiB");
	gm_gmem_punch(gmem, 3 * GM_PAGE_SIZE, GM_PAGE_SIZE);
	expect(vm, GM_BASE, GM_2M, 0, 0, GM_2M / GM_PAGE_SIZE - 1, "after a hole of one page");
	munmap(map, 2 * GM_2M);
	close(gmem);
	gm_vm_free(vm);
}

static void expect_dirty(struct gm_vm *vm, uint64_t npages, const uint64_t *want, unsigned int nr,
			 const char *when)
{
	unsigned long *bits = calloc(npages / 64 + 1, 8);

	kvm_vm_get_dirty_log(vm->kvm, GM_SLOT, bits);
	for (uint64_t page = 0; page < npages; page++) {
		bool is = bits[page / 64] >> page % 64 & 1, should = false;

		for (unsigned int i = 0; i < nr; i++)
			should |= want[i] == page;
		GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(GM_BASE + page * GM_PAGE_SIZE)), is == should,
			     "%s: page %lu: expected %s, observed %s", when, page,
			     should ? "dirty" : "clean", is ? "dirty" : "clean");
	}
	free(bits);
}

/* Does not need a stage-2 dump, so that it also runs with pKVM, which has none. */
GM_CASE(dirty_exact, .name = "huge.blocks.dirty_exact",
	.text = "dirty logging of 2 MiB blocks: exactly the pages that the guest writes are dirty, in each round",
	.needs = GM_NEEDS(THP))
{
	struct gm_mem *m = gm_mem_new(GM_MEM_THP, 2 * GM_2M);
	struct gm_vm *vm = vm_over(m, 2 * GM_2M);
	const uint64_t npages = 2 * GM_2M / GM_PAGE_SIZE, at[] = { 3, npages / 2 - 1, npages - 1 };

	memset(m->hva, 0, 2 * GM_2M);
	gm_guest_touch(vm, 0, GM_BASE, 2 * GM_2M, GM_2M);
	for (int i = 0; i < 3; i++)
		write_word(vm, GM_BASE + at[i] * GM_PAGE_SIZE);
	gm_slot_set(vm, GM_SLOT, KVM_MEM_LOG_DIRTY_PAGES, GM_BASE, 2 * GM_2M, m->hva, -1, 0);
	expect_dirty(vm, npages, NULL, 0, "nothing written with logging");
	for (unsigned int round = 0; round < 3; round++) {
		gm_guest_touch(vm, 0, GM_BASE, 2 * GM_2M, 8 * GM_PAGE_SIZE);
		for (unsigned int i = round; i < 3; i++)
			write_word(vm, GM_BASE + at[i] * GM_PAGE_SIZE);
		expect_dirty(vm, npages, at + round, 3 - round, "many pages read, some written");
	}
	gm_vm_free(vm);
	gm_mem_free(m);
}
