// SPDX-License-Identifier: GPL-2.0-only
/*
 * Turns a signal that ends the run into a readable file, so that poll() never misses it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

static volatile sig_atomic_t caught;
static int fds[2] = { -1, -1 };

static void on_signal(int sig)
{
	int err = errno;
	char c = sig;

	if (!caught)
		caught = sig;
	if (write(fds[1], &c, 1) < 0)
		errno = err;
	errno = err;
}

void catch_signals(void)
{
	static const int stops[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction sa = { .sa_handler = on_signal };

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(stops); i++) {
		struct sigaction old;

		/* nohup ignores SIGHUP: leave it ignored. */
		if (!sigaction(stops[i], NULL, &old) && old.sa_handler == SIG_IGN)
			continue;
		sigaction(stops[i], &sa, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
}

int stop_signal(void)
{
	return caught;
}

int stop_fd(void)
{
	return fds[0];
}

const char *signal_name(int sig)
{
	static char name[32];

	snprintf(name, sizeof(name), "SIG%s", sigabbrev_np(sig) ?: "?");
	return sig ? name : "";
}
