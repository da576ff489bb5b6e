// SPDX-License-Identifier: GPL-2.0-only
/* Probes: the file itself, without a mapping, and all ways to map it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access.h"
#include "check.h"

static long p_read(const struct gm_access *a)
{
	return pread(a->fd, a->buf, a->len, a->off);
}

static long p_write(const struct gm_access *a)
{
	return pwrite(a->fd, a->buf, a->len, a->off);
}

static long io_sendfile(const struct gm_access *a, int fd)
{
	off_t off = a->off;

	return sendfile(fd, a->fd, &off, a->len);
}

static long io_copy(const struct gm_access *a, int fd)
{
	loff_t off = a->off, to = 0;

	return copy_file_range(a->fd, &off, fd, &to, a->len, 0);
}

static long p_sendfile(const struct gm_access *a)
{
	return gm_acc_to_file(a, gm_acc_file(a->len, NULL), io_sendfile);
}

static long p_copy(const struct gm_access *a)
{
	return gm_acc_to_file(a, gm_acc_file(a->len, NULL), io_copy);
}

static long p_splice(const struct gm_access *a)
{
	loff_t off = a->off;
	int p[2], err;
	long r;

	GM_SETUP_OK(pipe2(p, O_CLOEXEC | O_NONBLOCK));
	r = splice(a->fd, &off, p[1], NULL, a->len, 0);
	err = errno;
	if (r > 0)
		GM_SETUP(read(p[0], a->buf, a->len) == r, "read of a pipe");
	close(p[0]);
	close(p[1]);
	errno = err;
	return r;
}

/* Maps the file, and reads the mapping if that succeeds. */
static long map_and_read(const struct gm_access *a, int fd, int prot, int flags)
{
	void *p = mmap(NULL, a->len, prot, flags, fd, a->off);

	if (p == MAP_FAILED)
		return -1;
	if (prot & PROT_READ)
		memcpy(a->buf, p, a->len);
	munmap(p, a->len);
	return a->len;
}

static long p_mmap(const struct gm_access *a)
{
	return map_and_read(a, a->fd, PROT_READ | PROT_WRITE, MAP_SHARED);
}

static long p_mmap_ro(const struct gm_access *a)
{
	return map_and_read(a, a->fd, PROT_READ, MAP_SHARED);
}

static long p_mmap_private(const struct gm_access *a)
{
	return map_and_read(a, a->fd, PROT_READ, MAP_PRIVATE);
}

static long p_reopen(const struct gm_access *a)
{
	char path[48];
	long r;
	int fd, err;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", a->fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	r = map_and_read(a, fd, PROT_READ, MAP_SHARED);
	err = errno;
	close(fd);
	errno = err;
	return r;
}

static void send_fd(int s, int fd)
{
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	GM_SETUP_OK(sendmsg(s, &m, 0));
}

static int recv_fd(int s)
{
	char byte, room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)
	};
	int fd = -1;

	if (recvmsg(s, &m, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

/* Another process gets the file in a message, and maps it. */
static long in_other(const struct gm_access *a, pid_t pid)
{
	int s[2], fd, err;
	long r;

	GM_SETUP_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s));
	send_fd(s[0], a->fd);
	close(a->fd);
	fd = recv_fd(s[1]);
	r = map_and_read(a, fd, PROT_READ, MAP_SHARED);
	err = errno;
	close(fd);
	close(s[0]);
	close(s[1]);
	errno = err;
	return r;
}

static long p_scm(const struct gm_access *a)
{
	return gm_access_as(GM_CHILD, a, in_other);
}

/* udmabuf needs a memfd that is sealed against shrinking: the control uses a sealed copy. */
static long p_udmabuf(const struct gm_access *a)
{
	struct udmabuf_create c = {
		.memfd = a->fd, .offset = a->off, .size = a->len, .flags = UDMABUF_FLAGS_CLOEXEC
	};
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), own = -1, buf, err;
	long r = -1;

	GM_SETUP(dev >= 0, "/dev/udmabuf: %s", gm_errno_name(errno));
	if (fcntl(a->fd, F_GET_SEALS) >= 0) {
		own = GM_SETUP_OK(memfd_create("gm-sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
		GM_SETUP_OK(ftruncate(own, a->len));
		GM_SETUP(pread(a->fd, a->buf, a->len, a->off) == (ssize_t)a->len &&
				 pwrite(own, a->buf, a->len, 0) == (ssize_t)a->len,
			 "copy of a memfd");
		memset(a->buf, 0xa5, a->len);
		GM_SETUP_OK(fcntl(own, F_ADD_SEALS, F_SEAL_SHRINK));
		c.memfd = own;
		c.offset = 0;
	}
	buf = ioctl(dev, UDMABUF_CREATE, &c);
	err = errno;
	if (buf >= 0) {
		void *p = mmap(NULL, a->len, PROT_READ, MAP_SHARED, buf, 0);

		err = errno;
		if (p != MAP_FAILED) {
			memcpy(a->buf, p, a->len);
			munmap(p, a->len);
			r = a->len;
		}
		close(buf);
	}
	close(dev);
	if (own >= 0)
		close(own);
	errno = err;
	return r;
}

#define FD .path = GM_PATH_FD
#define F (GM_ACC_READ | GM_ACC_FD | GM_ACC_NO_VA | GM_ACC_SHMEM | GM_ACC_NO_MIX)
#define NO_PREAD GM_ERR(ESPIPE, "fs/read_write.c: the file has no FMODE_PREAD, no FMODE_PWRITE")
#define NO_SPLICE GM_ERR(EINVAL, "fs/splice.c:do_splice(): the file has no FMODE_PREAD")
/* Only if the file cannot be mapped; otherwise the other probes use its mapping. */
#define ONLY_WITHOUT(w)                                                                            \
	{                                                                                          \
		[GM_CLASS_NO_VMA] = w, [GM_CLASS_PRIVATE] = GM_ABSENT,                             \
		[GM_CLASS_SHARED] = GM_ABSENT, [GM_CLASS_SHARED_NOGUP] = GM_ABSENT                 \
	}
#define NO_MMAP GM_ERR(ENODEV, "virt/kvm/guest_memfd.c:kvm_gmem_mmap()")

const struct gm_probe gm_probes_fd[] = {
	{ .name = "fd_read",
	  .text = "pread() of the file",
	  FD,
	  .flags = F,
	  .run = p_read,
	  .want = { [GM_CLASS_PRIVATE] = NO_PREAD, [GM_CLASS_SECRETMEM] = GM_ABSENT } },
	{ .name = "fd_write",
	  .text = "pwrite() to the file",
	  FD,
	  .flags = (F & ~GM_ACC_READ) | GM_ACC_WRITE,
	  .run = p_write,
	  .want = { [GM_CLASS_PRIVATE] = NO_PREAD } },
	{ .name = "fd_sendfile",
	  .text = "sendfile() from the file",
	  FD,
	  .flags = F,
	  .run = p_sendfile,
	  .want = { [GM_CLASS_PRIVATE] = NO_PREAD } },
	{ .name = "fd_splice",
	  .text = "splice() from the file",
	  FD,
	  .flags = F,
	  .run = p_splice,
	  .want = { [GM_CLASS_PRIVATE] = NO_SPLICE } },
	{ .name = "fd_copy_range",
	  .text = "copy_file_range() from the file",
	  FD,
	  .flags = F,
	  .run = p_copy,
	  .want = { [GM_CLASS_PRIVATE] = GM_ERR(
			    EXDEV,
			    "fs/read_write.c:generic_copy_file_checks(): other superblock") } },
	{ .name = "fd_udmabuf",
	  .text = "a udmabuf of the file, mapped",
	  FD,
	  .needs = GM_NEEDS(UDMABUF),
	  .flags = F | GM_ACC_SLOW | GM_ACC_ROOT,
	  .run = p_udmabuf,
	  .want = { [GM_CLASS_PRIVATE] =
			    GM_ERR(EBADFD, "drivers/dma-buf/udmabuf.c:check_memfd_seals()") } },
	{ .name = "fd_mmap",
	  .text = "mmap() of the file",
	  FD,
	  .flags = F,
	  .run = p_mmap,
	  .want = ONLY_WITHOUT(NO_MMAP) },
	{ .name = "fd_mmap_ro",
	  .text = "read-only mmap() of the file",
	  FD,
	  .flags = F,
	  .run = p_mmap_ro,
	  .want = ONLY_WITHOUT(NO_MMAP) },
	{ .name = "fd_mmap_private",
	  .text = "MAP_PRIVATE mmap() of the file",
	  FD,
	  .flags = F,
	  .run = p_mmap_private,
	  .want = ONLY_WITHOUT(NO_MMAP) },
	{ .name = "fd_reopen",
	  .text = "reopened through /proc/self/fd, then mapped",
	  FD,
	  .flags = F | GM_ACC_ROOT,
	  .run = p_reopen,
	  .want = ONLY_WITHOUT(
		  GM_ERR(ENXIO, "fs/inode.c:no_open(): the inode has no file operations")) },
	{ .name = "fd_scm_rights",
	  .text = "sent to another process, which maps it",
	  FD,
	  .flags = F | GM_ACC_SLOW,
	  .run = p_scm,
	  .want = ONLY_WITHOUT(NO_MMAP) },
	{ 0 }
};
