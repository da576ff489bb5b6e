// SPDX-License-Identifier: GPL-2.0-only
/* The rig of the huge.* cases. */
#include <stdarg.h>

#include "guest/guest.h"
#include "rig.h"
#include "map_picture.h"

static uint64_t page_of(struct rig *r, uint64_t gpa)
{
	return (gpa - r->base) / GM_PAGE_SIZE;
}

/* Runs every kind of operation once on a page of the framework's, so that its pages are mapped. */
static void warm_up(struct rig *r)
{
	gva_t page = vm_alloc_page(r->vm->kvm);

	for (unsigned int v = 0; v < r->vcpus; v++) {
		struct gm_op op[] = {
			{ .code = GM_OP_FILL, .addr = page, .nr = 1 },
			{ .code = GM_OP_CHECK, .addr = page, .nr = 1 },
			{ .code = GM_OP_CHECK, .addr = page, .nr = 1, .half = 1 },
			{ .code = GM_OP_CHECK_ZERO, .addr = page, .nr = 1 },
			{ .code = GM_OP_TOUCH_R, .addr = page, .nr = 1 },
			{ .code = GM_OP_TOUCH_W, .addr = page, .nr = 1 },
			{ .code = GM_OP_WRITE, .addr = page },
			{ .code = GM_OP_READ, .addr = page },
			{ .code = GM_OP_ADD, .addr = page },
			{ .code = GM_OP_FLUSH_TLB, .addr = page },
			{ .code = GM_OP_MAP_GPA, .addr = page, .nr = 0 },
			{ .code = GM_OP_SPIN, .addr = page, .val = 0 },
			{ .code = GM_OP_WRITE, .addr = page, .val = gm_arch_guest_code(1) },
			{ .code = GM_OP_EXEC, .addr = page },
		};
		struct gm_op all[GM_MBOX_OPS] = {};

		gm_run(r->vm, v, op, ARRAY_SIZE(op));
		/* A whole batch, so that all of the mailbox is mapped. */
		gm_run(r->vm, v, all, GM_MBOX_OPS);
	}
}

struct rig *rig_new(const struct rig_args *args)
{
	struct rig *r = calloc(1, sizeof(*r));
	uint64_t pages;

	GM_SETUP(r, "out of memory");
	r->base = GM_BASE;
	r->size = (args->size + GM_1G - 1) & ~(GM_1G - 1);
	r->vcpus = args->vcpus ? args->vcpus : 1;
	r->vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = r->vcpus);
	r->mem = gm_mem_new(args->kind, args->mem_size ? args->mem_size : args->size);
	r->gmem = args->no_gmem ? -1 : gm_gmem_new(r->vm, r->size, 0);
	r->shape = gm_shape_new(r->base, r->size);
	pages = r->size / GM_PAGE_SIZE;
	for (int half = 0; half < 2; half++) {
		r->gen[half] = calloc(pages, sizeof(*r->gen[half]));
		GM_SETUP(r->gen[half], "out of memory");
	}
	gm_rng_init(&r->rng, gm_seed());
	/* The guest's own entries are as large as can be: what splits is the host's doing. */
	gm_vm_map(r->vm, r->base, r->size, GM_1G);
	warm_up(r);
	rig_start(r);
	if (!args->no_slot)
		rig_slot(r, GM_SLOT, GM_BASE, args->size, 0, 0);
	return r;
}

void rig_free(struct rig *r)
{
	gm_vm_free(r->vm);
	if (r->gmem >= 0)
		close(r->gmem);
	gm_mem_free(r->mem);
	gm_shape_free(r->shape);
	free(r->gen[0]);
	free(r->gen[1]);
	free(r);
}

static enum gm_size host_size(struct rig *r)
{
	uint64_t size = gm_mem_pagesize(r->mem->kind);

	return size == GM_1G ? GM_SIZE_1G : size == GM_2M ? GM_SIZE_2M : GM_SIZE_4K;
}

void rig_slot(struct rig *r, uint32_t id, uint64_t gpa, uint64_t size, uint64_t hva_off,
	      uint64_t gmem_off)
{
	uint8_t *hva = r->mem->hva + hva_off;

	if (size)
		gm_slot_set(r->vm, id, 0, gpa, size, hva, r->gmem, gmem_off);
	else
		gm_slot_delete(r->vm, id);
	gm_shape_slot(r->shape, id, gpa, size, (uintptr_t)hva, host_size(r));
}

void rig_start(struct rig *r)
{
	gm_ledger_read(r->vm, &r->start);
	memset(&r->shape->now, 0, sizeof(r->shape->now));
}

/* Memory that the guest can reach: without a guest_memfd there is no private half. */
static bool has_slot(struct rig *r, uint64_t gpa)
{
	return gm_shape_has_slot(r->shape, gpa) &&
	       (r->gmem >= 0 || !gm_shape_private(r->shape, gpa));
}

static unsigned int next_vcpu(struct rig *r)
{
	return r->turn++ % r->vcpus;
}

/* Batches of operations of one vCPU, judged together. */
struct batch {
	struct rig *r;
	struct gm_op op[GM_MBOX_OPS];
	unsigned int nr;
	const char *when;
	bool ok;
};

static void batch_run(struct batch *b)
{
	unsigned int v = next_vcpu(b->r);

	if (!b->nr)
		return;
	gm_run(b->r->vm, v, b->op, b->nr);
	for (unsigned int i = 0; i < b->nr; i++) {
		const struct gm_op *op = &b->op[i];
		struct gm_page page = gm_vm_page(b->r->vm, op->bad_addr & ~(GM_PAGE_SIZE - 1));

		b->ok &= GM_EXPECT_AT(
			&page, !op->bad,
			"%s: vCPU %u read %lu wrong words, the first in %s: expected %s, observed %s",
			b->when ? b->when : "", v, op->bad, rig_page_name(b->r, op->bad_addr),
			op->code == GM_OP_CHECK_ZERO ? "zero" : gm_word_str(op->expected),
			gm_word_str(op->observed));
	}
	b->nr = 0;
}

static void batch_add(struct batch *b, const struct gm_op *op)
{
	if (b->nr == GM_MBOX_OPS)
		batch_run(b);
	b->op[b->nr++] = *op;
}

void rig_touch(struct rig *r, uint64_t gpa, uint64_t len, uint64_t stride)
{
	struct batch b = { .r = r, .ok = true };
	struct gm_op op = { .nr = 0 };

	r->step++;
	for (uint64_t g = gpa; g < gpa + len; g += stride) {
		bool priv = gm_shape_private(r->shape, g);

		if (!has_slot(r, g))
			continue;
		gm_shape_touch(r->shape, g);
		r->gen[priv][page_of(r, g)] = r->step;
		if (op.nr && op.addr + op.nr * stride == g && op.half == 1 + priv) {
			op.nr++;
			continue;
		}
		if (op.nr)
			batch_add(&b, &op);
		op = (struct gm_op){ .code = GM_OP_TOUCH_W,
				     .addr = g,
				     .nr = 1,
				     .val = stride,
				     .half = 1 + priv,
				     .gen = r->step };
	}
	if (op.nr)
		batch_add(&b, &op);
	batch_run(&b);
}

void rig_touch_all(struct rig *r)
{
	rig_touch(r, r->base, r->size, GM_2M);
}

void rig_write(struct rig *r, uint64_t gpa, uint64_t npages)
{
	rig_touch(r, gpa, npages * GM_PAGE_SIZE, GM_PAGE_SIZE);
}

/* Only the first word of a page is ever written by rig_touch(): the others must be zero. */
static void check_op(struct rig *r, uint64_t gpa, struct gm_op *op)
{
	bool priv = gm_shape_private(r->shape, gpa);
	uint16_t gen = r->gen[priv][page_of(r, gpa)];

	*op = (struct gm_op){ .code = gen ? GM_OP_CHECK : GM_OP_CHECK_ZERO,
			      .addr = gpa,
			      .nr = 1,
			      .stride = 512,
			      .half = gen ? 1 + priv : 0,
			      .gen = gen };
}

bool rig_check(struct rig *r, uint64_t gpa, uint64_t npages, const char *when)
{
	struct batch b = { .r = r, .when = when, .ok = true };
	struct gm_op op = { .nr = 0 }, next;

	for (uint64_t g = gpa; g < gpa + npages * GM_PAGE_SIZE; g += GM_PAGE_SIZE) {
		if (g < r->base || g >= r->base + r->size || !has_slot(r, g))
			continue;
		gm_shape_touch(r->shape, g);
		check_op(r, g, &next);
		if (op.nr && op.addr + op.nr * GM_PAGE_SIZE == g && op.code == next.code &&
		    op.half == next.half && op.gen == next.gen) {
			op.nr++;
			continue;
		}
		if (op.nr)
			batch_add(&b, &op);
		op = next;
	}
	if (op.nr)
		batch_add(&b, &op);
	batch_run(&b);
	return b.ok;
}

void rig_check_around(struct rig *r, uint64_t gpa, uint64_t npages, const char *when)
{
	rig_check(r, gpa - npages * GM_PAGE_SIZE, 2 * npages + 1, when);
}

void rig_check_sparse(struct rig *r, const char *when)
{
	struct batch b = { .r = r, .when = when, .ok = true };
	struct gm_op op;

	for (uint64_t g = r->base; g < r->base + r->size; g += GM_2M) {
		const uint64_t at[] = { g, g + GM_2M - GM_PAGE_SIZE };

		for (int i = 0; i < 2; i++) {
			if (!has_slot(r, at[i]))
				continue;
			gm_shape_touch(r->shape, at[i]);
			check_op(r, at[i], &op);
			batch_add(&b, &op);
		}
	}
	batch_run(&b);
}

void rig_convert(struct rig *r, uint64_t gpa, uint64_t npages, bool to_private)
{
	gm_convert(r->vm, gpa, npages * GM_PAGE_SIZE, to_private);
	gm_shape_convert(r->shape, gpa, npages * GM_PAGE_SIZE, to_private);
}

void rig_guest_convert(struct rig *r, uint64_t gpa, uint64_t npages, bool to_private)
{
	gm_guest_convert(r->vm, next_vcpu(r), gpa, npages, to_private);
	gm_shape_convert(r->shape, gpa, npages * GM_PAGE_SIZE, to_private);
}

void rig_expect(struct rig *r, const char *fmt, ...)
{
	char when[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(when, sizeof(when), fmt, ap);
	va_end(ap);
	if (gm_ledger_expect(r->vm, &r->start, &r->shape->now, when))
		return;
	gm_map_show(r->vm, r->shape);
	gm_end();
}

const char *rig_page_name(struct rig *r, uint64_t gpa)
{
	static __thread char name[64];
	uint64_t page = page_of(r, gpa);

	snprintf(name, sizeof(name), "page %lu of GiB %lu (2 MiB number %lu)", page % (512 * 512),
		 page / (512 * 512), page / 512 % 512);
	return name;
}
