/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page frames: which ones hold memory, and whether somebody forgot them there.
 *
 * The kernel marks pages of guest_memfd as unevictable as long as they are in a file. A frame that
 * is still marked so when the file is gone is one that nobody gave back: pages of other owners
 * carry the mark as good as never (mlock, memfd_secret).
 */
#ifndef GM_FRAMES_H
#define GM_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The frame of each of n pages of 4 KiB at hva, touched before. false: this user or this kernel
 * does not tell (CAP_SYS_ADMIN, CONFIG_PROC_PAGE_MONITOR).
 */
bool gm_frames_read(const void *hva, size_t n, uint64_t *pfn);
/* How many of the frames are marked unevictable; -1: this kernel does not tell. */
long gm_frames_marked(const uint64_t *pfn, size_t n);
/* Bit `bit` of /proc/kpageflags for one frame; -1: this kernel does not tell. */
int gm_frames_flag(uint64_t pfn, unsigned int bit);
/*
 * Writes len bytes of memory and frees them: what is allocated next holds their content, unless
 * somebody clears it. False if there is not so much.
 */
bool gm_frames_soil(size_t len);

#endif
