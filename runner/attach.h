/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shows a run that happens elsewhere, and knows when that machine is gone.
 */
#ifndef GM_RUNNER_ATTACH_H
#define GM_RUNNER_ATTACH_H

#include "render.h"

/*
 * Reads the stream of opt->attach until its run_end, its end, a signal, or silence.
 * The exit code of the program: as of a run; EXIT_LOST when the stream broke and cases are left
 * (their names are then in opt->remaining), or when it held no run at all.
 */
int attach(struct render *r, const struct options *opt);

/* The last lines of the console log, to be freed; "" when there is none. */
char *console_tail(const char *file);

#endif
