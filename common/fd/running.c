// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU reads one page in a loop while the host changes it. It does not exit by itself, so that
 * only the kernel's flush can remove its translation.
 */
#include "fd.h"

static struct {
	uint64_t running, stop;
} loop_state __attribute__((aligned(4096)));

__attribute__((target("general-regs-only"))) static uint64_t loop_read(uint64_t addr, uint64_t nr,
								       uint64_t stride)
{
	volatile uint64_t *running = &loop_state.running, *stop = &loop_state.stop;

	while (!*stop)
		*running = *(volatile uint64_t *)addr;
	/* The host sets stop after the change. */
	return *(volatile uint64_t *)addr;
}

struct looping {
	struct gm_vm *vm;
	uint64_t before;
	void (*change)(void *arg);
	void *arg;
	struct gm_op op;
};

static void loop_thread(unsigned int i, void *arg)
{
	struct looping *l = arg;
	volatile uint64_t *running = addr_gva2hva(l->vm->kvm, (gva_t)&loop_state.running);
	volatile uint64_t *stop = addr_gva2hva(l->vm->kvm, (gva_t)&loop_state.stop);

	if (!i) {
		gm_run(l->vm, 0, &l->op, 1);
		return;
	}
	/* The time limit of the case bounds this. */
	while (*running != l->before)
		sched_yield();
	l->change(l->arg);
	*stop = 1;
}

uint64_t fd_running_read(struct gm_vm *vm, uint64_t gpa, uint64_t before, void (*change)(void *arg),
			 void *arg)
{
	struct looping l = {
		.vm = vm,
		.before = before,
		.change = change,
		.arg = arg,
		.op = { .code = GM_OP_CALL, .addr = (uintptr_t)loop_read, .val = gpa },
	};

	memset(addr_gva2hva(vm->kvm, (gva_t)&loop_state), 0, sizeof(loop_state));
	gm_parallel(2, loop_thread, &l);
	return l.op.ret;
}
