// SPDX-License-Identifier: GPL-2.0-only
/* Shared pages that the host touches first: zero, and freed at the end. */
#include <fcntl.h>
#include <sys/mman.h>

#include "frames.h"
#include "gm.h"

#define PAGES 512UL
#define LEN (PAGES * GM_PAGE_SIZE)

GM_CASE(fresh, .name = "gup.fresh.shared", .clause = "gup.fresh", .profile = "P1",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED), .caps = GM_CAPS_ALL,
	.text = "shared pages that the host touches first, by load, store or system call: zero, and freed")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT);
	int gmem = gm_gmem_new(vm, LEN, GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED);
	uint8_t *hva = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, gmem, 0);
	int zero = GM_SETUP_OK(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	uint64_t pfn[PAGES], bad = 0;
	long marked = 0;
	bool known;

	GM_SETUP(hva != MAP_FAILED, "mmap of guest_memfd: %s", gm_errno_name(errno));
	GM_SETUP(gm_frames_soil(8 * LEN), "out of memory");
	/* A store, a system call's store, and a load: three ways to the same fault. */
	for (unsigned long i = 0; i < PAGES; i++) {
		uint8_t *p = hva + i * GM_PAGE_SIZE;

		if (i % 3 == 0)
			*(volatile uint8_t *)p = 0;
		else if (i % 3 == 1)
			GM_SETUP_OK(pread(zero, p, 1, 0));
	}
	for (unsigned long i = 0; i < LEN; i++)
		bad += !!((volatile uint8_t *)hva)[i];
	GM_EXPECT_EQ(bad, 0, "bytes that are not zero in %lu fresh pages", PAGES);

	known = gm_frames_read(hva, PAGES, pfn);
	if (known)
		marked = gm_frames_marked(pfn, PAGES);
	munmap(hva, LEN);
	gm_vm_free(vm);
	close(gmem);
	close(zero);
	if (known && marked > (long)PAGES / 2)
		GM_EXPECT_EQ(gm_frames_marked(pfn, PAGES), 0,
			     "page frames of the closed file still in use");
	else
		gm_note("page frames cannot be read");
}
