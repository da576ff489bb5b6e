/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations of a vCPU. The guest is a small interpreter: the host posts a batch of operations
 * in the vCPU's mailbox, runs the vCPU until the batch is done, and reads the results. Used by
 * guest and host.
 */
#ifndef GM_GUEST_OP_H
#define GM_GUEST_OP_H

#include <stdint.h>

enum gm_opcode {
	GM_OP_NOP,
	GM_OP_FILL, /* writes the words of (writer, gen) to nr pages at addr, `stride` words apart */
	GM_OP_CHECK,	  /* expects the words of (writer, gen) in nr pages at addr, likewise */
	GM_OP_CHECK_ZERO, /* expects zero words, likewise */
	GM_OP_READ,	  /* val = *(u64 *)addr */
	GM_OP_WRITE,	  /* *(u64 *)addr = val */
	GM_OP_TOUCH_R,	  /* reads one word at addr, addr + val, ...: nr times; ret = xor of them */
	GM_OP_TOUCH_W,	  /* writes one word of (writer, gen) into each, likewise */
	GM_OP_ADD,	  /* atomically adds val to *(u64 *)addr; ret = value before */
	GM_OP_MAP_GPA, /* the conversion hypercall with arguments addr, nr, val; ret = its result */
	GM_OP_HYPERCALL, /* a hypercall: number val, arguments addr, nr, stride; ret = RAX or X0 */
	GM_OP_EXEC,	 /* calls the function at addr with val; ret = its result */
	GM_OP_FLUSH_TLB, /* flushes this vCPU's own TLB for addr (0: all) */
	GM_OP_SPIN,	 /* waits until the word at addr is val; ret = rounds of the loop */
	GM_OP_CALL,	 /* calls the test's guest code: addr(val, nr, stride); ret = its result */
	GM_OP_RING,	 /* runs the operations of the struct gm_ring at addr, see ring.h */
};

struct gm_op {
	uint32_t code;	 /* enum gm_opcode */
	uint16_t writer; /* enum gm_writer */
	uint16_t gen;
	uint64_t addr; /* gva; also the gpa, as tests map guest memory 1:1 */
	uint64_t nr;   /* number of pages or of accesses */
	uint64_t val;
	uint32_t stride;    /* in words; 0 means every word */
	uint32_t gfn_delta; /* added to the gfn in words: the page was written at another gfn */
	/* results, written by the guest */
	int64_t ret;
	uint64_t bad;		     /* number of wrong words */
	uint64_t bad_addr;	     /* of the first wrong word */
	uint64_t expected, observed; /* of the first wrong word */
};

#define GM_MBOX_OPS 64

struct gm_mbox {
	uint32_t nr;   /* operations in the batch */
	uint32_t done; /* number of completed operations */
	struct gm_op op[GM_MBOX_OPS];
};

#endif
