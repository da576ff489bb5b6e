/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event stream: everything that is known about a run, in the order in which it happens.
 *
 * One JSON object a line, in UTF-8, without a newline inside. All output (TAP, results.json, JUnit,
 * logs, live view) is made of these lines alone. So a run can be rendered on another machine, and
 * a run whose machine died can be rendered up to its last event. A reader skips a line that is not
 * a JSON object and an "ev" that it does not know.
 *
 *   run_start	the first event. v: 1; version, kernel, arch, cpu, cmdline, time (UTC), seed (decimal, a
 *		string, since it has 64 bits), args[], profile, jobs, rounds (0: no end), klog and
 *		debugfs (bool: readable); timeout_scale, time_factor, speed (runner/speed.h, in
 *		microseconds); cases[]: the declarations (name, clause, clause_text,
 *		text, profile, needs[], caps[], flags[], tokens[], timeout, program), in the order in
 *		which they are reported; clauses[]: the whole contract (id, arch, profiles, text)
 *   case_start	case, round (from 0), seed (the --seed that repeats this round)
 *   case_miss	case, round, seed, fail of {at, text}: a miss when it happens. case_end repeats it;
 *		if the machine dies before case_end, the case FAILs for it
 *   log	case, text: what the case printed, in pieces
 *   case_end	case, round, seed, verdict (PASS FAIL SKIP ERROR), reason, remedy, time (s), checks,
 *		controls, fails[] of {at, text}, notes[], control_list[], leaks[] of {clause, text},
 *		tail (last output, of an ERROR or of the console), ended ("exit status 0")
 *		--retry: try (from 0) of a case that has failed, more (bool): another one follows
 *   finding	a leak that no single case can be blamed for: clause, text
 *   kmsg	text: new lines of the kernel log
 *   heartbeat	every few seconds: done, running[]
 *   broken	case, reason: the run ends without run_end, since this case left a kernel that must be
 *		booted again (--end-if-broken)
 *   run_end	the last event. interrupted: "" or the signal's name
 *   stream_end	added by the reader if the stream ends without run_end: reason, console (last lines),
 *		cases[]: those that ran then, or the one that left the kernel broken
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

/* Splits a byte stream into events. */
struct event_reader {
	char *buf;
	size_t len, room;
	unsigned long garbage; /* lines that are not events */
};

/* Calls emit for each whole line that is an event. */
void events_feed(struct event_reader *r, const char *data, size_t len, emit_fn emit, void *arg);
/* At end of file: parses a last line that has no newline, then frees the buffer. */
void events_end(struct event_reader *r, emit_fn emit, void *arg);

#endif
