// SPDX-License-Identifier: GPL-2.0-only
/* A guest whose own code and tables are mapped, so that counts of faults are those of the case. */
#include "vm.h"

void gm_vm_warm(struct gm_vm *vm)
{
	gva_t page = vm_alloc_page(vm->kvm);

	for (unsigned int v = 0; v < vm->vcpus; v++) {
		struct gm_op op[] = {
			{ .code = GM_OP_FILL, .addr = page, .nr = 1 },
			{ .code = GM_OP_CHECK, .addr = page, .nr = 1 },
			{ .code = GM_OP_CHECK, .addr = page, .nr = 1, .writer = 1 },
			{ .code = GM_OP_CHECK_ZERO, .addr = page, .nr = 1 },
			{ .code = GM_OP_TOUCH_R, .addr = page, .nr = 1 },
			{ .code = GM_OP_TOUCH_W, .addr = page, .nr = 1 },
			{ .code = GM_OP_WRITE, .addr = page },
			{ .code = GM_OP_READ, .addr = page },
			{ .code = GM_OP_ADD, .addr = page },
			{ .code = GM_OP_FLUSH_TLB, .addr = page },
			{ .code = GM_OP_MAP_GPA, .addr = page, .nr = 0 },
			{ .code = GM_OP_SPIN, .addr = page, .val = 0 },
			{ .code = GM_OP_WRITE, .addr = page, .val = gm_arch_guest_code(1) },
			{ .code = GM_OP_EXEC, .addr = page },
		};
		struct gm_op all[GM_MBOX_OPS] = {};

		gm_run(vm, v, op, ARRAY_SIZE(op));
		/* A whole batch, so that all of the mailbox is mapped. */
		gm_run(vm, v, all, GM_MBOX_OPS);
	}
}
