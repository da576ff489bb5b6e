// SPDX-License-Identifier: GPL-2.0-only
/* A guest_memfd cannot be read or written as a file: fd.no_io. */
#include <liburing.h>
#include <linux/capability.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/swap.h>

#include "fd.h"

GM_FILE(.clause = "fd.no_io", .flags = GM_REFUSAL)

/*
 * The probes. Each makes one transfer at the file's start. Returns -1 and errno, else any other
 * value.
 */
struct io {
	const char *name;
	long (*call)(int fd);
	int err; /* of a guest_memfd */
};

static uint8_t buf[4096] __attribute__((aligned(4096)));

static long io_read(int fd)
{
	return read(fd, buf, 16);
}
static long io_write(int fd)
{
	return write(fd, buf, 16);
}
static long io_pread(int fd)
{
	return pread(fd, buf, 16, 0);
}
static long io_pwrite(int fd)
{
	return pwrite(fd, buf, 16, 0);
}
static const struct iovec iov = { buf, 16 };
static long io_readv(int fd)
{
	return readv(fd, &iov, 1);
}
static long io_writev(int fd)
{
	return writev(fd, &iov, 1);
}
static long io_preadv(int fd)
{
	return preadv(fd, &iov, 1, 0);
}
static long io_pwritev(int fd)
{
	return pwritev(fd, &iov, 1, 0);
}
static long io_preadv2(int fd)
{
	return preadv2(fd, &iov, 1, -1, 0);
}
static long io_pwritev2(int fd)
{
	return pwritev2(fd, &iov, 1, -1, 0);
}
static long io_seek_set(int fd)
{
	return lseek(fd, 4096, SEEK_SET);
}
static long io_seek_end(int fd)
{
	return lseek(fd, 0, SEEK_END);
}
static long io_seek_data(int fd)
{
	return lseek(fd, 0, SEEK_DATA);
}
static long io_seek_hole(int fd)
{
	return lseek(fd, 0, SEEK_HOLE);
}
static long io_readahead(int fd)
{
	return readahead(fd, 0, 4096);
}

/* Splices through a pipe, at the file's position or at offset 0. */
static long splice_with(int fd, bool out, bool offset)
{
	loff_t off = 0;
	int p[2], err;
	long ret;

	GM_SETUP_OK(pipe(p));
	GM_SETUP_OK(write(p[1], buf, 16));
	if (out)
		ret = splice(p[0], NULL, fd, offset ? &off : NULL, 16, 0);
	else
		ret = splice(fd, offset ? &off : NULL, p[1], NULL, 16, 0);
	err = errno;
	close(p[0]);
	close(p[1]);
	errno = err;
	return ret;
}

static long io_splice_from(int fd)
{
	return splice_with(fd, false, false);
}
static long io_splice_from_at(int fd)
{
	return splice_with(fd, false, true);
}
static long io_splice_to(int fd)
{
	return splice_with(fd, true, false);
}
static long io_splice_to_at(int fd)
{
	return splice_with(fd, true, true);
}

/* A second file, with content, for transfers between two. */
static int second_file(void)
{
	int fd = fd_memfd(4096);

	GM_SETUP_OK(pwrite(fd, buf, sizeof(buf), 0));
	return fd;
}

static long between(int fd, bool copy, bool out, bool offset)
{
	int other = second_file(), err;
	int from = out ? other : fd, to = out ? fd : other;
	off_t o1 = 0, o2 = 0;
	long ret;

	if (copy)
		ret = copy_file_range(from, offset ? &o1 : NULL, to, offset ? &o2 : NULL, 16, 0);
	else
		ret = sendfile(to, from, offset ? &o1 : NULL, 16);
	err = errno;
	close(other);
	errno = err;
	return ret;
}

static long io_sendfile_from(int fd)
{
	return between(fd, false, false, false);
}
static long io_sendfile_from_at(int fd)
{
	return between(fd, false, false, true);
}
static long io_sendfile_to(int fd)
{
	return between(fd, false, true, false);
}
static long io_copy_from(int fd)
{
	return between(fd, true, false, false);
}
static long io_copy_to(int fd)
{
	return between(fd, true, true, false);
}
static long io_copy_to_at(int fd)
{
	return between(fd, true, true, true);
}
static long io_copy_self(int fd)
{
	off_t to = 4096, from = 0;

	return copy_file_range(fd, &from, fd, &to, 16, 0);
}

static const struct io table[] = {
	/* fs/read_write.c, vfs_read() and vfs_write(): no FMODE_CAN_READ, no FMODE_CAN_WRITE. */
	{ "read", io_read, EINVAL },
	{ "write", io_write, EINVAL },
	{ "readv", io_readv, EINVAL },
	{ "writev", io_writev, EINVAL },
	{ "preadv2", io_preadv2, EINVAL },
	{ "pwritev2", io_pwritev2, EINVAL },
	/*
	 * No position: alloc_file_pseudo() (fs/file_table.c) sets no FMODE_PREAD, PWRITE or LSEEK.
	 */
	{ "pread", io_pread, ESPIPE },
	{ "pwrite", io_pwrite, ESPIPE },
	{ "preadv", io_preadv, ESPIPE },
	{ "pwritev", io_pwritev, ESPIPE },
	{ "lseek SEEK_SET", io_seek_set, ESPIPE },
	{ "lseek SEEK_END", io_seek_end, ESPIPE },
	{ "lseek SEEK_DATA", io_seek_data, ESPIPE },
	{ "lseek SEEK_HOLE", io_seek_hole, ESPIPE },
	/* fs/splice.c, warn_unsupported(), and no offsets without a position. */
	{ "splice from", io_splice_from, EINVAL },
	{ "splice from an offset", io_splice_from_at, EINVAL },
	{ "splice to", io_splice_to, EINVAL },
	{ "splice to an offset", io_splice_to_at, EINVAL },
	{ "sendfile from", io_sendfile_from, EINVAL },
	{ "sendfile from an offset", io_sendfile_from_at, ESPIPE },
	{ "sendfile to", io_sendfile_to, EINVAL },
	/* fs/read_write.c, generic_copy_file_checks(): another file system, or no splice. */
	{ "copy_file_range from", io_copy_from, EXDEV },
	{ "copy_file_range to", io_copy_to, EXDEV },
	{ "copy_file_range to an offset", io_copy_to_at, EXDEV },
	{ "copy_file_range within", io_copy_self, EINVAL },
	{ "readahead", io_readahead, EINVAL },
};

static void run_probes(const struct gm_case *self, const struct io *io, unsigned int nr)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int mem = fd_memfd(2 * PG);
	/* Without and with allocated pages. */
	int gmem[] = { gm_flavour_gmem(vm, f, 2 * PG), gm_flavour_gmem(vm, f, 2 * PG) };

	gm_gmem_allocate(gmem[1], 0, 2 * PG);
	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < nr; i++) {
			GM_SETUP_OK(lseek(mem, 0, SEEK_SET));
			gm_control(io[i].call(mem) != -1, "%s of a memfd", io[i].name);
			GM_EXPECT_ERRNO(io[i].err, io[i].call(gmem[round]), "%s", io[i].name);
		}
		close(gmem[round]);
	}
	close(mem);
	gm_vm_free(vm);
}

GM_CASE(no_io_syscalls, .name = "fd.no_io.syscalls", .flavours = FD_EACH_HOST,
	.text = "read, write, seek, splice, sendfile, copy_file_range: each its errno")
{
	run_probes(self, table, ARRAY_SIZE(table));
}

/* One request on its own ring. Returns its result, or -1 and errno. */
static long uring(int fd, bool out, bool fixed_file, uint64_t off)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	int res = io_uring_queue_init(2, &ring, 0), n = fd;

	GM_SETUP(!res, "io_uring_queue_init: %s", gm_errno_name(-res));
	if (fixed_file) {
		GM_SETUP(!io_uring_register_files(&ring, &fd, 1), "io_uring_register_files");
		n = 0;
	}
	sqe = io_uring_get_sqe(&ring);
	if (out)
		io_uring_prep_write(sqe, n, buf, 16, off);
	else
		io_uring_prep_read(sqe, n, buf, 16, off);
	if (fixed_file)
		io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	GM_SETUP(io_uring_submit(&ring) == 1, "io_uring_submit");
	GM_SETUP(!io_uring_wait_cqe(&ring, &cqe), "io_uring_wait_cqe");
	res = cqe->res;
	io_uring_queue_exit(&ring);
	errno = res < 0 ? -res : 0;
	return res < 0 ? -1 : res;
}

static long io_uring_rd(int fd)
{
	return uring(fd, false, false, 0);
}
static long io_uring_wr(int fd)
{
	return uring(fd, true, false, 0);
}
static long io_uring_rd_fixed(int fd)
{
	return uring(fd, false, true, 0);
}
static long io_uring_wr_fixed(int fd)
{
	return uring(fd, true, true, 0);
}

/* io_uring/rw.c, io_iter_do_read() and io_write(): neither read nor read_iter. */
static const struct io uring_table[] = {
	{ "io_uring read", io_uring_rd, EINVAL },
	{ "io_uring write", io_uring_wr, EINVAL },
	{ "io_uring read of a registered file", io_uring_rd_fixed, EINVAL },
	{ "io_uring write to a registered file", io_uring_wr_fixed, EINVAL },
};

GM_CASE(no_io_uring, .name = "fd.no_io.io_uring",
	.flavours = FD_FLAVOURS(FD_P1, FD_P0_HOST, FD_INPLACE, FD_BACK_TWIN),
	.text = "io_uring reads and writes: EINVAL, registered or not", .needs = GM_NEEDS(IO_URING))
{
	run_probes(self, uring_table, ARRAY_SIZE(uring_table));
}

GM_CASE(no_loop, .name = "fd.no_io.loop", .profile = "P1",
	.text = "a loop device on the file: EINVAL",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, LOOP), .caps = GM_CAPS(CAP_SYS_ADMIN),
	.tokens = GM_TOKEN_MODULE)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT);
	int gmem = gm_gmem_new(vm, GM_2M, gm_p1.flags), mem = fd_memfd(GM_2M);
	int ctl = GM_SETUP_OK(open("/dev/loop-control", O_RDWR | O_CLOEXEC)), nr, dev;
	struct loop_config cfg = { .fd = mem };
	char path[32];

	nr = GM_SETUP_OK(ioctl(ctl, LOOP_CTL_GET_FREE));
	snprintf(path, sizeof(path), "/dev/loop%d", nr);
	dev = GM_SETUP_OK(open(path, O_RDWR | O_CLOEXEC));
	gm_control(!ioctl(dev, LOOP_SET_FD, mem), "a loop device on a memfd");
	GM_SETUP_OK(ioctl(dev, LOOP_CLR_FD, 0));
	close(dev);
	dev = GM_SETUP_OK(open(path, O_RDWR | O_CLOEXEC));
	GM_EXPECT_ERRNO(EINVAL, ioctl(dev, LOOP_SET_FD, gmem));
	cfg.fd = gmem;
	GM_EXPECT_ERRNO(EINVAL, ioctl(dev, LOOP_CONFIGURE, &cfg));
	close(dev);
	close(ctl);
	close(gmem);
	close(mem);
	gm_vm_free(vm);
}

static const char *fd_path(int fd)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

GM_CASE(no_swap, .name = "fd.no_io.swapon", .profile = "P1",
	.text = "swapon through /proc/self/fd: ENXIO, the file cannot be opened again",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, SWAP), .caps = GM_CAPS(CAP_SYS_ADMIN),
	.tokens = GM_TOKEN_MODULE)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT);
	int gmem = gm_gmem_new(vm, GM_2M, gm_p1.flags), mem = fd_memfd(GM_2M), again;

	/* A memfd is refused later, for its content: swapon() opens and reads it. */
	gm_control(swapon(fd_path(mem), 0) && errno == EINVAL, "swapon reads a memfd");
	again = open(fd_path(mem), O_RDWR);
	gm_control(again >= 0, "a memfd can be opened again");
	close(again);
	GM_EXPECT_ERRNO(ENXIO, swapon(fd_path(gmem), 0));
	close(gmem);
	close(mem);
	gm_vm_free(vm);
}

static int exec_it(void *arg)
{
	char name[] = "gm-exec";
	char *argv[2] = { name, NULL }, *envp[1] = { NULL };

	syscall(SYS_execveat, *(int *)arg, "", argv, envp, AT_EMPTY_PATH);
	return errno;
}

GM_CASE(no_exec, .name = "fd.no_io.execveat", .flavours = FD_EACH_HOST,
	.text = "execveat of the file: EACCES")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, GM_2M), mem = fd_memfd(PG);
	static const char script[] = "#!/bin/true-or-whatever-is-not-there\n";

	/* execveat() reads the memfd and does not find its interpreter: ENOENT. */
	GM_SETUP_OK(pwrite(mem, script, sizeof(script) - 1, 0));
	GM_SETUP_OK(fchmod(mem, 0700));
	gm_control(fd_in_child(exec_it, &mem) == ENOENT, "execveat reads a memfd");
	GM_EXPECT_EQ(fd_in_child(exec_it, &gmem), EACCES, "errno of execveat");
	close(gmem);
	close(mem);
	gm_vm_free(vm);
}
