/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Renders a run that happens on another machine, and notices when that machine dies.
 */
#ifndef GM_RUNNER_ATTACH_H
#define GM_RUNNER_ATTACH_H

#include "render.h"

/*
 * Reads the stream of opt->attach until run_end, end of file, a signal, or opt->silence seconds
 * without an event. Returns the exit code of the program: that of the run, or EXIT_LOST when the
 * stream broke and cases are left (opt->remaining then has their names) or had no run in it.
 */
int attach(struct render *r, const struct options *opt);

#endif
