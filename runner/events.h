/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event stream: all that a run says, in the order in which it happens.
 *
 * One JSON object a line, UTF-8, no newline inside, a newline behind. Everything that is rendered
 * (TAP, results.json, JUnit, logs, live view) is made of these lines alone, so a run can be shown
 * on another machine, and a run whose machine died can be told up to its last word. A reader skips
 * a line that is no JSON object and an "ev" that it does not know.
 *
 *   run_start	the first event. v: 1; version, kernel, arch, cmdline, time (UTC), seed (decimal, a
 *		string, since it has 64 bits), args[], profile, jobs, rounds (0: open end), klog and
 *		debugfs (bool: could be read); cases[]: the declarations (name, clause, clause_text,
 *		text, profile, needs[], caps[], flags[], tokens[], timeout, program), in the order in
 *		which they are reported
 *   case_start	case, round (from 0), seed (what --seed must be to get this round again)
 *   case_miss	case, round, seed, fail of {at, text}: a miss as it comes. Where case_end follows, it has it
 *		too; where the machine dies before, it is the case's verdict: FAIL
 *   log	case, text: what the case printed, in pieces
 *   case_end	case, round, seed, verdict (PASS FAIL SKIP ERROR), reason, remedy, time (s), checks,
 *		controls, fails[] of {at, text}, notes[], control_list[], leaks[] of {clause, text},
 *		tail (last output, only if there was no good verdict), ended ("exit status 0")
 *   finding	a miss of the whole run that no single case can be blamed for: clause, text
 *   kmsg	text: new lines of the kernel log
 *   heartbeat	every few seconds: done, running[]
 *   run_end	the last one. interrupted: "" or the signal's name
 *   stream_end	added by the reader when the stream broke: reason, console (last lines)
 *
 * Every event has t, the seconds since run_start.
 */
#ifndef GM_RUNNER_EVENTS_H
#define GM_RUNNER_EVENTS_H

#include "util.h"

#define EVENTS_VERSION 1

/* Takes the event over. */
typedef void (*emit_fn)(void *arg, json_t *event);

/* {"ev": name, "t": t} */
json_t *event_new(const char *name, double t);

/* One line, with its newline. 0 or -errno. */
int event_write(int fd, const json_t *event);

/* Cuts what it is fed into events. */
struct event_reader {
	char *buf;
	size_t len, room;
	unsigned long garbage; /* lines that were no events */
};

/* Calls emit for each whole line that is an event. */
void events_feed(struct event_reader *r, const char *data, size_t len, emit_fn emit, void *arg);
/* At the end: a last line without newline is given a chance, then all is freed. */
void events_end(struct event_reader *r, emit_fn emit, void *arg);

#endif
