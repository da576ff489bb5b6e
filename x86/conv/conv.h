/* SPDX-License-Identifier: GPL-2.0-only */
/* What the cases of conv.* share, beside the library's fixture and batches. */
#ifndef GM_CONV_H
#define GM_CONV_H

#include "batch.h"
#include "fixture.h"
#include "gm.h"
#include "uffd.h"

/*
 * --- memory at userspace_addr whose faults wait (uffd.h), with the attributes provider: in place no
 * fault goes there ---
 */

/* Gives the page of `unit` bytes at gpa, with generation gen of the shared half. */
void uffd_give(int uffd, struct gm_fixture *w, uint64_t gpa, uint64_t unit, unsigned int gen);

/* Reads a word of each page on vCPU v and gives how many faults that took. */
static inline uint64_t touch_faults(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t size)
{
	uint64_t before = gm_vcpu_stat(vm, v, "pf_fixed");

	gm_guest_touch(vm, v, gpa, size, GM_PAGE_SIZE);
	return gm_vcpu_stat(vm, v, "pf_fixed") - before;
}

#endif
