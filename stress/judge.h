/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions for the operations' observe() and expect(). */
#ifndef ST_JUDGE_H
#define ST_JUDGE_H

#include "exec.h"

/* Records a failure; only the first one counts. Always returns false. */
bool st_fail(struct st_run *r, uint32_t op, const char *clause, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

struct st_when st_when_of(const struct st_run *r, uint32_t i);

static inline bool st_overlap(struct st_when a, struct st_when b)
{
	return a.t0 < b.t1 && b.t0 < a.t1;
}

/* Whether an operation with one of the flags may have run at the same time. */
bool st_during(const struct st_run *r, uint32_t i, unsigned int flags);

/* --- observe() --- */

/* The stamp that operation i writes to page 0. */
static inline uint64_t st_stamp(uint32_t i, enum gm_writer author)
{
	return gm_ring_stamp(st_gfn(0), author, i);
}

/* A write of the guest to `regs`; it may be lost if the slot was deleted meanwhile. */
bool st_observe_guest_write(struct st_run *r, uint32_t i, struct st_event *e, unsigned int regs);

/* --- expect() --- */

/* Its result breaks the clause; `want` was expected. Always returns false. */
bool st_wrong(struct st_run *r, uint32_t i, const char *clause, const char *want);
/* The result is 0, or else it breaks the clause. */
bool st_expect_0(struct st_run *r, uint32_t i, const char *clause);
/* The result is not negative. */
bool st_expect_done(struct st_run *r, uint32_t i, const char *clause);
/* Judges every entry of its log. */
bool st_expect_reads(struct st_run *r, uint32_t i);
/* ops/conv.c: 0, or EAGAIN for one page of it that is in use. */
bool st_expect_conversion(struct st_run *r, uint32_t i);

/* --- hold.c --- */

/*
 * The page that operation i reached through a hold may have been removed from the file by a hole.
 */
bool st_may_be_detached(struct st_run *r, uint32_t i, uint32_t page);
/* The page may be held during `when`. */
bool st_may_be_held(struct st_run *r, uint32_t page, struct st_when when);
/* The first page of [page, page + n) that is held for certain; ST_NO_PAGE: none. */
uint32_t st_first_held(struct st_run *r, uint32_t page, uint32_t n, struct st_when when);

/* --- inplace.c: a private page refuses the host --- */

/* States that the page may have been in during operation i. */
unsigned int st_states(struct st_run *r, uint32_t i, uint32_t page);
/* Expects 0 if all pages are shared, EFAULT if one of them is private. */
bool st_expect_access(struct st_run *r, uint32_t i, const char *clause);
/* Judges one access of the host to one page; log NULL: it was not refused. */
bool st_expect_touch(struct st_run *r, uint32_t i, uint32_t page, const struct gm_ring_log *log);
/* Expects that no page of the memory at userspace_addr was touched. */
bool st_expect_untouched(struct st_run *r);

/* --- judge.c --- */

/* Judges all operations of the round; false: one failed. */
bool st_judge(struct st_run *r);
/* After the final check: expects that all huge pages are mapped as huge pages. */
bool st_judge_sizes(struct st_run *r);

#endif
