/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The forms that a run is written in.
 */
#ifndef GM_RUNNER_SINK_H
#define GM_RUNNER_SINK_H

#include "state.h"

/* TAP version 13, flat; see sink_tap.c. Pieces, for the live stream on stdout. */
void tap_header(FILE *f, const struct state *st);
void tap_case(FILE *f, const struct state *st, const struct record *rec, size_t nr, bool verbose);
void tap_totals(FILE *f, const struct state *st);
/* A whole document of the moment: what has no verdict yet is "not ok". */
void tap_document(FILE *f, const struct state *st, bool verbose);

/* Whole documents of the moment, to be freed. */
char *json_document(const struct state *st);
char *junit_document(const struct state *st);

/* The live view of a terminal. */
struct view {
	const struct state *st;
	bool colour, live, verbose;
	bool line_shown;
	/* Skipped in a row for one reason, and not told yet. */
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
