/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Renders events to stdout and to the results folder.
 */
#ifndef GM_RUNNER_RENDER_H
#define GM_RUNNER_RENDER_H

#include "options.h"
#include "results_dir.h"
#include "sink.h"
#include "state.h"

struct render {
	const struct options *opt;
	struct state st;
	struct results res;
	struct view view;
	bool tty;
	bool replaying;	    /* reads old events: nothing is printed or written */
	bool listener_gone; /* stdout is a closed pipe */
	int err;	    /* an exit code that replaces that of the verdicts; 0: none */
	double last_beat;
};

void render_init(struct render *r, const struct options *opt, const char *rerun_format);
void render_free(struct render *r);

/* An emit_fn; `arg` is the struct render. */
void render_event(void *arg, json_t *ev);
/* Live line, heartbeat, periodic files. */
void render_tick(void *arg);
/* stdout is closed, or results cannot be written: the run must stop. */
bool render_broken(void *arg);

/* Continues the results in `dir`. 0 or EXIT_USAGE after one line. */
int render_resume(struct render *r, const char *dir);

/*
 * Makes each case without a verdict an ERROR with `reason`; prints the totals, writes all files.
 * Returns the exit code of the program.
 */
int render_finish(struct render *r, const char *reason);

#endif
