/* SPDX-License-Identifier: GPL-2.0-only */
/* What guest code may call, on every architecture. Guest code calls nothing of the host. */
#ifndef GM_GUEST_H
#define GM_GUEST_H

#include <stdint.h>

#include "op.h"
#include "word.h"

#define GM_MAX_VCPUS 8

/*
 * The interpreter: entry point of every vCPU. `id` is the vCPU's number, `hidden` says that the
 * host sees none of the guest's memory until the guest shares it. Set by the host.
 */
void gm_guest_main(uint64_t id, uint64_t hidden);
/* One operation; for tests' own guest code. */
void gm_guest_op(struct gm_op *op);
/* All operations of a ring (ring.h). */
struct gm_ring;
void gm_guest_ring(struct gm_ring *ring);
/* The size of the host's pages, which operations count in; the host sets the guest's copy. */
extern uint64_t gm_guest_page_size;
extern struct gm_mbox gm_mbox[GM_MAX_VCPUS];

/* --- architecture hooks, lib/kvm/<arch>/guest.c --- */

/* The hypercall that asks to convert: (gpa, npages, attributes) verbatim; what the guest got back. */
int64_t gm_arch_guest_map_gpa(uint64_t gpa, uint64_t npages, uint64_t attrs);
int64_t gm_arch_guest_hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2);
/* Before the first batch of a vCPU whose memory is hidden: shares its mailbox. May be left out. */
void gm_arch_guest_show_mbox(uint64_t id);
/* Flushes this vCPU's TLB entry for gva; 0 flushes all. */
void gm_arch_guest_flush(uint64_t gva);
/* Ends the batch: an exit to the host that carries nothing. */
void gm_arch_guest_yield(void);
/* A clock that runs at one rate in guest and host, from different zeros; callable on both sides. */
uint64_t gm_arch_cycles(void);
/*
 * Pushes *word on a stack at sp, converts the page at gpa (that of the stack, or one that translates
 * it), forgets the translation of sp, and pops into *word, all in one piece: no other word of that
 * stack is used. The conversion's result; 1 where the architecture has no such.
 */
int64_t gm_arch_guest_stack(uint64_t sp, uint64_t gpa, uint64_t attrs, uint64_t *word);
/* A function of 8 bytes that gives val; 0 where the architecture has none. */
uint64_t gm_arch_guest_code(uint16_t val);
/* Makes instructions written to [gva, gva+len) visible to this vCPU's fetches. */
void gm_arch_guest_sync_code(uint64_t gva, uint64_t len);

#endif
