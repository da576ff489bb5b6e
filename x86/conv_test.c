// SPDX-License-Identifier: GPL-2.0-only
/* Conversions between private and shared, as guests ask for them: conv.*. */
#include "gm.h"

GM_CASE(smoke, .name = "conv.any_offset.smoke", .clause = "conv.any_offset",
	.text = "one page in the middle of 2 MiB, both directions", .profile = "P0",
	.needs = GM_NEEDS(SW_PROTECTED))
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);
	struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, GM_2M);
	int gmem = gm_gmem_new(vm, GM_2M, 0);

	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, GM_2M, mem->hva, gmem, 0);
	gm_vm_map(vm, GM_BASE, GM_2M, GM_2M);
	gm_guest_fill(vm, 0, GM_BASE, 512, GM_HALF_SHARED, 1);
	gm_host_check(mem->hva, GM_BASE / 4096, 512, GM_HALF_SHARED, 1, "after the fill");
	gm_prove_same_page(vm, 0, GM_BASE, mem->hva);
	gm_guest_convert(vm, 0, GM_BASE + 256 * 4096, 1, true);
	gm_guest_check_zero(vm, 0, GM_BASE + 256 * 4096, 1, "fresh private");
	gm_guest_check(vm, 0, GM_BASE, 256, GM_HALF_SHARED, 1, "below");
	gm_guest_check(vm, 0, GM_BASE + 257 * 4096, 255, GM_HALF_SHARED, 1, "above");
	gm_vm_free(vm);
	close(gmem);
	gm_mem_free(mem);
}
