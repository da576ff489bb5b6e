// SPDX-License-Identifier: GPL-2.0-only
/* A second VM with its own guest_memfd is created, converts pages, and is freed. */
#include "exec.h"

static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	const struct gm_provider *provider = a->run->vm->provider;
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);
	struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, GM_2M);
	int gmem = gm_gmem_new(vm, GM_2M, provider->flags_shared);
	long ret;

	vm->provider = provider;
	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, GM_2M, mem->hva, gmem, 0);
	ret = __gm_gmem_allocate(gmem, 0, 16 * GM_PAGE_SIZE) ? -errno : 0;
	if (!ret && __gm_convert(vm, GM_BASE + GM_PAGE_SIZE, 5 * GM_PAGE_SIZE, true))
		ret = -errno;
	gm_vm_free(vm);
	close(gmem);
	gm_mem_free(mem);
	return ret;
}

const struct st_op st_op_vm2 = {
	.name = "vm2",
	.text = "a second VM is created and freed",
	.flags = ST_NOT_HUGE_FILE,
	.weight = { [ST_MIX_LIFECYCLE] = 2, [ST_MIX_EVERYTHING] = 1 },
	.run = run,
};
