/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exact counts of a VM's mapped pages by size.
 *
 * Sources, and their limits:
 *
 * - KVM binary statistics (x86): pages_4k, pages_2m and pages_1g of the VM count the present leaf
 *   entries in all of the VM's second-stage tables, also those of the framework's own few pages.
 *   So expectations are differences to earlier counts. They have no addresses. A zap lowers them at
 *   once; a mapping that is allowed again (after a conversion back) counts after the next access.
 *   pf_fixed, summed over the vCPUs, counts the faults that installed a mapping, without prefaults.
 *   pf_taken also counts retried faults, so it is not exact.
 * - Stage-2 page-table dumps (arm64): they have addresses and permissions, but no count of faults.
 *   gm_arch_pagesize_read() reads them.
 */
#ifndef GM_PAGESIZE_H
#define GM_PAGESIZE_H

#include <stdbool.h>

#include "sizes.h"

struct gm_vm;

/* "4K" */
const char *gm_size_name(enum gm_size s);

/* Reads the counts of the VM; ERROR if the kernel has no source (GM_NEED_PAGE_STATS). */
void gm_page_counts_read(struct gm_vm *vm, struct gm_page_counts *l);

/*
 * Expects the counts to be `base` plus `change`, each number exactly (except taken). A difference
 * is a miss that prints all expected and observed numbers.
 */
bool gm_page_counts_expect(struct gm_vm *vm, const struct gm_page_counts *base,
			   const struct gm_page_counts *change, const char *when);

/* --- architecture hook, lib/kvm/<arch>/stage2.c; true if it has read the counts --- */
bool gm_arch_pagesize_read(struct gm_vm *vm, struct gm_page_counts *l);

#endif
