/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gm-run --compare: results of several runs side by side.
 */
#ifndef GM_RUNNER_COMPARE_H
#define GM_RUNNER_COMPARE_H

#include "util.h"

/*
 * Prints one row a clause and one column a run, then the cases that hold in one run and not in
 * another. `dirs` are results folders or files like results.json. EXIT_HELD if there is no such
 * case, EXIT_FAILED if there is one, EXIT_USAGE (after one line) if results cannot be read.
 */
int compare(const struct strv *dirs, FILE *out);

#endif
