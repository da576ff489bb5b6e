/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions for guest code, on every architecture. Guest code cannot call host code. */
#ifndef GM_GUEST_H
#define GM_GUEST_H

#include <stdint.h>

#include "op.h"
#include "word.h"

#define GM_MAX_VCPUS 8

/*
 * The interpreter, and the entry point of every vCPU. The host passes `id`, the vCPU's number, and
 * `hidden`: the host cannot access the guest's memory until the guest shares it.
 */
void gm_guest_main(uint64_t id, uint64_t hidden);
/* Runs one operation; also for guest code of tests. */
void gm_guest_op(struct gm_op *op);
/* Runs all operations of a ring (ring.h). */
struct gm_ring;
void gm_guest_ring(struct gm_ring *ring);
/* The host's page size, the unit of operations; the host sets the guest's copy. */
extern uint64_t gm_guest_page_size;
extern struct gm_mbox gm_mbox[GM_MAX_VCPUS];

/* --- architecture hooks, lib/kvm/<arch>/guest.c --- */

/* The conversion hypercall with exactly these arguments; returns its result. */
int64_t gm_arch_guest_map_gpa(uint64_t gpa, uint64_t npages, uint64_t attrs);
int64_t gm_arch_guest_hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2);
/* Shares the vCPU's mailbox before its first batch, if its memory is hidden. Optional. */
void gm_arch_guest_share_mbox(uint64_t id);
/* Flushes this vCPU's TLB entry for gva; 0 flushes all. */
void gm_arch_guest_flush(uint64_t gva);
/* Ends the batch: an exit to the host without data. */
void gm_arch_guest_yield(void);
/* A clock with the same rate in guest and host but different offsets; for guest and host. */
uint64_t gm_arch_cycles(void);
/*
 * Pushes *word on a stack at sp, converts the page at gpa (of the stack, or of a page table for
 * it), flushes the TLB entry of sp, and pops into *word. No other word of that stack is used.
 * Returns the result of the conversion; 1: not on this architecture.
 */
int64_t gm_arch_guest_stack(uint64_t sp, uint64_t gpa, uint64_t attrs, uint64_t *word);
/* The 8 bytes of code of a function that returns val; 0: not on this architecture. */
uint64_t gm_arch_guest_code(uint16_t val);
/* Makes instructions written to [gva, gva+len) visible to this vCPU's fetches. */
void gm_arch_guest_sync_code(uint64_t gva, uint64_t len);

#endif
