// SPDX-License-Identifier: GPL-2.0-only
/* For kernels without guest_memfd of huge pages: the flag is refused, and no pool is touched. */
#include "gm.h"
#include "gmem_huge.h"
#include "platform.h"
#include "pool.h"
#include "vm.h"

GM_FILE(.clause = "huge_file.absent", .profile = "any", .needs = GM_NEEDS(KVM, GMEM),
	.flags = GM_REFUSAL)

static void expect_absent(enum gm_vm_kind kind)
{
	static const uint64_t more[] = { 0, GUEST_MEMFD_FLAG_MMAP,
					 GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED };
	static const uint64_t pages[] = { GM_2M, GM_1G };
	struct gm_vm *vm = GM_VM_NEW(.kind = kind);
	int fd;

	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		struct gm_pool before;

		gm_pool_read(&before, pages[i]);
		for (unsigned int j = 0; j < ARRAY_SIZE(more); j++) {
			uint64_t flags = gm_gmem_huge_flags(pages[i]);

			GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, pages[i], flags | more[j]),
					"flags %#lx", flags | more[j]);
			GM_EXPECT_ERRNO(EINVAL,
					__gm_gmem_new(vm, pages[i], GM_GMEM_FLAG_HUGETLB | more[j]),
					"the flag alone and flags %#lx", more[j]);
			flags &= ~GM_GMEM_FLAG_HUGETLB;
			GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, pages[i], flags | more[j]),
					"the page size alone, flags %#lx", flags | more[j]);
		}
		gm_pool_expect(&before, 0, 0, "after the refusals");
		/* An ordinary file of that size takes none of them either. */
		fd = __gm_gmem_new(vm, pages[i], 0);
		gm_control(fd >= 0, "a file of %lu bytes without the flag", pages[i]);
		GM_EXPECT_OK(__gm_gmem_allocate(fd, 0, 4 * GM_PAGE_SIZE));
		gm_pool_expect(&before, 0, 0, "with an ordinary file");
		close(fd);
	}
	gm_vm_free(vm);
}

static void skip_if_present(void)
{
	if (gm_platform_has(GM_NEED_GMEM_HUGE))
		gm_skip("guest_memfd has huge pages", "a kernel without them");
}

GM_CASE(ordinary, .name = "huge_file.absent.ordinary", .needs = GM_NEEDS(GMEM_DEFAULT),
	.text = "an ordinary VM: the flag, with a page size and without: EINVAL, the pools are untouched")
{
	skip_if_present();
	expect_absent(GM_VM_DEFAULT);
}

GM_CASE(sw_protected, .name = "huge_file.absent.sw_protected", .needs = GM_NEEDS(SW_PROTECTED),
	.text = "a VM with private memory: the flag, with a page size and without: EINVAL, the pools are untouched")
{
	skip_if_present();
	expect_absent(GM_VM_SW_PROTECTED);
}
