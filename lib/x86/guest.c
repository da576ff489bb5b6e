// SPDX-License-Identifier: GPL-2.0-only
/* Architecture hooks of guest code, x86: the hypercall conduit, the TLB, the exit. */
#include <linux/kvm_para.h>

#include "framework.h"
#include "guest/guest.h"

int64_t gm_arch_guest_map_gpa(uint64_t gpa, uint64_t npages, uint64_t attrs)
{
	return kvm_hypercall(KVM_HC_MAP_GPA_RANGE, gpa, npages, attrs, 0);
}

int64_t gm_arch_guest_hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	return kvm_hypercall(nr, a0, a1, a2, 0);
}

void gm_arch_guest_flush(uint64_t gva)
{
	if (gva) {
		asm volatile("invlpg (%0)" : : "r"(gva) : "memory");
		return;
	}
	set_cr3(get_cr3());
}

void gm_arch_guest_yield(void)
{
	GUEST_UCALL_NONE();
}

uint64_t gm_arch_cycles(void)
{
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

/* x86 keeps instruction fetch coherent with stores; a jump serializes enough. */
void gm_arch_guest_sync_code(uint64_t gva __attribute__((unused)),
			     uint64_t len __attribute__((unused)))
{
	asm volatile("" : : : "memory");
}
