// SPDX-License-Identifier: GPL-2.0-only
/* What a slot can be bound to: fd.bind_args, fd.bind_bounds. */
#include <sys/eventfd.h>

#include "fd.h"

GM_FILE(.clause = "fd.bind_args", .flavours = FD_EACH_HOST, .flags = GM_REFUSAL)

#define SIZE (16 * PG)

struct bind {
	struct gm_vm *vm;
	int gmem;
};

static struct bind bind_new(const struct gm_case *self)
{
	const struct gm_flavour *f = self->flavour;
	struct bind b;

	b.vm = GM_VM_NEW(.kind = f->kind);
	b.gmem = gm_flavour_gmem(b.vm, f, SIZE);
	fd_control_bind(b.vm, GM_SLOT, GM_BASE, SIZE, b.gmem, 0);
	return b;
}

/* The refusals left nothing bound: a legal slot can have the whole range and file. */
static void bind_free(struct bind *b)
{
	GM_EXPECT_OK(__fd_slot_set(b->vm, GM_SLOT, GM_BASE, SIZE, b->gmem, 0),
		     "the legal binding after the refusals");
	gm_slot_delete(b->vm, GM_SLOT);
	close(b->gmem);
	gm_vm_free(b->vm);
}

GM_CASE(bind_badf, .name = "fd.bind_args.not_open",
	.text = "a descriptor that is not open, or out of range: EBADF")
{
	struct bind b = bind_new(self);
	int closed = GM_SETUP_OK(dup(b.gmem));
	struct kvm_userspace_memory_region2 r = {
		.slot = GM_SLOT,
		.flags = KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr = GM_BASE,
		.memory_size = SIZE,
	};
	const uint32_t fds[] = { closed, -1, INT32_MAX, 1 << 30, 1U << 31 };

	close(closed);
	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++) {
		r.guest_memfd = fds[i];
		GM_EXPECT_ERRNO(EBADF, ioctl(b.vm->kvm->fd, KVM_SET_USER_MEMORY_REGION2, &r),
				"descriptor %d", (int)fds[i]);
	}
	bind_free(&b);
}

GM_CASE(bind_other_file, .name = "fd.bind_args.other_file",
	.text = "memfd, device, pipe, socket, eventfd, /dev/kvm, the VM itself: EINVAL")
{
	struct bind b = bind_new(self);
	int p[2], s[2];

	GM_SETUP_OK(pipe(p));
	GM_SETUP_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	const int fds[] = {
		fd_memfd(SIZE),
		GM_SETUP_OK(open("/dev/null", O_RDWR)),
		GM_SETUP_OK(open("/proc/self/exe", O_RDONLY)),
		p[0],
		p[1],
		s[0],
		s[1],
		GM_SETUP_OK(eventfd(0, 0)),
		GM_SETUP_OK(dup(b.vm->kvm->kvm_fd)),
		GM_SETUP_OK(dup(b.vm->kvm->fd)),
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++) {
		GM_EXPECT_ERRNO(EINVAL, __fd_slot_set(b.vm, GM_SLOT, GM_BASE, SIZE, fds[i], 0),
				"file %u of the list", i);
		close(fds[i]);
	}
	bind_free(&b);
}

GM_CASE(bind_other_vm, .name = "fd.bind_args.other_vm",
	.text = "a guest_memfd of another VM: EINVAL, bound there or not; it can still be bound there")
{
	const struct gm_flavour *f = self->flavour;
	struct bind b = bind_new(self);
	struct gm_vm *other = GM_VM_NEW(.kind = f->kind);
	int other_gmem = gm_flavour_gmem(other, f, SIZE);

	GM_EXPECT_ERRNO(EINVAL, __fd_slot_set(b.vm, GM_SLOT, GM_BASE, SIZE, other_gmem, 0),
			"not bound");
	GM_EXPECT_ERRNO(EINVAL, __fd_slot_set(other, GM_SLOT, GM_BASE, SIZE, b.gmem, 0),
			"this VM's file in the other VM");
	GM_EXPECT_OK(__fd_slot_set(other, GM_SLOT, GM_BASE, SIZE, other_gmem, 0), "in its own VM");
	GM_EXPECT_ERRNO(EINVAL, __fd_slot_set(b.vm, GM_SLOT, GM_BASE, SIZE, other_gmem, 0),
			"bound");
	gm_vm_free(other);
	/* Only the file still keeps its VM. */
	GM_EXPECT_ERRNO(EINVAL, __fd_slot_set(b.vm, GM_SLOT, GM_BASE, SIZE, other_gmem, 0),
			"of a VM that is closed");
	close(other_gmem);
	bind_free(&b);
}

GM_CASE(bind_unaligned, .name = "fd.bind_args.unaligned",
	.text = "an offset, size or gpa misaligned by any power of two: EINVAL")
{
	struct bind b = bind_new(self);

	for (uint64_t d = 1; d < (uint64_t)getpagesize(); d *= 2) {
		GM_EXPECT_ERRNO(EINVAL, __fd_slot_set(b.vm, GM_SLOT, GM_BASE, PG, b.gmem, d),
				"offset %#lx", d);
		GM_EXPECT_ERRNO(EINVAL, __fd_slot_set(b.vm, GM_SLOT, GM_BASE, PG, b.gmem, PG + d),
				"offset %#lx", PG + d);
		GM_EXPECT_ERRNO(EINVAL, __fd_slot_set(b.vm, GM_SLOT, GM_BASE, PG + d, b.gmem, 0),
				"size %#lx", PG + d);
		GM_EXPECT_ERRNO(EINVAL, __fd_slot_set(b.vm, GM_SLOT, GM_BASE + d, PG, b.gmem, 0),
				"gpa +%#lx", d);
		GM_EXPECT_ERRNO(EINVAL,
				__gm_slot_set(b.vm, GM_SLOT, 0, GM_BASE, PG, (void *)(GM_BASE + d),
					      b.gmem, 0),
				"userspace_addr +%#lx", d);
	}
	bind_free(&b);
}

/* KVM checks userspace_addr, even if the file backs all pages of the slot. */
GM_CASE(bind_address, .name = "fd.bind_args.userspace_addr",
	.text = "a range at userspace_addr that is not in user space, also in part: EINVAL")
{
	const uint64_t bad[] = { 1ULL << 63, (1ULL << 63) - PG, 0xffff888000000000, -2 * SIZE,
				 -SIZE,	     -(uint64_t)PG };
	struct bind b = bind_new(self);

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		GM_EXPECT_ERRNO(EINVAL,
				__gm_slot_set(b.vm, GM_SLOT, 0, GM_BASE, SIZE,
					      (void *)(uintptr_t)bad[i], b.gmem, 0),
				"userspace_addr %#lx", bad[i]);
	bind_free(&b);
}

GM_CASE(bind_number, .name = "fd.bind_args.slot_number",
	.text = "slot numbers below KVM_CAP_NR_MEMSLOTS work; others, and unknown address spaces, are EINVAL")
{
	struct bind b = bind_new(self);
	uint32_t nr = vm_check_cap(b.vm->kvm, KVM_CAP_NR_MEMSLOTS),
		 spaces = vm_check_cap(b.vm->kvm, KVM_CAP_MULTI_ADDRESS_SPACE) ?: 1;
	struct kvm_userspace_memory_region2 r = {
		.slot = nr - 1,
		.flags = KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr = GM_BASE,
		.memory_size = SIZE,
		.guest_memfd = b.gmem,
	};
	const uint32_t bad[] = { nr,
				 nr + 1,
				 nr + 2,
				 0xffff,
				 spaces << 16,
				 spaces << 16 | GM_SLOT,
				 0xffff0000 | GM_SLOT,
				 0xffffffff };

	gm_promise(!ioctl(b.vm->kvm->fd, KVM_SET_USER_MEMORY_REGION2, &r),
		   "the last slot, number %u", nr - 1);
	r.memory_size = 0;
	GM_EXPECT_OK(ioctl(b.vm->kvm->fd, KVM_SET_USER_MEMORY_REGION2, &r), "its deletion");
	r.memory_size = SIZE;
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		r.slot = bad[i];
		GM_EXPECT_ERRNO(EINVAL, ioctl(b.vm->kvm->fd, KVM_SET_USER_MEMORY_REGION2, &r),
				"slot %#x of %u", bad[i], nr);
	}
	bind_free(&b);
}

GM_CASE(bind_v1, .name = "fd.bind_args.old_ioctl",
	.text = "KVM_SET_USER_MEMORY_REGION with KVM_MEM_GUEST_MEMFD: EINVAL, also if fd 0 is the file")
{
	struct bind b = bind_new(self);
	struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, SIZE);
	struct kvm_userspace_memory_region2 r = {
		.slot = GM_SLOT,
		.guest_phys_addr = GM_BASE,
		.memory_size = SIZE,
		.userspace_addr = (uintptr_t)mem->hva,
		.guest_memfd = b.gmem,
	};
	int zero = GM_SETUP_OK(fcntl(0, F_DUPFD_CLOEXEC, 3));

	gm_promise(!ioctl(b.vm->kvm->fd, KVM_SET_USER_MEMORY_REGION, &r),
		   "the same without the flag");
	gm_slot_delete(b.vm, GM_SLOT);
	r.flags = KVM_MEM_GUEST_MEMFD;
	GM_EXPECT_ERRNO(EINVAL, ioctl(b.vm->kvm->fd, KVM_SET_USER_MEMORY_REGION, &r));
	/* The old struct has no descriptor field: KVM would read 0 there. */
	GM_SETUP_OK(dup2(b.gmem, 0));
	GM_EXPECT_ERRNO(EINVAL, ioctl(b.vm->kvm->fd, KVM_SET_USER_MEMORY_REGION, &r),
			"with the file at descriptor 0");
	GM_SETUP_OK(dup2(zero, 0));
	close(zero);
	bind_free(&b);
	gm_mem_free(mem);
}

GM_CASE(bounds_exact, .name = "fd.bind_bounds.exact", .clause = "fd.bind_bounds",
	.text = "every offset and size in a file of 16 pages: legal up to the end, EINVAL beyond")
{
	struct bind b = bind_new(self);

	for (uint64_t off = 0; off <= 17; off++) {
		for (uint64_t len = 1; len <= 18; len++) {
			if (off + len <= 16) {
				if (GM_EXPECT_OK(__fd_slot_set(b.vm, GM_SLOT, GM_BASE, len * PG,
							       b.gmem, off * PG),
						 "%lu pages at page %lu", len, off) != -1)
					gm_slot_delete(b.vm, GM_SLOT);
			} else {
				GM_EXPECT_ERRNO(EINVAL,
						__fd_slot_set(b.vm, GM_SLOT, GM_BASE, len * PG,
							      b.gmem, off * PG),
						"%lu pages at page %lu", len, off);
			}
			if (gm_failures())
				break;
		}
	}
	bind_free(&b);
}

GM_CASE(bounds_far, .name = "fd.bind_bounds.far", .clause = "fd.bind_bounds",
	.text = "offsets far past the end, and sizes, without a wrap: EINVAL")
{
	/* The low 32 bits of some are 0 or small. */
	const uint64_t offs[] = { GM_2M,	  GM_1G,      4 * GM_1G,
				  4 * GM_1G + PG, 12 * GM_1G, 1ULL << 40,
				  1ULL << 52,	  1ULL << 62, (1ULL << 63) - 2 * PG };
	struct bind b = bind_new(self);

	for (unsigned int i = 0; i < ARRAY_SIZE(offs); i++) {
		GM_EXPECT_ERRNO(EINVAL, __fd_slot_set(b.vm, GM_SLOT, GM_BASE, PG, b.gmem, offs[i]),
				"offset %#lx", offs[i]);
		GM_EXPECT_ERRNO(EINVAL, __fd_slot_set(b.vm, GM_SLOT, GM_BASE, offs[i], b.gmem, 0),
				"size %#lx", offs[i]);
	}
	bind_free(&b);
}

GM_CASE(bounds_negative, .name = "fd.bind_bounds.sign_bit", .clause = "fd.bind_bounds",
	.text = "offsets with the sign bit that do not wrap: EINVAL")
{
	const uint64_t offs[] = { 1ULL << 63, (1ULL << 63) + PG, 3ULL << 62, -32 * (uint64_t)PG,
				  -17 * (uint64_t)PG };
	struct bind b = bind_new(self);

	for (unsigned int i = 0; i < ARRAY_SIZE(offs); i++) {
		int r = __fd_slot_set(b.vm, GM_SLOT, GM_BASE, PG, b.gmem, offs[i]);

		GM_EXPECT(r && errno == EINVAL, "offset %#lx: expected EINVAL, observed %s",
			  offs[i], r ? gm_errno_name(errno) : "a slot");
		if (!r)
			gm_slot_delete(b.vm, GM_SLOT);
	}
	bind_free(&b);
}

GM_CASE(bounds_wrap, .name = "fd.bind_bounds.wrap", .clause = "fd.bind_bounds",
	.text = "offset plus size passes 2^64: EINVAL, wherever the sum ends up")
{
	/* In pages: the offset below 2^64, and the size. The last sum is past the end anyway. */
	static const struct {
		uint64_t below, size;
	} t[] = {
		{ 1, 1 }, { 1, 2 },  { 1, 16 },	 { 1, 17 },    { 2, 2 },
		{ 2, 3 }, { 8, 16 }, { 16, 16 }, { 512, 513 }, { 1, 18 },
	};
	struct bind b = bind_new(self);

	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(t); i++) {
		uint64_t size = t[i / 2].size * PG;
		uint64_t off = (i % 2 ? 1ULL << 63 : 0) - t[i / 2].below * PG;
		int r = __fd_slot_set(b.vm, GM_SLOT, GM_BASE, size, b.gmem, off);

		GM_EXPECT(r && errno == EINVAL,
			  "offset %#lx, size %#lx: expected EINVAL, observed %s", off, size,
			  r ? gm_errno_name(errno) : "a slot");
		if (!r)
			gm_slot_delete(b.vm, GM_SLOT);
	}
	bind_free(&b);
}
