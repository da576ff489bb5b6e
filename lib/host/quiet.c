// SPDX-License-Identifier: GPL-2.0-only
#include "quiet.h"

#include <unistd.h>

#include "check.h"
#include "clock.h"

#define SECONDS 2.0

void gm_require_quiet(long (*count)(void), long limit)
{
	double end = gm_now() + SECONDS;
	long least = count(), most = least;

	while (gm_now() < end) {
		long now = count();

		least = now < least ? now : least;
		most = now > most ? now : most;
		usleep(5 * 1000);
	}
	gm_note("a counter of the whole machine changes by %ld by itself, limit %ld", most - least,
		limit);
	if (most - least >= limit)
		gm_skip("other programs change what the case counts over the whole machine",
			"run it while the machine does nothing else");
}
