/* SPDX-License-Identifier: GPL-2.0-only */
/* Poisons pages: MADV_HWPOISON, and CONFIG_HWPOISON_INJECT. Each poisoned page is lost. */
#ifndef GM_POISON_H
#define GM_POISON_H

#include <stdbool.h>
#include <stdint.h>

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif
#ifndef EHWPOISON
#define EHWPOISON 133
#endif

/*
 * Poisons the page at hva, from a child that has it mapped. 0, or the errno of madvise(); EBUSY:
 * the page is poisoned and stays in its file (mm/memory-failure.c:me_pagecache_clean()). *killed
 * (may be NULL): a signal killed the child.
 */
int gm_poison(void *hva, bool *killed);
/*
 * Poison, or unpoison, the frame, whatever it is used for. 0, or errno; SKIP without the injector.
 */
int gm_poison_frame(uint64_t pfn);
int gm_unpoison_frame(uint64_t pfn);

#endif
