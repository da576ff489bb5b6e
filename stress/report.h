/* SPDX-License-Identifier: GPL-2.0-only */
/* What people and programs get to read about a run. */
#ifndef ST_REPORT_H
#define ST_REPORT_H

#include "soak.h"

/* A C program of one function per operation, which builds with the suite's library. */
void st_reproducer(const struct st_prog *p, FILE *f);
/* Summary files of several runs into one; gm-stress merge. Exit status as of st_cli(). */
int st_merge(int nr, char **dirs);
int st_sum_write(const struct st_sum *s, const char *dir);
/* The folder's files about one failure: SEED.gmops, SEED.min.gmops, SEED.txt, SEED.c. */
void st_report_failure(const char *dir, const struct st_prog *full, const struct st_prog *min,
		       enum st_end end, const struct st_result *r, const struct st_shrunk *s);

#endif
