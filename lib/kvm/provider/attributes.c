// SPDX-License-Identifier: GPL-2.0-only
/* Conversion by memory attributes of the VM: private and shared memory are separate. */
#include "convert.h"
#include "underway.h"

static int convert(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private, uint64_t *done)
{
	struct kvm_memory_attributes attr = {
		.address = gpa,
		.size = len,
		.attributes = to_private ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0,
	};
	int ret = GM_CALL("KVM_SET_MEMORY_ATTRIBUTES",
			  ioctl(vm->kvm->fd, KVM_SET_MEMORY_ATTRIBUTES, &attr));

	*done = ret ? 0 : len;
	return ret;
}

const struct gm_provider gm_provider_attributes = {
	.id = GM_PROVIDER_ATTRIBUTES,
	.kind = GM_VM_SW_PROTECTED,
	.content = GM_CONTENT_TWO_MEMORIES,
	.convert = convert,
};
