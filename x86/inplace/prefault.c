// SPDX-License-Identifier: GPL-2.0-only
/* KVM_PRE_FAULT_MEMORY maps mixed ranges as a whole: conv.inplace_prefault. */
#include "inplace.h"

#define NPAGES 256UL
#define SIZE (NPAGES * PG)

IP_CASES(mixed, v, "conv.inplace_prefault.mixed",
	 "a range of private and shared pages is mapped as a whole, and the guest does not fault",
	 .clause = "conv.inplace_prefault", .profile = "P3", .provider = GM_PROVIDER_INPLACE,
	 .needs = IP_NEEDS | GM_NEEDS(PREFAULT, PAGE_STATS, TDP))
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	uint64_t gpa, size, mapped, faults;

	ip_striped(w);
	for (int turn = 0; turn < 4; turn++) {
		gm_slot_delete(w->vm, GM_SLOT);
		gm_fixture_slot(w, GM_SLOT, w->gpa, SIZE, 0);
		/* Maps the guest's own code and tables. */
		gm_guest_touch(w->vm, 0, w->gpa, PG, PG);
		mapped = gm_vm_stat(w->vm, "pages_4k");
		gpa = w->gpa + PG;
		size = SIZE - PG;
		GM_EXPECT_OK(gm_prefault(w->vm, 0, &gpa, &size, 0));
		GM_EXPECT_EQ(size, 0, "bytes left");
		GM_EXPECT_EQ(gpa, w->gpa + SIZE, "gpa after it");
		GM_EXPECT_EQ(gm_vm_stat(w->vm, "pages_4k") - mapped, NPAGES - 1, "pages mapped");
		faults = gm_vcpu_stat(w->vm, 0, "pf_fixed");
		gm_guest_touch(w->vm, 0, w->gpa, SIZE, PG);
		GM_EXPECT_EQ(gm_vcpu_stat(w->vm, 0, "pf_fixed"), faults, "faults of the guest");
		ip_expect_all(w, "prefaulted");
		/* The same call maps pages again that a conversion has unmapped. */
		ip_convert(w, turn * 10, 60, turn & 1, "mapped by a prefault");
		gpa = w->gpa;
		size = SIZE;
		GM_EXPECT_OK(gm_prefault(w->vm, 0, &gpa, &size, 0));
		GM_EXPECT_EQ(gm_vm_stat(w->vm, "pages_4k") - mapped, NPAGES - 1, "pages mapped");
		ip_expect_all(w, "prefaulted again");
	}
	gm_fixture_free(w);
}
