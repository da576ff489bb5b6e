// SPDX-License-Identifier: GPL-2.0-only
/* A VM with one guest_memfd in one slot, in each flavour, and content that follows the page. */
#include <signal.h>

#include "fd.h"

const struct fd_flavour fd_p1 = {
	.kind = GM_VM_DEFAULT,
	.flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED,
	.half = GM_HALF_SHARED,
	.host = true,
};

const struct fd_flavour fd_p1p = {
	.kind = GM_VM_DEFAULT,
	.flags = GUEST_MEMFD_FLAG_MMAP,
	.half = GM_HALF_PRIVATE,
};

const struct fd_flavour fd_p0 = {
	.kind = GM_VM_SW_PROTECTED,
	.half = GM_HALF_PRIVATE,
	.fault = KVM_MEMORY_EXIT_FLAG_PRIVATE,
};

const struct fd_flavour fd_inplace = {
	.kind = GM_VM_SW_PROTECTED,
	.flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED,
	.half = GM_HALF_PRIVATE,
	.conversions = 1,
};

const struct fd_flavour fd_inplace_back = {
	.kind = GM_VM_SW_PROTECTED,
	.flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED,
	.half = GM_HALF_SHARED,
	.host = true,
	.conversions = 2,
};

const struct fd_flavour fd_inplace_plain = {
	.kind = GM_VM_SW_PROTECTED,
	.half = GM_HALF_PRIVATE,
};

struct gm_vm *fd_vm_new(const struct fd_flavour *f, unsigned int vcpus, uint64_t span)
{
	uint64_t pagesize = span % GM_2M ? PG : GM_2M;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind, .vcpus = vcpus,
				     .extra_pages = span / GM_2M + span / GM_1G + 16);

	if (vcpus)
		gm_vm_map(vm, GM_BASE, span, pagesize);
	return vm;
}

int fd_gmem_new(struct gm_vm *vm, const struct fd_flavour *f, uint64_t size)
{
	int gmem = gm_gmem_new(vm, size, f->flags);

	for (unsigned int i = 0; i < f->conversions; i++)
		gm_gmem_convert(gmem, 0, size, !(i & 1));
	return gmem;
}

int __fd_slot_set(struct gm_vm *vm, uint32_t id, uint64_t gpa, uint64_t size, int gmem,
		  uint64_t off)
{
	return __gm_slot_set(vm, id, KVM_MEM_GUEST_MEMFD, gpa, size, NULL, gmem, off);
}

void fd_slot_set(struct gm_vm *vm, const struct fd_flavour *f, uint32_t id, uint64_t gpa,
		 uint64_t size, int gmem, uint64_t off, uint8_t *map)
{
	void *hva = f->host && map && !gm_platform_has(GM_NEED_TDP) ? map + off : NULL;

	GM_SETUP(!__gm_slot_set(vm, id, 0, gpa, size, hva, gmem, off),
		 "slot %u: gpa %#lx size %#lx of a guest_memfd at %#lx: %s", id, gpa, size, off,
		 gm_errno_name(errno));
	if (f->fault & KVM_MEMORY_EXIT_FLAG_PRIVATE)
		gm_convert(vm, gpa, size, true);
}

void fd_control_bind(struct gm_vm *vm, uint32_t id, uint64_t gpa, uint64_t size, int gmem,
		     uint64_t off)
{
	gm_control(!__fd_slot_set(vm, id, gpa, size, gmem, off),
		   "%#lx bytes of the file at %#lx can be bound", size, off);
	gm_slot_delete(vm, id);
}

struct fd_box *fd_box_new(const struct fd_flavour *f, unsigned int vcpus, uint64_t size)
{
	struct fd_box *b = calloc(1, sizeof(*b));

	GM_SETUP(b, "out of memory");
	b->f = f;
	b->size = size;
	b->vm = fd_vm_new(f, vcpus, (size + GM_2M - 1) & ~(GM_2M - 1));
	b->gmem = fd_gmem_new(b->vm, f, size);
	if (f->flags & GUEST_MEMFD_FLAG_MMAP)
		b->hva = fd_mmap(b->gmem, size);
	fd_slot_set(b->vm, f, GM_SLOT, GM_BASE, size, b->gmem, 0, b->hva);
	return b;
}

void fd_box_close(struct fd_box *b)
{
	if (b->hva)
		munmap(b->hva, b->size);
	b->hva = NULL;
	if (b->gmem >= 0)
		close(b->gmem);
	b->gmem = -1;
}

/*
 * Pages next to which a record of states could begin or end, and some between. By a new mapping: an
 * old one remembers a bad page beyond the hole that took it.
 */
static void expect_state(struct fd_box *b)
{
	const uint64_t n = b->size / PG;
	const uint64_t page[] = { 0, 1, 2, 3, 5, n / 4, n / 3, n / 2, n - 2, n - 1 };
	uint8_t *map;

	if (b->gmem < 0 || !(b->f->flags & GUEST_MEMFD_FLAG_MMAP))
		return;
	map = fd_mmap(b->gmem, b->size);
	for (unsigned int i = 0; i < ARRAY_SIZE(page); i++) {
		int sig;

		if (page[i] >= n)
			continue;
		sig = gm_touch(map + page[i] * PG, false, NULL);
		GM_EXPECT_AT(GM_PAGE(.off = page[i] * PG), sig == (b->f->host ? 0 : SIGBUS),
			     "the host's load in the end: expected %s, observed signal %d",
			     b->f->host ? "the shared page" : "SIGBUS of a private one", sig);
	}
	munmap(map, b->size);
}

void fd_box_free(struct fd_box *b)
{
	expect_state(b);
	gm_vm_free(b->vm);
	fd_box_close(b);
	free(b);
}

static struct gm_op content_op(uint32_t code, const struct fd_flavour *f, uint64_t gpa,
			       uint64_t npages, uint64_t id, unsigned int gen)
{
	return (struct gm_op){ .code = code,
			       .addr = gpa,
			       .nr = npages,
			       .half = f->half,
			       .gen = gen,
			       .gfn_delta = id - gpa / PG };
}

void fd_fill(struct gm_vm *vm, unsigned int v, const struct fd_flavour *f, uint64_t gpa,
	     uint64_t npages, uint64_t id, unsigned int gen)
{
	struct gm_op op = content_op(GM_OP_FILL, f, gpa, npages, id, gen);

	gm_run(vm, v, &op, 1);
}

bool fd_check(struct gm_vm *vm, unsigned int v, const struct fd_flavour *f, uint64_t gpa,
	      uint64_t npages, uint64_t id, unsigned int gen, const char *when)
{
	struct gm_op op = content_op(GM_OP_CHECK, f, gpa, npages, id, gen);
	struct gm_page page;

	gm_run(vm, v, &op, 1);
	page = gm_vm_page(vm, op.bad_addr & ~(PG - 1));
	return GM_EXPECT_AT(
		&page, !op.bad,
		"%s: vCPU %u read %lu wrong words, the first at %#lx: expected %s, observed %s",
		when, v, op.bad, op.bad_addr, gm_word_str(op.expected), gm_word_str(op.observed));
}

struct fd_plain fd_plain_new(unsigned int vcpus, uint64_t npages)
{
	struct fd_plain p = { .vm = fd_vm_new(&fd_p1, vcpus, npages * PG),
			      .mem = gm_mem_new(GM_MEM_ANON, npages * PG) };

	gm_slot_set(p.vm, GM_SLOT, 0, GM_BASE, p.mem->size, p.mem->hva, -1, 0);
	return p;
}

void fd_plain_free(struct fd_plain *p)
{
	gm_vm_free(p->vm);
	gm_mem_free(p->mem);
}
