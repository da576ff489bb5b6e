/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The results folder: every file in it is complete at any moment, even after a kill -9.
 *
 * tap.txt, results.json, junit.xml and index.html are replaced as a whole by rename(), at most about once a
 * second; logs, dmesg.txt and events.jsonl only grow by whole lines.
 */
#ifndef GM_RUNNER_RESULTS_DIR_H
#define GM_RUNNER_RESULTS_DIR_H

#include "state.h"

struct results {
	char *dir; /* NULL: nothing is written */
	int fd, events;
	int err;      /* the first errno; then nothing is written any more */
	int page_err; /* of the last attempt to write index.html, which the others do not need */
	bool dirty, verbose;
	double last, cost; /* when the documents were written, and how long that took */
};

/* Makes BASE/<time>-<kernel>-<arch> and BASE/latest. 0, or -errno after one line on stderr. */
int results_create(struct results *res, const char *base, const struct state *st);
/* Continues in a folder that exists. */
int results_reopen(struct results *res, const char *dir);
/* Appends the event to events.jsonl, and what it has to the case's log and to dmesg.txt. */
void results_event(struct results *res, const struct state *st, const json_t *ev);
/* Writes the documents if it is time, or now if `last`. */
void results_write(struct results *res, const struct state *st, bool last);
void results_close(struct results *res);

/* Calls emit for each event kept in the folder. 0, or -errno after one line. */
int results_replay(const char *dir, void (*emit)(void *arg, json_t *event), void *arg);

#endif
