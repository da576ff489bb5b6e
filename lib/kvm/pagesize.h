/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counts of mapped pages by size: what a VM's memory is mapped at, in exact numbers.
 *
 * Sources, and what each can and cannot see:
 *
 * - KVM binary statistics (x86): pages_4k, pages_2m and pages_1g of the VM count the leaf entries
 *   that exist now, in all of the VM's second-stage tables, the framework's own few pages
 *   included: hence every expectation is a difference to counts that was read before. They do
 *   not say where a mapping lies. A zap lowers them at once; a mapping that is merely possible
 *   again (after converting back, say) shows with the next touch only. pf_fixed, summed over the
 *   vCPUs, counts the faults that installed a mapping: exactly the refaults; prefaults are not in.
 *   pf_taken also counts those that had to be tried again, so it is at least what was expected
 *   and never an exact number.
 * - Stage-2 page-table dumps (arm64): they say where, and with which permissions, but there is no
 *   count of faults. gm_arch_pagesize_read() is the room for them.
 */
#ifndef GM_PAGESIZE_H
#define GM_PAGESIZE_H

#include <stdbool.h>

#include "sizes.h"

struct gm_vm;

/* "4K" */
const char *gm_size_name(enum gm_size s);

/* Reads the counts of the VM; ERROR where the kernel has no source (GM_NEED_PAGE_STATS). */
void gm_page_counts_read(struct gm_vm *vm, struct gm_page_counts *l);

/*
 * Expects the counts to be `base` plus `change`, every number exactly (but for taken). A
 * difference is a miss that prints both sides, number by number.
 */
bool gm_page_counts_expect(struct gm_vm *vm, const struct gm_page_counts *base,
			   const struct gm_page_counts *change, const char *when);

/* --- architecture hook, lib/kvm/<arch>/stage2.c; true when it filled the counts --- */
bool gm_arch_pagesize_read(struct gm_vm *vm, struct gm_page_counts *l);

#endif
