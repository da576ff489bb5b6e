// SPDX-License-Identifier: GPL-2.0-only
/* The guest's interpreter: runs the operations of its mailbox. Runs inside the VM. */
#include "guest.h"

struct gm_mbox gm_mbox[GM_MAX_VCPUS] __attribute__((aligned(4096)));

uint64_t gm_guest_page_size = 4096;
#define PAGE gm_guest_page_size

static uint64_t load(uint64_t addr)
{
	return *(volatile uint64_t *)addr;
}

static void store(uint64_t addr, uint64_t val)
{
	*(volatile uint64_t *)addr = val;
}

static void wrong(struct gm_op *op, uint64_t addr, uint64_t expected, uint64_t observed)
{
	if (op->bad++)
		return;
	op->bad_addr = addr;
	op->expected = expected;
	op->observed = observed;
}

static uint64_t word_of(const struct gm_op *op, uint64_t addr)
{
	return gm_word_at(addr + op->gfn_delta * PAGE, op->writer, op->gen);
}

static void pages(struct gm_op *op)
{
	uint32_t stride = op->stride ? op->stride : 1, words = PAGE / 8;

	for (uint64_t p = 0; p < op->nr; p++) {
		for (uint32_t w = 0; w < words; w += stride) {
			uint64_t addr = op->addr + p * PAGE + w * 8;
			uint64_t want = op->code == GM_OP_CHECK_ZERO ? 0 : word_of(op, addr), got;

			if (op->code == GM_OP_FILL) {
				store(addr, want);
			} else {
				got = load(addr);
				if (got != want)
					wrong(op, addr, want, got);
			}
		}
	}
	op->ret = op->bad ? -1 : 0;
}

static void touch(struct gm_op *op)
{
	uint64_t addr = op->addr, sum = 0;

	for (uint64_t i = 0; i < op->nr; i++, addr += op->val) {
		if (op->code == GM_OP_TOUCH_W)
			store(addr, word_of(op, addr));
		else
			sum ^= load(addr);
	}
	op->ret = sum;
}

static uint64_t spin(struct gm_op *op)
{
	uint64_t rounds = 0;

	while (load(op->addr) != op->val)
		rounds++;
	return rounds;
}

void gm_guest_op(struct gm_op *op)
{
	op->ret = 0;
	op->bad = 0;
	switch (op->code) {
	case GM_OP_FILL:
	case GM_OP_CHECK:
	case GM_OP_CHECK_ZERO:
		pages(op);
		break;
	case GM_OP_READ:
		op->val = load(op->addr);
		op->ret = op->val;
		break;
	case GM_OP_WRITE:
		store(op->addr, op->val);
		break;
	case GM_OP_TOUCH_R:
	case GM_OP_TOUCH_W:
		touch(op);
		break;
	case GM_OP_ADD:
		op->ret = __atomic_fetch_add((uint64_t *)op->addr, op->val, __ATOMIC_SEQ_CST);
		break;
	case GM_OP_MAP_GPA:
		op->ret = gm_arch_guest_map_gpa(op->addr, op->nr, op->val);
		break;
	case GM_OP_HYPERCALL:
		op->ret = gm_arch_guest_hypercall(op->val, op->addr, op->nr, op->stride);
		break;
	case GM_OP_EXEC:
		gm_arch_guest_sync_code(op->addr, PAGE);
		op->ret = ((uint64_t(*)(uint64_t))op->addr)(op->val);
		break;
	case GM_OP_CALL:
		op->ret = ((uint64_t(*)(uint64_t, uint64_t, uint64_t))op->addr)(op->val, op->nr,
										op->stride);
		break;
	case GM_OP_FLUSH_TLB:
		gm_arch_guest_flush(op->addr);
		break;
	case GM_OP_SPIN:
		op->ret = spin(op);
		break;
	case GM_OP_RING:
		gm_guest_ring((struct gm_ring *)op->addr);
		break;
	default:
		break;
	}
}

__attribute__((weak)) void gm_arch_guest_share_mbox(uint64_t id) {}

void gm_guest_main(uint64_t id, uint64_t hidden)
{
	volatile struct gm_mbox *box = &gm_mbox[id];

	if (hidden)
		gm_arch_guest_share_mbox(id);
	for (;;) {
		for (uint32_t i = 0; i < box->nr && i < GM_MBOX_OPS; i++) {
			gm_guest_op((struct gm_op *)&box->op[i]);
			box->done = i + 1;
		}
		gm_arch_guest_yield();
	}
}
