// SPDX-License-Identifier: GPL-2.0-only
/* A guest_memfd has no ioctl, not even those of regular files: fd.no_ioctl. */
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "fd.h"

GM_FILE(.clause = "fd.no_ioctl", .flags = GM_REFUSAL)

GM_CASE(no_ioctl, .name = "fd.no_ioctl.foreign", .flavours = FD_EACH_HOST,
	.text = "ioctls of KVM, of terminals, unassigned and random ones: ENOTTY")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, PG);
	uint8_t arg[16384] = { 0 };
	int kvm = open_kvm_dev_path_or_exit();
	struct gm_rng rng;

	gm_promise(ioctl(kvm, KVM_GET_API_VERSION, 0) == KVM_API_VERSION, "an ioctl of /dev/kvm");
	close(kvm);
	for (unsigned int nr = 0; nr < 256; nr++) {
		/* 0xd2 is in-place conversion on kernels that have it. */
		if (nr == 0xd2)
			continue;
		GM_EXPECT_ERRNO(ENOTTY, ioctl(gmem, _IO(KVMIO, nr), 0), "KVM ioctl %#x", nr);
		GM_EXPECT_ERRNO(ENOTTY,
				ioctl(gmem, _IOC(_IOC_READ | _IOC_WRITE, KVMIO, nr, 64), arg),
				"KVM ioctl %#x with an argument", nr);
	}
	GM_EXPECT_ERRNO(ENOTTY, ioctl(gmem, KVM_CREATE_GUEST_MEMFD, arg));
	GM_EXPECT_ERRNO(ENOTTY, ioctl(gmem, KVM_SET_USER_MEMORY_REGION2, arg));
	GM_EXPECT_ERRNO(ENOTTY, ioctl(gmem, 0x5401 /* TCGETS */, arg));
	gm_rng_init(&rng, gm_seed());
	for (int i = 0; i < 200; i++) {
		/* Types 'K'..'S' belong to no file system and not to the VFS. */
		unsigned int cmd = _IOC(gm_rng_below(&rng, 4), 'K' + gm_rng_below(&rng, 9),
					gm_rng_below(&rng, 256), gm_rng_below(&rng, 4096));

		GM_EXPECT_ERRNO(ENOTTY, ioctl(gmem, cmd, arg), "command %#x", cmd);
	}
	close(gmem);
	gm_vm_free(vm);
}

/* What fs/ioctl.c does for regular files; struct space_resv of linux/falloc.h. */
struct space_resv {
	int16_t type, whence;
	int64_t start, len;
	int32_t sysid;
	uint32_t pid;
	int32_t pad[4];
};

GM_CASE(no_file_ioctl, .name = "fd.no_ioctl.regular_file", .flavours = FD_HOST_SEES,
	.text = "the ioctls that the VFS has for regular files: ENOTTY, nothing changes")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, 4 * PG), mem = fd_memfd(4 * PG), n = 0;
	uint8_t *map = fd_mmap(gmem, 4 * PG);
	struct space_resv r = { .start = PG, .len = PG };
	static const int nrs[] = { 40, 41, 42, 43, 57 };

	gm_host_fill(map, 0, 4, GM_WRITER_SHARED, 1);
	gm_control(!ioctl(mem, FIONREAD, &n) && n == (int)(4 * PG), "FIONREAD of a memfd");
	GM_EXPECT_ERRNO(ENOTTY, ioctl(gmem, FIONREAD, &n));
	GM_EXPECT_ERRNO(ENOTTY, ioctl(gmem, FIBMAP, &n));
	for (unsigned int i = 0; i < ARRAY_SIZE(nrs); i++) {
		gm_control(!ioctl(mem, _IOW('X', nrs[i], struct space_resv), &r) || nrs[i] == 57,
			   "a memfd allocates and frees by ioctl");
		GM_EXPECT_ERRNO(ENOTTY, ioctl(gmem, _IOW('X', nrs[i], struct space_resv), &r),
				"'X' %d", nrs[i]);
	}
	gm_host_check(map, 0, 4, GM_WRITER_SHARED, 1, "afterwards");
	munmap(map, 4 * PG);
	close(gmem);
	close(mem);
	gm_vm_free(vm);
}

/* For kernels without the ioctl of conv.inplace_*. */

GM_CASE(inplace_absent, .name = "conv.inplace_absent.enotty", .clause = "conv.inplace_absent",
	.flavours = FD_FLAVOURS(FD_P1, FD_P1P_TWIN_TDP, FD_P0),
	.text = "the in-place conversion ioctl: ENOTTY, neither its argument nor a page changes")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 8 * PG);

	if (gm_platform_has(GM_NEED_INPLACE)) {
		fd_fixture_free(w);
		gm_skip("the kernel has in-place conversion", "a kernel without it");
	}
	gm_fixture_fill(w, 0, FIRST, 8);
	gm_fixture_check_guest(w, 0, FIRST, 8, 1, "before");
	gm_control(!gm_failures(), "the guest's content");
	for (uint64_t attrs = 0; attrs <= KVM_MEMORY_ATTRIBUTE_PRIVATE;
	     attrs += KVM_MEMORY_ATTRIBUTE_PRIVATE) {
		uint64_t arg[16] = { 2 * PG, 3 * PG, attrs }, was[16];

		memcpy(was, arg, sizeof(arg));
		GM_EXPECT_ERRNO(ENOTTY, ioctl(w->gmem, GM_SET_MEMORY_ATTRIBUTES2, arg),
				"attributes %#lx", attrs);
		GM_EXPECT(!memcmp(was, arg, sizeof(arg)), "attributes %#lx: the argument changed",
			  attrs);
		gm_fixture_check_guest(w, 0, FIRST, 8, 1, "after the ioctl");
		if (gm_flavour_host(&w->file))
			gm_fixture_check_host(w, FIRST, 8, 1, "the host, after the ioctl");
	}
	fd_fixture_free(w);
}
