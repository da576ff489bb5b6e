// SPDX-License-Identifier: GPL-2.0-only
/* A slot has exactly its own pages, and cannot be changed: fd.bind_overlap, fd.slot_flags. */
#include "fixture.h"
#include "gm.h"

GM_FILE(.clause = "fd.bind_overlap")

#define PG GM_PAGE_SIZE
/* The slot has the middle pages of the host's memory and of the file. */
#define FIRST 100UL
#define LAST 399UL

static void set_slot(struct gm_fixture *w)
{
	gm_fixture_slot(w, GM_SLOT, GM_BASE + FIRST * PG, (LAST + 1 - FIRST) * PG, FIRST * PG);
}

static void expect_mmio(struct gm_fixture *w, uint64_t page, bool write, const char *when)
{
	struct gm_op op = { .code = write ? GM_OP_WRITE : GM_OP_READ,
			    .addr = GM_BASE + page * PG + 8,
			    .val = 1 };
	struct gm_exit ex;

	GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(op.addr & -PG)),
		     !__gm_run(w->vm, 0, &op, 1, &ex, NULL) && !ex.ret &&
			     ex.reason == KVM_EXIT_MMIO,
		     "%s, a %s without a slot: expected KVM_EXIT_MMIO, observed %s", when,
		     write ? "write" : "read", gm_exit_str(&ex));
}

/* Attributes of the VM need no slot; those of a file apply to a gpa only by a slot. */
static void expect_nothing_private(struct gm_fixture *w, uint64_t page, bool write)
{
	if (w->file_serves_shared)
		expect_mmio(w, page, write, "beside the slot, private in the file");
	else
		gm_guest_expect_fault(w->vm, 0, GM_BASE + page * PG, write,
				      KVM_MEMORY_EXIT_FLAG_PRIVATE, PG, "beside the slot, private");
}

/* KVM tries the last used slot first for the next fault: it must check that the gfn is in it. */
static void beside(const struct gm_case *self)
{
	static const struct {
		uint64_t own, other;
	} edge[] = { { FIRST, FIRST - 1 }, { LAST, LAST + 1 } };
	struct gm_fixture *w = GM_FIXTURE(.flavour = self->flavour, .size = GM_2M, .no_slot = true);
	uint64_t base = GFN(GM_BASE);

	set_slot(w);
	if (w->provider) {
		gm_fixture_convert(w, base, PAGES(w->size), true);
		for (int i = 0; i < 2; i++) {
			gm_fixture_fill(w, 0, base + edge[i].own, 1);
			for (int write = 0; write < 2; write++)
				expect_nothing_private(w, edge[i].other, write);
		}
		gm_fixture_convert(w, base, PAGES(w->size), false);
	}
	for (int i = 0; i < 2; i++) {
		gm_fixture_fill(w, 0, base + edge[i].own, 1);
		for (int write = 0; write < 2; write++)
			expect_mmio(w, edge[i].other, write, "beside the slot");
	}
	gm_fixture_check_guest(w, 0, base + FIRST, 1, 1, "the first page");
	gm_fixture_check_guest(w, 0, base + LAST, 1, 1, "the last page");
	gm_fixture_free(w);
}
GM_VARIANT(beside, beside_p0, .name = "fd.bind_overlap.beside_slot.p0", .profile = "P0",
	   .text = "accesses to pages next to a slot, right after accesses to the slot",
	   .needs = GM_NEEDS(ATTRIBUTES))
GM_VARIANT(beside, beside_p1, .name = "fd.bind_overlap.beside_slot.p1", .profile = "P1",
	   .flavour = &gm_p1,
	   .text = "accesses to pages next to a slot, right after accesses to the slot",
	   .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP))
/* The file has pages outside the slot, which become private, too. */
GM_VARIANT(beside, beside_inplace, .name = "fd.bind_overlap.beside_slot",
	   .providers = GM_PROVIDERS(INPLACE),
	   .text = "accesses to pages next to a slot, right after accesses to the slot")

/* An existing slot cannot be changed, also if the guest has mapped its pages. */
static void ordinary(const struct gm_case *self)
{
	struct gm_fixture *w = GM_FIXTURE(.flavour = self->flavour, .size = GM_2M, .no_gmem = true,
					  .no_slot = true);
	const uint64_t size = GM_2M / 2;
	const struct {
		uint64_t size, at;
		uint32_t flags;
	} other[] = {
		{ size, PG, 0 },
		{ size - PG, 0, 0 },
		{ size + PG, 0, 0 },
		{ size, 0, KVM_MEM_READONLY },
		{ size, 0, KVM_MEM_READONLY | KVM_MEM_LOG_DIRTY_PAGES },
	};

	gm_slot_set(w->vm, GM_SLOT, 0, GM_BASE, size, w->hva, -1, 0);
	gm_fixture_fill(w, 0, GFN(GM_BASE), PAGES(size));
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		GM_EXPECT_ERRNO(EINVAL,
				__gm_slot_set(w->vm, GM_SLOT, other[i].flags, GM_BASE,
					      other[i].size, w->hva + other[i].at, -1, 0),
				"size %#lx, userspace_addr + %#lx, flags %#x", other[i].size,
				other[i].at, other[i].flags);
	gm_promise(!__gm_slot_set(w->vm, GM_SLOT, 0, GM_BASE, size, w->hva, -1, 0),
		   "the same values again: %s", gm_errno_name(errno));
	gm_fixture_check_guest(w, 0, GFN(GM_BASE), PAGES(size), 1, "after the refusals");
	gm_fixture_check_host(w, GFN(GM_BASE), PAGES(size), 1, "after the refusals");
	gm_fixture_free(w);
}
GM_VARIANT(ordinary, ordinary_p0, .name = "fd.slot_flags.ordinary.p0", .clause = "fd.slot_flags",
	   .flags = GM_REFUSAL,
	   .text = "a slot without guest_memfd keeps its size, memory and READONLY: EINVAL",
	   .profile = "P0", .needs = GM_NEEDS(SW_PROTECTED))
GM_VARIANT(ordinary, ordinary_p1, .name = "fd.slot_flags.ordinary.p1", .clause = "fd.slot_flags",
	   .flavour = &gm_p1, .flags = GM_REFUSAL,
	   .text = "a slot without guest_memfd keeps its size, memory and READONLY: EINVAL",
	   .profile = "P1", .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED))
