// SPDX-License-Identifier: GPL-2.0-only
/* Size and access mode cannot change: fd.no_resize, fd.reopen. */
#include "fd.h"

GM_FILE(.clause = "fd.no_resize", .flavours = FD_EACH_HOST)

static uint64_t size_of(int fd)
{
	struct stat st;

	GM_SETUP_OK(fstat(fd, &st));
	return st.st_size;
}

GM_CASE(truncate_refused, .name = "fd.no_resize.ftruncate",
	.text = "ftruncate to any size, also the current one: EINVAL", .flags = GM_REFUSAL)
{
	const uint64_t sizes[] = {
		0, 1, PG, 7 * PG, 8 * PG - 1, 8 * PG, 8 * PG + 1, 9 * PG, GM_1G
	};
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, 8 * PG), mem = fd_memfd(8 * PG);

	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
			gm_control(!ftruncate(mem, sizes[i]), "a memfd resizes");
			GM_EXPECT_ERRNO(EINVAL, ftruncate(gmem, sizes[i]), "to %#lx", sizes[i]);
			GM_EXPECT_EQ(size_of(gmem), 8 * PG, "size after ftruncate to %#lx",
				     sizes[i]);
		}
		gm_gmem_allocate(gmem, 0, 8 * PG);
	}
	GM_EXPECT_ERRNO(EINVAL, ftruncate(gmem, -1));
	close(gmem);
	close(mem);
	gm_vm_free(vm);
}

GM_CASE(size_constant, .name = "fd.no_resize.constant",
	.text = "allocation and holes, also past the end, do not change the size")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, 8 * PG);

	GM_EXPECT_OK(__gm_gmem_allocate(gmem, 0, 8 * PG));
	GM_EXPECT_EQ(size_of(gmem), 8 * PG, "size after allocation");
	GM_EXPECT_ERRNO(EINVAL, __gm_gmem_allocate(gmem, 8 * PG, PG));
	GM_EXPECT_EQ(size_of(gmem), 8 * PG, "size after a refused allocation");
	GM_EXPECT_OK(__gm_gmem_punch(gmem, 4 * PG, GM_1G));
	GM_EXPECT_EQ(size_of(gmem), 8 * PG, "size after a hole past the end");
	GM_EXPECT_OK(__gm_gmem_punch(gmem, 0, 8 * PG));
	GM_EXPECT_EQ(size_of(gmem), 8 * PG, "size after a hole of everything");
	close(gmem);
	gm_vm_free(vm);
}

GM_CASE(seals_refused, .name = "fd.no_resize.seals", .text = "adding and reading seals: EINVAL",
	.flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, PG), mem;

	for (int bit = 0; bit < 6; bit++) {
		mem = fd_memfd(PG);
		gm_control(!fcntl(mem, F_ADD_SEALS, 1 << bit) || bit == 5, "a memfd, seal %d", bit);
		close(mem);
		GM_EXPECT_ERRNO(EINVAL, fcntl(gmem, F_ADD_SEALS, 1 << bit), "seal %#x", 1 << bit);
	}
	GM_EXPECT_ERRNO(EINVAL, fcntl(gmem, F_ADD_SEALS, 0));
	GM_EXPECT_ERRNO(EINVAL, fcntl(gmem, F_GET_SEALS));
	close(gmem);
	gm_vm_free(vm);
}

GM_CASE(attrs_refused, .name = "fd.no_resize.attributes",
	.text = "fchmod, fchown, futimens: EINVAL", .flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, PG), mem = fd_memfd(PG);
	struct stat before, after;

	GM_SETUP_OK(fstat(gmem, &before));
	gm_control(!fchmod(mem, 0777) && !fchown(mem, getuid(), getgid()) && !futimens(mem, NULL),
		   "all three of a memfd");
	GM_EXPECT_ERRNO(EINVAL, fchmod(gmem, 0777));
	GM_EXPECT_ERRNO(EINVAL, fchown(gmem, getuid(), getgid()));
	GM_EXPECT_ERRNO(EINVAL, futimens(gmem, NULL));
	GM_SETUP_OK(fstat(gmem, &after));
	GM_EXPECT_EQ(after.st_mode, before.st_mode, "st_mode");
	GM_EXPECT_EQ(after.st_uid, before.st_uid, "st_uid");
	close(gmem);
	close(mem);
	gm_vm_free(vm);
}

static int open_again(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC, 0600);
}

GM_CASE(reopen_refused, .name = "fd.reopen.refused", .clause = "fd.reopen",
	.text = "/proc/self/fd cannot be opened for any access: ENXIO, content and size stay",
	.flags = GM_REFUSAL)
{
	static const int modes[] = {
		O_RDONLY,
		O_WRONLY,
		O_RDWR,
		O_RDWR | O_TRUNC,
		O_WRONLY | O_APPEND,
		O_RDWR | O_CREAT,
		O_RDONLY | O_NONBLOCK,
		O_RDWR | O_DIRECT | O_NONBLOCK,
	};
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, 8 * PG), mem = fd_memfd(8 * PG);

	for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++) {
		int fd = open_again(mem, modes[i]);

		gm_control(fd >= 0, "a memfd can be opened again, flags %#o", modes[i]);
		close(fd);
		fd = open_again(gmem, modes[i]);
		GM_EXPECT(fd < 0 && errno == ENXIO, "open with %#o: expected ENXIO, observed %s",
			  modes[i], fd < 0 ? gm_errno_name(errno) : "success");
		if (fd >= 0)
			close(fd);
		GM_EXPECT_EQ(size_of(gmem), 8 * PG, "size after open with %#o", modes[i]);
	}
	close(gmem);
	close(mem);
	gm_vm_free(vm);
}

GM_CASE(reopen_path, .name = "fd.reopen.o_path", .clause = "fd.reopen",
	.text = "an O_PATH descriptor of the file cannot map, allocate or bind: EBADF",
	.flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, 8 * PG), path = open_again(gmem, O_PATH);

	GM_SETUP(path >= 0, "O_PATH: %s", gm_errno_name(errno));
	gm_promise(!__gm_gmem_allocate(gmem, 0, PG), "the file itself allocates");
	GM_EXPECT_ERRNO(EBADF, __gm_gmem_allocate(path, 0, PG));
	GM_EXPECT_ERRNO(EBADF, __gm_gmem_punch(path, 0, PG));
	GM_EXPECT_ERRNO(EBADF, ftruncate(path, 0));
	GM_EXPECT(mmap(NULL, PG, PROT_READ, MAP_SHARED, path, 0) == MAP_FAILED && errno == EBADF,
		  "mmap of an O_PATH descriptor: %s", gm_errno_name(errno));
	fd_control_bind(vm, GM_SLOT, GM_BASE, 8 * PG, gmem, 0);
	GM_EXPECT_ERRNO(EBADF, __fd_slot_set(vm, GM_SLOT, GM_BASE, 8 * PG, path, 0));
	close(path);
	close(gmem);
	gm_vm_free(vm);
}

GM_CASE(reopen_link, .name = "fd.reopen.linkat", .clause = "fd.reopen",
	.text = "no name in a file system: linkat is EXDEV", .flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, PG);
	int tmp = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char from[64], name[64];

	if (tmp < 0)
		gm_skip("/tmp has no O_TMPFILE", "mount a tmpfs on /tmp");
	snprintf(name, sizeof(name), "/tmp/gm-fd-link-%d", getpid());
	snprintf(from, sizeof(from), "/proc/self/fd/%d", tmp);
	gm_control(!linkat(AT_FDCWD, from, AT_FDCWD, name, AT_SYMLINK_FOLLOW),
		   "a temporary file gets a name");
	unlink(name);
	snprintf(from, sizeof(from), "/proc/self/fd/%d", gmem);
	GM_EXPECT_ERRNO(EXDEV, linkat(AT_FDCWD, from, AT_FDCWD, name, AT_SYMLINK_FOLLOW));
	close(tmp);
	close(gmem);
	gm_vm_free(vm);
}
