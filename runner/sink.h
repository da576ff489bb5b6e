/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The output formats of a run.
 */
#ifndef GM_RUNNER_SINK_H
#define GM_RUNNER_SINK_H

#include "state.h"

/* TAP version 13, flat; see sink_tap.c. In pieces, for stdout while the run goes on. */
void tap_header(FILE *f, const struct state *st);
void tap_case(FILE *f, const struct state *st, const struct record *rec, size_t nr, bool verbose);
void tap_totals(FILE *f, const struct state *st);
/* The whole document as of now: a case without a verdict is "not ok". */
void tap_document(FILE *f, const struct state *st, bool verbose);

/* The content of results.json. */
json_t *json_results(const struct state *st);
/* Whole documents as of now, to be freed. */
char *json_document(const struct state *st);
char *junit_document(const struct state *st);

/* The live view of a terminal. */
struct view {
	const struct state *st;
	bool colour, live, verbose;
	bool line_shown;
	/* Cases skipped in a row for one reason, not printed yet. */
	const struct skip *held;
	unsigned int nr_held;
	double held_since;
	double last;
};

void view_init(struct view *v, const struct state *st, bool verbose);
void view_header(struct view *v);
void view_case(struct view *v, const struct record *rec);
void view_tick(struct view *v);
void view_summary(struct view *v);

#endif
