// SPDX-License-Identifier: GPL-2.0-only
/* Architecture hooks of guest code, arm64: the hypercall conduit, the TLB, the exit. */
#include "arm64/smccc.h"
#include "framework.h"
#include "guest/guest.h"

/* Translates gva by the guest's own page tables; ~0: not mapped. */
static uint64_t gm_arm64_guest_gpa(uint64_t gva)
{
	uint64_t par;

	asm volatile("at s1e1r, %0" : : "r"(gva));
	isb();
	par = read_sysreg(par_el1);
	return par & 1 ? ~0UL : (par & ((1UL << 52) - 1) & ~0xfffUL) | (gva & 0xfff);
}

int64_t gm_arch_guest_map_gpa(uint64_t gpa, uint64_t npages, uint64_t attrs)
{
	return gm_arch_guest_hypercall(GM_SMCCC_MAP_GPA, gpa, npages, attrs);
}

int64_t gm_arch_guest_hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct arm_smccc_res res;

	smccc_hvc(nr, a0, a1, a2, 0, 0, 0, 0, &res);
	return res.a0;
}

/* Mailboxes of other vCPUs may be in its first and last page: a second MEM_SHARE is harmless. */
void gm_arch_guest_share_mbox(uint64_t id)
{
	uint64_t gva = (uint64_t)&gm_mbox[id] & ~0xfffUL, last = 0;

	/* Guest pages are at least 4 KiB, and a host page may contain several of them. */
	for (; gva < (uint64_t)&gm_mbox[id + 1]; gva += 0x1000) {
		uint64_t gpa = gm_arm64_guest_gpa(gva) & ~(gm_guest_page_size - 1);

		if (gpa != last)
			gm_arch_guest_hypercall(GM_SMCCC_MEM_SHARE, gpa, 0, 0);
		last = gpa;
	}
}

void gm_arch_guest_flush(uint64_t gva)
{
	dsb(ishst);
	if (gva)
		asm volatile("tlbi vaae1is, %0" : : "r"(gva >> 12 & ((1UL << 44) - 1)));
	else
		asm volatile("tlbi vmalle1is");
	dsb(ish);
	isb();
}

void gm_arch_guest_yield(void)
{
	GUEST_UCALL_NONE();
}

/* mov w0, #val; ret */
uint64_t gm_arch_guest_code(uint16_t val)
{
	return 0x52800000 | (uint64_t)val << 5 | 0xd65f03c0ULL << 32;
}

/* Data and instruction caches are separate: clean to the point of unification, then invalidate. */
void gm_arch_guest_sync_code(uint64_t gva, uint64_t len)
{
	for (uint64_t p = gva; p < gva + len; p += 4)
		asm volatile("dc cvau, %0" : : "r"(p) : "memory");
	dsb(ish);
	for (uint64_t p = gva; p < gva + len; p += 4)
		asm volatile("ic ivau, %0" : : "r"(p) : "memory");
	dsb(ish);
	isb();
}

uint64_t gm_arch_cycles(void)
{
	uint64_t val;

	asm volatile("mrs %0, cntvct_el0" : "=r"(val));
	return val;
}
