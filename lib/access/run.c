// SPDX-License-Identifier: GPL-2.0-only
/* Runs one probe; a signal for a fault ends the probe and not the process. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "access.h"
#include "check.h"
#include "guard.h"
#include "underway.h"

/* Once per process, since threads run probes in parallel. */
static void catch_faults(void)
{
	gm_guard_catch(SIGBUS, NULL);
	gm_guard_catch(SIGSEGV, NULL);
}

struct run {
	const struct gm_access *a;
	struct gm_outcome o;
};

static void run_probe(void *arg)
{
	struct run *r = arg;

	errno = 0;
	gm_underway(r->a->probe->name);
	r->o.ret = r->a->probe->run(r->a);
	r->o.err = r->o.ret < 0 ? errno : 0;
}

struct gm_outcome gm_access_run(const struct gm_access *a)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct run r = { .a = a };
	struct gm_fault f;

	pthread_once(&once, catch_faults);
	if (!gm_guard(run_probe, &r, &f)) {
		r.o.ret = -1;
		r.o.sig = f.sig;
		r.o.code = f.code;
		r.o.addr = f.addr;
	}
	gm_underway_end();
	return r.o;
}

static const char *signal_name(int sig)
{
	return sig == SIGBUS ? "SIGBUS" : sig == SIGSEGV ? "SIGSEGV" : strsignal(sig);
}

static char *next_buffer(void)
{
	static __thread char s[4][96];
	static __thread unsigned int n;

	return s[n++ % 4];
}

const char *gm_outcome_str(const struct gm_outcome *o)
{
	char *s = next_buffer();

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
	char *s = next_buffer();

	switch (w->kind) {
	case GM_WANT_ERRNO:
		return gm_errno_name(w->val);
	case GM_WANT_SIGNAL:
		snprintf(s, 96, "%s code %d", signal_name(w->val), w->code);
		return s;
	case GM_WANT_NOTHING:
		return "success with 0 bytes";
	default:
		return "success";
	}
}
