/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is a read explained by some order of the operations that overlap it?
 *
 * The oracle gets every change with the two moments, on one clock, between which it happened,
 * and keeps for each page its history. A page has two halves; each half has four registers: word
 * 0, the body, the counter, and the word that is a stack. A value is explained for a read over [a, b] if some change wrote it
 * that began before b and that no later change certainly overwrote before a, into a half that the
 * page could be in between a and b. Where operations do not overlap, exactly one value is left. What
 * a read saw is evidence, too: what was over before that read began is gone for all that come after.
 * What the check takes for certain is certain: it accuses nobody wrongly. Knows no KVM.
 *
 * Where conversion is in place, a page has one memory, whichever state it is in: content has no half
 * then, and the halves of a page are its state only.
 */
#ifndef ST_ORACLE_H
#define ST_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

enum st_half { ST_SHARED = 1, ST_PRIVATE = 2, ST_BOTH = 3 }; /* bits */

enum st_reg { ST_WORD0 = 1, ST_BODY = 2, ST_COUNTER = 4, ST_STACK = 8 }; /* bits */

enum st_change {
	ST_CONVERT,	/* to the half in `halves` */
	ST_GUEST_WRITE, /* into the half that the guest saw */
	ST_HOST_WRITE,	/* into the shared half */
	ST_ZERO,	/* the half in `halves` becomes zero, the registers in `regs`; 0: all */
	ST_COUNT,	/* the guest adds one to the counter of the half that it saw */
	ST_SEEN,	/* no change: the half in `halves` was read, and the stamp was there */
};

struct st_when {
	uint64_t t0, t1;
};

struct st_oracle;

struct st_oracle *st_oracle_new(uint32_t pages);
/* In place: one memory a page; `start`: the half, or state, of all pages at first. */
struct st_oracle *st_oracle_new_inplace(uint32_t pages, enum st_half start);
void st_oracle_free(struct st_oracle *o);

/*
 * A change of [page, page + n). `op` is the program's number of it; the stamp of page p is
 * stamp + p * page_stamp. `maybe`: it may as well not have happened.
 */
struct st_event {
	struct st_when when;
	uint32_t op, page, n;
	uint8_t change, halves, regs;
	bool maybe;
	uint64_t stamp, page_stamp;
};

void st_oracle_add(struct st_oracle *o, const struct st_event *e);

/* Halves that the guest may see of the page during `when`; in place: states that it may be in. */
unsigned int st_oracle_halves(struct st_oracle *o, uint32_t page, struct st_when when);
/* The same of content: in place always the one memory. */
unsigned int st_oracle_memories(struct st_oracle *o, uint32_t page, struct st_when when);
/* Whether a hole may have hit the page during `when`; certainly did so, begin and end inside. */
bool st_oracle_may_zero(struct st_oracle *o, uint32_t page, struct st_when when);
bool st_oracle_zeroed(struct st_oracle *o, uint32_t page, struct st_when when);
/* Whether the stamp (0: zero) can have been read from one of `halves` (0: what the guest sees). */
bool st_oracle_explains(struct st_oracle *o, uint32_t page, unsigned int halves, enum st_reg reg,
			uint64_t stamp, struct st_when when);
/* The same for the counter; the addition by operation `except` does not see itself. */
bool st_oracle_counts(struct st_oracle *o, uint32_t page, unsigned int halves, uint64_t val,
		      struct st_when when, uint32_t except, uint64_t *least, uint64_t *most);
/* The stamps that would have been explained, at most `room`; gives how many there are. */
unsigned int st_oracle_expected(struct st_oracle *o, uint32_t page, unsigned int halves,
				enum st_reg reg, struct st_when when, uint64_t *stamp,
				unsigned int room);
/* The changes of one page, in the order of their beginning; calls back for each. */
void st_oracle_history(struct st_oracle *o, uint32_t page,
		       void (*visit)(const struct st_event *e, void *arg), void *arg);

#endif
