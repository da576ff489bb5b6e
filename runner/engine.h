/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs the selected cases and says as events what becomes of them. Renders nothing.
 */
#ifndef GM_RUNNER_ENGINE_H
#define GM_RUNNER_ENGINE_H

#include "catalogue.h"
#include "events.h"
#include "options.h"

struct engine_io {
	emit_fn emit;
	void (*tick)(void *arg);   /* called several times a second */
	bool (*broken)(void *arg); /* nobody listens any more: stop */
	void *arg;
	double settle; /* seconds that a leak may take to go; 0: the usual 3 */
};

/* Returns 0, or the signal that ended the run early. */
int engine_run(const struct catalogue *cat, const struct options *opt, const struct engine_io *io);

/* Signals that end a run come here; stop_signal() is 0 as long as none did. */
void catch_signals(void);
int stop_signal(void);
int stop_fd(void);		  /* readable once a signal came */
const char *signal_name(int sig); /* "SIGINT" */

#endif
