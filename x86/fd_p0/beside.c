// SPDX-License-Identifier: GPL-2.0-only
/* A slot is its own pages and no other, for as long as it is there: fd.bind_overlap, fd.slot_flags. */
#include "fixture.h"
#include "gm.h"

GM_FILE(.clause = "fd.bind_overlap")

#define PG GM_PAGE_SIZE
/* The slot takes the middle of memory that goes on in the host and in the file. */
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
		     "%s, a %s where there is no slot: expected KVM_EXIT_MMIO, observed %s", when,
		     write ? "write" : "read", gm_exit_str(&ex));
}

/* Attributes of the VM need no slot; attributes of the file reach a gpa only through a slot. */
static void expect_nothing_private(struct gm_fixture *w, uint64_t page, bool write)
{
	if (w->file_serves_shared)
		expect_mmio(w, page, write, "beside the slot, private in the file");
	else
		gm_guest_expect_fault(w->vm, 0, GM_BASE + page * PG, write,
				      KVM_MEMORY_EXIT_FLAG_PRIVATE, PG, "beside the slot, private");
}

/* The slot that was found last is tried first for the next fault: it must be the right one. */
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
	   .text = "the pages beside a slot, right after its own were used",
	   .needs = GM_NEEDS(ATTRIBUTES))
GM_VARIANT(beside, beside_p1, .name = "fd.bind_overlap.beside_slot.p1", .profile = "P1",
	   .flavour = &gm_p1, .text = "the pages beside a slot, right after its own were used",
	   .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED))
/* The file goes on beside the slot, and its pages there are as private as those of the slot. */
GM_VARIANT(beside, beside_inplace, .name = "fd.bind_overlap.beside_slot",
	   .providers = GM_PROVIDERS(INPLACE),
	   .text = "the pages beside a slot, right after its own were used")

/* What the guest has mapped of a slot is not looked at when the slot is set once more. */
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
	gm_control(!__gm_slot_set(w->vm, GM_SLOT, 0, GM_BASE, size, w->hva, -1, 0),
		   "the slot as it is: %s", gm_errno_name(errno));
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
