/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations that a vCPU understands. A guest is a small interpreter: the host posts a batch
 * of operations in the vCPU's mailbox, runs it until the batch is done, and reads the results.
 * Shared by guest and host.
 */
#ifndef GM_GUEST_OP_H
#define GM_GUEST_OP_H

#include <stdint.h>

enum gm_opcode {
	GM_OP_NOP,
	GM_OP_FILL, /* writes the words of (half, gen) into nr pages from addr; all, or `stride` words apart */
	GM_OP_CHECK,	  /* expects the words of (half, gen) in nr pages from addr, likewise */
	GM_OP_CHECK_ZERO, /* expects zero words, likewise */
	GM_OP_READ,	  /* val = *(u64 *)addr */
	GM_OP_WRITE,	  /* *(u64 *)addr = val */
	GM_OP_TOUCH_R,	  /* reads one word at addr, addr + val, ...: nr times; ret = xor of them */
	GM_OP_TOUCH_W,	  /* writes one word of (half, gen) into each, likewise */
	GM_OP_ADD,	  /* atomically adds val to *(u64 *)addr; ret = value before */
	GM_OP_MAP_GPA, /* the conversion hypercall, verbatim: (addr, nr, val); ret = what the guest got back */
	GM_OP_HYPERCALL, /* any hypercall: number val, arguments addr, nr, stride; ret = RAX or X0 */
	GM_OP_EXEC,	 /* calls the function at addr with val; ret = its result */
	GM_OP_FLUSH_TLB, /* flushes this vCPU's own TLB for addr (0: all) */
	GM_OP_SPIN,	 /* waits until the word at addr is val; ret = rounds it took */
	GM_OP_CALL, /* runs the test's own guest function at addr(val, nr, stride); ret = its result */
	GM_OP_RING, /* works through the struct gm_ring at addr, see ring.h */
};

struct gm_op {
	uint32_t code; /* enum gm_opcode */
	uint16_t half; /* enum gm_half */
	uint16_t gen;
	uint64_t addr; /* guest virtual; tests map guest memory 1:1, so it is the gpa too */
	uint64_t nr;   /* pages, or times */
	uint64_t val;
	uint32_t stride;    /* in words; 0 means every word */
	uint32_t gfn_delta; /* added to the gfn in words: for a page seen at another address */
	/* results, written by the guest */
	int64_t ret;
	uint64_t bad;		     /* words that were wrong */
	uint64_t bad_addr;	     /* ... the first of them */
	uint64_t expected, observed; /* ... */
};

#define GM_MBOX_OPS 64

struct gm_mbox {
	uint32_t nr;   /* operations in the batch */
	uint32_t done; /* how far the guest came */
	struct gm_op op[GM_MBOX_OPS];
};

#endif
