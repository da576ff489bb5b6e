/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The size of the kernel's pages, in bytes: what conversions, guest_memfd and its holes are counted
 * in. x86 has one; arm64 kernels are built with pages of 4, 16 or 64 KiB.
 */
#ifndef GM_PAGE_H
#define GM_PAGE_H

#include <stdint.h>

#ifdef __x86_64__
static inline uint64_t gm_page_size(void)
{
	return 4096;
}
#define GM_PAGE_SIZE 4096UL
#else
/* sysconf(_SC_PAGESIZE), asked once. Not for guest code: see gm_guest_page_size. */
uint64_t gm_page_size(void);
#define GM_PAGE_SIZE gm_page_size()
#endif

/* Words of 8 bytes in one. */
#define GM_PAGE_WORDS (GM_PAGE_SIZE / 8)

#endif
