/* SPDX-License-Identifier: GPL-2.0-only */
/* One hypercall out of a guest whose registers the host sets: any ring, or 32-bit code. */
#ifndef GM_CONV_BARE_H
#define GM_CONV_BARE_H

#include "gm.h"

/* The first four are the rings. */
enum bare_mode { BARE_KERNEL, BARE_RING_1, BARE_RING_2, BARE_USER, BARE_COMPAT };

struct bare {
	bool exited;		     /* the request came to the VMM, which answered `answer` */
	uint64_t nr, args[3], flags; /* ... as it came */
	uint64_t rax;		     /* what the guest found */
};

/*
 * Runs hypercall nr(a0, a1, a2) in the mode on vCPU 0 of a VM made for it; answer is what the
 * VMM gives back. Registers arrive as given, all 64 bits, in 32-bit mode too.
 */
struct bare bare_hypercall(enum bare_mode mode, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2,
			   uint64_t answer);

#endif
