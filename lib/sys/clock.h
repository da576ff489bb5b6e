/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GM_CLOCK_H
#define GM_CLOCK_H

#include <time.h>

/* Seconds of the monotonic clock. Any thread, any signal handler; cannot fail. */
static inline double gm_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

#endif
