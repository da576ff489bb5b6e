// SPDX-License-Identifier: GPL-2.0-only
/* Runs vCPUs: posts batches to the guest's interpreter, and reports their exits. */
#include "convert.h"
#include "underway.h"
#include "vm.h"

/* Far more than races cause: ends the run of a vCPU that always exits with a fault. */
#define RACES_MAX 20000U

/* Notes the message of the guest's ucall, if there is one. */
static void note_ucall(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	switch (get_ucall(vcpu, &uc)) {
	case UCALL_ABORT:
		gm_note("the guest: %s (args %#lx %#lx %#lx)", uc.buffer, uc.args[0], uc.args[1],
			uc.args[2]);
		break;
	case UCALL_UNHANDLED:
		gm_note("the guest took an exception: vector or class %#lx, error %#lx, at %#lx",
			uc.args[0], uc.args[1], uc.args[2]);
		break;
	case UCALL_PRINTF:
		gm_note("the guest: %s", uc.buffer);
		break;
	default:
		break;
	}
}

static void exit_of(struct kvm_vcpu *vcpu, int ret, int err, struct gm_exit *ex)
{
	struct kvm_run *run = vcpu->run;

	*ex = (struct gm_exit){ .ret = ret, .err = ret ? err : 0, .reason = run->exit_reason };
	if (run->exit_reason == KVM_EXIT_MEMORY_FAULT) {
		ex->fault.flags = run->memory_fault.flags;
		ex->fault.gpa = run->memory_fault.gpa;
		ex->fault.size = run->memory_fault.size;
	}
	if (run->exit_reason == KVM_EXIT_HYPERCALL) {
		ex->hypercall.nr = run->hypercall.nr;
		for (int i = 0; i < 6; i++)
			ex->hypercall.args[i] = run->hypercall.args[i];
		ex->hypercall.flags = run->hypercall.flags;
	}
}

const char *gm_exit_str(const struct gm_exit *ex)
{
	static __thread char s[256];
	int n = snprintf(s, sizeof(s), "exit %u (%s), KVM_RUN %d", ex->reason,
			 exit_reason_str(ex->reason), ex->ret);

	if (ex->ret)
		n += snprintf(s + n, sizeof(s) - n, " %s", gm_errno_name(ex->err));
	if (ex->reason == KVM_EXIT_MEMORY_FAULT)
		snprintf(s + n, sizeof(s) - n, ", gpa %#lx, size %#lx, flags %#lx", ex->fault.gpa,
			 ex->fault.size, ex->fault.flags);
	return s;
}

__attribute__((weak)) void *gm_arch_vcpu_start(struct kvm_vcpu *vcpu)
{
	return NULL;
}

__attribute__((weak)) void gm_arch_vcpu_restart(struct kvm_vcpu *vcpu, const void *start) {}

__attribute__((weak)) void gm_arch_clear_exit(struct kvm_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
}

/* Drops the operation in which the vCPU stopped. */
static void restart(struct gm_vm *vm, unsigned int v)
{
	struct kvm_vcpu *vcpu = vm->vcpu[v];

	vm->stopped[v] = false;
	if (!vm->start[v])
		return;
	/* Completes the exit first, or it would overwrite the new registers later. */
	vcpu->run->immediate_exit = 1;
	GM_CALL("KVM_RUN", __vcpu_run(vcpu));
	vcpu->run->immediate_exit = 0;
	gm_arch_vcpu_restart(vcpu, vm->start[v]);
}

static int enter(struct kvm_vcpu *vcpu, struct gm_exit *ex)
{
	int ret;

	do {
		gm_arch_clear_exit(vcpu);
		errno = 0;
		ret = __vcpu_run(vcpu);
	} while (ret && errno == EINTR);
	exit_of(vcpu, ret, errno, ex);
	return ret;
}

int gm_enter(struct gm_vm *vm, unsigned int v, struct gm_exit *ex)
{
	int ret;

	gm_underway("KVM_RUN");
	ret = enter(vm->vcpu[v], ex);
	gm_underway_end();
	errno = ex->err;
	return ret;
}

/* Did the state of the page change between the fault and its handling? */
static bool is_race(struct gm_vm *vm, const struct gm_exit *ex)
{
	return ex->ret && ex->err == EFAULT && ex->reason == KVM_EXIT_MEMORY_FAULT &&
	       gm_slot_at(vm, ex->fault.gpa) && ex->fault.size == GM_PAGE_SIZE;
}

/*
 * Runs the vCPU until its batch is done (true) or it exits for another reason (false). If `races`
 * is not NULL, counts faults that raced with a conversion there, and enters again.
 */
static bool run_batch(struct gm_vm *vm, unsigned int v, struct gm_exit *ex, unsigned int *races)
{
	struct kvm_vcpu *vcpu = vm->vcpu[v];
	uint64_t gpa, npages, attrs;
	int64_t answer;
	int ret;

	for (;;) {
		ret = enter(vcpu, ex);
		if (races && *races < RACES_MAX && is_race(vm, ex)) {
			++*races;
			continue;
		}
		if (ret && vm->args.on_exit && vm->args.on_exit(vm, v, ex))
			continue;
		if (ret)
			return false;
		if (gm_arch_is_yield(vcpu))
			return true;
		if (!gm_arch_is_convert(vcpu, &gpa, &npages, &attrs)) {
			if (vm->args.on_exit && vm->args.on_exit(vm, v, ex))
				continue;
			note_ucall(vcpu);
			return false;
		}
		answer = (vm->args.on_convert ? vm->args.on_convert : gm_vm_convert_on_request)(
			vm, v, gpa, npages, attrs);
		gm_arch_convert_return(vcpu, answer);
	}
}

/*
 * A protected guest shares its mailbox first. If that had no effect, a load by the host would kill
 * the process without a verdict. So access() tests whether the mailbox can be read.
 */
static void check_mbox(struct gm_vm *vm, unsigned int v)
{
	const char *first = (const char *)&vm->mbox[v], *last = (const char *)&vm->mbox[v + 1] - 1;

	if (vm->args.kind != GM_VM_PROTECTED)
		return;
	for (int i = 0; i < 2; i++) {
		errno = 0;
		if (!access(i ? last : first, F_OK) || errno != EFAULT)
			continue;
		GM_FAIL("vCPU %u: the host cannot read the mailbox that the guest shared", v);
		gm_end();
	}
}

void gm_post(struct gm_vm *vm, unsigned int v, const struct gm_op *op, unsigned int nr)
{
	struct gm_mbox *box = &vm->mbox[v];

	GM_SETUP(nr <= GM_MBOX_OPS, "%u operations in a batch", nr);
	memcpy(box->op, op, nr * sizeof(*op));
	box->done = 0;
	box->nr = nr;
}

static bool run_ops(struct gm_vm *vm, unsigned int v, struct gm_op *op, unsigned int nr,
		    struct gm_exit *ex, unsigned int *done, unsigned int *races)
{
	struct gm_mbox *box = &vm->mbox[v];
	bool whole;

	if (vm->stopped[v])
		restart(vm, v);
	gm_post(vm, v, op, nr);
	gm_underway("KVM_RUN");
	whole = run_batch(vm, v, ex, races);
	gm_underway_end();
	check_mbox(vm, v);
	memcpy(op, box->op, nr * sizeof(*op));
	if (done)
		*done = box->done;
	/* The next entry must not run the rest of the batch. */
	if (!whole) {
		box->nr = 0;
		vm->stopped[v] = true;
	}
	return whole;
}

bool __gm_run(struct gm_vm *vm, unsigned int v, struct gm_op *op, unsigned int nr,
	      struct gm_exit *ex, unsigned int *done)
{
	struct gm_exit mine;

	return run_ops(vm, v, op, nr, ex ? ex : &mine, done, NULL);
}

static void must_run(struct gm_vm *vm, unsigned int v, struct gm_op *op, unsigned int nr,
		     unsigned int *races)
{
	unsigned int done = 0;
	struct gm_exit ex;

	if (run_ops(vm, v, op, nr, &ex, &done, races))
		return;
	if (races && *races == RACES_MAX)
		gm_note("vCPU %u exited %u times with KVM_EXIT_MEMORY_FAULT", v, *races);
	if (done < nr) {
		struct gm_page page = gm_vm_page(vm, op[done].addr);

		GM_FAIL_AT(&page, "vCPU %u stopped in operation %u of %u (code %u, %lu pages): %s",
			   v, done + 1, nr, op[done].code, op[done].nr, gm_exit_str(&ex));
	} else {
		GM_FAIL("vCPU %u stopped after its last operation: %s", v, gm_exit_str(&ex));
	}
	gm_end();
}

void gm_run(struct gm_vm *vm, unsigned int v, struct gm_op *op, unsigned int nr)
{
	must_run(vm, v, op, nr, NULL);
}

unsigned int gm_run_racing(struct gm_vm *vm, unsigned int v, struct gm_op *op, unsigned int nr)
{
	unsigned int races = 0;

	must_run(vm, v, op, nr, &races);
	return races;
}

struct parallel {
	pthread_t thread;
	unsigned int i;
	void (*fn)(unsigned int i, void *arg);
	void *arg;
};

static void *parallel_one(void *arg)
{
	struct parallel *p = arg;

	p->fn(p->i, p->arg);
	return NULL;
}

void gm_parallel(unsigned int nr, void (*fn)(unsigned int i, void *arg), void *arg)
{
	struct parallel *p = calloc(nr, sizeof(*p));

	GM_SETUP(p, "out of memory");
	for (unsigned int i = 0; i < nr; i++) {
		p[i] = (struct parallel){ .i = i, .fn = fn, .arg = arg };
		GM_SETUP(!pthread_create(&p[i].thread, NULL, parallel_one, &p[i]), "no thread");
	}
	for (unsigned int i = 0; i < nr; i++)
		pthread_join(p[i].thread, NULL);
	free(p);
}
