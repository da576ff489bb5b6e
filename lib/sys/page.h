/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's page size in bytes: the unit of conversions, of guest_memfd and of holes in it. It
 * is 4 KiB on x86; arm64 kernels are built with pages of 4, 16 or 64 KiB.
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
/* sysconf(_SC_PAGESIZE), cached. Not for guest code: see gm_guest_page_size. */
uint64_t gm_page_size(void);
#define GM_PAGE_SIZE gm_page_size()
#endif

/* 8-byte words in a page. */
#define GM_PAGE_WORDS (GM_PAGE_SIZE / 8)

#endif
