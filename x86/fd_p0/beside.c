// SPDX-License-Identifier: GPL-2.0-only
/* A slot is its own pages and no other, for as long as it is there: fd.bind_overlap, fd.slot_flags. */
#include "gm.h"

#define PG GM_PAGE_SIZE
#define PAGES (GM_2M / PG)
/* The slot takes the middle of memory that goes on in the host and in the file. */
#define FIRST 100UL
#define LAST 399UL

#define P0(fn, what, about)                                                                        \
	GM_VARIANT(fn, fn##_p0, .name = "fd.bind_overlap." what ".p0",                             \
		   .clause = "fd.bind_overlap", .profile = "P0", .val = GM_VM_SW_PROTECTED,        \
		   .text = about, .needs = GM_NEEDS(ATTRIBUTES))
/* The file goes on beside the slot, and its pages there are as private as those of the slot. */
#define INPLACE(fn, what, about)                                                                   \
	GM_VARIANT(fn, fn##_inplace, .name = "fd.bind_overlap." what, .clause = "fd.bind_overlap", \
		   .providers = GM_PROVIDERS(INPLACE), .val = GM_VM_SW_PROTECTED, .text = about)
#define P1(fn, what, about)                                                                        \
	GM_VARIANT(fn, fn##_p1, .name = "fd.bind_overlap." what ".p1",                             \
		   .clause = "fd.bind_overlap", .profile = "P1", .val = GM_VM_DEFAULT,             \
		   .text = about, .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED))

struct scene {
	struct gm_vm *vm;
	struct gm_mem *mem;
	int gmem;
};

static struct scene scene_new(const struct gm_case *self)
{
	struct scene s = { .vm = GM_VM_NEW(.kind = self->val, .vcpus = 1) };
	uint64_t flags = self->val == GM_VM_DEFAULT
				 ? GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED
				 : s.vm->provider->flags_shared;

	s.mem = gm_mem_new(GM_MEM_ANON, GM_2M);
	s.gmem = gm_gmem_new(s.vm, GM_2M, flags);
	gm_vm_map(s.vm, GM_BASE, GM_2M, GM_2M);
	return s;
}

static void scene_free(struct scene *s)
{
	gm_vm_free(s->vm);
	gm_mem_free(s->mem);
	close(s->gmem);
}

static void set_slot(struct scene *s)
{
	gm_slot_set(s->vm, GM_SLOT, 0, GM_BASE + FIRST * PG, (LAST + 1 - FIRST) * PG,
		    s->mem->hva + FIRST * PG, s->gmem, FIRST * PG);
}

static void expect_mmio(struct scene *s, uint64_t page, bool write, const char *when)
{
	struct gm_op op = { .code = write ? GM_OP_WRITE : GM_OP_READ,
			    .addr = GM_BASE + page * PG + 8,
			    .val = 1 };
	struct gm_exit ex;

	GM_EXPECT_AT(GM_PAGE(.gpa = op.addr & -PG),
		     !__gm_run(s->vm, 0, &op, 1, &ex, NULL) && !ex.ret &&
			     ex.reason == KVM_EXIT_MMIO,
		     "%s, a %s where there is no slot: expected KVM_EXIT_MMIO, observed %s", when,
		     write ? "write" : "read", gm_exit_str(&ex));
}

static void make_private(struct scene *s, bool to_private)
{
	if (s->vm->provider->file_serves_shared)
		gm_gmem_convert(s->gmem, 0, GM_2M, to_private);
	else
		gm_convert(s->vm, GM_BASE, GM_2M, to_private);
}

/* Attributes of the VM need no slot; attributes of the file reach a gpa only through a slot. */
static void expect_nothing_private(struct scene *s, uint64_t page, bool write)
{
	if (s->vm->provider->file_serves_shared)
		expect_mmio(s, page, write, "beside the slot, private in the file");
	else
		gm_guest_expect_fault(s->vm, 0, GM_BASE + page * PG, write,
				      KVM_MEMORY_EXIT_FLAG_PRIVATE, PG, "beside the slot, private");
}

/* The slot that was found last is tried first for the next fault: it must be the right one. */
static void beside(const struct gm_case *self)
{
	static const struct {
		uint64_t own, other;
	} edge[] = { { FIRST, FIRST - 1 }, { LAST, LAST + 1 } };
	struct scene s = scene_new(self);

	set_slot(&s);
	if (self->val == GM_VM_SW_PROTECTED) {
		make_private(&s, true);
		for (int i = 0; i < 2; i++) {
			gm_guest_fill(s.vm, 0, GM_BASE + edge[i].own * PG, 1, GM_HALF_PRIVATE, 1);
			for (int write = 0; write < 2; write++)
				expect_nothing_private(&s, edge[i].other, write);
		}
		make_private(&s, false);
	}
	for (int i = 0; i < 2; i++) {
		gm_guest_fill(s.vm, 0, GM_BASE + edge[i].own * PG, 1, GM_HALF_SHARED, 2);
		for (int write = 0; write < 2; write++)
			expect_mmio(&s, edge[i].other, write, "beside the slot");
	}
	gm_guest_check(s.vm, 0, GM_BASE + FIRST * PG, 1, GM_HALF_SHARED, 2, "the first page");
	gm_guest_check(s.vm, 0, GM_BASE + LAST * PG, 1, GM_HALF_SHARED, 2, "the last page");
	scene_free(&s);
}
P0(beside, "beside_slot", "the pages beside a slot, right after its own were used")
P1(beside, "beside_slot", "the pages beside a slot, right after its own were used")
INPLACE(beside, "beside_slot", "the pages beside a slot, right after its own were used")

/* What the guest has mapped of a slot is not looked at when the slot is set once more. */
static void ordinary(const struct gm_case *self)
{
	struct scene s = scene_new(self);
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

	gm_slot_set(s.vm, GM_SLOT, 0, GM_BASE, size, s.mem->hva, -1, 0);
	gm_guest_fill(s.vm, 0, GM_BASE, size / PG, GM_HALF_SHARED, 1);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		GM_EXPECT_ERRNO(EINVAL,
				__gm_slot_set(s.vm, GM_SLOT, other[i].flags, GM_BASE, other[i].size,
					      s.mem->hva + other[i].at, -1, 0),
				"size %#lx, userspace_addr + %#lx, flags %#x", other[i].size,
				other[i].at, other[i].flags);
	gm_control(!__gm_slot_set(s.vm, GM_SLOT, 0, GM_BASE, size, s.mem->hva, -1, 0),
		   "the slot as it is: %s", gm_errno_name(errno));
	gm_guest_check(s.vm, 0, GM_BASE, size / PG, GM_HALF_SHARED, 1, "after the refusals");
	gm_host_check(s.mem->hva, GM_BASE / PG, size / PG, GM_HALF_SHARED, 1, "after the refusals");
	scene_free(&s);
}
#define ORDINARY(id, kind, ...)                                                                    \
	GM_VARIANT(                                                                                \
		ordinary, ordinary_##id, .name = "fd.slot_flags.ordinary." #id,                    \
		.clause = "fd.slot_flags", .val = kind, .flags = GM_REFUSAL,                       \
		.text = "a slot without guest_memfd keeps its size, memory and READONLY: EINVAL",  \
		__VA_ARGS__)
ORDINARY(p0, GM_VM_SW_PROTECTED, .profile = "P0", .needs = GM_NEEDS(SW_PROTECTED))
ORDINARY(p1, GM_VM_DEFAULT, .profile = "P1", .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED))
