/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which cases of the catalogue run.
 */
#ifndef GM_RUNNER_SELECT_H
#define GM_RUNNER_SELECT_H

#include "catalogue.h"
#include "options.h"

/*
 * Sets `selected` by the options. 0, or EXIT_USAGE after one line: a filter that matches nothing,
 * an unknown name, an empty selection.
 */
int select_cases(struct catalogue *cat, const struct options *opt);

/* Whether a SKIP of this case is a FAIL (--require, --strict). */
bool is_required(const struct options *opt, const char *name, const char *clause);

#endif
