/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guest_memfd of huge pages: the interface of lab/patches/contract, in no released header. The flag
 * and the place of the page size are those of the posted series (RFC v2 of May 2025): when a kernel
 * has another interface, this file and gm_probe_gmem_huge() change, and no case does.
 */
#ifndef GM_GMEM_HUGE_H
#define GM_GMEM_HUGE_H

#include <stdint.h>

#define GM_GMEM_FLAG_HUGETLB (1ULL << 2)
#define GM_GMEM_HUGE_SHIFT 26

/*
 * The flags of KVM_CREATE_GUEST_MEMFD for pages of `bytes`: a power of two, of which log2 is passed
 * as memfd_create() has it.
 */
static inline uint64_t gm_gmem_huge_flags(uint64_t bytes)
{
	return GM_GMEM_FLAG_HUGETLB | (uint64_t)__builtin_ctzll(bytes) << GM_GMEM_HUGE_SHIFT;
}

#endif
