// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "deadline.h"

static atomic_ulong begun, ended;
static atomic_llong changed; /* ms, when one of them last was */
static const char *_Atomic latest;
static long long limit; /* ms */

/* Coarse: read for every entry of a vCPU, and no system call anywhere. */
static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

void gm_underway(const char *what)
{
	latest = what;
	changed = now_ms();
	begun++;
}

void gm_underway_end(void)
{
	changed = now_ms();
	ended++;
}

static void too_late(int sig __attribute__((unused)))
{
	int err = errno;
	long long still = now_ms() - changed;

	if (begun != ended && still >= limit / 3) {
		gm_checked();
		GM_FAIL("%s does not come back: for %lld s it faults, or waits, without end",
			latest, still / 1000);
		gm_end();
	}
	errno = err;
}

void gm_deadline(double seconds)
{
	struct sigaction sa = { .sa_handler = too_late, .sa_flags = SA_RESTART };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMAX - 1 };
	struct itimerspec when = {};
	timer_t timer;

	limit = seconds * 1000;
	when.it_value.tv_sec = limit * 9 / 10 / 1000;
	when.it_value.tv_nsec = limit * 9 / 10 % 1000 * 1000000;
	/* To this thread: one that the test has blocked signals in would keep it waiting. */
	ev._sigev_un._tid = gettid();
	GM_SETUP_OK(sigaction(ev.sigev_signo, &sa, NULL));
	GM_SETUP_OK(timer_create(CLOCK_MONOTONIC, &ev, &timer));
	GM_SETUP_OK(timer_settime(timer, 0, &when, NULL));
}
