/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results of several runs side by side: which clause holds where.
 */
#ifndef GM_RUNNER_COMPARE_H
#define GM_RUNNER_COMPARE_H

#include "util.h"

/*
 * Prints one row a clause and one column a run; `dirs` are results folders, or files of the form of
 * results.json. Then the cases that hold in one run and not in another. EXIT_HELD where there is no
 * such case, EXIT_FAILED where there is, EXIT_USAGE (after one line) where one cannot be read.
 */
int compare(const struct strv *dirs, FILE *out);

#endif
