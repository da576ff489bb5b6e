// SPDX-License-Identifier: GPL-2.0-only
/* Every allocation of create and bind fails once: each undoes all it did: fd.*_args.no_memory. */
#include "fail_nth.h"
#include "fd.h"
#include "text.h"

GM_FILE(.clause = "fd.create_args", .flavours = FD_FLAVOURS(FD_P1, FD_P0_HOST),
	.needs = GM_NEEDS(FAIL_NTH, DEBUGFS), .caps = GM_CAPS_ALL, .timeout = 120)

#define NPAGES 8192UL /* the XArray of bindings has three levels */
#define SIZE (NPAGES * PG)
/* Begins and ends inside nodes of the XArray of bindings. */
#define OFF (3 * PG)

struct scarce {
	const struct gm_flavour *f;
	struct gm_vm *vm;
	int gmem, made, low;
	struct kvm_userspace_memory_region2 r;
};

static int create(void *arg)
{
	struct scarce *s = arg;

	s->made = __gm_gmem_new(s->vm, SIZE, s->f->flags);
	return s->made < 0;
}

static void expect_not_created(void *arg, unsigned int n, int err)
{
	struct scarce *s = arg;
	int low = GM_SETUP_OK(dup(STDERR_FILENO));

	close(low);
	GM_EXPECT_EQ(err, ENOMEM, "errno, step %u failed", n);
	GM_EXPECT_EQ(low, s->low, "the lowest free descriptor, step %u failed", n);
}

static void undo_create(void *arg)
{
	struct scarce *s = arg;

	close(s->made);
}

GM_CASE(create_no_memory, .name = "fd.create_args.no_memory", .tokens = GM_TOKEN_MODULE,
	.text = "each allocation failing once: ENOMEM, and no descriptor, file or VM is left")
{
	struct scarce s = { .f = self->flavour };

	s.vm = GM_VM_NEW(.kind = s.f->kind);
	gm_fail_nth_open();
	s.low = GM_SETUP_OK(dup(STDERR_FILENO));
	close(s.low);
	gm_fail_nth_sweep(create, expect_not_created, undo_create, &s);
	close(s.made);
	gm_vm_free(s.vm);
}

/* Inodes in the whole system. */
static long inodes(void)
{
	unsigned long n;

	GM_SETUP(gm_read_number("/proc/sys/fs/inode-nr", &n),
		 "/proc/sys/fs/inode-nr cannot be read");
	return n;
}

#define OFTEN 60

GM_CASE(create_no_memory_often, .name = "fd.create_args.no_memory_often", .tokens = GM_TOKEN_ALONE,
	.text = "each allocation failing sixty times: no inode of a refused file is left")
{
	struct scarce s = { .f = self->flavour };
	long before, after;

	s.vm = GM_VM_NEW(.kind = s.f->kind);
	gm_fail_nth_open();
	for (unsigned int n = 1; n < 20; n++) {
		bool reached = true;

		before = inodes();
		for (int i = 0; i < OFTEN && reached; i++) {
			gm_fail_nth(n);
			if (!create(&s))
				close(s.made);
			reached = gm_fail_nth_reached();
		}
		after = inodes();
		GM_EXPECT(after - before < OFTEN / 2, "step %u failed %d times: %ld inodes more", n,
			  OFTEN, after - before);
		if (!reached)
			break;
	}
	gm_vm_free(s.vm);
}

static int bind_it(void *arg)
{
	struct scarce *s = arg;

	return ioctl(s->vm->kvm->fd, KVM_SET_USER_MEMORY_REGION2, &s->r);
}

static void unbind_it(void *arg)
{
	struct scarce *s = arg;
	struct kvm_userspace_memory_region2 r = s->r;

	r.memory_size = 0;
	GM_SETUP_OK(ioctl(s->vm->kvm->fd, KVM_SET_USER_MEMORY_REGION2, &r));
}

/* Neither the file's range nor the guest's is in use: single pages of both can be bound. */
static void expect_not_bound(void *arg, unsigned int n, int err)
{
	struct scarce *s = arg;
	uint64_t at[] = { 0, SIZE / 2, SIZE - PG };

	GM_EXPECT_EQ(err, ENOMEM, "errno, step %u failed", n);
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
		int r = __fd_slot_set(s->vm, GM_SLOT + 1, GM_BASE + at[i], PG, s->gmem,
				      OFF + at[i]);

		GM_EXPECT(!r, "step %u failed: page %lu of the file cannot be bound alone: %s", n,
			  at[i] / PG, gm_errno_name(errno));
		if (!r)
			gm_slot_delete(s->vm, GM_SLOT + 1);
	}
}

GM_CASE(bind_no_memory, .name = "fd.bind_args.no_memory", .clause = "fd.bind_args",
	.flavours = FD_FLAVOURS(FD_P1, FD_P0, FD_INPLACE, FD_BACK_TWIN), .tokens = GM_TOKEN_MODULE,
	.text = "each allocation failing once: ENOMEM, no page of the file stays bound, the last close frees it")
{
	struct gm_fixture *w =
		FD_FIXTURE(self->flavour, SIZE, .file_size = SIZE + 2 * OFF, .no_slot = true);
	struct scarce s = { .f = self->flavour, .vm = w->vm, .gmem = w->gmem };
	struct gm_op op = { .code = GM_OP_NOP };

	/* Faults in the vCPU's own pages before injecting failures. */
	gm_run(s.vm, 0, &op, 1);
	s.r = (struct kvm_userspace_memory_region2){ .slot = GM_SLOT,
						     .flags = KVM_MEM_GUEST_MEMFD,
						     .guest_phys_addr = GM_BASE,
						     .memory_size = SIZE,
						     .guest_memfd_offset = OFF,
						     .guest_memfd = s.gmem };
	gm_fail_nth_open();
	gm_fail_nth_sweep(bind_it, expect_not_bound, unbind_it, &s);
	/*
	 * KVM may retry an allocation after one failure, so now all allocations from step n on
	 * fail.
	 */
	unbind_it(&s);
	gm_fail_from_sweep(bind_it, expect_not_bound, &s, 400);
	/*
	 * The last round bound the file. No failure kept a reference: this close frees the memory.
	 */
	if (fd_fault_flags(w) & KVM_MEMORY_EXIT_FLAG_PRIVATE)
		gm_convert(s.vm, GM_BASE, SIZE, true);
	gm_fixture_fill(w, 0, GFN(GM_BASE + SIZE) - 1, 1);
	gm_fixture_close(w);
	gm_guest_expect_fault(s.vm, 0, GM_BASE + SIZE - PG, false, fd_fault_flags(w), PG,
			      "after the last close");
	fd_fixture_free(w);
}
