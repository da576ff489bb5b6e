// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU writes in a loop while the dirty log is read: a write after KVM has write-protected the
 * page again must be in the next log, or a migration loses it. The vCPU does not exit by itself, so
 * only KVM's flush can remove its writable translation.
 */
#include <sched.h>

#include "huge.h"

GM_FILE(.clause = "huge.interplay", .providers = GM_PROVIDERS(ATTRIBUTES), .needs = HUGE_NEEDS,
	.tokens = GM_TOKEN_HUGE, .huge_2m = 1)

#define ROUNDS 300
#define SWITCHES 40

static struct {
	volatile uint64_t stop;
} hot_state __attribute__((aligned(4096)));

static uint64_t write_loop(uint64_t addr, uint64_t unused1, uint64_t unused2)
{
	uint64_t n = 0;

	while (!hot_state.stop)
		*(volatile uint64_t *)addr = ++n;
	return n;
}

struct hot {
	struct huge_vm *r;
	uint64_t page;
	struct gm_op op;
	bool clear; /* the log is read, and cleared by KVM_CLEAR_DIRTY_LOG */
};

static bool log_has(struct hot *h, uint64_t page)
{
	unsigned long log[GM_2M / GM_PAGE_SIZE / 64] = {};

	kvm_vm_get_dirty_log(h->r->w->vm->kvm, GM_SLOT, log);
	if (h->clear)
		kvm_vm_clear_dirty_log(h->r->w->vm->kvm, GM_SLOT, log, 0, GM_2M / GM_PAGE_SIZE);
	return log[page / 64] >> page % 64 & 1;
}

static void log_set(struct hot *h, bool on)
{
	gm_slot_set(h->r->w->vm, GM_SLOT, on ? KVM_MEM_LOG_DIRTY_PAGES : 0, h->r->base, GM_2M,
		    h->r->w->mem->hva, -1, 0);
}

/* Waits for two writes: one may be in flight, the second begins after the call. */
static void wait_written(struct hot *h)
{
	volatile uint64_t *count = (uint64_t *)(h->r->w->mem->hva + h->page * GM_PAGE_SIZE);
	uint64_t before = *count;

	while (*count < before + 2)
		;
}

static void hot_thread(unsigned int i, void *arg)
{
	struct hot *h = arg;
	volatile uint64_t *stop = addr_gva2hva(h->r->w->vm->kvm, (gva_t)&hot_state.stop);
	unsigned int late = 0, lost = 0;

	if (!i) {
		gm_run(h->r->w->vm, 0, &h->op, 1);
		return;
	}
	for (unsigned int round = 0; round < SWITCHES; round++) {
		log_set(h, false);
		wait_written(h);
		log_set(h, true);
		wait_written(h);
		late += !log_has(h, h->page);
	}
	for (unsigned int round = 0; round < ROUNDS; round++) {
		wait_written(h);
		lost += !log_has(h, h->page);
	}
	*stop = 1;
	GM_EXPECT_AT(
		GM_PAGE(.gpa = GM_AT(huge_gpa(0, h->page))), !late,
		"%u of %u first logs lack the page that the running vCPU wrote since logging began",
		late, SWITCHES);
	GM_EXPECT_AT(
		GM_PAGE(.gpa = GM_AT(huge_gpa(0, h->page))), !lost,
		"%u of %u logs lack the page that the running vCPU wrote since the previous log",
		lost, ROUNDS);
}

struct log {
	bool clear; /* by KVM_CLEAR_DIRTY_LOG */
};

GM_CASES(log_hot, struct log, v)
{
	struct huge_vm *r = HUGE_VM(.kind = self->huge_2m ? GM_MEM_HUGE_2M : GM_MEM_ANON,
				    .size = GM_2M, .no_gmem = true);
	struct hot h = { .r = r, .page = 300, .clear = v->clear };

	if (h.clear)
		vm_enable_cap(r->w->vm->kvm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
			      KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	huge_write(r, r->base, 512);
	*(volatile uint64_t *)(r->w->mem->hva + h.page * GM_PAGE_SIZE) = 0;
	memset(addr_gva2hva(r->w->vm->kvm, (gva_t)&hot_state), 0, sizeof(hot_state));
	h.op = (struct gm_op){ .code = GM_OP_CALL,
			       .addr = (uintptr_t)write_loop,
			       .val = huge_gpa(0, h.page) };
	gm_parallel(2, hot_thread, &h);
	GM_EXPECT(!log_has(&h, h.page + 1), "the page after it is dirty, and was never written");
	huge_vm_free(r);
}

GM_ROW(log_hot, hot, .name = "huge.interplay.dirty_log_hot",
       .text = "the page that a vCPU writes in a loop is in every log") = {
	.clear = false,
};
GM_ROW(log_hot, hot_clear, .name = "huge.interplay.dirty_log_hot_clear",
       .text = "the same with KVM_CLEAR_DIRTY_LOG") = { .clear = true };
