// SPDX-License-Identifier: GPL-2.0-only
/* KVM_SET_MEMORY_ATTRIBUTES2, with access to all fields of its argument. */
#include "inplace.h"

struct gm_memory_attributes2 ip_arg(uint64_t off, uint64_t size, bool to_private)
{
	return (struct gm_memory_attributes2){
		.offset = off,
		.size = size,
		.attributes = to_private ? PRIVATE : 0,
		.error_offset = ~0UL,
	};
}

int ip_set(int fd, struct gm_memory_attributes2 *arg)
{
	return GM_CALL("KVM_SET_MEMORY_ATTRIBUTES2", ioctl(fd, GM_SET_MEMORY_ATTRIBUTES2, arg));
}

bool ip_expect_busy(struct gm_fixture *w, uint64_t page, uint64_t n, uint64_t busy,
		    const char *when)
{
	struct gm_memory_attributes2 want = ip_arg(page * PG, n * PG, true), arg = want;
	unsigned long misses = gm_failures();
	int ret = ip_set(w->gmem, &arg), err = errno;

	want.error_offset = busy * PG;
	GM_EXPECT_AT(GM_PAGE(.off = GM_AT(busy * PG)), ret == -1 && err == EAGAIN,
		     "%s: pages %lu+%lu to private, page %lu in use: expected EAGAIN, observed %s",
		     when, page, n, busy, ret ? gm_errno_name(err) : "success");
	if (!ret)
		gm_model_convert(w->model, ip_gfn(w, page), n, true);
	else
		GM_EXPECT_EQ(arg.error_offset, want.error_offset,
			     "%s: error_offset, pages %lu+%lu to private", when, page, n);
	arg.error_offset = want.error_offset;
	GM_EXPECT(!memcmp(&arg, &want, sizeof(arg)),
		  "%s: a field of the argument other than error_offset changed", when);
	return misses == gm_failures();
}

bool ip_convert(struct gm_fixture *w, uint64_t page, uint64_t n, bool to_private, const char *when)
{
	struct gm_memory_attributes2 arg = ip_arg(page * PG, n * PG, to_private);
	int ret = ip_set(w->gmem, &arg);

	GM_EXPECT(!ret, "%s: pages %lu+%lu to %s: expected success, observed %s at %#lx", when,
		  page, n, to_private ? "private" : "shared", gm_errno_name(errno),
		  arg.error_offset);
	if (!ret)
		gm_model_convert(w->model, ip_gfn(w, page), n, to_private);
	return !ret;
}
