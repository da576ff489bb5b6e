// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <sys/time.h>

#include "check.h"
#include "ticks.h"

static void nothing(int sig __attribute__((unused))) {}

void gm_ticks(unsigned int first_us, unsigned int every_us)
{
	struct itimerval tick = { .it_value = { 0, first_us }, .it_interval = { 0, every_us } };
	struct sigaction sa = { .sa_handler = nothing, .sa_flags = SA_RESTART };

	GM_SETUP_OK(sigaction(SIGALRM, &sa, NULL));
	GM_SETUP_OK(setitimer(ITIMER_REAL, &tick, NULL));
}

void gm_ticks_stop(void)
{
	struct itimerval off = { 0 };

	GM_SETUP_OK(setitimer(ITIMER_REAL, &off, NULL));
}
