/* SPDX-License-Identifier: GPL-2.0-only */
/* Probes in several threads at the same time, while other threads change the memory. */
#ifndef GM_PRESSURE_H
#define GM_PRESSURE_H

#include <stdatomic.h>

#include "access.h"

#define GM_PRESSURE_THREADS 4 /* that run probes, each with its own probes */
#define GM_PRESSURE_PROBES 40 /* minimum for each thread */

struct gm_pressure {
	struct gm_vm *vm;
	int gmem;	     /* a thread punches its upper half */
	uint8_t *hva;	     /* the memory for the probes */
	unsigned long pages; /* its size */
	enum gm_class class; /* its class, for the expected outcomes */
	/*
	 * guest() converts the first `converted` pages in place at the same time: accesses to them
	 * may succeed, be refused as for private pages, or stop at the first private page.
	 */
	unsigned long converted;
	unsigned long rounds; /* limits the work of the threads */
	atomic_bool over;     /* guest() has returned */
	atomic_ulong refused, reached;
};

/* Runs the controls of all probes in use. */
void gm_pressure_controls(void);
/*
 * A guest() that makes random parts of the lower half of the pages private, writes secrets there,
 * checks them, and shares them again; if a page has one memory, it overwrites the secrets first.
 * Pages of the upper half are private, and it only reads them, since they are punched at the same
 * time.
 */
void gm_pressure_converting_guest(struct gm_pressure *pr);
/*
 * Runs at the same time: guest() in one thread, another thread that punches single pages of the
 * upper half of gmem until guest() returns, and the threads with probes. No probe may read private
 * data.
 */
void gm_pressure_run(struct gm_pressure *pr, void (*guest)(struct gm_pressure *pr));

#endif
