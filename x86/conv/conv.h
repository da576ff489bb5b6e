/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the cases of conv.*. */
#ifndef GM_CONV_H
#define GM_CONV_H

#include "batch.h"
#include "fixture.h"
#include "gm.h"
#include "uffd.h"

/*
 * --- memory at userspace_addr whose faults wait (uffd.h), only for the provider ATTRIBUTES: in
 * place no fault uses that memory ---
 */

/* Provides the page of `unit` bytes at gpa, with shared words of generation gen. */
void uffd_give(int uffd, struct gm_fixture *w, uint64_t gpa, uint64_t unit, unsigned int gen);

/* Reads a word of each page on vCPU v. Returns the number of faults. */
static inline uint64_t touch_faults(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t size)
{
	uint64_t before = gm_vcpu_stat(vm, v, "pf_fixed");

	gm_guest_touch(vm, v, gpa, size, GM_PAGE_SIZE);
	return gm_vcpu_stat(vm, v, "pf_fixed") - before;
}

#endif
