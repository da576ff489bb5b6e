/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A change of a VM's memory while its MMU lock is contended. Long operations then drop and retake
 * the lock: tdp_mmu_iter_cond_resched() on x86, cond_resched_rwlock_write() in stage2_apply_range()
 * on arm64. A single vCPU never causes this.
 */
#ifndef GM_CONTEND_H
#define GM_CONTEND_H

#include <stdint.h>

#include "vm.h"

/*
 * Runs change(arg) while vCPU v (which no other thread may run) faults in a loop in [gpa, gpa +
 * size), mapped 1:1 in the guest. `hva` is the private anonymous memory of that range; another
 * thread drops it in a loop with MADV_DONTNEED, so its content is lost. Returns when all threads
 * have ended.
 */
void gm_contend(struct gm_vm *vm, unsigned int v, uint64_t gpa, void *hva, uint64_t size,
		void (*change)(void *arg), void *arg);

#endif
