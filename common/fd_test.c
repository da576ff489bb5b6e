// SPDX-License-Identifier: GPL-2.0-only
/* The guest_memfd file itself, fd.*: what KVM_CREATE_GUEST_MEMFD accepts and returns. */
#include <sys/resource.h>
#include <sys/statfs.h>

#include "fd/fd.h"
#include "gmem_huge.h"

GM_FILE(.clause = "fd.create_args", .flavours = FD_CREATES)

#define GMEM_MAGIC 0x474d454d	    /* GUEST_MEMFD_MAGIC, uapi/linux/magic.h */
#define ANON_INODE_MAGIC 0x09041934 /* of guest_memfd before it had its own file system */

/* The control of every refusal here: a minimal legal call. */
static void control_create(struct gm_vm *vm)
{
	int fd = __gm_gmem_new(vm, PG, 0);

	gm_promise(fd >= 0, "one page and no flags create a guest_memfd");
	close(fd);
}

static const struct gm_flavour *flavour(const struct gm_case *self)
{
	return self->flavour;
}

GM_CASE(create_flag_bits, .name = "fd.create_args.flag_bits",
	.text = "each of the 64 flag bits that the capability does not have is EINVAL",
	.flags = GM_REFUSAL)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = flavour(self)->kind);
	uint64_t known = vm_check_cap(vm->kvm, KVM_CAP_GUEST_MEMFD_FLAGS);

	control_create(vm);
	for (int bit = 0; bit < 64; bit++) {
		if (known & (1ULL << bit))
			continue;
		GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, PG, 1ULL << bit), "flag bit %d", bit);
		/* Known flags do not make an unknown one legal. */
		GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, PG, known | 1ULL << bit),
				"flag bit %d with all known flags", bit);
	}
	gm_vm_free(vm);
}

GM_CASE(create_cap, .name = "fd.create_flags.capability", .clause = "fd.create_flags",
	.text = "the capability has exactly the flags that create accepts, alone and in all combinations")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = flavour(self)->kind);
	/* HUGETLB is no flag without a page size: huge_file.create. */
	uint64_t known = vm_check_cap(vm->kvm, KVM_CAP_GUEST_MEMFD_FLAGS) & ~GM_GMEM_FLAG_HUGETLB;
	uint64_t accepted = 0;

	for (int bit = 0; bit < 64; bit++) {
		int fd = __gm_gmem_new(vm, PG, 1ULL << bit);

		if (fd < 0)
			continue;
		accepted |= 1ULL << bit;
		close(fd);
	}
	GM_EXPECT_EQ(accepted, known, "flags that create accepts, against the capability");
	/* Every subset of the known flags. */
	for (uint64_t set = known;; set = (set - 1) & known) {
		int fd = GM_EXPECT_OK(__gm_gmem_new(vm, PG, set), "with flags %#lx", set);

		if (fd >= 0)
			close(fd);
		if (!set)
			break;
	}
	gm_vm_free(vm);
}

GM_CASE(create_cap_system, .name = "fd.create_flags.system_scope", .clause = "fd.create_flags",
	.text = "/dev/kvm and an ordinary VM report the same flags and the same guest_memfd capability",
	.profile = "P1", .needs = GM_NEEDS(GMEM_DEFAULT))
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT);

	/* Files of huge pages are for VMs with private memory. */
	GM_EXPECT_EQ(kvm_check_cap(KVM_CAP_GUEST_MEMFD_FLAGS) & ~GM_GMEM_FLAG_HUGETLB,
		     vm_check_cap(vm->kvm, KVM_CAP_GUEST_MEMFD_FLAGS), "flags on /dev/kvm");
	GM_EXPECT_EQ(kvm_check_cap(KVM_CAP_GUEST_MEMFD), 1, "KVM_CAP_GUEST_MEMFD on /dev/kvm");
	GM_EXPECT_EQ(vm_check_cap(vm->kvm, KVM_CAP_GUEST_MEMFD), 1, "KVM_CAP_GUEST_MEMFD on a VM");
	GM_EXPECT_EQ(kvm_check_cap(KVM_CAP_USER_MEMORY2), 1, "KVM_CAP_USER_MEMORY2");
	gm_vm_free(vm);
}

/*
 * Ordinary VMs got guest_memfd together with its mmap() (Linux 6.18). If the flags were missing,
 * every case that needs them would SKIP, and no other would FAIL.
 */
GM_CASE(create_mappable, .name = "fd.create_flags.ordinary_vm", .clause = "fd.create_flags",
	.text = "guest_memfd of an ordinary VM can be mappable and initially shared",
	.profile = "P1", .needs = GM_NEEDS(GMEM_DEFAULT))
{
	const uint64_t both = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT);

	GM_EXPECT_EQ(vm_check_cap(vm->kvm, KVM_CAP_GUEST_MEMFD_FLAGS) & both, both,
		     "MMAP and INIT_SHARED of KVM_CAP_GUEST_MEMFD_FLAGS");
	close(GM_EXPECT_OK(__gm_gmem_new(vm, PG, both)));
	gm_vm_free(vm);
}

GM_CASE(create_zero, .name = "fd.create_args.zero",
	.text = "size 0 is EINVAL, with and without flags", .flags = GM_REFUSAL)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = flavour(self)->kind);
	uint64_t known = vm_check_cap(vm->kvm, KVM_CAP_GUEST_MEMFD_FLAGS);

	control_create(vm);
	GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, 0, 0));
	GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, 0, known));
	gm_vm_free(vm);
}

GM_CASE(create_unaligned, .name = "fd.create_args.unaligned",
	.text = "a size misaligned by any power of two, below or above whole pages, is EINVAL",
	.flags = GM_REFUSAL)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = flavour(self)->kind);
	uint64_t page = getpagesize();

	control_create(vm);
	for (uint64_t off = 1; off < page; off *= 2) {
		GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, off, 0), "size %#lx", off);
		GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, page + off, 0), "size %#lx", page + off);
		GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, GM_1G - off, 0), "size %#lx",
				GM_1G - off);
	}
	gm_vm_free(vm);
}

GM_CASE(create_negative, .name = "fd.create_args.negative",
	.text = "a size with the sign bit is EINVAL, page aligned or not", .flags = GM_REFUSAL)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = flavour(self)->kind);

	control_create(vm);
	GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, 1ULL << 63, 0));
	GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, -(uint64_t)getpagesize(), 0));
	GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, ~0ULL, 0));
	GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, (1ULL << 63) + getpagesize(), 0));
	gm_vm_free(vm);
}

GM_CASE(create_huge, .name = "fd.create_args.huge",
	.text = "sizes larger than any memory are legal: nothing is allocated yet")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = flavour(self)->kind);
	uint64_t top = (1ULL << 63) - getpagesize();
	const uint64_t sizes[] = { GM_1G, 1ULL << 32, 1ULL << 40, 1ULL << 52, 1ULL << 62, top };
	struct stat st;

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		int fd = GM_EXPECT_OK(__gm_gmem_new(vm, sizes[i], 0), "size %#lx", sizes[i]);

		if (fd < 0)
			continue;
		GM_SETUP_OK(fstat(fd, &st));
		GM_EXPECT_EQ(st.st_size, sizes[i], "st_size");
		close(fd);
	}
	gm_vm_free(vm);
}

GM_CASE(create_fault, .name = "fd.create_args.unreadable",
	.text = "an argument that is not fully readable is EFAULT", .flags = GM_REFUSAL)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = flavour(self)->kind);
	uint64_t page = getpagesize();
	struct kvm_create_guest_memfd *arg;
	uint8_t *two =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd;

	GM_SETUP(two != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	GM_SETUP_OK(mprotect(two + page, page, PROT_NONE));
	arg = (void *)(two + page - sizeof(*arg));
	arg->size = page;
	fd = __vm_ioctl(vm->kvm, KVM_CREATE_GUEST_MEMFD, arg);
	gm_promise(fd >= 0, "a struct right before unreadable memory");
	close(fd);
	arg = (void *)(two + page - sizeof(*arg) + 8);
	arg->size = page;
	GM_EXPECT_ERRNO(EFAULT, __vm_ioctl(vm->kvm, KVM_CREATE_GUEST_MEMFD, arg));
	GM_EXPECT_ERRNO(EFAULT, ioctl(vm->kvm->fd, KVM_CREATE_GUEST_MEMFD, NULL));
	munmap(two, 2 * page);
	gm_vm_free(vm);
}

GM_CASE(create_fd, .name = "fd.create_args.new_fd",
	.text = "the lowest free descriptor, read-write, no close-on-exec, position 0")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = flavour(self)->kind);
	int low = GM_SETUP_OK(dup(STDERR_FILENO)), fd, next;
	struct statfs fs;
	struct stat st;
	char link[64], target[128] = "";

	close(low);
	fd = gm_gmem_new(vm, 3 * PG, 0);
	GM_EXPECT_EQ(fd, low, "descriptor number");
	GM_EXPECT_EQ(fcntl(fd, F_GETFD), 0, "F_GETFD: create has no flag for close-on-exec");
	GM_EXPECT_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_PATH), O_RDWR,
		     "F_GETFL");
#ifdef __x86_64__
	/* The kernel's O_LARGEFILE, which the C library calls 0 here. */
	GM_EXPECT(fcntl(fd, F_GETFL) & 0100000, "F_GETFL: no O_LARGEFILE");
#endif
	GM_EXPECT_OK(fstat(fd, &st));
	GM_EXPECT_EQ(st.st_size, 3 * PG, "st_size");
	GM_EXPECT_EQ(st.st_mode, S_IFREG | 0600, "st_mode");
	GM_EXPECT_OK(fstatfs(fd, &fs));
	GM_EXPECT(fs.f_type == GMEM_MAGIC || fs.f_type == ANON_INODE_MAGIC,
		  "fstatfs magic %#lx: neither guest_memfd nor the file system of anonymous inodes",
		  (unsigned long)fs.f_type);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	GM_EXPECT_OK(readlink(link, target, sizeof(target) - 1));
	GM_EXPECT(strstr(target, "[kvm-gmem]"), "/proc/self/fd has \"%s\", expected [kvm-gmem]",
		  target);
	next = gm_gmem_new(vm, PG, 0);
	GM_EXPECT_EQ(next, low + 1, "the next descriptor");
	close(next);
	close(fd);
	gm_vm_free(vm);
}

/* 0 is a descriptor like any other, although a sloppy check takes it for a failure. */
GM_CASE(create_fd_0, .name = "fd.create_args.descriptor_0",
	.text = "a process without a standard input gets descriptor 0, and the file works")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = flavour(self)->kind);
	int input = GM_SETUP_OK(dup(STDIN_FILENO)), fd;
	struct stat st = {};

	close(STDIN_FILENO);
	fd = __gm_gmem_new(vm, 3 * PG, 0);
	if (GM_EXPECT_EQ(fd, 0, "the lowest free descriptor")) {
		GM_EXPECT_OK(fstat(fd, &st));
		GM_EXPECT_EQ(st.st_size, 3 * PG, "st_size");
		GM_EXPECT_OK(__gm_gmem_punch(fd, 0, PG));
	}
	GM_SETUP_OK(dup2(input, STDIN_FILENO));
	close(input);
	gm_vm_free(vm);
}

GM_CASE(create_no_fd, .name = "fd.create_args.no_descriptor",
	.text = "EMFILE without a free descriptor, and no descriptor is leaked",
	.flags = GM_REFUSAL)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = flavour(self)->kind);
	struct rlimit old, tight;
	int low;

	control_create(vm);
	low = GM_SETUP_OK(dup(STDERR_FILENO));
	close(low);
	GM_SETUP_OK(getrlimit(RLIMIT_NOFILE, &old));
	tight = (struct rlimit){ low, old.rlim_max };
	GM_SETUP_OK(setrlimit(RLIMIT_NOFILE, &tight));
	GM_EXPECT_ERRNO(EMFILE, __gm_gmem_new(vm, PG, 0));
	/* Arguments are checked before a descriptor is allocated. */
	GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, PG + 1, 0));
	GM_SETUP_OK(setrlimit(RLIMIT_NOFILE, &old));
	GM_EXPECT_EQ(dup(STDERR_FILENO), low, "the lowest descriptor afterwards");
	close(low);
	gm_vm_free(vm);
}

/* Two files of one VM have different inodes. */
GM_CASE(create_distinct, .name = "fd.create_args.distinct",
	.text = "each create returns a new file")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = flavour(self)->kind);
	int a = gm_gmem_new(vm, PG, 0), b = gm_gmem_new(vm, 2 * PG, 0);
	struct stat sa, sb;

	GM_EXPECT_OK(fstat(a, &sa));
	GM_EXPECT_OK(fstat(b, &sb));
	GM_EXPECT(sa.st_ino != sb.st_ino || sa.st_dev != sb.st_dev,
		  "two files have one inode number %lu on one device", sa.st_ino);
	GM_EXPECT_EQ(sa.st_size, PG, "size of the first");
	GM_EXPECT_EQ(sb.st_size, 2 * PG, "size of the second");
	close(a);
	close(b);
	gm_vm_free(vm);
}

/*
 * Other cases SKIP if the probe of guest_memfd fails; here a kernel that reports it must have it.
 */
GM_CASE(create_promised, .name = "fd.create_args.as_promised", .profile = "any",
	.needs = GM_NEEDS(KVM),
	.text = "if KVM_CAP_GUEST_MEMFD is 1, files of one page, two pages and a huge page can be created")
{
	const uint64_t sizes[] = { PG, 2 * PG, GM_2M, GM_1G };
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT);

	if (vm_check_cap(vm->kvm, KVM_CAP_GUEST_MEMFD) <= 0)
		gm_skip("no guest_memfd on an ordinary VM", "CONFIG_KVM_GUEST_MEMFD=y");
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		int fd = GM_EXPECT_OK(__gm_gmem_new(vm, sizes[i], 0), "%#lx bytes", sizes[i]);

		if (fd >= 0)
			close(fd);
	}
	gm_vm_free(vm);
}
