/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that go bad: MADV_HWPOISON, and the injector of CONFIG_HWPOISON_INJECT. Costs 4 KiB a page. */
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
 * The page at hva goes bad, by a child that has it mapped. 0, or the errno that the child was told; EBUSY:
 * the page is bad and stays in its file (mm/memory-failure.c:me_pagecache_clean()). *killed (may be
 * NULL): the child got SIGBUS for it.
 */
int gm_poison(void *hva, bool *killed);
/* The frame goes bad, whoever has it; the frame is good again. 0, or errno; SKIPs without the injector. */
int gm_poison_frame(uint64_t pfn);
int gm_unpoison_frame(uint64_t pfn);

#endif
