/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes the files of a run: failures, reproducers, sums. */
#ifndef ST_REPORT_H
#define ST_REPORT_H

#include "soak.h"

/* A C program that runs `p`; it builds with the suite's library. */
void st_reproducer(const struct st_prog *p, FILE *f);
/* gm-stress merge: adds up the summaries of several runs. Exit status as of st_cli(). */
int st_merge(int nr, char **dirs);
int st_sum_write(const struct st_sum *s, const char *dir);
/* Writes the files of one failure to `dir`: SEED.gmops, SEED.min.gmops, SEED.txt, SEED.c. */
void st_report_failure(const char *dir, const struct st_prog *full, const struct st_prog *min,
		       enum st_end end, const struct st_result *r, const struct st_shrunk *s);

#endif
