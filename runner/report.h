/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The records of a case on its report pipe, and the verdict that follows from them.
 */
#ifndef GM_RUNNER_REPORT_H
#define GM_RUNNER_REPORT_H

#include "isolate.h"
#include "util.h"

/* The records (lib/watch/protocol.h) of one case. */
struct report {
	json_t *fails, *notes, *controls, *leaks;
	char *verdict, *reason, *remedy; /* verdict NULL: none yet */
	char *denied;  /* the call that a security policy denies, with its errno; or NULL */
	char *missing; /* the need that it SKIPs for, which this kernel cannot get; or NULL */
	long long checks, nr_controls;
	unsigned int verdicts, garbled;
	unsigned long dropped; /* records beyond what is kept */
	char *line;	       /* of the record that is not complete yet */
	size_t line_len;
};

#define MESSAGE_LINES 8 /* of a kernel log, in the reason of a FAIL */

void report_init(struct report *r);
void report_feed(struct report *r, const char *data, size_t len);
void report_free(struct report *r);

struct judgement {
	const char *verdict;   /* constant string */
	char *reason, *remedy; /* to be freed; "" when there is none */
	bool skipped;	       /* SKIP, or FAIL only because a SKIP was forbidden (--require) */
};

struct judge_by {
	const struct gm_iso_end *end;
	bool keeper_lost; /* then `end` is not valid */
	bool refusal, required;
	double timeout; /* seconds */
	bool interrupted;
	const char *stuck; /* the call that had not returned for long when the time was up; or "" */
};

/* The verdict. Adds what it finds to r->fails, r->leaks and r->notes. */
struct judgement judge(struct report *r, const struct judge_by *by);

/* The verdict of a case that skips: SKIP, or FAIL if it is `required`. */
struct judgement judge_skip(bool required, const char *reason, const char *remedy);

void report_note(struct report *r, const char *text);
void report_leak(struct report *r, const char *clause, const char *text);

/* "exit status 254", "killed by SIGSEGV (Segmentation fault)"; to be freed. */
char *describe_end(const struct gm_iso_end *end);

#endif
