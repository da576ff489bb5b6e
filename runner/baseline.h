/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What changed from an earlier run to this one, case by case.
 */
#ifndef GM_RUNNER_BASELINE_H
#define GM_RUNNER_BASELINE_H

#include "util.h"

/* The results.json of a folder, or a file like it. NULL after one line that begins with `option`. */
json_t *results_load(const char *option, const char *path);

/*
 * The changes from `before` to `after`, arrays of cases with name and verdict: [] of {case, change,
 * before, after}. A change is "newly failing" (FAIL or ERROR), "newly passing", "newly skipping",
 * "gone" (not in `after`) or "new". A case that did not run is none of these.
 */
json_t *baseline_changes(const json_t *before, const json_t *after);

/* Did coverage shrink: is a case newly skipping or gone? */
bool baseline_shrank(const json_t *changes);

/* "newly failing: NAME (PASS, now FAIL)", a line each; to be freed. */
char *baseline_text(const json_t *changes);

#endif
