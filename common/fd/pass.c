// SPDX-License-Identifier: GPL-2.0-only
/* A process that receives the descriptor gets no additional access: fd.pass. */
#include "fd.h"

GM_FILE(.clause = "fd.pass", .flavours = FD_EACH_HOST)

#define SIZE (16 * PG)

/* The receiver's results. judge() has the expected errnos. */
struct found {
	int mmap_errno; /* of a shared read-write mapping; 0 if it succeeded */
	int read_only_errno;
	int bind_errno;	   /* in the receiver's own VM */
	int control_errno; /* the same binding of the receiver's own file */
	int old_vm_errno;  /* an ioctl on the sender's VM */
	int reopen_errno;
	int punch_errno;
};

static int map_errno(int fd, int prot)
{
	void *p = mmap(NULL, SIZE, prot, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return errno;
	munmap(p, SIZE);
	return 0;
}

static int errno_of(long ret)
{
	return ret < 0 ? errno : 0;
}

static void probe(int gmem, int old_vm, const struct gm_flavour *f, struct found *found)
{
	/*
	 * The receiver's own VM, without the framework, whose asserts would end the child silently.
	 */
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = ioctl(kvm, KVM_CREATE_VM, gm_arch_vm_type(f->kind));
	struct kvm_create_guest_memfd create = { .size = SIZE, .flags = f->flags };
	struct kvm_userspace_memory_region2 r = {
		.slot = 1,
		.flags = KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr = GM_BASE,
		.memory_size = SIZE,
		.guest_memfd = gmem,
	};
	int own = ioctl(vm, KVM_CREATE_GUEST_MEMFD, &create);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", gmem);
	found->mmap_errno = map_errno(gmem, PROT_READ | PROT_WRITE);
	found->read_only_errno = map_errno(gmem, PROT_READ);
	found->bind_errno = errno_of(ioctl(vm, KVM_SET_USER_MEMORY_REGION2, &r));
	r.guest_memfd = own;
	found->control_errno =
		own < 0 ? EBADF : errno_of(ioctl(vm, KVM_SET_USER_MEMORY_REGION2, &r));
	found->old_vm_errno =
		old_vm < 0 ? EIO : errno_of(ioctl(old_vm, KVM_SET_USER_MEMORY_REGION2, &r));
	found->reopen_errno = errno_of(open(path, O_RDWR));
	found->punch_errno = errno_of(__gm_gmem_punch(gmem, 0, PG));
}

static void judge(const struct found *found, const struct gm_flavour *f)
{
	int map = f->flags & GUEST_MEMFD_FLAG_MMAP ? 0 : ENODEV;

	gm_control(!found->control_errno, "the receiver binds its own file");
	GM_EXPECT_EQ(found->mmap_errno, map, "errno of mmap, read-write");
	GM_EXPECT_EQ(found->read_only_errno, map, "errno of mmap, read-only");
	GM_EXPECT_EQ(found->bind_errno, EINVAL, "errno of binding it in the receiver's VM");
	GM_EXPECT_EQ(found->old_vm_errno, EIO, "errno of an ioctl on the sender's VM");
	GM_EXPECT_EQ(found->reopen_errno, ENXIO, "errno of opening it again");
	GM_EXPECT_EQ(found->punch_errno, 0, "errno of a hole through the received descriptor");
}

static int receive(int s)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(s, &m, 0) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void send_fd(int s, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { "x", 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	GM_SETUP_OK(sendmsg(s, &m, 0));
}

/* The child receives the descriptor over a socket, or inherits it, and reports its results. */
static void pass(const struct gm_flavour *f, bool over_socket)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem, s[2], p[2], status;
	struct found found;
	pid_t pid;

	GM_SETUP_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	GM_SETUP_OK(pipe(p));
	if (!over_socket)
		gmem = gm_flavour_gmem(vm, f, SIZE);
	pid = GM_SETUP_OK(fork());
	if (!pid) {
		int fd = over_socket ? receive(s[1]) : gmem;

		memset(&found, 0xff, sizeof(found));
		probe(fd, vm->kvm->fd, f, &found);
		_exit(write(p[1], &found, sizeof(found)) != sizeof(found));
	}
	/* After the fork, so that the child does not inherit the file. */
	if (over_socket) {
		gmem = gm_flavour_gmem(vm, f, SIZE);
		send_fd(s[0], gmem);
	}
	GM_SETUP(read(p[0], &found, sizeof(found)) == sizeof(found), "the child reported nothing");
	GM_SETUP_OK(waitpid(pid, &status, 0));
	judge(&found, f);
	/* The sender can still use the file. */
	GM_EXPECT_OK(__fd_slot_set(vm, GM_SLOT, GM_BASE, SIZE, gmem, 0), "in the sender's own VM");
	for (int i = 0; i < 2; i++) {
		close(s[i]);
		close(p[i]);
	}
	gm_vm_free(vm);
	close(gmem);
}

GM_CASE(pass_socket, .name = "fd.pass.scm_rights",
	.text = "received over a socket: no mapping without the flag, no binding, no reopening",
	.flags = GM_REFUSAL)
{
	pass(self->flavour, true);
}

GM_CASE(pass_fork, .name = "fd.pass.fork",
	.text = "inherited over fork: no mapping without the flag, no binding, no reopening",
	.flags = GM_REFUSAL)
{
	pass(self->flavour, false);
}

/* arm64 binds only mappable files: fd.slot_arm64. */
#ifdef __x86_64__
/* An ordinary VM with a file without the MMAP flag. */
GM_CASE(pass_plain, .name = "fd.pass.no_flag", .profile = "P1",
	.text = "the same with a file without flags, of an ordinary VM", .flags = GM_REFUSAL,
	.needs = GM_NEEDS(GMEM_DEFAULT))
{
	static const struct gm_flavour plain = { .kind = GM_VM_DEFAULT };

	pass(&plain, true);
	pass(&plain, false);
}
#endif

GM_CASE(pass_dup, .name = "fd.pass.dup",
	.text = "a duplicate is the same file: same inode, binds in its own VM, overlaps are refused")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, SIZE), copy = GM_SETUP_OK(dup(gmem));
	struct stat a, b;

	GM_SETUP_OK(fstat(gmem, &a));
	GM_SETUP_OK(fstat(copy, &b));
	GM_EXPECT_EQ(b.st_ino, a.st_ino, "inode");
	GM_EXPECT_OK(__fd_slot_set(vm, GM_SLOT, GM_BASE, SIZE / 2, gmem, 0), "by the original");
	GM_EXPECT(__fd_slot_set(vm, GM_SLOT + 1, GM_BASE + GM_2M, SIZE / 2, copy, SIZE / 4),
		  "an overlap by the duplicate was accepted");
	GM_EXPECT_OK(__fd_slot_set(vm, GM_SLOT + 1, GM_BASE + GM_2M, SIZE / 2, copy, SIZE / 2),
		     "the rest by the duplicate");
	gm_vm_free(vm);
	close(copy);
	close(gmem);
}

static int write_child(void *arg)
{
	uint8_t *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, *(int *)arg, 0);

	if (p == MAP_FAILED)
		return 1;
	if (*(volatile uint64_t *)(p + 5 * PG) != gm_word(GM_BASE / PG + 5, GM_WRITER_HOST, 1, 0))
		return 2;
	gm_host_fill(p, GM_BASE / PG, 16, GM_WRITER_HOST, 2);
	return 0;
}

GM_CASE(pass_map, .name = "fd.pass.shared_map", .flavours = FD_HOST_SEES,
	.text = "with the MMAP flag a child's own mapping is the same memory")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, SIZE);
	uint8_t *map = fd_mmap(gmem, SIZE);

	gm_host_fill(map, GM_BASE / PG, 16, GM_WRITER_HOST, 1);
	GM_EXPECT_EQ(fd_in_child(write_child, &gmem), 0,
		     "the child (1: no mapping, 2: other words)");
	gm_host_check(map, GM_BASE / PG, 16, GM_WRITER_HOST, 2, "what the child wrote");
	munmap(map, SIZE);
	close(gmem);
	gm_vm_free(vm);
}
