/* SPDX-License-Identifier: GPL-2.0-only */
/* The flavours of guest_memfd, and the lists of them for cases. */
#ifndef FD_FLAVOUR_H
#define FD_FLAVOUR_H

#include "fixture.h"

/* The flavours of guest_memfd, see the profiles of the contract: gm_p1, gm_p1p, and these. */
extern const struct gm_flavour fd_p0;
/* Created shared and converted to private; the same and converted back; created private. */
extern const struct gm_flavour fd_inplace, fd_inplace_back, fd_inplace_plain;

/*
 * Entries of .flavours: a flavour and its needs. The case's name gets the suffix ".p1", ".p1p", ".p0",
 * ".inplace", ".back.inplace" or ".plain.inplace". BARE: no suffix. TWIN: another flavour of the case
 * shows the same, so this one runs in the profile full only.
 *
 * KVM that is virtualized in software emulates a guest's supervisor code, which then accesses
 * memory through userspace_addr and cannot reach private memory. So cases that run a guest need
 * TDP.
 */
#define __FD_P1(end, ...)                                                                          \
	{                                                                                          \
		.suffix = end, .flavour = &gm_p1, .profile = "P1", .needs = GM_NEEDS(__VA_ARGS__)  \
	}
#define __FD_P1P(end, is_twin, ...)                                                                \
	{                                                                                          \
		.suffix = end, .flavour = &gm_p1p, .profile = "P1p",                               \
		.needs = GM_NEEDS(__VA_ARGS__), .twin = is_twin                                    \
	}
#define FD_DEFAULT __FD_P1(".default", GMEM_DEFAULT)
#define FD_P1 __FD_P1(".p1", GMEM_MMAP, INIT_SHARED)
#define FD_P1_TDP __FD_P1(".p1", GMEM_MMAP, INIT_SHARED, TDP)
#define FD_P1_BARE __FD_P1("", GMEM_MMAP, INIT_SHARED)
#define FD_P1_TDP_BARE __FD_P1("", GMEM_MMAP, INIT_SHARED, TDP)
#define FD_P1P __FD_P1P(".p1p", false, GMEM_MMAP)
#define FD_P1P_TDP __FD_P1P(".p1p", false, GMEM_MMAP, ORDINARY_PRIVATE, TDP)
#define FD_P1P_BARE __FD_P1P("", false, GMEM_MMAP)
#define FD_P1P_TDP_BARE __FD_P1P("", false, GMEM_MMAP, ORDINARY_PRIVATE, TDP)
#define FD_P1P_TWIN __FD_P1P(".p1p", true, GMEM_MMAP)
#define FD_P1P_TWIN_TDP __FD_P1P(".p1p", true, GMEM_MMAP, ORDINARY_PRIVATE, TDP)
#ifdef __x86_64__
#define __FD_P0(...)                                                                               \
	{                                                                                          \
		.suffix = ".p0", .flavour = &fd_p0, .profile = "P0",                               \
		.needs = GM_NEEDS(__VA_ARGS__)                                                     \
	}
#define __FD_INPLACE(end, of, is_twin)                                                             \
	{                                                                                          \
		.suffix = end, .flavour = of, .providers = GM_PROVIDERS(INPLACE), .twin = is_twin  \
	}
#else
#define __FD_P0(...) GM_FLAVOUR_ABSENT
#define __FD_INPLACE(end, of, is_twin) GM_FLAVOUR_ABSENT
#endif
#define FD_P0 __FD_P0(ATTRIBUTES)
/* Without conversions: any kernel with the VM type is enough. */
#define FD_P0_HOST __FD_P0(SW_PROTECTED)
#define FD_INPLACE __FD_INPLACE("", &fd_inplace, false)
#define FD_INPLACE_TWIN __FD_INPLACE("", &fd_inplace, true)
#define FD_BACK __FD_INPLACE(".back", &fd_inplace_back, false)
#define FD_BACK_TWIN __FD_INPLACE(".back", &fd_inplace_back, true)
#define FD_PLAIN __FD_INPLACE(".plain", &fd_inplace_plain, false)
#define FD_PLAIN_TWIN __FD_INPLACE(".plain", &fd_inplace_plain, true)

#define FD_FLAVOURS(...) ((const struct gm_flavour_case[]){ __VA_ARGS__, {} })
/* A guest runs. */
#define FD_EACH_TDP                                                                                \
	FD_FLAVOURS(FD_P1_TDP, FD_P1P_TWIN_TDP, FD_P0, FD_INPLACE, FD_BACK_TWIN, FD_PLAIN_TWIN)
/* The same, with more states of the pages in the profile quick. */
#define FD_EACH_TDP_QUICK                                                                          \
	FD_FLAVOURS(FD_P1_TDP, FD_P1P_TDP, FD_P0, FD_INPLACE, FD_BACK, FD_PLAIN_TWIN)
/* No guest runs. */
#define FD_EACH_HOST FD_FLAVOURS(FD_P1, FD_P1P_TWIN, FD_P0_HOST, FD_INPLACE, FD_BACK_TWIN)
/* No guest runs, and the host can map the file. */
#define FD_MAPPABLE FD_FLAVOURS(FD_P1, FD_P1P, FD_INPLACE, FD_BACK_TWIN)
/* The host can access the pages. */
#define FD_HOST_SEES FD_FLAVOURS(FD_P1_BARE, FD_BACK_TWIN)
#define FD_HOST_SEES_TDP FD_FLAVOURS(FD_P1_TDP_BARE, FD_BACK_TWIN)
/* Any guest_memfd of the VM type. */
#define FD_CREATES FD_FLAVOURS(FD_DEFAULT, FD_P0_HOST)

#endif
