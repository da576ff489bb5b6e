/* SPDX-License-Identifier: GPL-2.0-only */
/* What guest code may call, on every architecture. Guest code calls nothing of the host. */
#ifndef GM_GUEST_H
#define GM_GUEST_H

#include <stdint.h>

#include "op.h"
#include "word.h"

#define GM_MAX_VCPUS 8

/* The interpreter: entry point of every vCPU. `id` is the vCPU's number, set by the host. */
void gm_guest_main(uint64_t id);
/* One operation; for tests' own guest code. */
void gm_guest_op(struct gm_op *op);
extern struct gm_mbox gm_mbox[GM_MAX_VCPUS];

/* --- architecture hooks, lib/<arch>/guest.c --- */

/* The hypercall that asks to convert: (gpa, npages, attributes) verbatim; what the guest got back. */
int64_t gm_arch_guest_map_gpa(uint64_t gpa, uint64_t npages, uint64_t attrs);
int64_t gm_arch_guest_hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2);
/* Flushes this vCPU's TLB entry for gva; 0 flushes all. */
void gm_arch_guest_flush(uint64_t gva);
/* Ends the batch: an exit to the host that carries nothing. */
void gm_arch_guest_yield(void);
/* Makes instructions written to [gva, gva+len) visible to this vCPU's fetches. */
void gm_arch_guest_sync_code(uint64_t gva, uint64_t len);

#endif
