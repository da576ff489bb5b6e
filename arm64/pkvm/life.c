// SPDX-License-Identifier: GPL-2.0-only
/* pkvm.teardown, pkvm.reclaim_pin: pages return to the host, after the VM or by reclaim. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "pkvm.h"

GM_FILE(.clause = "pkvm.reclaim_pin", .profile = "P2", .needs = GM_NEEDS(PROTECTED))

GM_CASE(teardown, .name = "pkvm.teardown.content", .clause = "pkvm.teardown",
	.text = "after the VM: its unshared pages are zero, shared pages and pages that it never touched keep their content")
{
	struct pvm *p = pvm_new(2, GM_MEM_SHMEM, 32);

	gm_host_fill(p->mem->hva, GM_BASE / PG, 32, GM_WRITER_HOST, 1);
	gm_guest_fill(p->vm, 0, GM_BASE, 8, GM_WRITER_SECRET, 2);
	gm_guest_fill(p->vm, 1, pvm_gpa(8), 16, GM_WRITER_SHARED, 3);
	pvm_share_all(p, 0, 8, 16);
	pvm_unshare_all(p, 1, 16, 8);
	pvm_kill(p);
	for (int page = 31; page >= 0; page--) {
		struct gm_page at = *GM_PAGE(.gpa = GM_AT(pvm_gpa(page)));
		struct pkvm_touch t = pkvm_load(pvm_hva(p, page));
		const char *what = page < 8    ? "a page that was never shared"
				   : page < 16 ? "a shared page"
				   : page < 24 ? "an unshared page"
					       : "a page that was never touched";

		if (!GM_EXPECT_AT(&at, !t.signo, "%s after the VM: signal %d code %d", what,
				  t.signo, t.code))
			continue;
		if (page < 8 || (page >= 16 && page < 24))
			gm_host_check_zero(pvm_hva(p, page), 1, what);
		else
			gm_host_check(pvm_hva(p, page), pvm_gpa(page) / PG, 1,
				      page < 16 ? GM_WRITER_SHARED : GM_WRITER_HOST,
				      page < 16 ? 3 : 1, what);
	}
	pvm_free(p);
}

GM_CASE(reuse, .name = "pkvm.teardown.reuse", .clause = "pkvm.teardown", .timeout = 120,
	.text = "memory of a protected VM can be donated to the next one, which reads zeros in unshared pages")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 8), *q = pvm_new(1, GM_MEM_ANON, 8);
	uint64_t far = GM_BASE + GM_1G;

	gm_slot_set(q->vm, GM_SLOT + 1, 0, far, 8 * PG, p->mem->hva, -1, 0);
	gm_vm_map(q->vm, far, 8 * PG, PG);
	gm_guest_fill(p->vm, 0, GM_BASE, 8, GM_WRITER_SECRET, 1);
	pvm_kill(p);
	gm_guest_check_zero(q->vm, 0, far, 8, "memory of the previous VM");
	for (int page = 0; page < 8; page++) {
		struct pkvm_touch t = pkvm_load(p->mem->hva + page * PG);

		GM_EXPECT(t.signo == SIGSEGV,
			  "the host loads %s from page %d, which is donated to the next VM",
			  gm_word_str(t.val), page);
	}
	pvm_free(q);
	pvm_free(p);
}

/* Puts a reference to page 2 into a pipe; then the guest writes secrets to the page. */
static void make_old_reference(struct pvm *p, int pipe_fd[2])
{
	struct iovec iov = { pvm_hva(p, 2), PG };

	gm_host_fill(p->mem->hva, GM_BASE / PG, 8, GM_WRITER_HOST, 1);
	GM_SETUP_OK(pipe2(pipe_fd, O_CLOEXEC));
	GM_SETUP(vmsplice(pipe_fd[1], &iov, 1, 0) == (ssize_t)PG, "vmsplice: %s",
		 gm_errno_name(errno));
	gm_guest_fill(p->vm, 0, GM_BASE, 8, GM_WRITER_SECRET, 2);
	pvm_expect_hidden(p, 2, "the guest's page with an old reference");
}

GM_CASE(reclaim_pin, .name = "pkvm.reclaim_pin.pipe", .flags = GM_DESTRUCTIVE,
	.text = "the kernel reads by an old reference: zeros, the page is the host's, the guest's access is EFAULT, nothing else changes")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 8);
	uint8_t *buf = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd[2];

	GM_SETUP(buf != MAP_FAILED, "out of memory");
	make_old_reference(p, fd);
	memset(buf, 0xff, PG);
	GM_EXPECT_EQ(read(fd[0], buf, PG), PG, "bytes from the pipe");
	gm_host_check_zero(buf, 1, "the data that was read by the old reference");
	GM_EXPECT(!pkvm_load(pvm_hva(p, 2)).signo, "the host cannot read the reclaimed page");
	gm_host_check_zero(pvm_hva(p, 2), 1, "the reclaimed page");
	pvm_expect_stop(p, 0, pvm_gpa(2), EFAULT, "the reclaimed page");
	pvm_expect_hidden(p, 1, "the page below");
	pvm_expect_hidden(p, 3, "the page above");
	gm_guest_check(p->vm, 0, GM_BASE, 2, GM_WRITER_SECRET, 2, "the pages below");
	gm_guest_check(p->vm, 0, pvm_gpa(3), 5, GM_WRITER_SECRET, 2, "the pages above");
	close(fd[0]);
	close(fd[1]);
	pvm_free(p);
}

GM_CASE(share_poisoned, .name = "pkvm.share_poisoned.refused", .clause = "pkvm.share_poisoned",
	.flags = GM_DESTRUCTIVE | GM_REFUSAL,
	.text = "share and unshare of a reclaimed page: -3, and the page stays the host's")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 8);
	char buf[64];
	int fd[2];

	make_old_reference(p, fd);
	gm_promise(!pvm_share(p, 0, 1) && !pvm_unshare(p, 0, 1), "the page before can be shared");
	GM_EXPECT_EQ(read(fd[0], buf, sizeof(buf)), sizeof(buf), "bytes from the pipe");
	for (int i = 0; i < 2; i++) {
		pvm_expect_ret(pvm_share(p, 0, 2), INVALID_PARAMETER, 2, "MEM_SHARE");
		pvm_expect_ret(pvm_unshare(p, 0, 2), INVALID_PARAMETER, 2, "MEM_UNSHARE");
	}
	GM_EXPECT(!pkvm_load(pvm_hva(p, 2)).signo, "the host cannot read the reclaimed page");
	gm_host_check_zero(pvm_hva(p, 2), 1, "the reclaimed page");
	close(fd[0]);
	close(fd[1]);
	pvm_free(p);
}

/* Kernel paths that first get a reference to a page and access it later. Return bytes, or -1. */
static ssize_t path_vm_readv(uint8_t *hva, uint8_t *buf)
{
	struct iovec local = { buf, PG }, remote = { hva, PG };

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

static ssize_t path_proc_mem(uint8_t *hva, uint8_t *buf)
{
	int fd = GM_SETUP_OK(open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
	ssize_t n = pread(fd, buf, PG, (uintptr_t)hva);
	int err = errno;

	close(fd);
	errno = err;
	return n;
}

static ssize_t path_pipe(uint8_t *hva, uint8_t *buf)
{
	struct iovec iov = { hva, PG };
	ssize_t n;
	int fd[2];

	GM_SETUP_OK(pipe2(fd, O_CLOEXEC));
	n = vmsplice(fd[1], &iov, 1, 0);
	if (n > 0)
		n = read(fd[0], buf, PG);
	close(fd[0]);
	close(fd[1]);
	return n;
}

GM_CASE(kernel_paths, .name = "pkvm.reclaim_pin.kernel_paths", .flags = GM_DESTRUCTIVE,
	.text = "process_vm_readv, /proc/self/mem and vmsplice of unshared pages: an error or zeros, never the guest's data")
{
	static const struct {
		const char *name;
		ssize_t (*read)(uint8_t *hva, uint8_t *buf);
	} path[] = { { "process_vm_readv", path_vm_readv },
		     { "/proc/self/mem", path_proc_mem },
		     { "vmsplice", path_pipe } };
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 16);
	uint8_t *buf = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	GM_SETUP(buf != MAP_FAILED, "out of memory");
	gm_host_fill(p->mem->hva, GM_BASE / PG, 16, GM_WRITER_HOST, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(path); i++)
		GM_SETUP(path[i].read(p->mem->hva + 15 * PG, buf) == (ssize_t)PG &&
				 gm_word_writer(*(uint64_t *)buf) == GM_WRITER_HOST,
			 "%s of a page that is not donated", path[i].name);
	gm_guest_fill(p->vm, 0, GM_BASE, 14, GM_WRITER_SECRET, 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(path); i++) {
		uint64_t page = 2 + 4 * i, bad = 0;
		ssize_t n;

		memset(buf, 0, PG);
		n = path[i].read(pvm_hva(p, page), buf);
		gm_note("%s: %zd %s", path[i].name, n, n < 0 ? gm_errno_name(errno) : "");
		for (unsigned int w = 0; w < PG / 8; w++)
			bad += !!((uint64_t *)buf)[w];
		GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(pvm_gpa(page))), !bad,
			     "%s of an unshared page read %lu non-zero words; word 0 is %s",
			     path[i].name, bad, gm_word_str(*(uint64_t *)buf));
		pvm_expect_hidden(p, page + 1, "the page above");
		gm_guest_check(p->vm, 0, pvm_gpa(page + 1), 1, GM_WRITER_SECRET, 2,
			       "the page above");
		gm_guest_check(p->vm, 0, pvm_gpa(page - 1), 1, GM_WRITER_SECRET, 2,
			       "the page below");
	}
	pvm_free(p);
}

/* The ABI of mm/gup_test.h, which is not exported: a long-term pin, by which pages are read. */
struct longterm {
	__u64 addr, size;
	__u32 flags;
};

#define HOLD_START _IOW('g', 7, struct longterm)
#define HOLD_STOP _IO('g', 8)
#define HOLD_READ _IOW('g', 9, __u64)

GM_CASE(reclaim_gup, .name = "pkvm.reclaim_pin.gup_test", .flags = GM_DESTRUCTIVE,
	.needs = GM_NEEDS(GUP_TEST),
	.text = "a long-term pin older than the guest's first access: a read by it zeroes the page, and the guest's next access is EFAULT")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 8);
	uint8_t *buf =
		mmap(NULL, 2 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = GM_SETUP_OK(open("/sys/kernel/debug/gup_test", O_RDWR | O_CLOEXEC));
	struct longterm pin = { .addr = (uintptr_t)pvm_hva(p, 4), .size = 2 * PG };
	__u64 to = (uintptr_t)buf;

	GM_SETUP(buf != MAP_FAILED, "out of memory");
	gm_host_fill(p->mem->hva, GM_BASE / PG, 8, GM_WRITER_HOST, 1);
	GM_SETUP_OK(ioctl(fd, HOLD_START, &pin));
	GM_SETUP_OK(ioctl(fd, HOLD_READ, &to));
	gm_host_check(buf, pvm_gpa(4) / PG, 2, GM_WRITER_HOST, 1,
		      "read by the pin, before the guest's first access");
	gm_guest_fill(p->vm, 0, GM_BASE, 8, GM_WRITER_SECRET, 2);
	pvm_expect_hidden(p, 4, "the guest's page with a pin of the host");
	memset(buf, 0xff, 2 * PG);
	GM_EXPECT_OK(ioctl(fd, HOLD_READ, &to));
	gm_host_check_zero(buf, 2, "read by the pin");
	for (int i = 0; i < 2; i++) {
		GM_EXPECT(!pkvm_load(pvm_hva(p, 4 + i)).signo,
			  "the host cannot read the reclaimed page");
		gm_host_check_zero(pvm_hva(p, 4 + i), 1, "the reclaimed page");
		pvm_expect_stop(p, 0, pvm_gpa(4 + i), EFAULT, "the reclaimed page");
	}
	pvm_expect_hidden(p, 3, "the page below");
	pvm_expect_hidden(p, 6, "the page above");
	gm_guest_check(p->vm, 0, GM_BASE, 4, GM_WRITER_SECRET, 2, "the pages below");
	gm_guest_check(p->vm, 0, pvm_gpa(6), 2, GM_WRITER_SECRET, 2, "the pages above");
	GM_SETUP_OK(ioctl(fd, HOLD_STOP));
	close(fd);
	munmap(buf, 2 * PG);
	pvm_free(p);
}
