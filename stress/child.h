/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program runs in a process of its own: whatever it causes, the caller lives, knows what became
 * of it, and goes on with the next.
 */
#ifndef ST_CHILD_H
#define ST_CHILD_H

#include "exec.h"

enum st_end {
	ST_HELD,   /* every promise held */
	ST_FAILED, /* one did not: result.clause, result.text */
	ST_ERROR,  /* the question could not be put; text says why */
	ST_HUNG,   /* it did not end in its time */
	ST_DIED,   /* the process was killed, by whom text says */
	ST_SKIP,   /* the platform lacks something */
};

const char *st_end_name(enum st_end e);
/* Runs it; `out`, of st_result_new(), is filled. timeout_ms 0: a minute and a half. */
enum st_end st_child_run(const struct st_prog *p, struct st_result *out, unsigned int timeout_ms);
/* Memory that a child can fill; freed with st_result_free(). */
struct st_result *st_result_new(void);
void st_result_free(struct st_result *r);

#endif
