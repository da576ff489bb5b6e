// SPDX-License-Identifier: GPL-2.0-only
/* Host helpers of the fd.* cases: controls, children, memory with a pattern. */
#include "fd.h"

int fd_memfd(uint64_t size)
{
	int fd = GM_SETUP_OK(memfd_create("gm-control", MFD_CLOEXEC | MFD_ALLOW_SEALING));

	GM_SETUP_OK(ftruncate(fd, size));
	return fd;
}

uint8_t *fd_mmap(int fd, uint64_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	GM_SETUP(p != MAP_FAILED, "mmap of %#lx bytes, shared: %s", size, gm_errno_name(errno));
	return p;
}

int fd_in_child(int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = GM_SETUP_OK(fork());
	if (!pid)
		_exit(fn(arg) & 0x7f);
	GM_SETUP_OK(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void fd_dirty_free_memory(uint64_t bytes)
{
	uint64_t *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	GM_SETUP(p != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	/* Small pages are freed to the lists from which single pages are allocated. */
	madvise(p, bytes, MADV_NOHUGEPAGE);
	for (uint64_t i = 0; i < bytes / 8; i++)
		p[i] = gm_word(0xdeadbee, GM_WRITER_HOST, 0xffff, i);
	munmap(p, bytes);
}
