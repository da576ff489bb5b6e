/* SPDX-License-Identifier: GPL-2.0-only */
/* Probes from several threads at once, while others change what they look at. */
#ifndef GM_PRESSURE_H
#define GM_PRESSURE_H

#include <stdatomic.h>

#include "access.h"

#define GM_PRESSURE_THREADS 4 /* probers; each takes ways of its own into the kernel */
#define GM_PRESSURE_PROBES 40 /* at least, by each */

struct gm_pressure {
	uint8_t *hva;	      /* what is probed */
	unsigned long pages;  /* of it */
	enum gm_class class;  /* what it is: judges every outcome */
	unsigned long rounds; /* bounds what the threads do */
	atomic_bool over;     /* set by whoever does the changing */
	atomic_ulong refused, reached;
};

/* The controls of every probe that is used. */
void gm_pressure_controls(void);
/* The i-th prober: until over, and GM_PRESSURE_PROBES at least. Nothing private may arrive. */
void gm_pressure_probe(struct gm_pressure *pr, unsigned int i);
/* Punches single pages of [first, first + nr) of the file until over. */
void gm_pressure_punch(struct gm_pressure *pr, int gmem, unsigned long first, unsigned long nr);

#endif
