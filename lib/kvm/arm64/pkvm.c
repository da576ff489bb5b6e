// SPDX-License-Identifier: GPL-2.0-only
/* pKVM: the guest shares and unshares its pages by hypercalls, without the VMM. */
#include "convert.h"
#include "smccc.h"

/* Guest code: shares or unshares page by page, until a refusal. Returns how many succeeded. */
static uint64_t guest_convert(uint64_t gpa, uint64_t npages, uint64_t unshare)
{
	uint64_t nr = unshare ? GM_SMCCC_MEM_UNSHARE : GM_SMCCC_MEM_SHARE;

	for (uint64_t i = 0; i < npages; i++)
		if (gm_arch_guest_hypercall(nr, gpa + i * gm_guest_page_size, 0, 0))
			return i;
	return npages;
}

int gm_pkvm_convert(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t len, bool to_private,
		    uint64_t *done)
{
	struct gm_op op = { .code = GM_OP_CALL,
			    .addr = (uint64_t)guest_convert,
			    .val = gpa,
			    .nr = len / GM_PAGE_SIZE,
			    .stride = to_private };

	gm_run(vm, v, &op, 1);
	*done = op.ret * GM_PAGE_SIZE;
	errno = EINVAL;
	return *done == len ? 0 : -1;
}

/* On vCPU 0, which must not run at the same time. */
static int convert(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private, uint64_t *done)
{
	return gm_pkvm_convert(vm, 0, gpa, len, to_private, done);
}

const struct gm_provider gm_provider_pkvm = {
	.id = GM_PROVIDER_PKVM,
	.kind = GM_VM_PROTECTED,
	.content = GM_CONTENT_ONE_MEMORY,
	.convert = convert,
};
