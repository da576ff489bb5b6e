// SPDX-License-Identifier: GPL-2.0-only
/* The host's side of the fd.* cases: controls, touches that may fault, children, dirty memory. */
#include <setjmp.h>
#include <signal.h>

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

static sigjmp_buf back;
static volatile int caught_code;

static void caught(int sig, siginfo_t *info, void *ctx __attribute__((unused)))
{
	caught_code = info->si_code;
	siglongjmp(back, sig);
}

int fd_touch(const volatile void *addr, bool write, int *code)
{
	struct sigaction sa = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO }, bus, segv;
	volatile uint64_t *word = (volatile uint64_t *)addr;
	int sig;

	GM_SETUP_OK(sigaction(SIGBUS, &sa, &bus));
	GM_SETUP_OK(sigaction(SIGSEGV, &sa, &segv));
	caught_code = 0;
	sig = sigsetjmp(back, 1);
	if (!sig) {
		uint64_t val = *word;

		if (write)
			*word = val;
	}
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	if (code)
		*code = caught_code;
	return sig;
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
	/* Small pages, so that they are freed into the lists that single pages come from. */
	madvise(p, bytes, MADV_NOHUGEPAGE);
	for (uint64_t i = 0; i < bytes / 8; i++)
		p[i] = gm_word(0xdeadbee, GM_HALF_HOST, 0xffff, i);
	munmap(p, bytes);
}
