/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A change of a VM's memory while others wait for its MMU lock. Whoever holds the lock for long is
 * asked to give way then, again and again: tdp_mmu_iter_cond_resched() on x86, cond_resched_rwlock_write()
 * in stage2_apply_range() on arm64. What a single vCPU never makes the kernel do.
 */
#ifndef GM_CONTEND_H
#define GM_CONTEND_H

#include <stdint.h>

#include "vm.h"

/*
 * Runs change(arg) while vCPU v (which nobody else runs) faults without pause in [gpa, gpa + size), a
 * range of ordinary pages mapped 1:1 in the guest, which another thread takes away all the time:
 * `hva` is its private anonymous memory, whose content is lost. Returns when all are done.
 */
void gm_contend(struct gm_vm *vm, unsigned int v, uint64_t gpa, void *hva, uint64_t size,
		void (*change)(void *arg), void *arg);

#endif
