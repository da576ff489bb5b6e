// SPDX-License-Identifier: GPL-2.0-only
/* A guest that an emulated CPU shut down is asked again, at most twice. */
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "again.h"
#include "check.h"

#define TRIES 3
#define ASK_AGAIN 86 /* an exit status that nothing else here has */

static int tries_left;

/* The hypervisor's signature that QEMU's emulator shows: target/i386/cpu.c, leaf 0x40000000. */
static bool emulated_cpu(void)
{
#if defined(__x86_64__)
	unsigned int a, b = 0, c = 0, d = 0;

	__cpuid(1, a, b, c, d);
	if (!(c & 1u << 31))
		return false;
	__cpuid(0x40000000, a, b, c, d);
	return b == 0x54474354 && c == 0x43544743 && d == 0x47435447; /* "TCGTCGTCGTCG" */
#else
	return false;
#endif
}

void gm_again_arm(void)
{
	int status;
	pid_t pid;

	if (!emulated_cpu())
		return;
	for (tries_left = TRIES - 1;; tries_left--) {
		pid = fork();
		GM_SETUP(pid >= 0, "fork: %s", gm_errno_name(errno));
		if (!pid)
			return;
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != ASK_AGAIN)
			break;
		gm_note("a guest shut down on an emulated CPU: asked again, %d left",
			tries_left - 1);
	}
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	_exit(WEXITSTATUS(status));
}

void gm_again(void)
{
	if (tries_left > 0 && !gm_failures())
		_exit(ASK_AGAIN);
}
