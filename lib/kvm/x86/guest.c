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

int64_t gm_arch_guest_stack(uint64_t sp, uint64_t gpa, uint64_t attrs, uint64_t *word)
{
	uint64_t popped, ret = KVM_HC_MAP_GPA_RANGE;

	asm volatile("mov %%rsp, %%r12\n\t"
		     "mov %[sp], %%rsp\n\t"
		     "push %[pushed]\n\t"
		     "test %[amd], %[amd]\n\t"
		     "jnz 1f\n\t"
		     "vmcall\n\t"
		     "jmp 2f\n\t"
		     "1: vmmcall\n\t"
		     "2: invlpg -8(%[sp])\n\t"
		     "pop %[popped]\n\t"
		     "mov %%r12, %%rsp\n\t"
		     : [popped] "=&r"(popped), "+&a"(ret)
		     : "b"(gpa), "c"(1UL), "d"(attrs), [sp] "r"(sp), [pushed] "r"(*word),
		       [amd] "r"((uint64_t)host_cpu_is_amd_compatible)
		     : "r12", "memory", "cc");
	*word = popped;
	return ret;
}

/* mov $val, %eax; ret */
uint64_t gm_arch_guest_code(uint16_t val)
{
	return 0xb8 | (uint64_t)val << 8 | 0xc3ULL << 40;
}

/* On x86 instruction fetch is coherent with stores, and the jump to the code is enough. */
void gm_arch_guest_sync_code(uint64_t gva __attribute__((unused)),
			     uint64_t len __attribute__((unused)))
{
	asm volatile("" : : : "memory");
}
