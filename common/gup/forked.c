// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory written by the kernel for another process is copied on write, and dirty, as by its own
 * write.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "frames.h"
#include "gm.h"

GM_FILE(.profile = "any", .caps = GM_CAPS_ALL)

#define PG GM_PAGE_SIZE
#define KPF_DIRTY 4 /* include/uapi/linux/kernel-page-flags.h */

static uint8_t *map_anon(void)
{
	uint8_t *p = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	GM_SETUP(p != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	return p;
}

static long by_vm(void *hva, uint64_t word)
{
	struct iovec from = { &word, 8 }, to = { hva, 8 };

	return process_vm_writev(getpid(), &from, 1, &to, 1, 0);
}

static long by_mem(void *hva, uint64_t word)
{
	int fd = GM_SETUP_OK(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
	long ret = pwrite(fd, &word, 8, (uintptr_t)hva);

	close(fd);
	/* The kernel may be configured not to force (CONFIG_PROC_MEM_*_FORCE). */
	if (ret < 0 && errno == EIO)
		gm_skip("/proc/pid/mem does not force", "boot with proc_mem.force_override=always");
	return ret;
}

struct writer {
	long (*write)(void *hva, uint64_t word);
	int prot; /* of the memory at the time */
};

/*
 * The frame is clean before: writes of the process itself are only in the page tables' dirty bits.
 */
GM_CASES(run, struct writer, w)
{
	uint64_t old = gm_word(1, GM_WRITER_HOST, 1, 0), new = gm_word(1, GM_WRITER_HOST, 2, 0),
		 pfn;
	uint8_t *mem = map_anon();
	int begin[2], status, dirty;
	pid_t pid;

	*(volatile uint64_t *)mem = old;
	GM_SETUP_OK(pipe(begin));
	pid = GM_SETUP_OK(fork());
	if (!pid) {
		char c;

		close(begin[1]);
		_exit(read(begin[0], &c, 1) < 0 || *(volatile uint64_t *)mem != old);
	}
	GM_SETUP_OK(mprotect(mem, PG, w->prot));
	GM_EXPECT_EQ(w->write(mem, new), 8, "bytes written");
	GM_EXPECT_EQ(*(volatile uint64_t *)mem, new, "the word after the write");
	/* Reclaim must know that the page has changed. */
	dirty = gm_frames_read(mem, 1, &pfn) ? gm_frames_flag(pfn, KPF_DIRTY) : -1;
	if (dirty < 0)
		gm_note("page frames cannot be read");
	GM_EXPECT(dirty, "the page was written, and it is not dirty");
	close(begin[1]);
	GM_SETUP_OK(waitpid(pid, &status, 0));
	close(begin[0]);
	GM_EXPECT(!status, "the write reached the child that shared the page (status %#x)", status);
	munmap(mem, PG);
}

GM_ROW(run, vm, .name = "gup.process_vm_writev.forked", .clause = "gup.process_vm_writev",
       .text = "a page shared with a child by fork(): the write goes to the own copy, which is dirty") = {
	.write = by_vm,
	.prot = PROT_READ | PROT_WRITE,
};
GM_ROW(run, mem, .name = "gup.proc_mem_write_force.forked", .clause = "gup.proc_mem_write_force",
       .text = "a page shared with a child by fork(): the write goes to the own copy, which is dirty") = {
	.write = by_mem,
	.prot = PROT_READ,
};
