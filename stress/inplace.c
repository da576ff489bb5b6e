// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is to be judged where conversion is in place: a private page refuses the host, a page in use
 * refuses to become private, and both say exactly which.
 */
#include "exec.h"

static bool overlap(struct st_when a, struct st_when b)
{
	return a.t0 < b.t1 && b.t0 < a.t1;
}

static bool covers(const struct gm_sop *op, uint32_t page)
{
	return page - op->page < op->len;
}

/* --- pins and device mappings --- */

static struct st_hold *hold_of(struct st_run *r, uint32_t op)
{
	for (uint32_t i = r->holds; i--;)
		if (r->hold[i].op == op)
			return &r->hold[i];
	return NULL;
}

void st_tell_holds(struct st_run *r, const uint32_t *list, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) {
		const struct gm_sop *op = &r->prog.op[list[k]];
		const struct gm_ring_res *res = &r->res[list[k]];

		if ((op->code != GM_SOP_PIN && op->code != GM_SOP_MAP) || !res->t1 || res->ret)
			continue;
		if (r->holds == r->holds_room) {
			r->holds_room = 2 * r->holds_room + 64;
			r->hold = realloc(r->hold, r->holds_room * sizeof(*r->hold));
			GM_SETUP(r->hold, "out of memory");
		}
		r->hold[r->holds++] = (struct st_hold){ list[k], op->page,   op->len,	res->t0,
							res->t1, UINT64_MAX, UINT64_MAX };
	}
	/* Another thread may let go of a mapping in the round that made it. */
	for (uint32_t k = 0; k < n; k++) {
		const struct gm_sop *op = &r->prog.op[list[k]];
		const struct gm_ring_res *res = &r->res[list[k]];
		struct st_hold *h;

		if ((op->code != GM_SOP_UNPIN && op->code != GM_SOP_UNMAP) || !res->t1 || res->ret)
			continue;
		h = hold_of(r, r->about[list[k]]);
		if (h) {
			h->end0 = res->t0;
			h->end1 = res->t1;
		}
	}
}

/* A hole takes the page out of the file: what holds it holds nothing of the file any more. */
bool st_may_be_detached(struct st_run *r, uint32_t i, uint32_t page)
{
	const struct st_hold *h = hold_of(r, r->about[i]);

	return h &&
	       st_oracle_may_zero(r->oracle, page, (struct st_when){ h->begin0, r->res[i].t1 });
}

/* The page is held during all of `when`, whatever the order of what overlaps. */
static bool surely_held(struct st_run *r, uint32_t page, struct st_when when)
{
	for (uint32_t k = 0; k < r->holds; k++) {
		const struct st_hold *h = &r->hold[k];

		if (page - h->page < h->len && h->begin1 < when.t0 && h->end0 > when.t1 &&
		    !st_oracle_may_zero(r->oracle, page, (struct st_when){ h->begin0, when.t1 }))
			return true;
	}
	return false;
}

static bool may_be_held(struct st_run *r, uint32_t page, struct st_when when)
{
	for (uint32_t k = 0; k < r->holds; k++) {
		const struct st_hold *h = &r->hold[k];

		if (page - h->page < h->len && h->begin0 < when.t1 && h->end1 > when.t0 &&
		    !st_oracle_zeroed(r->oracle, page, (struct st_when){ h->begin1, when.t0 }))
			return true;
	}
	return false;
}

/* The first page of [page, page + n) that is held for certain; ST_NO_PAGE: none. */
static uint32_t first_held(struct st_run *r, uint32_t page, uint32_t n, struct st_when when)
{
	uint32_t first = ST_NO_PAGE;

	for (uint32_t k = 0; k < r->holds; k++) {
		const struct st_hold *h = &r->hold[k];
		uint32_t from = h->page > page ? h->page : page;

		for (uint32_t p = from; p < h->page + h->len && p - page < n && p < first; p++)
			if (surely_held(r, p, when))
				first = p;
	}
	return first;
}

/* --- references that come and go --- */

/*
 * What takes a reference of the page for a moment. A vCPU's fault, a prefault, a hole, fallocate()
 * and another conversion take none that a conversion could meet: they and it exclude each other.
 */
static bool refers(const struct gm_sop *op, uint32_t page)
{
	switch (op->code) {
	case GM_SOP_HWRITE:
	case GM_SOP_HREAD:
	case GM_SOP_HPOKE:
	case GM_SOP_HPEEK:
	case GM_SOP_GUP:
	case GM_SOP_FORK:
	case GM_SOP_MADV:
	case GM_SOP_PIN:
	case GM_SOP_MAP:
		return covers(op, page);
	/* Compaction looks at any page. */
	case GM_SOP_COMPACT:
	case GM_SOP_PRESSURE:
	case GM_SOP_POOL:
		return true;
	default:
		return false;
	}
}

static bool may_be_referred(const struct st_run *r, const uint32_t *list, uint32_t n, uint32_t i,
			    uint32_t page)
{
	for (uint32_t k = 0; r->concurrent && k < n; k++)
		if (list[k] != i && r->res[list[k]].t0 && refers(&r->prog.op[list[k]], page) &&
		    overlap(st_when_of(r, i), st_when_of(r, list[k])))
			return true;
	return false;
}

/* --- results --- */

static const char *wrong_conversion(struct st_run *r, const uint32_t *list, uint32_t n, uint32_t i,
				    const char **want)
{
	static __thread char text[160];
	const struct gm_sop *op = &r->prog.op[i];
	struct st_when when = st_when_of(r, i);
	const struct st_conversion *c = &r->conv[i];
	/* The call that was refused, and all pages before the one that it named. */
	uint32_t from = op->page + c->whole, first;
	long ret = r->res[i].ret;

	*want = text;
	if (!ret) {
		first = op->arg & 1 ? first_held(r, op->page, op->len, when) : ST_NO_PAGE;
		snprintf(text, sizeof(text),
			 "-11 EAGAIN: page %#x is pinned, or mapped for a device", first);
		return first == ST_NO_PAGE ? NULL : "conv.inplace_busy";
	}
	snprintf(text, sizeof(text), "0");
	if (ret != -EAGAIN)
		return "conv.never_refused";
	if (!(op->arg & 1))
		return "conv.inplace_shared";
	if (c->named - from >= op->len - c->whole) {
		snprintf(text, sizeof(text), "error_offset of a page of the range");
		return "conv.inplace_busy";
	}
	if (!may_be_held(r, c->named, when) && !may_be_referred(r, list, n, i, c->named)) {
		snprintf(text, sizeof(text),
			 "0: nobody had page %#x, which error_offset names, pinned or in use",
			 c->named);
		return "conv.never_refused";
	}
	first = first_held(r, from, c->named - from, when);
	snprintf(text, sizeof(text), "error_offset of page %#x, which is held, not of %#x", first,
		 c->named);
	return first == ST_NO_PAGE ? NULL : "conv.inplace_busy";
}

static unsigned int states(struct st_run *r, uint32_t i, uint32_t page)
{
	return st_oracle_halves(r->oracle, page, st_when_of(r, i));
}

/* Whether each page of the operation can have been shared, or (any) one of them private. */
static bool all_shared(struct st_run *r, uint32_t i, uint32_t *page)
{
	const struct gm_sop *op = &r->prog.op[i];

	for (*page = op->page; *page - op->page < op->len; ++*page)
		if (!(states(r, i, *page) & ST_SHARED))
			return false;
	return true;
}

static bool any_private(struct st_run *r, uint32_t i)
{
	const struct gm_sop *op = &r->prog.op[i];

	for (uint32_t p = op->page; p - op->page < op->len; p++)
		if (states(r, i, p) & ST_PRIVATE)
			return true;
	return false;
}

/* What succeeds on shared pages only: 0, or EFAULT where one of them is private. */
static const char *wrong_access(struct st_run *r, uint32_t i, const char *clause, const char **want)
{
	static __thread char text[100];
	long ret = r->res[i].ret;
	uint32_t page;

	*want = text;
	if (!ret && !all_shared(r, i, &page)) {
		snprintf(text, sizeof(text), "-14 EFAULT: page %#x is private", page);
		return clause;
	}
	if (ret == -EFAULT && !any_private(r, i)) {
		snprintf(text, sizeof(text), "0: all pages are shared");
		return "conv.inplace_shared";
	}
	return NULL;
}

const char *st_wrong_in_place(struct st_run *r, const uint32_t *list, uint32_t n, uint32_t i,
			      const char **want, bool *settled)
{
	const struct gm_sop *op = &r->prog.op[i];
	long ret = r->res[i].ret;

	*settled = true;
	switch (op->code) {
	case GM_SOP_STACK:
		/* 1: not done. */
		if (ret == 1)
			return NULL;
		/* fall through */
	case GM_SOP_CONV:
	case GM_SOP_HCONV:
		return wrong_conversion(r, list, n, i, want);
	case GM_SOP_DROP:
		*want = "0";
		return ret ? "gup.madv_remove" : NULL;
	case GM_SOP_PIN:
		return wrong_access(r, i, "gup.gup_hold_write", want);
	case GM_SOP_GUP:
		return wrong_access(r, i, "gup.gup_hold", want);
	case GM_SOP_MAP:
		*want = "0 or -14 EFAULT";
		if (ret < 0 && ret != -EFAULT)
			return "iommu.gmem_hva";
		return wrong_access(r, i, "iommu.gmem_hva", want);
	default:
		*settled = false;
		return NULL;
	}
}

static bool refused(const struct gm_ring_log *log)
{
	return !log->count;
}

/* The host's own loads and stores, page by page: done, or refused at some word. */
bool st_judge_touch(struct st_run *r, uint32_t i, uint32_t page, const struct gm_ring_log *log)
{
	bool no = log && refused(log);
	unsigned int may = states(r, i, page);

	r->out->reads++;
	if (may & (no ? ST_PRIVATE : ST_SHARED))
		return true;
	r->out->page = page;
	r->out->has_page = true;
	st_fail(r, i, no ? "conv.inplace_shared" : "gup.cpu_load",
		"operation %u (%s) touched page %#x (gpa %#lx): observed %s; expected %s", i + 1,
		st_op_str(&r->prog.op[i]), page, st_gpa(page), no ? "SIGBUS" : "success",
		no ? "success, the page is shared" : "SIGBUS, the page is private");
	return false;
}

/* The pages that a write of the host was not refused. */
bool st_judge_host_write(struct st_run *r, uint32_t i)
{
	const struct gm_sop *op = &r->prog.op[i];
	const struct gm_ring_log *log = r->log[i];
	uint32_t k = 0;

	if (r->res[i].ret)
		return true;
	for (uint32_t p = op->page; p - op->page < op->len; p++) {
		bool mine = k < r->res[i].logs && log[k].page == p;

		if (!st_judge_touch(r, i, p, mine ? &log[k] : NULL))
			return false;
		k += mine;
	}
	return true;
}

/* `whole` is the write as if no page had refused it. */
void st_tell_host_write(struct st_run *r, uint32_t i, const struct st_event *whole)
{
	uint32_t next = whole->page, end = whole->page + whole->n, logs = r->res[i].logs;
	const struct gm_ring_log *log = r->log[i];
	struct st_event e = *whole;

	if (!r->res[i].t1) {
		st_oracle_add(r->oracle, whole);
		return;
	}
	for (uint32_t k = 0; k <= logs; k++) {
		e.page = next;
		e.n = (k < logs ? log[k].page : end) - next;
		if (e.n)
			st_oracle_add(r->oracle, &e);
		if (k == logs)
			break;
		next = log[k].page + 1;
		if (!log[k].first)
			continue;
		/* It was refused in the middle of the page: word 0 is written, of the rest a part. */
		e.page = log[k].page;
		e.n = 1;
		e.regs = ST_WORD0;
		st_oracle_add(r->oracle, &e);
		e.regs = whole->regs & ~ST_WORD0;
		e.maybe = true;
		if (e.regs)
			st_oracle_add(r->oracle, &e);
		e.regs = whole->regs;
		e.maybe = whole->maybe;
	}
}

bool st_judge_untouched(struct st_run *r)
{
	size_t n = r->mem->size / GM_PAGE_SIZE;
	unsigned char *in = malloc(n);
	bool ok = true;

	GM_SETUP(in && !mincore(r->mem->hva, r->mem->size, in), "mincore: %s",
		 gm_errno_name(errno));
	for (size_t i = 0; r->inplace && i < n && ok; i++) {
		ok = !(in[i] & 1);
		if (!ok)
			st_fail(r, r->prog.nr - 1, "fd.gmem_only",
				"page %zu of the memory at userspace_addr was touched: every access goes to the file",
				i);
	}
	free(in);
	return ok;
}
