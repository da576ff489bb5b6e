// SPDX-License-Identifier: GPL-2.0-only
/*
 * Protected VMs with failing allocations, pkvm.fail: a first touch, a share and a first KVM_RUN go
 * through at the second attempt, and a refused one leaves page, pin and locked memory as they were.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "fail_nth.h"
#include "main.h"
#include "pins.h"
#include "pkvm.h"

GM_FILE(.clause = "pkvm.fail", .profile = "P2", .needs = GM_NEEDS(PROTECTED, FAIL_NTH, DEBUGFS),
	.caps = GM_CAPS_ALL, .tokens = GM_TOKEN_MODULE, .timeout = 120)

#define FAIL_PAGES 192UL
#define TRIES 4U
#define MOST 150U
#define VMS 400 /* more than the hypervisor has handles */

struct count {
	uint64_t locked; /* bytes */
	unsigned long pins;
};

static struct count count_now(void)
{
	return (struct count){ .locked = pkvm_status("VmLck"), .pins = gm_all_pins() };
}

static void expect_count(const struct count *was, unsigned int pages, unsigned int n,
			 const char *when)
{
	unsigned long pins = was->pins + pages;

	GM_EXPECT_EQ(pkvm_status("VmLck"), was->locked + pages * PG, "step %u, %s: VmLck", n, when);
	GM_EXPECT_EQ(gm_all_pins_wait(pins), pins, "step %u, %s: pins of all pages", n, when);
}

/* One operation of vCPU 0 on a page that the guest has not touched yet. */
struct touch {
	bool share;  /* MEM_SHARE, else the page is read */
	bool filled; /* the host wrote the page; else it has none */
};

static void post(struct pvm *p, const struct touch *t, uint64_t page)
{
	struct gm_op op = { .code = t->filled ? GM_OP_CHECK : GM_OP_CHECK_ZERO,
			    .addr = pvm_gpa(page),
			    .nr = 1,
			    .writer = GM_WRITER_HOST,
			    .gen = 1 };

	if (t->share)
		op = (struct gm_op){ .code = GM_OP_HYPERCALL,
				     .val = GM_SMCCC_MEM_SHARE,
				     .addr = pvm_gpa(page) };
	if (t->filled)
		gm_host_fill(pvm_hva(p, page), pvm_gpa(page) / PG, 1, GM_WRITER_HOST, 1);
	gm_post(p->vm, 0, &op, 1);
}

static void done(struct pvm *p, const struct touch *t, uint64_t page, unsigned int n,
		 const struct gm_exit *ex)
{
	const struct gm_op *op = &p->vm->mbox[0].op[0];

	if (!gm_arch_is_yield(p->vm->vcpu[0])) {
		GM_FAIL("step %u: %s", n, gm_exit_str(ex));
		return;
	}
	if (!t->share) {
		GM_EXPECT(!op->bad, "step %u: the guest reads %#lx, expected %#lx", n, op->observed,
			  op->expected);
		pvm_expect_hidden(p, page, "a page that the guest touched");
		return;
	}
	pvm_expect_ret(op->ret, 0, page, "MEM_SHARE");
	if (t->filled)
		pvm_expect_host(p, page, GM_WRITER_HOST, 1, "a shared page");
	else
		gm_host_check_zero(pvm_hva(p, page), 1, "a shared page");
}

/* One step. False: nothing was left to fail. */
static bool step(struct pvm *p, const struct touch *t, uint64_t page, unsigned int n,
		 unsigned int *refusals)
{
	struct gm_exit ex;
	struct count was;
	bool reached;
	int ret, err;

	post(p, t, page);
	was = count_now();
	gm_fail_nth(n);
	ret = gm_enter(p->vm, 0, &ex);
	err = errno;
	reached = gm_fail_nth_reached();
	if (ret) {
		GM_EXPECT(reached, "%s without a failed allocation", gm_errno_name(err));
		GM_EXPECT(err == ENOMEM || err == EFAULT, "step %u failed: %s", n,
			  gm_errno_name(err));
		++*refusals;
		expect_count(&was, 0, n, "refused");
		if (t->filled)
			pvm_expect_host(p, page, GM_WRITER_HOST, 1, "a refused touch");
		GM_EXPECT_OK(gm_enter(p->vm, 0, &ex), "the next KVM_RUN, after step %u failed", n);
	}
	if (gm_failures())
		return false;
	done(p, t, page, n, &ex);
	expect_count(&was, 1, n, "touched");
	return reached;
}

GM_CASES(touches, struct touch, t)
{
	struct count start = count_now();
	struct pvm *p = pvm_new(2, GM_MEM_ANON, FAIL_PAGES);
	struct gm_op nop = { .code = GM_OP_NOP };
	unsigned int n, refusals = 0;
	bool reached = true;
	struct gm_exit ex;
	uint64_t page = 1;

	gm_fail_nth_open();
	gm_fail_nth_user_pages();
	gm_run(p->vm, 0, &nop, 1);
	gm_run(p->vm, 1, &nop, 1);
	/* The operation's own code and stack are the guest's before the first step. */
	post(p, t, 0);
	GM_SETUP_OK(gm_enter(p->vm, 0, &ex));
	/* Caches of the vCPU are filled now and then, so a step is not the same on each page. */
	for (n = 1; reached && page + TRIES < FAIL_PAGES && !gm_failures(); n++) {
		reached = false;
		for (unsigned int i = 0; i < TRIES && !gm_failures(); i++)
			reached |= step(p, t, page++, n, &refusals);
	}
	gm_note("%u steps, %u times KVM_RUN fails", n - 2, refusals);
	GM_SETUP(n > 2 || gm_failures(), "no allocation failed: CONFIG_FAULT_INJECTION");
	GM_EXPECT(refusals || gm_failures(), "%u steps failed, and KVM_RUN succeeded each time",
		  n - 2);
	pvm_free(p);
	if (!gm_failures())
		expect_count(&start, 0, n, "the VM is gone");
}

GM_ROW(touches, touch_filled, .name = "pkvm.fail.touch",
       .text = "a protected guest reads a page for the first time: a refused KVM_RUN leaves the page the host's, the next one reads what the host wrote") = {
	.filled = true,
};
GM_ROW(touches, touch_empty, .name = "pkvm.fail.touch_empty",
       .text = "a protected guest reads a page that the host does not have yet: the next KVM_RUN reads zero") = {
	.filled = false,
};
GM_ROW(touches, share_filled, .name = "pkvm.fail.share",
       .text = "a protected guest shares a page that it has not touched: a refused KVM_RUN leaves the page the host's, the next one shares it") = {
	.share = true,
	.filled = true,
};

/* --- the first KVM_RUN, which creates VM and vCPU in the hypervisor --- */

#define SAMPLED 6U /* steps of the quick profile */

GM_CASE(first_run, .name = "pkvm.fail.first_run",
	.text = "the first KVM_RUN of a protected VM: a refused one leaves no pin and no locked memory, the next one runs the guest")
{
	struct count start = count_now(), was;
	unsigned int n, refusals = 0, dead = 0;
	bool reached = true;

	gm_fail_nth_open();
	gm_fail_nth_user_pages();
	/* The first ones create VM and vCPU; the others fill caches and touch code and stack. */
	for (n = 1; reached && n < MOST && !gm_failures();
	     n += n < SAMPLED ? 1 : 1 + gm_seed() % 29) {
		struct pvm *p = pvm_new(1, GM_MEM_ANON, 8);
		struct gm_op nop = { .code = GM_OP_NOP };
		struct gm_exit ex;
		int ret, err;

		gm_post(p->vm, 0, &nop, 1);
		was = count_now();
		gm_fail_nth(n);
		ret = gm_enter(p->vm, 0, &ex);
		err = errno;
		reached = gm_fail_nth_reached();
		if (ret) {
			GM_EXPECT(reached && (err == ENOMEM || err == EFAULT), "step %u: %s", n,
				  gm_errno_name(err));
			refusals++;
			ret = gm_enter(p->vm, 0, &ex);
			/* A VM whose interrupt controller cannot be mapped is dead. */
			dead += ret && errno == EIO;
			GM_EXPECT(!ret || errno == EIO, "the next KVM_RUN, step %u: %s", n,
				  gm_errno_name(errno));
		}
		if (!ret && !gm_failures())
			gm_guest_fill(p->vm, 0, GM_BASE, 2, GM_WRITER_SECRET, 1);
		GM_EXPECT(was.locked == start.locked, "VmLck of a VM that has not run: %lu",
			  was.locked);
		pvm_free(p);
		if (!gm_failures())
			expect_count(&start, 0, n, "the VM is gone");
	}
	gm_note("steps up to %u, %u of them make KVM_RUN fail, %u end the VM", n, refusals, dead);
	GM_EXPECT(refusals > dead || gm_failures(), "no VM went on after a refused KVM_RUN");
}

/* --- KVM_CREATE_VM, KVM_CREATE_VCPU --- */

static int kvm_fd;

static int create_vm(void)
{
	return ioctl(kvm_fd, KVM_CREATE_VM, gm_arch_vm_type(GM_VM_PROTECTED));
}

/* How many more protected VMs there can be. */
static unsigned int room(void)
{
	int vm[VMS], n = 0;

	while (n < VMS) {
		vm[n] = create_vm();
		if (vm[n] < 0)
			break;
		n++;
	}
	GM_SETUP(n < VMS && errno == ENOMEM, "%d VMs, then %s", n, gm_errno_name(errno));
	for (int i = 0; i < n; i++)
		close(vm[i]);
	return n;
}

GM_CASE(create, .name = "pkvm.fail.create", .flags = GM_FULL_ONLY, .timeout = 300,
	.text = "KVM_CREATE_VM and KVM_CREATE_VCPU of a protected VM: ENOMEM, and as many VMs can be created afterwards as before")
{
	unsigned int before, after, refusals = 0, n;
	bool reached = true;

	kvm_fd = GM_SETUP_OK(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	before = room();
	gm_fail_nth_open();
	for (n = 1; reached && n < 400 && !gm_failures(); n++) {
		int vm, vcpu = -1, err;

		gm_fail_nth(n);
		vm = create_vm();
		if (vm >= 0)
			vcpu = ioctl(vm, KVM_CREATE_VCPU, 0UL);
		err = errno;
		reached = gm_fail_nth_reached();
		if (vm < 0 || vcpu < 0) {
			GM_EXPECT(reached && err == ENOMEM, "step %u: %s", n, gm_errno_name(err));
			refusals++;
			if (vm < 0)
				vm = GM_EXPECT_OK(create_vm(), "the same call, step %u", n);
			vcpu = GM_EXPECT_OK(ioctl(vm, KVM_CREATE_VCPU, 0UL), "step %u", n);
		}
		close(vcpu);
		close(vm);
	}
	gm_note("%u steps, %u of them make a call fail", n - 2, refusals);
	GM_EXPECT(refusals || gm_failures(), "the calls succeeded each time");
	after = room();
	GM_EXPECT_EQ(after, before, "protected VMs that can be created");
	close(kvm_fd);
}
