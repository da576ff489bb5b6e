/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The side of check.c that main.c uses: where records (protocol.h) go, and how a case ends.
 * Cases use check.h.
 */
#ifndef GM_VERDICT_H
#define GM_VERDICT_H

#include "check.h"
#include "protocol.h"

/* `plain`: print for people instead of for the runner. `refusal`: PASS takes a control. */
void gm_report_open(int fd, bool plain, bool refusal);
/* Says the verdict, runs the clean-ups, ends the process. PASS turns into FAIL or ERROR by the counts. */
void gm_verdict(enum gm_verdict v, const char *reason, const char *remedy)
	__attribute__((noreturn));
/* Runs what gm_cleanup() registered, last first, once. */
void gm_cleanup_run(void);
/* The SKIP that follows is for this need, which no later case of the run will find either. */
void gm_missing(const char *need);
/* A difference that lib/case/own_leaks.c found: a miss of a leak.* clause. */
void gm_leak(const char *clause, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
