/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs a program in a process of its own, so that the caller survives whatever the program causes
 * and can run the next one.
 */
#ifndef ST_CHILD_H
#define ST_CHILD_H

#include "exec.h"

enum st_end {
	ST_HELD,   /* no clause was broken */
	ST_FAILED, /* a clause was broken: result.clause, result.text */
	ST_ERROR,  /* the program could not run; text says why */
	ST_HUNG,   /* it did not end within its time limit */
	ST_DIED,   /* the process was killed; text has the signal */
	ST_SKIP,   /* the platform lacks something; text says what */
};

const char *st_end_name(enum st_end e);
/* Runs `p` and fills `out`, which st_result_new() made. timeout_ms 0: 90 seconds. */
enum st_end st_child_run(const struct st_prog *p, struct st_result *out, unsigned int timeout_ms);
/* A result in memory shared with the child; free it with st_result_free(). */
struct st_result *st_result_new(void);
void st_result_free(struct st_result *r);

#endif
