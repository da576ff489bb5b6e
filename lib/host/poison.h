/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Poisons pages: MADV_HWPOISON, hard_offline_page of sysfs, and CONFIG_HWPOISON_INJECT. Each poisoned
 * page is lost.
 */
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
/*
 * The same by /sys/devices/system/memory/hard_offline_page (GM_NEED_HARD_OFFLINE), the administrator's
 * way. 0, or errno: EBUSY as above.
 */
int gm_hard_offline(uint64_t pfn);
/*
 * Checks that nobody has the frame again, once it is free of its last owner: it stays poisoned, it is not
 * free memory, and none of 4096 pages that this process gets is it.
 */
void gm_poison_expect_retired(uint64_t pfn, const char *when);

#endif
