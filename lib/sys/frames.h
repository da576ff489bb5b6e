/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page frames: which ones hold memory, and which were leaked.
 *
 * Pages of guest_memfd are unevictable while they are in a file. A frame that is still unevictable
 * when the file is gone was leaked: other memory is rarely unevictable (mlock, memfd_secret).
 */
#ifndef GM_FRAMES_H
#define GM_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The frames of n present pages from hva on. False: a page is not present, or frames cannot be read
 * (CAP_SYS_ADMIN, CONFIG_PROC_PAGE_MONITOR).
 */
bool gm_frames_read(const void *hva, size_t n, uint64_t *pfn);
/* How many of the frames are unevictable; -1: /proc/kpageflags cannot be read. */
long gm_frames_marked(const uint64_t *pfn, size_t n);
/* Bit `bit` of /proc/kpageflags for one frame; -1: it cannot be read. */
int gm_frames_flag(uint64_t pfn, unsigned int bit);
/*
 * Writes len bytes of memory and frees them, so that the next allocations have non-zero content
 * unless the kernel clears them. False: not enough memory.
 */
bool gm_frames_soil(size_t len);

#endif
