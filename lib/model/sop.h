/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One operation of a stress program, and the type of the function that runs it on a vCPU. Separate
 * from guest/ring.h for code that makes and reads programs without KVM.
 */
#ifndef GM_SOP_H
#define GM_SOP_H

#include <stdint.h>

struct gm_sop {
	uint8_t actor; /* vCPU number, or GM_SOP_HOST | number of the host's thread */
	uint8_t code;  /* enum st_code of stress/program/op.h */
	uint8_t arg;
	uint8_t meet;  /* not 0: waits until all operations with this number are ready to start */
	uint32_t page; /* its number in the layout */
	uint32_t len;  /* pages */
	uint32_t wait; /* then waits; program: 1/1000 of the other's duration; ring: cycles */
};

#define GM_SOP_HOST 0x80
/* In arg of a host thread's operation: inject a failure into its wait-th allocation. */
#define GM_SOP_FAIL 0x80

struct gm_ring;
struct gm_ring_res;
/* Runs an operation on a vCPU; the caller sets res->ret to 0. */
typedef void (*gm_ring_fn)(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res);

#endif
