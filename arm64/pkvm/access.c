// SPDX-License-Identifier: GPL-2.0-only
/* pkvm.host_*, pkvm.private_initial, pkvm.pinned: host accesses to donated pages, their content. */
#include <sys/syscall.h>
#include <sys/uio.h>

#include "pkvm.h"

GM_FILE(.profile = "P2", .needs = GM_NEEDS(PROTECTED))

GM_CASE(host_access, .name = "pkvm.host_access.every_page", .clause = "pkvm.host_access",
	.text = "loads and stores of pages that the guest has read, written or unshared are SIGSEGV/SEGV_ACCERR",
	.flags = GM_REFUSAL)
{
	struct pvm *p = pvm_new(1, GM_MEM_SHMEM, 12);
	uint8_t *again;

	for (uint64_t page = 0; page < 12; page++) {
		struct pkvm_touch t = pkvm_store(pvm_hva(p, page), page);

		gm_promise(!t.signo, "before the guest's first access the host can write the page");
	}
	gm_guest_touch(p->vm, 0, GM_BASE, 4 * PG, PG); /* a read donates the page, too */
	gm_guest_fill(p->vm, 0, pvm_gpa(4), 4, GM_WRITER_PRIVATE, 1);
	pvm_share_all(p, 0, 8, 4);
	pvm_unshare_all(p, 0, 8, 4);
	for (uint64_t page = 0; page < 12; page++)
		pvm_expect_hidden(p, page,
				  page < 4   ? "read by the guest"
				  : page < 8 ? "written by the guest"
					     : "unshared by the guest");
	/* Neither by a new mapping of the same memory. */
	again = mmap(NULL, 12 * PG, PROT_READ | PROT_WRITE, MAP_SHARED, p->mem->fd, 0);
	GM_SETUP(again != MAP_FAILED, "a second mapping");
	for (uint64_t page = 0; page < 12; page++) {
		struct pkvm_touch t = pkvm_load(again + page * PG + 8);

		GM_EXPECT_AT(
			GM_PAGE(.gpa = GM_AT(pvm_gpa(page))),
			t.signo == SIGSEGV && t.code == SEGV_ACCERR,
			"by a second mapping: expected SIGSEGV code 2, observed signal %d code %d",
			t.signo, t.code);
	}
	munmap(again, 12 * PG);
	gm_guest_check(p->vm, 0, pvm_gpa(4), 4, GM_WRITER_PRIVATE, 1, "after the host's accesses");
	pvm_free(p);
}

/*
 * System calls with a buffer in the page: expects errno `want` from each; 0: success is a control.
 */
static void syscalls(struct pvm *p, uint64_t page, int want, const char *when)
{
	uint8_t *buf = pvm_hva(p, page);
	struct gm_page at = gm_vm_page(p->vm, pvm_gpa(page));
	struct iovec iov = { buf, 64 };
	int fd[2], err[6] = {};
	char other[64] = "x";
	const char *name[6] = { "write",     "read",	      "writev",
				"getrandom", "clock_gettime", "an ioctl's structure" };

	GM_SETUP_OK(pipe2(fd, O_CLOEXEC | O_NONBLOCK));
	err[0] = write(fd[1], buf, 64) < 0 ? errno : 0;
	GM_SETUP_OK(write(fd[1], other, 64));
	err[1] = read(fd[0], buf, 64) < 0 ? errno : 0;
	err[2] = writev(fd[1], &iov, 1) < 0 ? errno : 0;
	err[3] = syscall(SYS_getrandom, buf, 64, 0) < 0 ? errno : 0;
	err[4] = syscall(SYS_clock_gettime, 0, buf) < 0 ? errno : 0;
	err[5] = ioctl(p->vm->kvm->fd, KVM_ARM_PREFERRED_TARGET, buf) < 0 ? errno : 0;
	for (int i = 0; i < 6; i++) {
		if (want)
			GM_EXPECT_AT(&at, err[i] == want, "%s: %s: expected %s, observed %s", when,
				     name[i], gm_errno_name(want), gm_errno_name(err[i]));
		else
			gm_control(!err[i], "%s: %s works", when, name[i]);
	}
	close(fd[0]);
	close(fd[1]);
}

GM_CASE(host_syscall, .name = "pkvm.host_syscall.buffers", .clause = "pkvm.host_syscall",
	.text = "buffers of system calls in an unshared page are EFAULT, those in a shared page succeed; the guest's data stays",
	.flags = GM_REFUSAL)
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 4);

	syscalls(p, 0, 0, "before the first touch");
	gm_guest_fill(p->vm, 0, GM_BASE, 4, GM_WRITER_PRIVATE, 1);
	syscalls(p, 0, EFAULT, "the guest's page");
	pvm_share_all(p, 0, 1, 1);
	syscalls(p, 1, 0, "a shared page");
	pvm_unshare_all(p, 0, 1, 1);
	syscalls(p, 1, EFAULT, "an unshared page");
	pvm_expect_hidden(p, 0, "after refused system calls");
	gm_guest_check(p->vm, 0, GM_BASE, 1, GM_WRITER_PRIVATE, 1, "after refused system calls");
	gm_guest_check(p->vm, 0, pvm_gpa(2), 2, GM_WRITER_PRIVATE, 1, "the next pages");
	pvm_free(p);
}

GM_CASE(private_initial, .name = "pkvm.private_initial.donated", .clause = "pkvm.private_initial",
	.text = "the guest reads what the host wrote before; exactly the pages that it touches are donated")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 32);

	gm_host_fill(p->mem->hva, GM_BASE / PG, 32, GM_WRITER_HOST, 1);
	for (uint64_t page = 1; page < 32; page += 3)
		gm_guest_check(p->vm, 0, pvm_gpa(page), 1, GM_WRITER_HOST, 1, "at the first touch");
	for (int page = 31; page >= 0; page--) {
		if (page % 3 == 1)
			pvm_expect_hidden(p, page, "touched by the guest");
		else
			pvm_expect_host(p, page, GM_WRITER_HOST, 1, "never touched by the guest");
	}
	/* The guest reads what the host changes before the first touch. */
	gm_host_fill(pvm_hva(p, 2), pvm_gpa(2) / PG, 1, GM_WRITER_HOST, 2);
	gm_guest_check(p->vm, 0, pvm_gpa(2), 1, GM_WRITER_HOST, 2,
		       "changed before the first touch");
	pvm_free(p);
}

GM_CASE(private_zero, .name = "pkvm.private_initial.never_touched",
	.clause = "pkvm.private_initial",
	.text = "anonymous pages that were never touched: the guest reads zeros, and they are donated; others stay the host's and zero")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 8);

	gm_guest_check_zero(p->vm, 0, GM_BASE, 4, "the first read");
	gm_guest_fill(p->vm, 0, GM_BASE, 4, GM_WRITER_SECRET, 1);
	/* All of them may have been the same zero page. */
	for (uint64_t page = 4; page < 8; page++)
		GM_EXPECT(!pkvm_load(pvm_hva(p, page)).signo && !*(uint64_t *)pvm_hva(p, page),
			  "page %lu, which the guest never touched: expected that the host reads 0",
			  page);
	for (uint64_t page = 0; page < 4; page++)
		pvm_expect_hidden(p, page, "read, then written by the guest");
	gm_guest_check(p->vm, 0, GM_BASE, 4, GM_WRITER_SECRET, 1, "what the guest wrote");
	pvm_free(p);
}

GM_CASE(pinned, .name = "pkvm.pinned.locked_memory", .clause = "pkvm.pinned",
	.text = "each donated page counts as locked memory, shared or not; after the VM none is left")
{
	uint64_t before = pkvm_status("VmLck"), run;
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 64);
	struct gm_op op = { .code = GM_OP_NOP };

	GM_EXPECT_EQ(pkvm_status("VmLck"), before, "locked memory before the first run");
	gm_run(p->vm, 0, &op, 1);
	gm_guest_touch(p->vm, 0, GM_BASE, PG, PG);
	pvm_share_all(p, 0, 0, 1);
	pvm_unshare_all(p, 0, 0, 1);
	run = pkvm_status("VmLck");
	GM_EXPECT(run > before,
		  "locked memory with the guest's code: expected more than %lu, observed %lu",
		  before, run);
	gm_guest_fill(p->vm, 0, pvm_gpa(1), 20, GM_WRITER_PRIVATE, 1);
	GM_EXPECT_EQ(pkvm_status("VmLck") - run, 20 * PG, "locked memory of 20 pages");
	pvm_share_all(p, 0, 1, 10);
	GM_EXPECT_EQ(pkvm_status("VmLck") - run, 20 * PG, "after sharing 10 of them");
	pvm_unshare_all(p, 0, 1, 10);
	gm_guest_check(p->vm, 0, pvm_gpa(1), 20, GM_WRITER_PRIVATE, 1, "after sharing");
	GM_EXPECT_EQ(pkvm_status("VmLck") - run, 20 * PG, "after touching them again");
	pvm_kill(p);
	GM_EXPECT_EQ(pkvm_status("VmLck"), before, "locked memory after the VM");
	pvm_free(p);
}
