// SPDX-License-Identifier: GPL-2.0-only
/* In-place conversion: the attributes are in the guest_memfd, and a page has one memory. */
#include "convert.h"
#include "underway.h"

int __gm_gmem_convert(int gmem, uint64_t off, uint64_t len, bool to_private, uint64_t *error_offset)
{
	struct gm_memory_attributes2 arg = {
		.offset = off,
		.size = len,
		.attributes = to_private ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0,
		.error_offset = ~0ULL,
	};
	int ret =
		GM_CALL("KVM_SET_MEMORY_ATTRIBUTES2", ioctl(gmem, GM_SET_MEMORY_ATTRIBUTES2, &arg));

	if (error_offset)
		*error_offset = arg.error_offset;
	return ret;
}

void gm_gmem_convert(int gmem, uint64_t off, uint64_t len, bool to_private)
{
	GM_GRANTED(!__gm_gmem_convert(gmem, off, len, to_private, NULL),
		   "KVM_SET_MEMORY_ATTRIBUTES2 %#lx+%#lx to %s: %s", off, len,
		   to_private ? "private" : "shared", gm_errno_name(errno));
}

/* Slot by slot, as a VMM does. A gpa without a guest_memfd is ENXIO, without a call. */
static int convert(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private, uint64_t *done)
{
	uint64_t at = gpa, end = gpa + len;

	*done = 0;
	do {
		const struct gm_slot *s = gm_slot_at(vm, at);
		uint64_t off, n, error_offset;

		if (!s || s->gmem < 0) {
			errno = ENXIO;
			return -1;
		}
		off = s->gmem_off + (at - s->gpa);
		n = s->gpa + s->size < end ? s->gpa + s->size - at : end - at;
		if (__gm_gmem_convert(s->gmem, off, n, to_private, &error_offset)) {
			if (error_offset - off < n)
				*done = at - gpa + (error_offset - off);
			return -1;
		}
		at += n;
		*done = at - gpa;
	} while (at < end);
	return 0;
}

const struct gm_provider gm_provider_inplace = {
	.id = GM_PROVIDER_INPLACE,
	.kind = GM_VM_SW_PROTECTED,
	.flags_shared = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED,
	.flags_private = GUEST_MEMFD_FLAG_MMAP,
	.content = GM_CONTENT_ONE_MEMORY,
	.file_serves_shared = true,
	.refuses_busy = true,
	.convert = convert,
};

/* The same ioctl, in a file of 2 MiB pages of the hugetlb pool. */
const struct gm_provider gm_provider_huge_file = {
	.id = GM_PROVIDER_HUGE_FILE,
	.kind = GM_VM_SW_PROTECTED,
	.flags_shared = GUEST_MEMFD_FLAG_MMAP,
	.flags_private = GUEST_MEMFD_FLAG_MMAP,
	.content = GM_CONTENT_ONE_MEMORY,
	.file_serves_shared = true,
	.file_page = 2UL << 20,
	.refuses_busy = true,
	.convert = convert,
};
