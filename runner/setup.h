/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --setup: allocates the huge pages that the selected cases declare, and frees them after the run.
 * Also restores settings that a killed run or case left changed.
 */
#ifndef GM_RUNNER_SETUP_H
#define GM_RUNNER_SETUP_H

#include "journal.h"
#include "catalogue.h"

/* 0 or EXIT_USAGE after one line. If a pool stays too small, prints that; the cases then SKIP. */
int setup_begin(struct gm_journal *j, const struct catalogue *cat);
void setup_end(struct gm_journal *j);

/* Restores the settings that a killed run left changed, and prints how many. */
void setup_recover(void);
/*
 * The same for a dead case of this run. Returns how many, or -errno; prints what it cannot restore.
 */
int setup_put_back(void);

#endif
