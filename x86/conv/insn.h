/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions that access memory, each as a function of guest code, for accesses beside memory. */
#ifndef CONV_INSN_H
#define CONV_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The registers before a load: it shows which bytes the load wrote. */
#define INSN_SEED 0xa5c3f10e9687b42dUL
/* What a function leaves: words of results, and the buffer of string instructions. */
#define INSN_WORDS 4
#define INSN_BUF 0x200UL /* offset of the buffer in the page `out` */
#define INSN_BUF_SIZE 256UL
/* The second operand of an instruction with two in memory lies this much above the first. */
#define INSN_SECOND 0x40UL

/* How the instruction accesses memory, for each of its elements. */
enum insn_access { INSN_READS = 1, INSN_WRITES = 2, INSN_BOTH = 3 };

struct insn {
	const char *name;
	/*
	 * Guest code: accesses memory at `at`, and leaves its results at `out`; n: elements of a
	 * string instruction.
	 */
	uint64_t (*fn)(uint64_t at, uint64_t out, uint64_t n);
	unsigned int width; /* bytes of each access */
	enum insn_access access;
	unsigned int nr; /* elements; 0: one, and no string instruction */
	bool down;	 /* a string instruction to lower addresses */
	bool two;	 /* reads at `at` and writes INSN_SECOND above it */
	/* Of a load: bytes of the register that it writes, and whether it extends the sign. */
	unsigned int into;
	bool sign;
};

extern const struct insn conv_insns[];
extern const size_t conv_insns_nr;

#endif
