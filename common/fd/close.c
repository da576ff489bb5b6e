// SPDX-License-Identifier: GPL-2.0-only
/* When the last reference goes, the memory goes: fd.last_close. */
#include "fd.h"

#define FIRST (GM_BASE / PG)
#define SIZE (16 * PG)

/* Every page of the slot is gone for vCPU v, exactly as documented. */
static void expect_gone(struct fd_box *b, unsigned int v, const char *when)
{
	static const int pages[] = { 0, 1, 8, 15 };

	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		for (int write = 0; write < 2; write++)
			gm_guest_expect_fault(b->vm, v, GM_BASE + pages[i] * PG, write, b->f->fault,
					      PG, when);
}

#define LAST_CLOSE(fn, stem, what)                                                                 \
	FD_EACH_TDP(fn, "fd.last_close." stem, .clause = "fd.last_close", .text = what)

FD_EACH_TDP_QUICK(close_bound, "fd.last_close.bound_slot", .clause = "fd.last_close",
		  .text = "close with the slot bound and hot in two vCPUs")
{
	struct fd_box *b = fd_box_new(self->arg, 2, SIZE);

	fd_fill(b->vm, 0, b->f, GM_BASE, 16, FIRST, 1);
	fd_check(b->vm, 1, b->f, GM_BASE, 16, FIRST, 1, "while it is open");
	fd_box_close(b);
	expect_gone(b, 1, "after the last close");
	expect_gone(b, 0, "after the last close");
	fd_box_free(b);
}

LAST_CLOSE(close_dup, "dup", "a duplicate keeps the memory; closing it too ends it")
{
	struct fd_box *b = fd_box_new(self->arg, 1, SIZE);
	int copy = GM_SETUP_OK(dup(b->gmem));

	fd_fill(b->vm, 0, b->f, GM_BASE, 16, FIRST, 1);
	fd_box_close(b);
	fd_check(b->vm, 0, b->f, GM_BASE, 16, FIRST, 1, "while the duplicate is open");
	/* Holes and allocation through the duplicate. */
	gm_gmem_punch(copy, 3 * PG, PG);
	gm_guest_check_zero(b->vm, 0, GM_BASE + 3 * PG, 1, "a hole through the duplicate");
	close(copy);
	expect_gone(b, 0, "after the duplicate");
	fd_box_free(b);
}

/* Reads alone: a page that is still mapped belongs to somebody else by now. */
LAST_CLOSE(close_far, "far_pages", "a file of some MiB: gone at its end as at its start")
{
	static const uint64_t at[] = { 0, 1, 63, 64, 511, 512, 513, 1023, 1024, 1499 };
	struct fd_box *b = fd_box_new(self->arg, 1, 1500 * PG);

	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		fd_fill(b->vm, 0, b->f, GM_BASE + at[i] * PG, 1, FIRST + at[i], 1);
	fd_box_close(b);
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		gm_guest_expect_fault(b->vm, 0, GM_BASE + at[i] * PG, false, b->f->fault, PG,
				      "after the last close");
	fd_box_free(b);
}

static int hold(void *arg)
{
	/* The descriptor was inherited: this process closes it by ending. */
	return fcntl(*(int *)arg, F_GETFD) < 0;
}

LAST_CLOSE(close_child, "child", "a child that ends gives its inherited reference back")
{
	struct fd_box *b = fd_box_new(self->arg, 1, SIZE);

	fd_fill(b->vm, 0, b->f, GM_BASE, 16, FIRST, 1);
	GM_EXPECT_EQ(fd_in_child(hold, &b->gmem), 0, "the child has the descriptor");
	fd_check(b->vm, 0, b->f, GM_BASE, 16, FIRST, 1, "after the child's end");
	fd_box_close(b);
	expect_gone(b, 0, "after the last close");
	fd_box_free(b);
}

LAST_CLOSE(close_refusals, "after_refusals",
	   "bindings that were refused, for every reason, keep no reference")
{
	struct fd_box *b = fd_box_new(self->arg, 1, SIZE);
	struct gm_vm *other = GM_VM_NEW(.kind = b->f->kind);
	uint64_t far = GM_BASE + GM_1G;

	fd_fill(b->vm, 0, b->f, GM_BASE, 16, FIRST, 1);
	for (int i = 0; i < 3; i++) {
		GM_EXPECT(__fd_slot_set(b->vm, GM_SLOT + 1, far, SIZE, b->gmem, 0), "bound twice");
		GM_EXPECT(__fd_slot_set(b->vm, GM_SLOT + 1, far, SIZE, b->gmem, PG),
			  "past the end");
		GM_EXPECT(__fd_slot_set(b->vm, GM_SLOT + 1, far, PG, b->gmem, 1), "unaligned");
		GM_EXPECT(__fd_slot_set(b->vm, GM_SLOT + 1, GM_BASE, PG, b->gmem, 0),
			  "guest range");
		GM_EXPECT(__fd_slot_set(b->vm, GM_SLOT, GM_BASE, SIZE, b->gmem, 0), "same slot");
		GM_EXPECT(__gm_slot_set(b->vm, GM_SLOT + 1, KVM_MEM_READONLY, far, PG, NULL,
					b->gmem, 0),
			  "read-only");
		GM_EXPECT(__fd_slot_set(other, GM_SLOT, GM_BASE, SIZE, b->gmem, 0), "other VM");
	}
	fd_check(b->vm, 0, b->f, GM_BASE, 16, FIRST, 1, "after the refusals");
	fd_box_close(b);
	expect_gone(b, 0, "after the last close");
	gm_vm_free(other);
	fd_box_free(b);
}

LAST_CLOSE(close_slots, "many_slots", "four slots at odd places of one file: all gone at once")
{
	const struct fd_flavour *f = self->arg;
	struct gm_vm *vm = fd_vm_new(f, 1, 4 * GM_2M);
	int gmem = fd_gmem_new(vm, f, SIZE);

	for (int i = 0; i < 4; i++) {
		uint64_t gpa = GM_BASE + (3 - i) * GM_2M + 5 * PG;

		fd_slot_set(vm, f, GM_SLOT + i, gpa, 3 * PG, gmem, i * 4 * PG, NULL);
		fd_fill(vm, 0, f, gpa, 3, 100 + i * 4, 1);
	}
	close(gmem);
	for (int i = 0; i < 4; i++)
		for (int p = 0; p < 3; p++)
			gm_guest_expect_fault(vm, 0, GM_BASE + (3 - i) * GM_2M + (5 + p) * PG,
					      p & 1, f->fault, PG, "after the last close");
	gm_vm_free(vm);
}

LAST_CLOSE(close_delete, "delete_after",
	   "a slot can be deleted after the close, and its place reused")
{
	struct fd_box *b = fd_box_new(self->arg, 1, SIZE);
	int next;

	fd_fill(b->vm, 0, b->f, GM_BASE, 16, FIRST, 1);
	fd_box_close(b);
	expect_gone(b, 0, "after the last close");
	GM_EXPECT_OK(__gm_slot_set(b->vm, GM_SLOT, 0, 0, 0, NULL, -1, 0), "delete");
	next = fd_gmem_new(b->vm, b->f, SIZE);
	GM_EXPECT_OK(__fd_slot_set(b->vm, GM_SLOT, GM_BASE, SIZE, next, 0), "the next file");
	gm_guest_check_zero(b->vm, 0, GM_BASE, 16, "the next file");
	fd_fill(b->vm, 0, b->f, GM_BASE, 16, FIRST, 2);
	fd_check(b->vm, 0, b->f, GM_BASE, 16, FIRST, 2, "the next file");
	close(next);
	fd_box_free(b);
}

LAST_CLOSE(close_vm_first, "vm_first", "the VM is closed first: the file stays usable, then closes")
{
	struct fd_box *b = fd_box_new(self->arg, 1, SIZE);
	struct stat st;

	fd_fill(b->vm, 0, b->f, GM_BASE, 16, FIRST, 1);
	gm_vm_free(b->vm);
	if (b->f->host) {
		gm_host_check(b->hva, FIRST, 16, b->f->half, 1, "after the VM's end");
		gm_host_fill(b->hva, FIRST, 16, GM_HALF_HOST, 2);
	}
	GM_EXPECT_OK(__gm_gmem_punch(b->gmem, 0, PG));
	GM_EXPECT_OK(__gm_gmem_allocate(b->gmem, 0, PG));
	GM_EXPECT_OK(fstat(b->gmem, &st));
	GM_EXPECT_EQ(st.st_size, SIZE, "size");
	if (b->f->host) {
		gm_host_check_zero(b->hva, 1, "the hole after the VM's end");
		gm_host_check(b->hva + PG, FIRST + 1, 15, GM_HALF_HOST, 2, "beside it");
	}
	fd_box_close(b);
	free(b);
}

FD_DECLARE(close_vma);
GM_VARIANT(close_vma, close_vma_p1, .name = "fd.last_close.vma", .clause = "fd.last_close",
	   .profile = "P1", .arg = &fd_p1, .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP),
	   .text = "a mapping is a reference: the guest goes on until munmap, page by page of it")
FD_INPLACE_BACK_TWIN(
	close_vma, "fd.last_close.vma", .clause = "fd.last_close",
	.text = "a mapping is a reference: the guest goes on until munmap, page by page of it")
FD_BODY(close_vma)
{
	struct fd_box *b = fd_box_new(self->arg, 2, SIZE);

	fd_fill(b->vm, 0, b->f, GM_BASE, 16, FIRST, 1);
	close(b->gmem);
	b->gmem = -1;
	fd_check(b->vm, 1, b->f, GM_BASE, 16, FIRST, 1, "descriptor closed, mapping there");
	gm_prove_same_page(b->vm, 0, GM_BASE + PG, b->hva + PG);
	/* All but one page: still a mapping, still all of the file. */
	GM_SETUP_OK(munmap(b->hva, 7 * PG));
	GM_SETUP_OK(munmap(b->hva + 8 * PG, 8 * PG));
	fd_check(b->vm, 0, b->f, GM_BASE, 16, FIRST, 1, "one page of the mapping left");
	gm_prove_same_page(b->vm, 1, GM_BASE + 7 * PG, b->hva + 7 * PG);
	GM_SETUP_OK(munmap(b->hva + 7 * PG, PG));
	b->hva = NULL;
	expect_gone(b, 0, "after the last munmap");
	expect_gone(b, 1, "after the last munmap");
	fd_box_free(b);
}

FD_DECLARE(close_vma_private);
GM_VARIANT(close_vma_private, close_vma_private_p1p, .name = "fd.last_close.vma_private",
	   .clause = "fd.last_close", .profile = "P1p", .arg = &fd_p1p,
	   .needs = GM_NEEDS(GMEM_MMAP, ORDINARY_PRIVATE, TDP),
	   .text = "so is a mapping that nothing can be touched through, PROT_NONE as well")
FD_INPLACE(close_vma_private, "fd.last_close.vma_private", .clause = "fd.last_close",
	   .text = "so is a mapping that nothing can be touched through, PROT_NONE as well")
FD_BODY(close_vma_private)
{
	struct fd_box *b = fd_box_new(self->arg, 1, SIZE);

	fd_fill(b->vm, 0, b->f, GM_BASE, 16, FIRST, 1);
	GM_SETUP_OK(mprotect(b->hva, SIZE, PROT_NONE));
	close(b->gmem);
	b->gmem = -1;
	fd_check(b->vm, 0, b->f, GM_BASE, 16, FIRST, 1, "mapping there");
	GM_SETUP_OK(munmap(b->hva, SIZE));
	b->hva = NULL;
	expect_gone(b, 0, "after munmap");
	fd_box_free(b);
}

/*
 * Slots of a closed file look at nothing, whatever comes to lie where the file was: the next file
 * is the old one's likeliest successor in the kernel's memory.
 */
LAST_CLOSE(
	close_successor, "successor",
	"three slots of a closed file, and a new file on the same offsets: neither disturbs the other")
{
	const struct fd_flavour *f = self->arg;
	struct gm_vm *vm = fd_vm_new(f, 1, 4 * GM_2M);
	int gmem = fd_gmem_new(vm, f, SIZE), next;

	for (int i = 0; i < 3; i++) {
		fd_slot_set(vm, f, GM_SLOT + i, GM_BASE + i * GM_2M, 4 * PG, gmem, i * 4 * PG,
			    NULL);
		fd_fill(vm, 0, f, GM_BASE + i * GM_2M, 4, 100 + i * 4, 1);
	}
	close(gmem);
	next = fd_gmem_new(vm, f, SIZE);
	fd_slot_set(vm, f, GM_SLOT + 3, GM_BASE + 3 * GM_2M, SIZE, next, 0, NULL);
	fd_fill(vm, 0, f, GM_BASE + 3 * GM_2M, 16, 200, 2);
	for (int i = 0; i < 3; i++)
		gm_guest_expect_fault(vm, 0, GM_BASE + i * GM_2M + PG, i & 1, f->fault, PG,
				      "a slot of the closed file");
	for (int i = 2; i >= 0; i--)
		gm_slot_delete(vm, GM_SLOT + i);
	/* New faults, too: the bindings of the new file are all there. */
	gm_gmem_punch(next, 0, 8 * PG);
	gm_guest_check_zero(vm, 0, GM_BASE + 3 * GM_2M, 8, "the new file, in its hole");
	fd_check(vm, 0, f, GM_BASE + 3 * GM_2M + 8 * PG, 8, 208, 2, "the new file, behind it");
	close(next);
	gm_guest_expect_fault(vm, 0, GM_BASE + 3 * GM_2M, false, f->fault, PG,
			      "the new file closed");
	gm_vm_free(vm);
}
