// SPDX-License-Identifier: GPL-2.0-only
/* The flavours of guest_memfd, and the check of a fixture at its end. */
#include <signal.h>

#include "fd.h"

const struct gm_flavour fd_p0 = { .kind = GM_VM_SW_PROTECTED };

const struct gm_flavour fd_inplace = {
	.kind = GM_VM_SW_PROTECTED,
	.flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED,
	.conversions = 1,
};

const struct gm_flavour fd_inplace_back = {
	.kind = GM_VM_SW_PROTECTED,
	.flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED,
	.conversions = 2,
};

const struct gm_flavour fd_inplace_plain = { .kind = GM_VM_SW_PROTECTED };

int __fd_slot_set(struct gm_vm *vm, uint32_t id, uint64_t gpa, uint64_t size, int gmem,
		  uint64_t off)
{
	return __gm_slot_set(vm, id, KVM_MEM_GUEST_MEMFD, gpa, size, NULL, gmem, off);
}

void fd_control_bind(struct gm_vm *vm, uint32_t id, uint64_t gpa, uint64_t size, int gmem,
		     uint64_t off)
{
	gm_promise(!__fd_slot_set(vm, id, gpa, size, gmem, off),
		   "%#lx bytes of the file at %#lx can be bound", size, off);
	gm_slot_delete(vm, id);
}

uint64_t fd_fault_flags(const struct gm_fixture *w)
{
	return w->provider && !w->file_serves_shared ? KVM_MEMORY_EXIT_FLAG_PRIVATE : 0;
}

/*
 * Checks pages at likely borders of state ranges, and some between. Uses a new mapping: an old one
 * keeps the entry of a poisoned page even after a hole.
 */
static void expect_state(struct gm_fixture *w)
{
	const uint64_t n = PAGES(w->file_size);
	const uint64_t page[] = { 0, 1, 2, 3, 5, n / 4, n / 3, n / 2, n - 2, n - 1 };
	bool shared = gm_flavour_host(&w->file);
	uint8_t *map;

	if (w->gmem < 0 || !(w->file.flags & GUEST_MEMFD_FLAG_MMAP))
		return;
	map = fd_mmap(w->gmem, w->file_size);
	for (unsigned int i = 0; i < ARRAY_SIZE(page); i++) {
		int sig;

		if (page[i] >= n)
			continue;
		sig = gm_touch(map + page[i] * PG, false, NULL);
		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(page[i] * PG)), sig == (shared ? 0 : SIGBUS),
			     "the host's load at the end: expected %s, observed signal %d",
			     shared ? "the shared page" : "SIGBUS of a private one", sig);
	}
	munmap(map, w->file_size);
}

void fd_fixture_free(struct gm_fixture *w)
{
	expect_state(w);
	gm_fixture_free(w);
}
