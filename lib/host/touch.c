// SPDX-License-Identifier: GPL-2.0-only
/* One load or store of the host that may fault. */
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "check.h"
#include "touch.h"

static sigjmp_buf back;
static volatile int caught_code;

static void caught(int sig, siginfo_t *info, void *ctx __attribute__((unused)))
{
	caught_code = info->si_code;
	siglongjmp(back, sig);
}

int gm_touch(const volatile void *addr, bool write, int *code)
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
