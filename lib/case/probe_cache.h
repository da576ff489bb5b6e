/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results of probes that later cases of the same run need not repeat: a probe that creates and
 * destroys a VM takes longer than many cases.
 *
 * The runner keeps the cache in a file that only it and its cases can access, and passes its path in
 * the environment variable GM_PROBE_CACHE. Only features that the kernel has are cached, since it
 * keeps them while it runs; every case probes for missing ones again. Without a runner there is no
 * cache.
 */
#ifndef GM_PROBE_CACHE_H
#define GM_PROBE_CACHE_H

#include <stdbool.h>

#include "need.h"

/* An id per need (enum gm_need), and these: */
enum gm_cache_id {
	GM_CACHE_LA57 = GM_NEED_NR, /* guests can have five-level paging */
	GM_CACHE_NO_LA57,	    /* guests cannot have it, even if CPUID has it */
	GM_CACHE_NR,
};

/* Has an earlier case of this run added this id? False also if there is no cache. */
bool gm_probe_cached(unsigned int id);
void gm_probe_cache_add(unsigned int id);

#endif
