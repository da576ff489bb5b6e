// SPDX-License-Identifier: GPL-2.0-only
/* Runs one probe so that a fault of it is an outcome and not the end of the process. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "access.h"
#include "check.h"
#include "underway.h"

static __thread sigjmp_buf here;
static __thread volatile sig_atomic_t armed;
static __thread volatile sig_atomic_t fault_sig, fault_code;
static __thread volatile uintptr_t fault_addr;

static void on_fault(int sig, siginfo_t *info, void *uc)
{
	if (!armed) {
		/* Not ours: happens again, with nobody to catch it, and ends the case. */
		signal(sig, SIG_DFL);
		return;
	}
	fault_sig = sig;
	fault_code = info->si_code;
	fault_addr = (uintptr_t)info->si_addr;
	siglongjmp(here, 1);
}

/* Handlers belong to the process and threads probe side by side: set once, armed per thread. */
static void catch_faults(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
}

struct gm_outcome gm_access_run(const struct gm_access *a)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct gm_outcome o = { 0 };

	pthread_once(&once, catch_faults);
	if (!sigsetjmp(here, 1)) {
		armed = 1;
		errno = 0;
		gm_underway(a->probe->name);
		o.ret = a->probe->run(a);
		o.err = o.ret < 0 ? errno : 0;
	} else {
		o.ret = -1;
		o.sig = fault_sig;
		o.code = fault_code;
		o.addr = fault_addr;
	}
	armed = 0;
	gm_underway_end();
	return o;
}

static const char *signal_name(int sig)
{
	return sig == SIGBUS ? "SIGBUS" : sig == SIGSEGV ? "SIGSEGV" : strsignal(sig);
}

static char *turn(void)
{
	static __thread char s[4][96];
	static __thread unsigned int n;

	return s[n++ % 4];
}

const char *gm_outcome_str(const struct gm_outcome *o)
{
	char *s = turn();

	if (o->ret < 0 && !o->sig)
		return gm_errno_name(o->err);
	if (o->sig)
		snprintf(s, 96, "%s code %d at %#lx", signal_name(o->sig), o->code, o->addr);
	else
		snprintf(s, 96, "success (%ld)", o->ret);
	return s;
}

const char *gm_want_str(const struct gm_want *w)
{
	char *s = turn();

	switch (w->kind) {
	case GM_WANT_ERRNO:
		return gm_errno_name(w->val);
	case GM_WANT_SIGNAL:
		snprintf(s, 96, "%s code %d", signal_name(w->val), w->code);
		return s;
	case GM_WANT_NOTHING:
		return "nothing moved";
	default:
		return "success";
	}
}
