/* SPDX-License-Identifier: GPL-2.0-only */
/* One hypercall of a guest whose registers the host sets: from any ring, or from 32-bit code. */
#ifndef GM_CONV_BARE_H
#define GM_CONV_BARE_H

#include "gm.h"

/* The first four are the rings. */
enum bare_mode { BARE_KERNEL, BARE_RING_1, BARE_RING_2, BARE_USER, BARE_COMPAT };

struct bare {
	bool exited;		     /* KVM exited to the VMM, which returned `answer` */
	uint64_t nr, args[3], flags; /* of the exit */
	uint64_t rax;		     /* after the hypercall */
};

/*
 * Runs hypercall nr(a0, a1, a2) in the mode on vCPU 0 of a VM made for it; answer is the VMM's
 * result. All 64 bits of the registers are set, in 32-bit mode too.
 */
struct bare bare_hypercall(enum bare_mode mode, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2,
			   uint64_t answer);

#endif
