/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs the selected cases and emits events about them. Renders nothing.
 */
#ifndef GM_RUNNER_ENGINE_H
#define GM_RUNNER_ENGINE_H

#include "catalogue.h"
#include "events.h"
#include "options.h"

struct engine_io {
	emit_fn emit;
	void (*tick)(void *arg);   /* called several times a second */
	bool (*broken)(void *arg); /* true: the output cannot be written, stop the run */
	void *arg;
	double settle; /* how many seconds a leak may take to go away; 0: the default, 3 */
};

/* Returns 0, or the signal that ended the run early. */
int engine_run(const struct catalogue *cat, const struct options *opt, const struct engine_io *io);

/* Catches the signals that end a run. stop_signal(): the first one caught, or 0. */
void catch_signals(void);
int stop_signal(void);
int stop_fd(void);		  /* readable once a signal was caught */
const char *signal_name(int sig); /* "SIGINT" */

#endif
