// SPDX-License-Identifier: GPL-2.0-only
/* The last reference to the file frees the memory: fd.last_close. */
#include "fd.h"

GM_FILE(.clause = "fd.last_close", .flavours = FD_EACH_TDP)

#define SIZE (16 * PG)

/* Expects that vCPU v gets the documented exit for every page of the slot. */
static void expect_gone(struct gm_fixture *w, unsigned int v, const char *when)
{
	static const int pages[] = { 0, 1, 8, 15 };

	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		for (int write = 0; write < 2; write++)
			gm_guest_expect_fault(w->vm, v, GM_BASE + pages[i] * PG, write,
					      fd_fault_flags(w), PG, when);
}

GM_CASE(close_bound, .name = "fd.last_close.bound_slot", .flavours = FD_EACH_TDP_QUICK,
	.text = "close while the slot is bound and mapped by two vCPUs")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE, .vcpus = 2);

	gm_fixture_fill(w, 0, FIRST, 16);
	gm_fixture_check_guest(w, 1, FIRST, 16, 1, "while it is open");
	gm_fixture_close(w);
	expect_gone(w, 1, "after the last close");
	expect_gone(w, 0, "after the last close");
	fd_fixture_free(w);
}

GM_CASE(close_dup, .name = "fd.last_close.dup",
	.text = "a duplicate keeps the memory until it is closed, too")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);
	int copy = GM_SETUP_OK(dup(w->gmem));

	gm_fixture_fill(w, 0, FIRST, 16);
	gm_fixture_close(w);
	gm_fixture_check_guest(w, 0, FIRST, 16, 1, "while the duplicate is open");
	/* Holes and allocation through the duplicate. */
	gm_gmem_punch(copy, 3 * PG, PG);
	gm_guest_check_zero(w->vm, 0, GM_BASE + 3 * PG, 1, "a hole through the duplicate");
	close(copy);
	expect_gone(w, 0, "after the close of the duplicate");
	fd_fixture_free(w);
}

/* Only reads: a page that is still mapped may have another owner by now. */
GM_CASE(close_far, .name = "fd.last_close.far_pages",
	.text = "a file of some MiB: no page of it is mapped any more, at its start or end")
{
	static const uint64_t at[] = { 0, 1, 63, 64, 511, 512, 513, 1023, 1024, 1499 };
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 1500 * PG);

	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		gm_fixture_fill(w, 0, FIRST + at[i], 1);
	gm_fixture_close(w);
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		gm_guest_expect_fault(w->vm, 0, GM_BASE + at[i] * PG, false, fd_fault_flags(w), PG,
				      "after the last close");
	fd_fixture_free(w);
}

static int hold(void *arg)
{
	/* The exit of this process closes the inherited descriptor. */
	return fcntl(*(int *)arg, F_GETFD) < 0;
}

GM_CASE(close_child, .name = "fd.last_close.child",
	.text = "a child's exit drops its inherited reference")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);

	gm_fixture_fill(w, 0, FIRST, 16);
	GM_EXPECT_EQ(fd_in_child(hold, &w->gmem), 0, "the child has the descriptor");
	gm_fixture_check_guest(w, 0, FIRST, 16, 1, "after the child's exit");
	gm_fixture_close(w);
	expect_gone(w, 0, "after the last close");
	fd_fixture_free(w);
}

GM_CASE(close_refusals, .name = "fd.last_close.after_refusals",
	.text = "refused bindings, for every reason, keep no reference")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);
	struct gm_vm *other = GM_VM_NEW(.kind = w->file.kind);
	uint64_t far = GM_BASE + GM_1G;

	gm_fixture_fill(w, 0, FIRST, 16);
	for (int i = 0; i < 3; i++) {
		GM_EXPECT(__fd_slot_set(w->vm, GM_SLOT + 1, far, SIZE, w->gmem, 0), "bound twice");
		GM_EXPECT(__fd_slot_set(w->vm, GM_SLOT + 1, far, SIZE, w->gmem, PG),
			  "past the end");
		GM_EXPECT(__fd_slot_set(w->vm, GM_SLOT + 1, far, PG, w->gmem, 1), "unaligned");
		GM_EXPECT(__fd_slot_set(w->vm, GM_SLOT + 1, GM_BASE, PG, w->gmem, 0),
			  "guest range");
		GM_EXPECT(__fd_slot_set(w->vm, GM_SLOT, GM_BASE, SIZE, w->gmem, 0), "same slot");
		GM_EXPECT(__gm_slot_set(w->vm, GM_SLOT + 1, KVM_MEM_READONLY, far, PG, NULL,
					w->gmem, 0),
			  "read-only");
		GM_EXPECT(__fd_slot_set(other, GM_SLOT, GM_BASE, SIZE, w->gmem, 0), "other VM");
	}
	gm_fixture_check_guest(w, 0, FIRST, 16, 1, "after the refusals");
	gm_fixture_close(w);
	expect_gone(w, 0, "after the last close");
	gm_vm_free(other);
	fd_fixture_free(w);
}

GM_CASE(close_slots, .name = "fd.last_close.many_slots",
	.text = "four slots at odd offsets of one file: the close unmaps all")
{
	struct gm_fixture *w =
		FD_FIXTURE(self->flavour, 4 * GM_2M, .file_size = SIZE, .no_slot = true);

	for (int i = 0; i < 4; i++) {
		uint64_t gpa = GM_BASE + (3 - i) * GM_2M + 5 * PG;

		gm_fixture_slot(w, GM_SLOT + i, gpa, 3 * PG, i * 4 * PG);
		gm_fixture_fill(w, 0, GFN(gpa), 3);
	}
	gm_fixture_close(w);
	for (int i = 0; i < 4; i++)
		for (int p = 0; p < 3; p++)
			gm_guest_expect_fault(w->vm, 0, GM_BASE + (3 - i) * GM_2M + (5 + p) * PG,
					      p & 1, fd_fault_flags(w), PG, "after the last close");
	fd_fixture_free(w);
}

GM_CASE(close_delete, .name = "fd.last_close.delete_after",
	.text = "a slot can be deleted after the close, and its range reused")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);

	gm_fixture_fill(w, 0, FIRST, 16);
	gm_fixture_close(w);
	expect_gone(w, 0, "after the last close");
	GM_EXPECT_OK(__gm_slot_set(w->vm, GM_SLOT, 0, 0, 0, NULL, -1, 0), "delete");
	gm_fixture_file(w);
	GM_EXPECT_OK(__fd_slot_set(w->vm, GM_SLOT, GM_BASE, SIZE, w->gmem, 0), "the next file");
	gm_guest_check_zero(w->vm, 0, GM_BASE, 16, "the next file");
	gm_fixture_fill(w, 0, FIRST, 16);
	gm_fixture_check_guest(w, 0, FIRST, 16, 1, "the next file");
	fd_fixture_free(w);
}

GM_CASE(close_vm_first, .name = "fd.last_close.vm_first",
	.text = "the VM is closed first: the file stays usable, then closes")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);
	struct stat st;

	gm_fixture_fill(w, 0, FIRST, 16);
	gm_vm_free(w->vm);
	w->vm = NULL;
	if (gm_flavour_host(&w->file)) {
		gm_fixture_check_host(w, FIRST, 16, 1, "after the close of the VM");
		gm_host_fill(w->hva, FIRST, 16, GM_WRITER_HOST, 2);
	}
	GM_EXPECT_OK(__gm_gmem_punch(w->gmem, 0, PG));
	GM_EXPECT_OK(__gm_gmem_allocate(w->gmem, 0, PG));
	GM_EXPECT_OK(fstat(w->gmem, &st));
	GM_EXPECT_EQ(st.st_size, SIZE, "size");
	if (gm_flavour_host(&w->file)) {
		gm_host_check_zero(w->hva, 1, "the hole after the close of the VM");
		gm_host_check(w->hva + PG, FIRST + 1, 15, GM_WRITER_HOST, 2,
			      "pages after the hole");
	}
	gm_fixture_free(w);
}

GM_CASE(close_vma, .name = "fd.last_close.vma", .flavours = FD_HOST_SEES_TDP,
	.text = "a mapping is a reference: the guest keeps its memory until the last page is unmapped")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE, .vcpus = 2);

	gm_fixture_fill(w, 0, FIRST, 16);
	close(w->gmem);
	w->gmem = -1;
	gm_fixture_check_guest(w, 1, FIRST, 16, 1, "descriptor closed, still mapped");
	gm_prove_same_page(w->vm, 0, GM_BASE + PG, w->hva + PG);
	/* A mapping of one page keeps the whole file. */
	GM_SETUP_OK(munmap(w->hva, 7 * PG));
	GM_SETUP_OK(munmap(w->hva + 8 * PG, 8 * PG));
	gm_fixture_check_guest(w, 0, FIRST, 16, 1, "one page of the mapping left");
	gm_prove_same_page(w->vm, 1, GM_BASE + 7 * PG, w->hva + 7 * PG);
	GM_SETUP_OK(munmap(w->hva + 7 * PG, PG));
	w->hva = NULL;
	expect_gone(w, 0, "after the last munmap");
	expect_gone(w, 1, "after the last munmap");
	fd_fixture_free(w);
}

GM_CASE(close_vma_private, .name = "fd.last_close.vma_private",
	.flavours = FD_FLAVOURS(FD_P1P_TDP_BARE, FD_INPLACE),
	.text = "an inaccessible mapping, also with PROT_NONE, is a reference, too")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);

	gm_fixture_fill(w, 0, FIRST, 16);
	GM_SETUP_OK(mprotect(w->hva, SIZE, PROT_NONE));
	close(w->gmem);
	w->gmem = -1;
	gm_fixture_check_guest(w, 0, FIRST, 16, 1, "still mapped");
	gm_fixture_unmap(w);
	expect_gone(w, 0, "after munmap");
	fd_fixture_free(w);
}

/*
 * Slots of a closed file must not access freed memory: the next file probably gets the memory of
 * the old one's structures.
 */
GM_CASE(close_successor, .name = "fd.last_close.successor",
	.text = "three slots of a closed file, and a new file on the same offsets: neither affects the other")
{
	const uint64_t last = GM_BASE + 3 * GM_2M;
	struct gm_fixture *w =
		FD_FIXTURE(self->flavour, 4 * GM_2M, .file_size = SIZE, .no_slot = true);

	for (int i = 0; i < 3; i++) {
		gm_fixture_slot(w, GM_SLOT + i, GM_BASE + i * GM_2M, 4 * PG, i * 4 * PG);
		gm_fixture_fill(w, 0, GFN(GM_BASE + i * GM_2M), 4);
	}
	gm_fixture_close(w);
	gm_fixture_file(w);
	gm_fixture_slot(w, GM_SLOT + 3, last, SIZE, 0);
	gm_fixture_fill(w, 0, GFN(last), 16);
	for (int i = 0; i < 3; i++)
		gm_guest_expect_fault(w->vm, 0, GM_BASE + i * GM_2M + PG, i & 1, fd_fault_flags(w),
				      PG, "a slot of the closed file");
	for (int i = 2; i >= 0; i--)
		gm_slot_delete(w->vm, GM_SLOT + i);
	/* Causes new faults: the new file must have all its bindings. */
	gm_fixture_punch_file(w, 0, 8 * PG);
	gm_guest_check_zero(w->vm, 0, last, 8, "the new file, in the hole");
	gm_fixture_check_guest(w, 0, GFN(last) + 8, 8, 1, "the new file, after the hole");
	gm_fixture_close(w);
	gm_guest_expect_fault(w->vm, 0, last, false, fd_fault_flags(w), PG, "the new file closed");
	fd_fixture_free(w);
}
