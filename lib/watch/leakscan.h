/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds global resources that a case has not released.
 *
 * Read before a case starts and after its last process is gone: huge pages by size (free, reserved,
 * surplus), VMs whose process is gone, kernel taint, pinned pages. Counters that cannot be read (no
 * debugfs, not root) are not compared.
 */
#ifndef GM_LEAKSCAN_H
#define GM_LEAKSCAN_H

#include <stdbool.h>
#include <stddef.h>

#define GM_LEAK_SIZES 16
#define GM_LEAK_VMS 256

enum gm_leak_kind {
	GM_LEAK_HUGE = 1 << 0,	/* leak.huge_pages */
	GM_LEAK_VM = 1 << 1,	/* leak.vms */
	GM_LEAK_TAINT = 1 << 2, /* leak.taint */
	GM_LEAK_PINS = 1 << 3,	/* leak.pins */
	/*
	 * With GM_LEAK_TAINT: TAINT_USER too. Not for cases that create a protected VM: the first
	 * one on arm64 sets that taint (arch/arm64/kvm/pkvm.c, pkvm_init_host_vm()).
	 */
	GM_LEAK_TAINT_USER = 1 << 4,
	GM_LEAK_ALL = 0x1f,
};

/* A bad page, an Oops, a soft lockup: Documentation/admin-guide/tainted-kernels.rst. */
#define GM_TAINT_BROKEN (1UL << 5 | 1UL << 7 | 1UL << 14)

struct gm_leak_pool {
	unsigned long kb;		   /* page size in KiB */
	unsigned long free, resv, surplus; /* pages */
};

struct gm_leakscan {
	struct gm_leak_pool pool[GM_LEAK_SIZES];
	size_t nr_pools;
	char vm[GM_LEAK_VMS][32]; /* "<pid>-<fd>", as debugfs names them */
	size_t nr_vms;
	bool has_vms, has_taint, has_pins;
	unsigned long taint; /* bits of /proc/sys/kernel/tainted */
	long pins;	     /* nr_foll_pin_acquired - nr_foll_pin_released, pages */
};

typedef void (*gm_leak_fn)(void *arg, const char *clause, const char *text);

/* Prefix of all paths; "" except in unit tests. */
extern const char *gm_leakscan_root;

void gm_leakscan_take(struct gm_leakscan *scan);

/*
 * Calls fn (may be NULL) for each difference of the given kinds (enum gm_leak_kind). Returns how
 * many there are. A VM is a leak only if its process is gone. Pins that others held before and
 * have given back are none: only a count below zero shows that a page was unpinned too often.
 */
unsigned int gm_leakscan_diff(const struct gm_leakscan *before, const struct gm_leakscan *after,
			      unsigned int kinds, gm_leak_fn fn, void *arg);

/*
 * Between these scans no case ran, so what was taken meanwhile was taken by other programs: the
 * kinds of it (GM_LEAK_HUGE, GM_LEAK_PINS), which then say nothing about the case before.
 */
unsigned int gm_leakscan_others(const struct gm_leakscan *before, const struct gm_leakscan *after);

#endif
