// SPDX-License-Identifier: GPL-2.0-only
/* Every result of a round against what the contract allows; a miss names the clause it breaks. */
#include <stdarg.h>

#include "exec.h"

void st_fail(struct st_run *r, uint32_t op, const char *clause, const char *fmt, ...)
{
	struct st_result *out = r->out;
	va_list ap;

	if (out->failed)
		return;
	out->op = op;
	snprintf(out->clause, sizeof(out->clause), "%s", clause);
	va_start(ap, fmt);
	vsnprintf(out->text, sizeof(out->text), fmt, ap);
	va_end(ap);
	out->failed = true;
}

struct st_when st_when_of(const struct st_run *r, uint32_t i)
{
	/* What it pops is read last of all. */
	if (r->prog.op[i].code == GM_SOP_STACK && !r->concurrent)
		return (struct st_when){ r->res[i].t1, r->res[i].t1 + 1 };
	/* A child has what there was at the fork, where the memory is copied on write. */
	if (r->prog.op[i].code == GM_SOP_FORK && r->res[i].ret > 0 && !r->inplace &&
	    (r->layout->backing == ST_ANON || r->layout->backing == ST_THP))
		return (struct st_when){ r->res[i].t0, r->res[i].ret };
	return (struct st_when){ r->res[i].t0, r->res[i].t1 };
}

static bool overlaps(const struct st_when *a, const struct st_when *b)
{
	return a->t0 < b->t1 && b->t0 < a->t1;
}

/* Whether something that takes pages away for a moment was under way. */
static bool during(const struct st_run *r, const uint32_t *list, uint32_t n, uint32_t i,
		   uint8_t code)
{
	struct st_when w = st_when_of(r, i);

	for (uint32_t k = 0; r->concurrent && k < n; k++) {
		struct st_when o = st_when_of(r, list[k]);

		if (r->prog.op[list[k]].code == code && overlaps(&w, &o))
			return true;
	}
	return false;
}

#define CONVERSIONS (1ULL << GM_SOP_CONV | 1ULL << GM_SOP_HCONV | 1ULL << GM_SOP_STACK)

static uint64_t stamp_at_0(uint32_t index, enum gm_half half)
{
	return gm_ring_stamp(st_gfn(0), half, index);
}

/* Memory may have run out in the middle of it. */
static bool injected(const struct gm_sop *op)
{
	return st_ops[op->code].flags & ST_CAN_FAIL && op->arg & GM_SOP_FAIL;
}

/* A push, then a conversion: each has a moment of its own, when nobody else moves. */
static void tell_stack(struct st_run *r, const uint32_t *list, uint32_t n, uint32_t i,
		       const struct st_event *all)
{
	const struct gm_sop *op = &r->prog.op[i];
	struct st_event e = *all;

	/* Refused in place: what was pushed is there. */
	bool refused = r->inplace && r->res[i].ret == -EAGAIN;

	if (r->res[i].t1 && r->res[i].ret && !refused)
		return;
	if (!r->concurrent && r->res[i].t1)
		e.when = (struct st_when){ r->res[i].t0, r->res[i].t0 + 1 };
	e.n = 1;
	e.change = ST_GUEST_WRITE;
	e.regs = ST_STACK;
	e.stamp = stamp_at_0(i, GM_HALF_GUEST);
	e.maybe = all->maybe || (r->has_slots && during(r, list, n, i, GM_SOP_SLOT));
	st_oracle_add(r->oracle, &e);
	if (refused)
		return;
	if (!r->concurrent && r->res[i].t1)
		e.when = (struct st_when){ r->res[i].t0 + 2, r->res[i].t0 + 3 };
	e.change = ST_CONVERT;
	e.halves = op->arg & 1 ? ST_PRIVATE : ST_SHARED;
	e.maybe = all->maybe;
	st_oracle_add(r->oracle, &e);
}

/* What the operation changed goes to the oracle. */
static void tell(struct st_run *r, const uint32_t *list, uint32_t n, uint32_t i)
{
	const struct gm_sop *op = &r->prog.op[i];
	struct st_event e = {
		.when = st_when_of(r, i),
		.op = i,
		.page = op->page,
		.n = op->len,
		.regs = ST_WORD0 | ST_BODY,
		.page_stamp = 1 << 9, /* the gfn of gm_word() */
	};

	/* Begun and not ended: it may have happened. */
	if (!e.when.t1) {
		e.when.t1 = UINT64_MAX;
		e.maybe = true;
	}
	/* In place, each slot is a call, and what was refused is not a page of its own. */
	if (r->inplace && (CONVERSIONS & 1ULL << op->code) && op->code != GM_SOP_STACK &&
	    r->res[i].ret) {
		e.n = r->conv[i].whole;
		if (!e.n)
			return;
	} else if (injected(op) && r->res[i].ret) {
		/* What ran out of memory did not happen: not a page of it. */
		return;
	}
	switch (op->code) {
	case GM_SOP_CONV:
	case GM_SOP_HCONV:
		e.change = ST_CONVERT;
		e.halves = op->arg & 1 ? ST_PRIVATE : ST_SHARED;
		break;
	case GM_SOP_STACK:
		tell_stack(r, list, n, i, &e);
		return;
	case GM_SOP_POKE:
		e.regs = ST_WORD0;
		/* fall through */
	case GM_SOP_WRITE:
		e.change = ST_GUEST_WRITE;
		e.stamp = stamp_at_0(i, GM_HALF_GUEST);
		e.maybe |= r->has_slots && during(r, list, n, i, GM_SOP_SLOT);
		break;
	case GM_SOP_ADD:
		e.change = ST_COUNT;
		e.n = 1;
		e.maybe |= r->has_slots && during(r, list, n, i, GM_SOP_SLOT);
		break;
	case GM_SOP_HPOKE:
		e.regs = ST_WORD0;
		/* fall through */
	case GM_SOP_HWRITE:
		e.change = ST_HOST_WRITE;
		e.stamp = stamp_at_0(i, GM_HALF_HOST);
		if (r->res[i].t1 && r->res[i].ret)
			return;
		if (r->inplace) {
			st_tell_host_write(r, i, &e);
			return;
		}
		break;
	case GM_SOP_DWRITE:
		if (r->res[i].ret == 1)
			return;
		e.change = ST_HOST_WRITE;
		e.stamp = stamp_at_0(i, GM_HALF_DEVICE);
		e.n = 1;
		e.maybe |= r->inplace && st_may_be_detached(r, i, op->page);
		break;
	case GM_SOP_PUNCH:
		e.change = ST_ZERO;
		e.halves = ST_PRIVATE;
		break;
	case GM_SOP_DROP:
		if (r->res[i].ret == 1)
			return;
		e.change = ST_ZERO;
		e.halves = ST_SHARED;
		break;
	default:
		return;
	}
	st_oracle_add(r->oracle, &e);
}

/* "zero", "what operation 12 (v0 write 0x1ff 1) wrote", or the word itself. */
static const char *stamp_str(const struct st_run *r, uint64_t stamp, char *s, size_t room)
{
	uint32_t gen = gm_word_gen(stamp);

	if (!stamp)
		snprintf(s, room, "zero");
	else if (!gm_word_ok(stamp) || !gen || gen > r->prog.nr)
		snprintf(s, room, "%#lx (nobody's)", stamp);
	else
		snprintf(s, room, "what operation %u (%s) wrote to page %#lx", gen,
			 st_op_str(&r->prog.op[gen - 1]), gm_word_gfn(stamp) - st_gfn(0));
	return s;
}

/* The last operation of the codes that reached the page before `before`; -1: none. */
static int64_t last_of(const struct st_run *r, uint32_t page, uint32_t before, uint64_t codes)
{
	for (int64_t i = (int64_t)before - 1; i >= 0; i--) {
		const struct gm_sop *op = &r->prog.op[i];

		if (codes & 1ULL << op->code && page - op->page < op->len)
			return i;
	}
	return -1;
}

/*
 * Which promise a wrong value breaks: told by what was read and by what was done to the page last.
 * The text has all the facts; this is the best name for them.
 */
static const char *clause_of(struct st_run *r, uint32_t i, uint32_t page, uint64_t stamp,
			     enum st_reg reg, bool guest)
{
	unsigned int other = ST_BOTH & ~st_oracle_halves(r->oracle, page, st_when_of(r, i));
	int64_t conv = last_of(r, page, i, CONVERSIONS), hole;

	if (stamp && !gm_word_ok(stamp))
		return "conv.data";
	if (stamp && gm_word_gfn(stamp) != st_gfn(page))
		return "fd.bind_overlap";
	if (guest && other &&
	    st_oracle_explains(r->oracle, page, other, reg, stamp, st_when_of(r, i))) {
		if (r->concurrent)
			return "conv.concurrent";
		if (conv >= 0 && r->prog.op[conv].len > 1)
			return "conv.any_range";
		return conv >= 0 && r->prog.op[conv].actor != r->prog.op[i].actor
			       ? "conv.cross_vcpu"
			       : "conv.any_offset";
	}
	hole = last_of(r, page, i, 1ULL << GM_SOP_PUNCH);
	if (r->inplace && !r->concurrent && conv > hole)
		return "conv.inplace_shared";
	if (stamp && hole >= 0 && hole >= (int64_t)gm_word_gen(stamp) - 1)
		return "fd.punch_unmaps";
	if (!stamp && last_of(r, page, i, 1ULL << GM_SOP_PUNCH) < 0 &&
	    (last_of(r, page + 1, i, 1ULL << GM_SOP_PUNCH) >= 0 ||
	     last_of(r, page - 1, i, 1ULL << GM_SOP_PUNCH) >= 0))
		return "fd.punch_exact";
	return r->concurrent ? "conv.concurrent" : "conv.data";
}

/* What this read saw rules out what later ones might see. */
static void tell_seen(struct st_run *r, uint32_t i, const struct gm_ring_log *log,
		      unsigned int halves, enum st_reg reg)
{
	struct st_event e = { .when = st_when_of(r, i),
			      .op = i,
			      .page = log->page,
			      .n = 1,
			      .change = ST_SEEN,
			      .regs = reg,
			      .stamp = log->stamp };
	uint64_t some[2];

	/* Several stamps in one body: of the parts nothing is kept. */
	if (reg == ST_BODY && (unsigned int)log->count + !!log->first < GM_RING_BODY + 1)
		return;
	e.halves = halves ?: st_oracle_memories(r->oracle, log->page, e.when);
	if (e.halves == ST_BOTH ||
	    st_oracle_expected(r->oracle, log->page, e.halves, reg, e.when, some, 2) < 2)
		return;
	st_oracle_add(r->oracle, &e);
}

static bool judge_stamp(struct st_run *r, const uint32_t *list, uint32_t n, uint32_t i,
			const struct gm_ring_log *log, unsigned int halves, enum st_reg reg)
{
	const struct gm_sop *op = &r->prog.op[i];
	char observed[160], expected[600] = "";
	uint64_t some[4];
	unsigned int nr;
	size_t at = 0;

	r->out->reads++;
	if (st_oracle_explains(r->oracle, log->page, halves, reg, log->stamp, st_when_of(r, i))) {
		if (r->concurrent)
			tell_seen(r, i, log, halves, reg);
		return true;
	}
	if (log->stamp == ST_ABSENT && r->has_slots && during(r, list, n, i, GM_SOP_SLOT))
		return true;
	nr = st_oracle_expected(r->oracle, log->page, halves, reg, st_when_of(r, i), some, 4);
	for (unsigned int k = 0; k < nr && k < 3 && at < sizeof(expected); k++) {
		char one[160];

		at += snprintf(expected + at, sizeof(expected) - at, "%s%s", k ? ", or " : "",
			       stamp_str(r, some[k], one, sizeof(one)));
	}
	r->out->page = log->page;
	r->out->has_page = true;
	st_fail(r, i, clause_of(r, i, log->page, log->stamp, reg, !halves),
		"operation %u (%s) read in %u words of page %#x (gpa %#lx), from word %u: observed %s; expected %s",
		i + 1, st_op_str(op), log->count, log->page, st_gpa(log->page), log->first,
		stamp_str(r, log->stamp, observed, sizeof(observed)), expected);
	return false;
}

/* One entry of the log: word 0 and the body are registers of their own. */
static bool judge_log(struct st_run *r, const uint32_t *list, uint32_t n, uint32_t i,
		      const struct gm_ring_log *log, unsigned int halves)
{
	uint8_t code = r->prog.op[i].code;

	/* Pinned pages are read as they are; a hole may have taken them out of the file. */
	if (r->inplace && (code == GM_SOP_UNPIN || code == GM_SOP_DREAD)) {
		if (st_may_be_detached(r, i, log->page))
			return true;
	} else if (r->inplace && halves) {
		if (!st_judge_touch(r, i, log->page, log))
			return false;
		if (!log->count)
			return true;
	}
	if (log->first == GM_RING_STACK && log->count == 1)
		return judge_stamp(r, list, n, i, log, halves, ST_STACK);
	if (!log->first && !judge_stamp(r, list, n, i, log, halves, ST_WORD0))
		return false;
	if (log->first || log->count > 1)
		return judge_stamp(r, list, n, i, log, halves, ST_BODY);
	return true;
}

static bool judge_count(struct st_run *r, const uint32_t *list, uint32_t n, uint32_t i)
{
	const struct gm_sop *op = &r->prog.op[i];
	uint64_t least, most, val = r->res[i].ret;

	if (r->has_slots && during(r, list, n, i, GM_SOP_SLOT))
		return true;
	r->out->reads++;
	if (st_oracle_counts(r->oracle, op->page, 0, val, st_when_of(r, i), i, &least, &most))
		return true;
	r->out->page = op->page;
	r->out->has_page = true;
	st_fail(r, i, r->concurrent ? "conv.concurrent" : "conv.data",
		"operation %u (%s) found %lu additions before it, expected %lu to %lu", i + 1,
		st_op_str(op), val, least, most);
	return false;
}

/* What an operation must give back; NULL: it did. */
static const char *wrong_result(struct st_run *r, const uint32_t *list, uint32_t n, uint32_t i,
				const char **want)
{
	const struct gm_sop *op = &r->prog.op[i];
	long ret = r->res[i].ret;
	const char *clause;
	bool settled;
	int err;

	*want = "0";
	/* A page of the host that cannot be had is EFAULT by the time KVM hears of it. */
	if (injected(op) && (ret == -ENOMEM || (ret == -EFAULT && op->code == GM_SOP_PREFAULT)))
		return NULL;
	if (r->inplace) {
		clause = st_wrong_in_place(r, list, n, i, want, &settled);
		if (settled)
			return clause;
	}
	switch (op->code) {
	case GM_SOP_STACK:
		return ret && ret != 1 ? "conv.never_refused" : NULL;
	case GM_SOP_EXEC:
		*want = "the constant that its code gives";
		return ret == (uint16_t)i || (r->concurrent && ret == -1) ? NULL : "conv.own_stack";
	case GM_SOP_PIN:
	case GM_SOP_UNPIN:
		return ret == -EFAULT ? "gup.gup_hold_write" : NULL;
	case GM_SOP_POOL:
		return ret < 0 && ret != -ENOMEM && ret != -EINTR ? "fungible.pool_back" : NULL;
	case GM_SOP_CONV:
	case GM_SOP_HCONV:
		return ret ? "conv.never_refused" : NULL;
	case GM_SOP_BAD:
		*want = "-22 (KVM_EINVAL)";
		return ret != -22 ? "conv.hypercall_bad" : NULL;
	case GM_SOP_PUNCH:
	case GM_SOP_ALLOC:
		return ret ? "fd.fallocate_args" : NULL;
	case GM_SOP_PREFAULT:
		if (!ret)
			return NULL;
		/* What changes under it ends it early, with what is left. */
		if (r->concurrent && (ret > 0 || ret == -EAGAIN || ret == -EFAULT ||
				      ret == -EINTR || (ret == -ENOENT && r->has_slots)))
			return NULL;
		return "conv.prefault";
	case GM_SOP_REFUSE:
		err = st_refusal(r, op->arg, &clause);
		*want = gm_errno_name(err);
		return ret == err ? NULL : clause;
	case GM_SOP_MAP:
	case GM_SOP_UNMAP:
	case GM_SOP_DREAD:
	case GM_SOP_DWRITE:
		return ret < 0 ? "iommu.map_file_memfd" : NULL;
	case GM_SOP_SLOT:
		return ret ? "fd.bind_overlap" : NULL;
	case GM_SOP_FORK:
		return ret < 0 ? "conv.data" : NULL;
	default:
		return NULL;
	}
}

static bool judge_one(struct st_run *r, const uint32_t *list, uint32_t n, uint32_t i)
{
	const struct gm_sop *op = &r->prog.op[i];
	const struct gm_ring_res *res = &r->res[i];
	const char *want, *clause = wrong_result(r, list, n, i, &want);
	/* The host's reads, the child's and the device's are all of the shared half. */
	unsigned int halves = st_is_vcpu(op) ? 0 : ST_SHARED;

	if (clause) {
		r->out->page = op->page;
		r->out->has_page = st_ops[op->code].flags & ST_PAGES;
		st_fail(r, i, clause, "operation %u (%s) gave %ld%s%s, expected %s", i + 1,
			st_op_str(op), res->ret, res->ret < 0 ? " " : "",
			res->ret < 0 ? gm_errno_name(-res->ret) : "", want);
		return false;
	}
	if (op->code == GM_SOP_ADD)
		return judge_count(r, list, n, i);
	if (r->inplace && (op->code == GM_SOP_HWRITE || op->code == GM_SOP_HPOKE))
		return st_judge_host_write(r, i);
	for (uint32_t k = 0; k < res->logs; k++)
		if (!judge_log(r, list, n, i, &r->log[i][k], halves))
			return false;
	return true;
}

static unsigned int border_class(const struct st_run *r, uint32_t page)
{
	const struct st_slot *s = st_slot_of(r->layout, page);

	if (page == s->page || page == s->page + s->pages - 1)
		return 3;
	if (page % ST_1G == 0 || page % ST_1G == ST_1G - 1)
		return 2;
	return page % ST_2M == 0 || page % ST_2M == ST_2M - 1;
}

/* How often which operation followed which one beside it, over all pages. */
static void cover(struct st_run *r, uint32_t i)
{
	const struct gm_sop *op = &r->prog.op[i];
	int64_t apart = (int64_t)op->page - r->last_page;

	r->out->runs[op->code]++;
	if (CONVERSIONS & 1ULL << op->code)
		r->out->conversions++;
	if (!(st_ops[op->code].flags & ST_PAGES))
		return;
	if (r->last_code && apart > -1024 && apart < 1024)
		r->out->pair[border_class(r, op->page)][r->last_code] |= 1ULL << op->code;
	r->last_code = op->code;
	r->last_page = op->page;
}

bool st_judge_sizes(struct st_run *r)
{
	uint32_t step = st_huge_pages(r->layout);
	enum gm_size size = step == ST_1G ? GM_SIZE_1G : GM_SIZE_2M;
	struct gm_ledger now;
	int64_t want, got;

	if (!r->has_sizes)
		return true;
	gm_ledger_read(r->vm, &now);
	want = r->layout->pages / step;
	got = now.pages[size] - r->sizes.pages[size];
	if (got == want)
		return true;
	st_fail(r, r->prog.nr - 1, "huge.rejoin",
		"all is shared again and each page of %s was touched: expected %ld mappings of that size, observed %ld",
		gm_size_name(size), want, got);
	return false;
}

static const char *stop_str(const struct st_actor *a)
{
	return gm_exit_str(&a->exit);
}

/* A vCPU that did not come to the end of its ring. */
static bool judge_stop(struct st_run *r, const struct st_actor *a)
{
	uint32_t done = a->ring->done, i;

	if (!a->n || !a->stopped)
		return true;
	i = a->list[done < a->n ? done : a->n - 1];
	r->out->page = r->prog.op[i].page;
	r->out->has_page = st_ops[r->prog.op[i].code].flags & ST_PAGES;
	st_fail(r, i, r->concurrent ? "conv.concurrent" : "conv.fault_exit",
		"vCPU %u stopped in operation %u (%s): %s", a->nr, i + 1, st_op_str(&r->prog.op[i]),
		stop_str(a));
	return false;
}

static void tell_event(const struct st_event *e, void *arg)
{
	struct st_run *r = arg;
	struct st_result *out = r->out;
	size_t at = strlen(out->story);

	if (at + 200 < sizeof(out->story))
		snprintf(out->story + at, sizeof(out->story) - at, "%8lu-%-8lu operation %u: %s\n",
			 e->when.t0, e->when.t1, e->op + 1, st_op_str(&r->prog.op[e->op]));
}

bool st_judge(struct st_run *r, const uint32_t *list, uint32_t n)
{
	bool ok = true;

	for (unsigned int v = 0; v < r->prog.head.vcpus; v++) {
		r->out->races += r->vcpu[v].faults;
		r->vcpu[v].faults = 0;
	}
	st_tell_holds(r, list, n);
	/* What a device writes can only be told when all holes are known. */
	for (uint32_t k = 0; k < 2 * n; k++) {
		uint32_t i = list[k % n];

		if (r->res[i].t0 && (k >= n) == (r->prog.op[i].code == GM_SOP_DWRITE))
			tell(r, list, n, i);
	}
	for (uint32_t k = 0; k < n && ok; k++) {
		if (!r->res[list[k]].t1)
			continue;
		ok = judge_one(r, list, n, list[k]);
		cover(r, list[k]);
		r->out->done++;
	}
	for (unsigned int v = 0; v < r->prog.head.vcpus && ok; v++)
		ok = judge_stop(r, &r->vcpu[v]);
	if (!ok && r->out->has_page)
		st_oracle_story(r->oracle, r->out->page, tell_event, r);
	return ok;
}
