/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a VM's memory is mapped at which size: the source of the counts of mapped pages by size that knows
 * addresses, stage-2 page-table dumps of arm64 (GM_NEED_STAGE2_DUMP, PTDUMP_STAGE2_DEBUGFS).
 */
#ifndef GM_STAGE2_H
#define GM_STAGE2_H

#include "pagesize.h"

/*
 * Counts the leaf entries of the VM's own stage 2 that begin in [gpa, gpa + len) (bytes). A block
 * that reaches over the border counts where it begins. False where there is no dump.
 */
bool gm_stage2_count(struct gm_vm *vm, uint64_t gpa, uint64_t len, struct gm_page_counts *l);

#endif
