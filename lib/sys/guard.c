// SPDX-License-Identifier: GPL-2.0-only
/* Runs code whose accesses may fault: SIGBUS and SIGSEGV end that code, not the process. */
#include <setjmp.h>

#include "guard.h"

/* Per thread: the signal handler is the process's, but threads run guarded code in parallel. */
static __thread sigjmp_buf back;
static __thread volatile sig_atomic_t guarded;
static __thread struct gm_fault fault;

static void caught(int sig, siginfo_t *info, void *ctx __attribute__((unused)))
{
	if (!guarded) {
		signal(sig, SIG_DFL);
		return;
	}
	fault = (struct gm_fault){ sig, info->si_code, (uintptr_t)info->si_addr };
	siglongjmp(back, 1);
}

int gm_guard_catch(int sig, struct sigaction *old)
{
	/* SA_NODEFER: the signal is not blocked after the jump, and gm_guard() saves no mask. */
	struct sigaction sa = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_NODEFER };

	return sigaction(sig, &sa, old);
}

bool gm_guard(void (*fn)(void *arg), void *arg, struct gm_fault *f)
{
	if (sigsetjmp(back, 0)) {
		guarded = 0;
		*f = fault;
		return false;
	}
	guarded = 1;
	fn(arg);
	guarded = 0;
	return true;
}

struct word {
	volatile uint64_t *addr;
	uint64_t val;
};

static void load(void *arg)
{
	struct word *w = arg;

	w->val = *w->addr;
}

static void store(void *arg)
{
	struct word *w = arg;

	*w->addr = w->val;
}

bool gm_guard_load(const volatile void *addr, uint64_t *val, struct gm_fault *f)
{
	struct word w = { .addr = (volatile uint64_t *)addr };

	if (!gm_guard(load, &w, f))
		return false;
	*val = w.val;
	return true;
}

bool gm_guard_store(volatile void *addr, uint64_t val, struct gm_fault *f)
{
	struct word w = { .addr = addr, .val = val };

	return gm_guard(store, &w, f);
}
