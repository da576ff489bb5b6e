/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One operation of a stress program as data, and the type of the function that runs it on a vCPU. The
 * code that makes and reads programs needs this and nothing else of guest/ring.h.
 */
#ifndef GM_SOP_H
#define GM_SOP_H

#include <stdint.h>

struct gm_sop {
	uint8_t actor; /* vCPU number, or GM_SOP_HOST | number of the host's thread */
	uint8_t code;  /* enum st_code of stress/program/op.h */
	uint8_t arg;
	uint8_t meet;  /* not 0: waits until all operations with this number have come this far */
	uint32_t page; /* number in the layout */
	uint32_t len;  /* pages */
	uint32_t
		wait; /* then waits so long; program: 1/1000 of the other's duration; ring: cycles */
};

#define GM_SOP_HOST 0x80
/* In arg, of a thread's operation: the wait-th thing in it that can fail for want of memory does. */
#define GM_SOP_FAIL 0x80

struct gm_ring;
struct gm_ring_res;
/* What a vCPU does; res->ret is 0 before. */
typedef void (*gm_ring_fn)(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res);

#endif
