// SPDX-License-Identifier: GPL-2.0-only
/* Calls that use a file, its slot or its mapping while it is removed. */
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "race.h"
#include "touch.h"

/* Enders that leave no memory at the host's address, nor at that of a slot without a file. */
#define NO_MEMORY (RACE_UNMAP | RACE_REMAP)

static bool beside(const struct race *r, unsigned int effect)
{
	return r->ender->effect & effect;
}

/* May the host be refused? If the pages are or become private, or the mapping goes. */
static bool host_refused(const struct race *r)
{
	return r->memory == RACE_PRIVATE || beside(r, RACE_CONVERT | RACE_UNMAP | RACE_REMAP);
}

/* --- the guest --- */

static void guest(struct race *r, struct race_call *c)
{
	struct gm_op op = { .code = GM_OP_TOUCH_W,
			    .addr = RACE_GPA + 8,
			    .nr = RACE_PAGES,
			    .val = PG,
			    .writer = GM_WRITER_SHARED,
			    .gen = r->gen };

	/* A fault that races with a conversion may exit: enter the vCPU again, as a VMM does. */
	for (unsigned int i = 0; i < 1000; i++) {
		c->ret = __gm_run(r->w->vm, 0, &op, 1, &c->exit, NULL) ? 0 : -1;
		if (!c->ret || c->exit.err != EFAULT || !beside(r, RACE_CONVERT))
			break;
	}
	c->err = c->exit.err;
}

static bool guest_legal(const struct race *r, const struct race_call *c)
{
	if (!c->ret)
		return true;
	if (beside(r, RACE_DELETE | RACE_MOVE) && r->memory != RACE_ATTRIBUTES)
		return c->exit.reason == KVM_EXIT_MMIO;
	if (beside(r, NO_MEMORY) && r->memory == RACE_ANON)
		return c->err == EFAULT;
	/* With attributes of the VM a private page without a slot is not MMIO. */
	return beside(r, RACE_CLOSE | RACE_DELETE) && c->err == EFAULT &&
	       c->exit.reason == KVM_EXIT_MEMORY_FAULT;
}

/*
 * The memory keeps its pages and the VM maps none of them: the vCPU faults all the time. Otherwise
 * it faults only after the ender has taken pages away.
 */
static void drop_mappings(struct race *r)
{
	gm_slot_delete(r->w->vm, RACE_SLOT);
	GM_SETUP_OK(race_set(r, r->at, RACE_SIZE));
}

static void prefault(struct race *r, struct race_call *c)
{
	uint64_t gpa = RACE_GPA, size = RACE_SIZE;

	c->ret = gm_prefault(r->w->vm, 0, &gpa, &size, 0);
	c->err = errno;
	c->bytes = gpa - RACE_GPA;
}

static bool prefault_legal(const struct race *r, const struct race_call *c)
{
	if (!c->ret)
		return c->bytes == RACE_SIZE ||
		       beside(r, RACE_DELETE | RACE_CLOSE | RACE_CONVERT | RACE_MOVE | NO_MEMORY);
	/* The slot is being deleted or moved, or is so. */
	if (beside(r, RACE_DELETE | RACE_MOVE) && (c->err == EAGAIN || c->err == ENOENT))
		return true;
	return c->err == EFAULT && (beside(r, RACE_CLOSE | RACE_CONVERT) ||
				    (beside(r, NO_MEMORY) && r->memory == RACE_ANON) ||
				    (beside(r, RACE_DELETE) && r->memory == RACE_ATTRIBUTES));
}

/* --- the host's mapping --- */

static void host(struct race *r, struct race_call *c)
{
	for (uint64_t i = 0; i < RACE_PAGES; i++) {
		int sig = gm_touch(r->map + RACE_OFF + i * PG + 24, true, NULL);

		if (!sig)
			continue;
		c->ret = -1;
		c->err = sig == SIGBUS ? EFAULT : ENOMEM;
	}
}

static bool host_legal(const struct race *r, const struct race_call *c)
{
	if (!c->ret)
		return true;
	/* SIGSEGV without a mapping, SIGBUS at a private page. */
	return c->err == ENOMEM ? beside(r, NO_MEMORY) : host_refused(r);
}

static void gup(struct race *r, struct race_call *c)
{
	struct iovec to = { r->copy, RACE_SIZE }, from = { r->map + RACE_OFF, RACE_SIZE };
	ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);

	c->ret = n < 0 ? -1 : 0;
	c->err = errno;
	c->bytes = n < 0 ? 0 : n;
}

/* Every page read must have its old content, or be empty beside a hole. */
static bool gup_legal(const struct race *r, const struct race_call *c)
{
	for (uint64_t i = 0; i < c->bytes / PG; i++) {
		uint64_t word = *(const uint64_t *)(r->copy + i * PG);

		if (word != race_old(r, i, 0) && !(beside(r, RACE_HOLE) && !word)) {
			GM_FAIL("page %lu was read as %s", i, gm_word_str(word));
			return true;
		}
	}
	if (c->ret)
		return c->err == EFAULT && host_refused(r);
	return c->bytes == RACE_SIZE || host_refused(r);
}

static void policy(struct race *r, struct race_call *c)
{
	unsigned long node = 1;

	c->ret = syscall(SYS_mbind, r->map, RACE_FILE, MPOL_PREFERRED, &node, 64, 0);
	c->err = errno;
}

static bool policy_legal(const struct race *r, const struct race_call *c)
{
	return !c->ret || (c->err == EFAULT && beside(r, NO_MEMORY));
}

/* The ABI of mm/gup_test.h, which is not exported. */
struct longterm {
	uint64_t addr, size;
	uint32_t flags;
};

#define LONGTERM_WRITE 1
#define PIN_READS 4U
#define LONGTERM_START _IOW('g', 7, struct longterm)
#define LONGTERM_STOP _IO('g', 8)
#define LONGTERM_READ _IOW('g', 9, uint64_t)

static void open_gup_test(struct race *r)
{
	if (!r->gup_test)
		r->gup_test = GM_SETUP_OK(open("/sys/kernel/debug/gup_test", O_RDWR | O_CLOEXEC));
}

/* Pins all pages, reads them by the pins, which takes a while, and unpins them. */
static void pin(struct race *r, struct race_call *c)
{
	struct longterm arg = { .addr = (uintptr_t)r->map + RACE_OFF,
				.size = RACE_SIZE,
				.flags = LONGTERM_WRITE };

	c->ret = ioctl(r->gup_test, LONGTERM_START, &arg);
	c->err = errno;
	if (!c->ret) {
		uint64_t to = (uintptr_t)r->copy;

		for (unsigned int i = 0; i < PIN_READS; i++)
			ioctl(r->gup_test, LONGTERM_READ, &to);
		ioctl(r->gup_test, LONGTERM_STOP);
	}
}

/* A part that can be pinned is no success of the kernel's test. */
static bool pin_legal(const struct race *r, const struct race_call *c)
{
	return !c->ret || (host_refused(r) && (c->err == EFAULT || c->err == EINVAL));
}

static void dirty(struct race *r, struct race_call *c)
{
	struct kvm_dirty_log log = { .slot = RACE_SLOT, .dirty_bitmap = r->copy };

	c->ret = ioctl(r->w->vm->kvm->fd, KVM_GET_DIRTY_LOG, &log);
	c->err = errno;
}

static bool dirty_legal(const struct race *r, const struct race_call *c)
{
	return !c->ret || (c->err == ENOENT && beside(r, RACE_DELETE));
}

/* --- the file --- */

static void map(struct race *r, struct race_call *c)
{
	void *p = mmap(NULL, RACE_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, r->gmem, 0);

	c->err = errno;
	c->ret = p == MAP_FAILED ? -1 : munmap(p, RACE_FILE);
}

static void allocate(struct race *r, struct race_call *c)
{
	c->ret = __gm_gmem_allocate(r->gmem, RACE_OFF, RACE_SIZE);
	c->err = errno;
}

/* --- slots --- */

/* Binds the first pages of the file, which are in no slot. */
static void bind(struct race *r, struct race_call *c)
{
	c->ret = __gm_slot_set(r->w->vm, RACE_SLOT + 1, 0, RACE_OTHER, RACE_OFF, NULL, r->gmem, 0);
	c->err = errno;
}

/* Binds the last of the slot's pages, which only one slot can have. */
static void rebind(struct race *r, struct race_call *c)
{
	c->ret = __gm_slot_set(r->w->vm, RACE_SLOT + 1, 0, RACE_OTHER, 8 * PG, NULL, r->gmem,
			       RACE_OFF + RACE_SIZE - 8 * PG);
	c->err = errno;
}

static bool rebind_legal(const struct race *r, const struct race_call *c)
{
	return c->ret ? c->err == EEXIST : beside(r, RACE_DELETE);
}

static void open_other_vm(struct race *r)
{
	int kvm;

	if (r->other_vm)
		return;
	kvm = GM_SETUP_OK(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	r->other_vm = GM_SETUP_OK(ioctl(kvm, KVM_CREATE_VM, gm_arch_vm_type(r->w->vm->args.kind)));
	close(kvm);
}

/* The file belongs to another VM, and that is so for ever. */
static void bind_other(struct race *r, struct race_call *c)
{
	struct kvm_userspace_memory_region2 region = { .slot = 1,
						       .flags = KVM_MEM_GUEST_MEMFD,
						       .guest_phys_addr = RACE_GPA,
						       .memory_size = RACE_SIZE,
						       .guest_memfd = r->gmem,
						       .guest_memfd_offset = RACE_OFF };

	c->ret = ioctl(r->other_vm, KVM_SET_USER_MEMORY_REGION2, &region);
	c->err = errno;
}

static bool bind_other_legal(const struct race *r, const struct race_call *c)
{
	return c->ret && c->err == EINVAL;
}

static void unbind(struct race *r)
{
	if (r->w && gm_slot_at(r->w->vm, RACE_OTHER))
		gm_slot_delete(r->w->vm, RACE_SLOT + 1);
}

/* Users that need the VM, the mapping, the file. */
#define OF_VM RACE_VM
#define OF_MAP RACE_NO_MAP
#define OF_FILE (RACE_CLOSE | RACE_NO_FD)

const struct race_side race_users[] = {
	{ .name = "guest",
	  .text = "a vCPU writes the pages",
	  .memory = RACE_ALL,
	  .effect = RACE_WRITES | RACE_FAULTS,
	  .never = OF_VM,
	  .run = guest,
	  .legal = guest_legal },
	{ .name = "fault",
	  .text = "a vCPU writes the pages, of which the VM has mapped none",
	  .memory = RACE_ALL,
	  .effect = RACE_WRITES | RACE_FAULTS,
	  .never = ~(unsigned int)(RACE_HOLE | RACE_CONVERT | RACE_REMAP),
	  .quick = true,
	  .prepare = drop_mappings,
	  .run = guest,
	  .legal = guest_legal },
	{ .name = "prefault",
	  .text = "KVM_PRE_FAULT_MEMORY",
	  .memory = RACE_ALL,
	  .effect = RACE_FAULTS,
	  .never = OF_VM,
	  .needs = GM_NEEDS(PREFAULT),
	  .run = prefault,
	  .legal = prefault_legal },
	{ .name = "host",
	  .text = "the host touches the pages",
	  .memory = RACE_HOST,
	  .never = OF_MAP,
	  .run = host,
	  .legal = host_legal },
	{ .name = "gup",
	  .text = "process_vm_readv of the pages",
	  .needs = GM_NEEDS(GMEM_GUP),
	  .memory = RACE_HOST,
	  .never = OF_MAP,
	  .run = gup,
	  .legal = gup_legal },
	{ .name = "mbind",
	  .text = "mbind of the mapping",
	  .memory = RACE_HOST,
	  .never = OF_MAP,
	  .needs = GM_NEEDS(GMEM_FS),
	  .run = policy,
	  .legal = policy_legal },
	{ .name = "pin",
	  .text = "long-term pins of the pages",
	  .memory = RACE_P1 | RACE_ANON,
	  .never = OF_MAP,
	  .needs = GM_NEEDS(GUP_TEST, ROOT),
	  .root = true,
	  .prepare = open_gup_test,
	  .run = pin,
	  .legal = pin_legal },
	{ .name = "dirty",
	  .text = "KVM_GET_DIRTY_LOG of the slot",
	  .memory = RACE_ANON,
	  .effect = RACE_LOGGED,
	  .never = OF_VM | RACE_LOG,
	  .run = dirty,
	  .legal = dirty_legal },
	{ .name = "mmap",
	  .text = "mmap and munmap of the file",
	  .memory = RACE_MAPPED,
	  .never = OF_FILE,
	  .run = map },
	{ .name = "fallocate",
	  .text = "fallocate of the pages",
	  .memory = RACE_EACH,
	  .never = OF_FILE,
	  .run = allocate },
	{ .name = "hole",
	  .text = "a hole over the pages",
	  .memory = RACE_EACH,
	  .effect = RACE_HOLE,
	  .never = OF_FILE,
	  .run = race_hole },
	{ .name = "convert",
	  .text = "an in-place conversion",
	  .memory = RACE_INPLACE,
	  .effect = RACE_CONVERT,
	  .never = OF_FILE,
	  .run = race_convert },
	{ .name = "delete",
	  .text = "the slot is deleted",
	  .memory = RACE_ALL,
	  .effect = RACE_DELETE,
	  .never = OF_VM | RACE_MOVE | RACE_LOG,
	  .run = race_delete },
	{ .name = "bind",
	  .text = "other pages of the file are bound",
	  .memory = RACE_EACH,
	  .never = OF_FILE | OF_VM,
	  .run = bind,
	  .undo = unbind },
	{ .name = "bind_other",
	  .text = "the file is bound to another VM, which is refused",
	  .memory = RACE_EACH,
	  .never = OF_FILE | OF_VM,
	  .prepare = open_other_vm,
	  .run = bind_other,
	  .legal = bind_other_legal },
	{ .name = "rebind",
	  .text = "the same pages are bound to another slot",
	  .memory = RACE_EACH,
	  .never = OF_FILE | OF_VM,
	  .run = rebind,
	  .legal = rebind_legal,
	  .undo = unbind },
	{},
};
