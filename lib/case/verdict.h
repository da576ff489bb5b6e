/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of check.c for main.c: where records (protocol.h) go, and how a case ends. Cases use
 * check.h.
 */
#ifndef GM_VERDICT_H
#define GM_VERDICT_H

#include "check.h"
#include "protocol.h"

/* `plain`: print for people, not for the runner. `refusal`: PASS needs a control that held. */
void gm_report_open(int fd, bool plain, bool refusal);
/* Runs the clean-ups, reports the verdict, exits. The counts can turn PASS into FAIL or ERROR. */
void gm_verdict(enum gm_verdict v, const char *reason, const char *remedy)
	__attribute__((noreturn));
/* Runs the functions of gm_cleanup(), last registered first, once. */
void gm_cleanup_run(void);
/* Reports that this need stays missing for the whole run. A SKIP for it follows. */
void gm_missing(const char *need);
/* A difference that own_leaks.c has found: a miss of a leak.* clause. */
void gm_leak(const char *clause, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
