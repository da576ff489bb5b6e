// SPDX-License-Identifier: GPL-2.0-only
/* Probes: the range is the memory of a slot of another VM, and the guest of that VM accesses it. */
#include <errno.h>

#include "access.h"
#include "vm.h"

enum { LOAD, STORE };

static long p_slot(const struct gm_access *a)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1);
	uint64_t *word = (uint64_t *)a->buf;
	size_t n = 0;
	int err = 0;

	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, a->len, a->hva, -1, 0);
	gm_vm_map(vm, GM_BASE, GM_2M, GM_2M);
	while (n < a->len && !err) {
		struct gm_op op = { .code = a->probe->val == STORE ? GM_OP_WRITE : GM_OP_READ,
				    .addr = GM_BASE + n,
				    .val = word[n / 8] };
		struct gm_exit ex;

		if (__gm_run(vm, 0, &op, 1, &ex, NULL)) {
			if (a->probe->val == LOAD)
				word[n / 8] = op.val;
			n += GM_ACC_PAGE;
		} else if (ex.ret) {
			err = ex.err;
		} else {
			err = EPROTO;
		}
	}
	gm_vm_free(vm);
	errno = err;
	return n ? (long)n : -1;
}

/* Needs TDP: a KVM that emulates guests (no VT-x, no SVM) makes their accesses by uaccess. */
#define SLOT .path = GM_PATH_KVM, .needs = GM_NEEDS(KVM, TDP), .run = p_slot

/* GM_ACC_ROOT: an ordinary user may not be able to open /dev/kvm. */
const struct gm_probe gm_probes_kvm[] = {
	{ .name = "kvm_slot_load",
	  .text = "the guest of another VM loads from it",
	  SLOT,
	  .flags = GM_ACC_READ | GM_ACC_WORD | GM_ACC_SLOW | GM_ACC_ROOT,
	  .val = LOAD },
	{ .name = "kvm_slot_store",
	  .text = "the guest of another VM stores to it",
	  SLOT,
	  .flags = GM_ACC_WRITE | GM_ACC_WORD | GM_ACC_SLOW | GM_ACC_ROOT,
	  .val = STORE },
	{ 0 }
};
