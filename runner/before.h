/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The run before this one, in the same folder of results.
 */
#ifndef GM_RUNNER_BEFORE_H
#define GM_RUNNER_BEFORE_H

#include "util.h"

/*
 * Compares `run`, the content of results.json of the run in the folder `dir`, with the newest earlier run
 * beside it that ended, on the same architecture in the same mode. Returns {run, start, kernel, common,
 * changes[]}, or NULL if there is none. If the two did not have the same options, only cases of both are
 * compared (`common`).
 */
json_t *before_compare(const char *dir, const json_t *run);

#endif
