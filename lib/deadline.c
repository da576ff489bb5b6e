// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <unistd.h>

#include "gm.h"

static void too_late(int sig __attribute__((unused)))
{
	/* The thread is inside KVM_RUN: nothing of the library is half done. */
	gm_checked();
	GM_FAIL("the guest does not come back: it faults, or waits, for ever");
	gm_end();
}

void gm_deadline(unsigned int seconds)
{
	struct sigaction sa = { .sa_handler = too_late };

	GM_SETUP_OK(sigaction(SIGALRM, &sa, NULL));
	alarm(seconds);
}
