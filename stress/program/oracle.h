/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decides whether some order of the overlapping operations explains a read.
 *
 * The oracle gets every change with the interval, on one clock, in which it happened, and keeps the
 * history of each page. A page has two memories, one for each state; each memory has four
 * registers: word 0, the body, the counter, and the stack word. A value is explained for a read
 * over [a, b] if a change that began before b wrote it, if no later change certainly overwrote it
 * before a, and if the page may have been in the state of that memory between a and b. Without
 * overlap exactly one value is left. A read is evidence, too: later reads cannot see what was
 * overwritten before the value that it saw. There are no false alarms: whatever may have happened
 * is accepted. Needs no KVM.
 *
 * With conversion in place, a page has one memory in both states.
 */
#ifndef ST_ORACLE_H
#define ST_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

/* Bits. A state of a page, and with two memories also the memory that belongs to it. */
enum st_state { ST_SHARED = 1, ST_PRIVATE = 2, ST_BOTH = 3 };

enum st_reg { ST_WORD0 = 1, ST_BODY = 2, ST_COUNTER = 4, ST_STACK = 8 }; /* bits */

enum st_change {
	ST_CONVERT,	/* to the state in `states` */
	ST_GUEST_WRITE, /* to the memory of the page's state */
	ST_HOST_WRITE,	/* to the shared memory */
	ST_ZERO,	/* zeroes the registers `regs` (0: all) of the memory in `states` */
	ST_COUNT,	/* the guest adds 1 to the counter, in the memory of the page's state */
	ST_SEEN,	/* no change: a read of the memory in `states` saw the stamp */
};

struct st_when {
	uint64_t t0, t1;
};

struct st_oracle;

struct st_oracle *st_oracle_new(uint32_t pages);
/* In place: one memory for each page; `start`: the state of all pages at first. */
struct st_oracle *st_oracle_new_inplace(uint32_t pages, enum st_state start);
void st_oracle_free(struct st_oracle *o);

/*
 * A change of [page, page + n) by operation `op`. The stamp of page p is stamp + p * page_stamp.
 * `maybe`: it may not have happened.
 */
struct st_event {
	struct st_when when;
	uint32_t op, page, n;
	uint8_t change, states, regs;
	bool maybe;
	uint64_t stamp, page_stamp;
};

void st_oracle_add(struct st_oracle *o, const struct st_event *e);

/* The states that the page may be in during `when`. */
unsigned int st_oracle_states(struct st_oracle *o, uint32_t page, struct st_when when);
/* The memories that a guest's access may reach during `when`; in place always ST_SHARED. */
unsigned int st_oracle_memories(struct st_oracle *o, uint32_t page, struct st_when when);
/* Whether a hole may have hit the page during `when`. */
bool st_oracle_may_zero(struct st_oracle *o, uint32_t page, struct st_when when);
/* Whether a hole certainly hit the page, and was all inside `when`. */
bool st_oracle_zeroed(struct st_oracle *o, uint32_t page, struct st_when when);
/* Whether a read of one of the memories `states` (0: as a guest) may see the stamp (0: zero). */
bool st_oracle_explains(struct st_oracle *o, uint32_t page, unsigned int states, enum st_reg reg,
			uint64_t stamp, struct st_when when);
/* The same for the counter, without the addition of operation `except`. */
bool st_oracle_counts(struct st_oracle *o, uint32_t page, unsigned int states, uint64_t val,
		      struct st_when when, uint32_t except, uint64_t *least, uint64_t *most);
/* Stores the stamps that are explained, at most `room`; returns how many there are. */
unsigned int st_oracle_expected(struct st_oracle *o, uint32_t page, unsigned int states,
				enum st_reg reg, struct st_when when, uint64_t *stamp,
				unsigned int room);
/* Calls visit() for each change of the page, in the order of their start. */
void st_oracle_history(struct st_oracle *o, uint32_t page,
		       void (*visit)(const struct st_event *e, void *arg), void *arg);

#endif
