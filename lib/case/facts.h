/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one case of a run found the platform to have, the next need not find out again: making and
 * destroying a VM for each such question costs more than many a case.
 *
 * The runner keeps the facts in a file that only it and its cases can reach, and names it in the
 * environment variable GM_FACTS. Only what a kernel cannot lose while it runs is kept: that
 * something is missing is asked again by every case. Without a runner nothing is known.
 */
#ifndef GM_FACTS_H
#define GM_FACTS_H

#include <stdbool.h>

#include "need.h"

/* One fact per need, and those of the framework's start. */
enum gm_fact {
	GM_FACT_LA57 = GM_NEED_NR, /* guests may have five-level paging */
	GM_FACT_NO_LA57,	   /* ... may not, whatever CPUID says */
	GM_FACT_NR,
};

/* Whether an earlier case of this run found that it is so. Never fails: no file, no facts. */
bool gm_fact_known(unsigned int fact);
/* It is so: later cases of this run need not ask. */
void gm_fact_keep(unsigned int fact);

#endif
