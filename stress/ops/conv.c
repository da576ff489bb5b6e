// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conversions by a guest's request or by the VMM: never refused, except in place for a page in use.
 */
#include "draw.h"
#include "judge.h"

static const char *const to[] = { "shared", "private", NULL };

static void generate(struct st_draw *d, struct gm_sop *op)
{
	st_draw_conversion(d, op, UINT32_MAX);
}

static void hypercall(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res)
{
	res->ret = gm_arch_guest_map_gpa(gm_ring_addr(r, op->page), op->len, op->arg ? 1 << 4 : 0);
}

/*
 * Uses the layout, not the VM's table of slots: the file has the attributes, so a slot that another
 * thread deletes for a moment does not matter.
 */
long st_convert(struct st_run *r, uint32_t index, uint32_t page, uint32_t n, bool to_private)
{
	struct st_note *note = &r->note[index];

	note->converted = 0;
	note->busy = ST_NO_PAGE;
	if (!r->inplace)
		return __gm_convert(r->vm, st_gpa(page), n * GM_PAGE_SIZE, to_private) ? -errno : 0;
	while (n) {
		uint32_t len = st_in_slot(r, page, n);
		uint64_t off = st_file_off(r, page), error_offset;

		if (__gm_gmem_convert(st_bound(r, page)->gmem, off, len * GM_PAGE_SIZE, to_private,
				      &error_offset)) {
			if (error_offset - off < len * GM_PAGE_SIZE &&
			    !(error_offset % GM_PAGE_SIZE))
				note->busy = page + (error_offset - off) / GM_PAGE_SIZE;
			return -errno;
		}
		note->converted += len;
		page += len;
		n -= len;
	}
	return 0;
}

int64_t st_convert_for_guest(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
			     uint64_t attrs)
{
	struct st_run *r = vm->user;
	uint64_t page = (gpa - GM_BASE) / GM_PAGE_SIZE;
	struct st_actor *a = &r->vcpu[v];

	/*
	 * KVM counts pages in 64 bits: a range whose address wraps gets here, and the ioctl refuses
	 * it.
	 */
	if (!r->inplace)
		return gm_vm_convert_on_request(vm, v, gpa, npages, attrs);
	if (page >= r->layout->pages || npages > r->layout->pages - page)
		return -EINVAL;
	return st_convert(r, a->list[a->ring->done], page, npages, attrs & GM_MAP_PRIVATE);
}

static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	return st_convert(a->run, index, op->page, op->len, op->arg & 1);
}

static bool observe(struct st_run *r, uint32_t i, struct st_event *e)
{
	/* In place each slot is one call, and a refused call converts nothing. */
	if (r->inplace && r->res[i].ret)
		e->n = r->note[i].converted;
	e->change = ST_CONVERT;
	e->states = r->prog.op[i].arg & 1 ? ST_PRIVATE : ST_SHARED;
	return e->n;
}

/*
 * Whether another operation may hold a short-lived reference of the page. Faults of vCPUs,
 * prefaults, holes, fallocate() and other conversions do not count: the kernel excludes them during
 * a conversion.
 */
static bool may_be_referred(const struct st_run *r, uint32_t i, uint32_t page)
{
	for (uint32_t k = 0; r->concurrent && k < r->round_nr; k++) {
		uint32_t other = r->round[k];
		const struct gm_sop *op = &r->prog.op[other];
		bool refers = st_is(op, ST_REFERS_ANY) ||
			      (st_is(op, ST_REFERS) && page - op->page < op->len);

		if (refers && other != i && r->res[other].t0 &&
		    st_overlap(st_when_of(r, i), st_when_of(r, other)))
			return true;
	}
	return false;
}

bool st_expect_conversion(struct st_run *r, uint32_t i)
{
	char want[160];
	const struct gm_sop *op = &r->prog.op[i];
	struct st_when when = st_when_of(r, i);
	const struct st_note *c = &r->note[i];
	/* The first page of the call that was refused. */
	uint32_t from = op->page + c->converted, first;
	long ret = r->res[i].ret;

	if (!r->inplace)
		return st_expect_0(r, i, "conv.never_refused");
	if (!ret) {
		first = op->arg & 1 ? st_first_held(r, op->page, op->len, when) : ST_NO_PAGE;
		if (first == ST_NO_PAGE)
			return true;
		snprintf(want, sizeof(want),
			 "-11 EAGAIN: page %#x is pinned, or mapped for a device", first);
		return st_wrong(r, i, "conv.inplace_busy", want);
	}
	if (ret != -EAGAIN)
		return st_wrong(r, i, "conv.never_refused", "0");
	if (!(op->arg & 1))
		return st_wrong(r, i, "conv.inplace_shared", "0");
	if (c->busy - from >= op->len - c->converted)
		return st_wrong(r, i, "conv.inplace_busy", "error_offset of a page of the range");
	if (!st_may_be_held(r, c->busy, when) && !may_be_referred(r, i, c->busy)) {
		snprintf(want, sizeof(want),
			 "0: page %#x, which error_offset names, was not pinned or in use",
			 c->busy);
		return st_wrong(r, i, "conv.never_refused", want);
	}
	first = st_first_held(r, from, c->busy - from, when);
	if (first == ST_NO_PAGE)
		return true;
	snprintf(want, sizeof(want), "error_offset of page %#x, which is held, not of %#x", first,
		 c->busy);
	return st_wrong(r, i, "conv.inplace_busy", want);
}

const struct st_op st_op_conv = {
	.name = "conv",
	.text = "the guest requests a conversion",
	.flags = ST_VCPU | ST_PAGES | ST_WRITES | ST_CONVERTS,
	.args = to,
	.always = 24,
	.generate = generate,
	.guest = hypercall,
	.observe = observe,
	.expect = st_expect_conversion,
};

const struct st_op st_op_hconv = {
	.name = "hconv",
	.text = "the VMM converts",
	.flags = ST_PAGES | ST_WRITES | ST_CAN_FAIL | ST_CONVERTS | ST_SIGNALS,
	.args = to,
	.always = 20,
	.generate = generate,
	.run = run,
	.observe = observe,
	.expect = st_expect_conversion,
};
