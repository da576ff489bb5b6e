// SPDX-License-Identifier: GPL-2.0-only
/* A guest_memfd of today has small pages only: whatever is aligned, the guest sees small mappings. */
#include "huge.h"

/* The second half of the first 2 MiB and the first of the second, shared again: both are mixed. */
static void half_back(struct gm_vm *vm, const struct gm_ledger *before)
{
	uint64_t at = GM_BASE + 256 * GM_PAGE_SIZE;

	gm_convert(vm, at, 512 * GM_PAGE_SIZE, false);
	gm_ledger_expect(
		vm, before,
		&(struct gm_ledger){ .pages = { [GM_SIZE_4K] = 1023 - 512 }, .fixed = 1023 },
		"512 pages shared again");
	if (vm->provider->content == GM_CONTENT_ONE_MEMORY)
		gm_guest_check(vm, 0, at, 512, GM_HALF_PRIVATE, 2, "kept over the conversion");
	else
		gm_guest_check_zero(vm, 0, at, 512, "shared memory that nobody wrote");
	gm_ledger_expect(
		vm, before,
		&(struct gm_ledger){ .pages = { [GM_SIZE_4K] = 1023 }, .fixed = 1023 + 512 },
		"512 pages shared again, every one read");
	gm_guest_check(vm, 0, GM_BASE, 256, GM_HALF_PRIVATE, 2, "pages before them");
	gm_guest_check(vm, 0, at + 512 * GM_PAGE_SIZE, 256, GM_HALF_PRIVATE, 2, "pages behind");
	gm_ledger_expect(
		vm, before,
		&(struct gm_ledger){ .pages = { [GM_SIZE_4K] = 1023 }, .fixed = 1023 + 512 },
		"pages beside them read: not one fault");
}

static void small_only(const struct gm_case *self)
{
	bool p1 = self->val;
	struct gm_vm *vm = GM_VM_NEW(.kind = p1 ? GM_VM_DEFAULT : GM_VM_SW_PROTECTED, .vcpus = 1);
	uint64_t flags = p1 ? GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED
			    : vm->provider->flags_shared;
	int gmem = gm_gmem_new(vm, GM_1G, flags);
	struct gm_mem *mem = gm_mem_new(GM_MEM_HUGE_2M, 2 * GM_2M);
	struct gm_ledger before;
	enum gm_half half = p1 ? GM_HALF_SHARED : GM_HALF_PRIVATE;

	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, 2 * GM_2M, mem->hva, gmem, 0);
	gm_vm_map(vm, GM_BASE, GM_1G, GM_1G);
	/* Memory of the file that is there already, and in one piece as far as can be. */
	gm_gmem_allocate(gmem, 0, GM_2M);
	if (!p1)
		gm_convert(vm, GM_BASE, 2 * GM_2M, true);
	gm_guest_fill(vm, 0, GM_BASE, 1, half, 1);
	gm_guest_check(vm, 0, GM_BASE, 1, half, 1, "the first page");
	gm_ledger_read(vm, &before);
	gm_guest_fill(vm, 0, GM_BASE, 1024, half, 2);
	gm_ledger_expect(vm, &before,
			 &(struct gm_ledger){ .pages = { [GM_SIZE_4K] = 1023 }, .fixed = 1023 },
			 "two aligned 2 MiB of a guest_memfd, every page written");
	gm_guest_check(vm, 0, GM_BASE, 1024, half, 2, "every page its own");
	if (!p1)
		half_back(vm, &before);
	gm_vm_free(vm);
	close(gmem);
	gm_mem_free(mem);
}

GM_VARIANT(small_only, small_p0, .name = "huge.gmem_4k.private", .clause = "huge.gmem_4k",
	   .text = "private memory over huge pages of the host: 4 KiB mappings, one fault each",
	   .val = 0, .providers = GM_PROVIDERS_X86, .needs = HUGE_NEEDS, .huge_2m = 2)
GM_VARIANT(small_only, small_p1, .name = "huge.gmem_4k.mapped", .clause = "huge.gmem_4k",
	   .text = "a guest_memfd that backs both halves: 4 KiB mappings, one fault each", .val = 1,
	   .profile = "P1", .needs = GM_NEEDS(INIT_SHARED, PAGE_STATS, TDP), .huge_2m = 2)
