/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a case said on its report pipe, and what to make of it.
 */
#ifndef GM_RUNNER_REPORT_H
#define GM_RUNNER_REPORT_H

#include "../lib/isolate.h"
#include "util.h"

/* The records (lib/protocol.h) of one case. */
struct report {
	json_t *fails, *notes, *controls, *leaks;
	char *verdict, *reason, *remedy; /* verdict NULL: none yet */
	char *denied;  /* the call, and its errno, that a security policy denies it; or NULL */
	char *missing; /* the need that it SKIPs for and that will not come; or NULL */
	long long checks, nr_controls;
	unsigned int verdicts, garbled;
	unsigned long dropped; /* records beyond what is kept */
	char *line;	       /* of the record that is not complete yet */
	size_t line_len;
};

void report_init(struct report *r);
void report_feed(struct report *r, const char *data, size_t len);
void report_free(struct report *r);

struct judgement {
	const char *verdict;   /* constant string */
	char *reason, *remedy; /* to be freed; "" when there is none */
	bool skipped;	       /* SKIP, or FAIL for no other reason than that it was required */
};

struct judge_by {
	const struct gm_iso_end *end;
	bool keeper_lost; /* `end` says nothing */
	bool refusal, required;
	double timeout; /* seconds */
	bool interrupted;
	const char *stuck; /* what the kernel was at when the time was up, and long before; or "" */
};

/* The verdict. May add to r->fails, r->leaks and r->notes what it found. */
struct judgement judge(struct report *r, const struct judge_by *by);

/* That of a case like the one that was judged a SKIP, or a FAIL because it was required. */
struct judgement judge_skip(bool required, const char *reason, const char *remedy);

void report_note(struct report *r, const char *text);
void report_leak(struct report *r, const char *clause, const char *text);

/* "exit status 254", "killed by SIGSEGV (Segmentation fault)"; to be freed. */
char *describe_end(const struct gm_iso_end *end);

#endif
