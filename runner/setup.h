/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --setup: gives the selected cases the huge pages that they ask for, and takes them back after.
 * And settings that the dead left changed.
 */
#ifndef GM_RUNNER_SETUP_H
#define GM_RUNNER_SETUP_H

#include "../lib/journal.h"
#include "catalogue.h"

/* 0 or EXIT_USAGE after one line. What a pool cannot give is said, and left to the cases' SKIP. */
int setup_begin(struct gm_journal *j, const struct catalogue *cat);
void setup_end(struct gm_journal *j);

/* Undoes what a run left that was killed. Says so. */
void setup_recover(void);
/* The same for a case of this run that is dead: how many settings, or -errno. Says what cannot be. */
int setup_put_back(void);

#endif
