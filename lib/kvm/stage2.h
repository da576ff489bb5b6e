/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counts of mapped pages by size in a range of addresses, from the stage-2 page-table dumps of
 * arm64 (GM_NEED_STAGE2_DUMP, PTDUMP_STAGE2_DEBUGFS).
 */
#ifndef GM_STAGE2_H
#define GM_STAGE2_H

#include "pagesize.h"

/*
 * Counts the leaf entries of the VM's stage 2 that begin in [gpa, gpa + len), in bytes. False:
 * there is no dump.
 */
bool gm_stage2_count(struct gm_vm *vm, uint64_t gpa, uint64_t len, struct gm_page_counts *l);

#endif
