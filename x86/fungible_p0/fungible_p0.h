/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fungible.* cases of P0 share. */
#ifndef FUNGIBLE_P0_H
#define FUNGIBLE_P0_H

#include "gm.h"
#include "pool.h"

/* Sets the slot, lets the guest use every huge page of it, and converts one page of each. */
void fungible_vm_run(struct gm_vm *vm, struct gm_mem *mem, int gmem, uint64_t len);

#endif
