/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * index.html: one page about one run, and one about several runs side by side. Both are made from
 * results.json alone, are one file without scripts, and name the files beside them only in links.
 */
#ifndef GM_RUNNER_PAGE_H
#define GM_RUNNER_PAGE_H

#include "runs.h"

/* The page of one run; `run` is the content of its results.json. To be freed. */
char *page_document(const json_t *run);
/* The page of several runs: a column a run, a row a clause. To be freed. */
char *page_report(const struct runs *runs);
/* Loads the runs and writes their page to `file`. 0, or EXIT_USAGE after one line. */
int page_report_write(const struct strv *paths, const char *file);

/* The sections of a page; each writes what is below its heading. */
void page_failures(FILE *f, const json_t *run);
void page_known(FILE *f, const json_t *run);
void page_skips(FILE *f, const json_t *run);
void page_changes(FILE *f, const json_t *run);
void page_coverage(FILE *f, const json_t *run);
void page_gup(FILE *f, const json_t *run);
void page_maps(FILE *f, const json_t *run);
void page_times(FILE *f, const json_t *run);
void page_machine(FILE *f, const json_t *run);
void page_cases(FILE *f, const json_t *run);

/* Pieces that several sections have. */
bool page_is(const json_t *c, const char *verdict);
bool page_is_bad(const json_t *c); /* FAIL or ERROR */
/* The maps in the case's notes as an image; returns its size in bytes, 0 if there is none. */
size_t page_map(FILE *f, const json_t *c);
/* "0.25 s", "12 min 5 s" */
void page_seconds(FILE *f, double seconds);

#endif
