/* SPDX-License-Identifier: GPL-2.0-only */
/* Probes from several threads at once, while others change what they look at. */
#ifndef GM_PRESSURE_H
#define GM_PRESSURE_H

#include <stdatomic.h>

#include "access.h"

#define GM_PRESSURE_THREADS 4 /* probers; each takes ways of its own into the kernel */
#define GM_PRESSURE_PROBES 40 /* at least, by each */

struct gm_pressure {
	struct gm_vm *vm;
	int gmem;	     /* its upper half is punched */
	uint8_t *hva;	     /* what is probed */
	unsigned long pages; /* of it */
	enum gm_class class; /* what it is: judges every outcome */
	/*
	 * So many pages, the lower ones, are converted in place meanwhile, by guest(): what touches
	 * them succeeds, is refused as private pages are, or stops at the first that is private.
	 */
	unsigned long converted;
	unsigned long rounds; /* bounds what the threads do */
	atomic_bool over;     /* the guest has done its part */
	atomic_ulong refused, reached;
};

/* The controls of every probe that is used. */
void gm_pressure_controls(void);
/*
 * A guest() that makes random parts of the lower half of the pages private, writes secrets there, checks
 * them, and shares them again; where a page is one memory the secrets are overwritten before. Pages of
 * the upper half are private, and only touched: they are punched meanwhile.
 */
void gm_pressure_converting_guest(struct gm_pressure *pr);
/*
 * All at once: guest() in one thread, another that punches single pages of the upper half of gmem until
 * guest() returns, and the probers, GM_PRESSURE_PROBES each at least. Nothing private may arrive.
 */
void gm_pressure_run(struct gm_pressure *pr, void (*guest)(struct gm_pressure *pr));

#endif
