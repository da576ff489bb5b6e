// SPDX-License-Identifier: GPL-2.0-only
/* Judges every result of a round by the contract; a miss names the clause that was broken. */
#include <stdarg.h>

#include "judge.h"

bool st_fail(struct st_run *r, uint32_t op, const char *clause, const char *fmt, ...)
{
	struct st_result *out = r->out;
	va_list ap;

	if (out->failed)
		return false;
	out->op = op;
	snprintf(out->clause, sizeof(out->clause), "%s", clause);
	va_start(ap, fmt);
	vsnprintf(out->text, sizeof(out->text), fmt, ap);
	va_end(ap);
	out->failed = true;
	return false;
}

struct st_when st_when_of(const struct st_run *r, uint32_t i)
{
	const struct st_op *info = st_ops[r->prog.op[i].code];

	return info->when ? info->when(r, i) : (struct st_when){ r->res[i].t0, r->res[i].t1 };
}

bool st_during(const struct st_run *r, uint32_t i, unsigned int flags)
{
	struct st_when w = st_when_of(r, i);

	for (uint32_t k = 0; r->concurrent && r->flags & flags && k < r->round_nr; k++) {
		uint32_t other = r->round[k];

		if (st_is(&r->prog.op[other], flags) && st_overlap(w, st_when_of(r, other)))
			return true;
	}
	return false;
}

/* --- changes, for the oracle --- */

bool st_observe_guest_write(struct st_run *r, uint32_t i, struct st_event *e, unsigned int regs)
{
	e->change = ST_GUEST_WRITE;
	e->regs = regs;
	e->stamp = st_stamp(i, GM_WRITER_GUEST);
	e->maybe |= st_during(r, i, ST_NO_SLOT);
	return true;
}

static void observe(struct st_run *r, uint32_t i)
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

	if (!st_ops[op->code]->observe)
		return;
	/* Started and not finished: it may have happened. */
	if (!e.when.t1) {
		e.when.t1 = UINT64_MAX;
		e.maybe = true;
	}
	/*
	 * Out of memory: nothing was changed. Except for a conversion in place, which is one call
	 * for each slot: its observe() has the slots before the failed one.
	 */
	if (st_injected(op) && r->res[i].ret && !(r->inplace && st_is(op, ST_CONVERTS)))
		return;
	if (st_ops[op->code]->observe(r, i, &e))
		st_oracle_add(r->oracle, &e);
}

/* --- reads --- */

/* "zero", "what operation 12 (v0 write 0x1ff 1) wrote", or the word itself. */
static const char *stamp_str(const struct st_run *r, uint64_t stamp, char *s, size_t room)
{
	uint32_t gen = gm_word_gen(stamp);

	if (!stamp)
		snprintf(s, room, "zero");
	else if (!gm_word_ok(stamp) || !gen || gen > r->prog.nr)
		snprintf(s, room, "%#lx (no operation's)", stamp);
	else
		snprintf(s, room, "what operation %u (%s) wrote to page %#lx", gen,
			 st_op_str(&r->prog.op[gen - 1]), gm_word_gfn(stamp) - st_gfn(0));
	return s;
}

/* The last operation on the page with the flag before operation `before`; -1: none. */
static int64_t last_of(const struct st_run *r, uint32_t page, uint32_t before, unsigned int flag)
{
	for (int64_t i = (int64_t)before - 1; i >= 0; i--) {
		const struct gm_sop *op = &r->prog.op[i];

		if (st_is(op, flag) && page - op->page < op->len)
			return i;
	}
	return -1;
}

/* Whether the slot of the page got another file between the operations `write` and `before`. */
static bool written_before_rebind(const struct st_run *r, uint32_t page, uint32_t before,
				  uint32_t write)
{
	for (uint32_t i = write; i < before && i < r->prog.nr; i++)
		if (st_is(&r->prog.op[i], ST_NEW_FILE) && !r->res[i].ret &&
		    st_slot_of(r->layout, r->prog.op[i].page) == st_slot_of(r->layout, page))
			return true;
	return false;
}

/*
 * The clause that a wrong value most likely breaks, chosen by the value and by the last operations
 * on the page. The text of the failure has the details.
 */
static const char *clause_of(struct st_run *r, uint32_t i, uint32_t page, uint64_t stamp,
			     enum st_reg reg, bool guest)
{
	unsigned int other = ST_BOTH & ~st_oracle_states(r->oracle, page, st_when_of(r, i));
	int64_t conv = last_of(r, page, i, ST_CONVERTS), hole;

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
	if (stamp && gm_word_gen(stamp) &&
	    written_before_rebind(r, page, i, gm_word_gen(stamp) - 1))
		return r->inplace ? "conv.inplace_two_files" : "fd.bind_overlap";
	hole = last_of(r, page, i, ST_HOLE);
	if (r->inplace && !r->concurrent && conv > hole)
		return "conv.inplace_shared";
	if (stamp && hole >= 0 && hole >= (int64_t)gm_word_gen(stamp) - 1)
		return "fd.punch_unmaps";
	if (!stamp && hole < 0 &&
	    (last_of(r, page + 1, i, ST_HOLE) >= 0 || last_of(r, page - 1, i, ST_HOLE) >= 0))
		return "fd.punch_exact";
	return r->concurrent ? "conv.concurrent" : "conv.data";
}

/* The value that a read saw limits what later reads can see. */
static void observe_read(struct st_run *r, uint32_t i, const struct gm_ring_log *log,
			 unsigned int states, enum st_reg reg)
{
	struct st_event e = { .when = st_when_of(r, i),
			      .op = i,
			      .page = log->page,
			      .n = 1,
			      .change = ST_SEEN,
			      .regs = reg,
			      .stamp = log->stamp };
	uint64_t some[2];

	/* Several stamps in one body: keep none of them. */
	if (reg == ST_BODY && (unsigned int)log->count + !!log->first < GM_RING_BODY + 1)
		return;
	e.states = states ?: st_oracle_memories(r->oracle, log->page, e.when);
	if (e.states == ST_BOTH ||
	    st_oracle_expected(r->oracle, log->page, e.states, reg, e.when, some, 2) < 2)
		return;
	st_oracle_add(r->oracle, &e);
}

static bool judge_stamp(struct st_run *r, uint32_t i, const struct gm_ring_log *log,
			unsigned int states, enum st_reg reg)
{
	const struct gm_sop *op = &r->prog.op[i];
	char observed[160], expected[600] = "";
	uint64_t some[4];
	unsigned int nr;
	size_t at = 0;

	r->out->reads++;
	if (st_oracle_explains(r->oracle, log->page, states, reg, log->stamp, st_when_of(r, i))) {
		if (r->concurrent)
			observe_read(r, i, log, states, reg);
		return true;
	}
	if (log->stamp == ST_ABSENT && st_during(r, i, ST_NO_SLOT))
		return true;
	nr = st_oracle_expected(r->oracle, log->page, states, reg, st_when_of(r, i), some, 4);
	for (unsigned int k = 0; k < nr && k < 3 && at < sizeof(expected); k++) {
		char one[160];

		at += snprintf(expected + at, sizeof(expected) - at, "%s%s", k ? ", or " : "",
			       stamp_str(r, some[k], one, sizeof(one)));
	}
	r->out->page = log->page;
	r->out->has_page = true;
	return st_fail(
		r, i, clause_of(r, i, log->page, log->stamp, reg, !states),
		"operation %u (%s) read in %u words of page %#x (gpa %#lx), from word %u: observed %s; expected %s",
		i + 1, st_op_str(op), log->count, log->page, st_gpa(log->page), log->first,
		stamp_str(r, log->stamp, observed, sizeof(observed)), expected);
}

/* Judges one entry of the log; word 0 and the body are separate registers. */
static bool judge_log(struct st_run *r, uint32_t i, const struct gm_ring_log *log,
		      unsigned int states)
{
	/* A held page may be no page of the file any more, if a hole removed it. */
	if (r->inplace && st_is(&r->prog.op[i], ST_BY_HOLD)) {
		if (st_may_be_detached(r, i, log->page))
			return true;
	} else if (r->inplace && states) {
		if (!st_expect_touch(r, i, log->page, log))
			return false;
		if (!log->count)
			return true;
	}
	if (log->first == GM_RING_STACK && log->count == 1)
		return judge_stamp(r, i, log, states, ST_STACK);
	if (!log->first && !judge_stamp(r, i, log, states, ST_WORD0))
		return false;
	if (log->first || log->count > 1)
		return judge_stamp(r, i, log, states, ST_BODY);
	return true;
}

bool st_expect_reads(struct st_run *r, uint32_t i)
{
	/* Reads by the host, a child or a device are all of the shared memory. */
	unsigned int states = st_is_vcpu(&r->prog.op[i]) ? 0 : ST_SHARED;

	for (uint32_t k = 0; k < r->res[i].logs; k++)
		if (!judge_log(r, i, &r->note[i].log[k], states))
			return false;
	return true;
}

/* --- results --- */

bool st_wrong(struct st_run *r, uint32_t i, const char *clause, const char *want)
{
	const struct gm_sop *op = &r->prog.op[i];
	long ret = r->res[i].ret;

	r->out->page = op->page;
	r->out->has_page = st_is(op, ST_PAGES);
	return st_fail(r, i, clause, "operation %u (%s) gave %ld%s%s, expected %s", i + 1,
		       st_op_str(op), ret, ret < 0 ? " " : "", ret < 0 ? gm_errno_name(-ret) : "",
		       want);
}

bool st_expect_0(struct st_run *r, uint32_t i, const char *clause)
{
	return !r->res[i].ret || st_wrong(r, i, clause, "0");
}

bool st_expect_done(struct st_run *r, uint32_t i, const char *clause)
{
	return r->res[i].ret >= 0 || st_wrong(r, i, clause, "0");
}

static bool expect(struct st_run *r, uint32_t i)
{
	const struct gm_sop *op = &r->prog.op[i];

	if (st_injected(op) && r->res[i].ret == -ENOMEM)
		return true;
	return st_ops[op->code]->expect ? st_ops[op->code]->expect(r, i) : st_expect_reads(r, i);
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

/* Coverage: which operation followed which one on a page nearby. */
static void cover(struct st_run *r, uint32_t i)
{
	const struct gm_sop *op = &r->prog.op[i];
	int64_t apart = (int64_t)op->page - r->last_page;

	r->out->runs[op->code]++;
	if (st_is(op, ST_CONVERTS))
		r->out->conversions++;
	if (!st_is(op, ST_PAGES))
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
	struct gm_page_counts now;
	int64_t want, got;

	if (!r->has_sizes)
		return true;
	gm_page_counts_read(r->vm, &now);
	want = r->layout->pages / step;
	got = now.pages[size] - r->sizes.pages[size];
	if (got == want)
		return true;
	return st_fail(
		r, r->prog.nr - 1, "huge.rejoin",
		"after all pages became shared and each %s page was touched: expected %ld mappings of that size, observed %ld",
		gm_size_name(size), want, got);
}

/* A vCPU that did not reach the end of its ring. */
static bool judge_stop(struct st_run *r, const struct st_actor *a)
{
	uint32_t done = a->ring->done, i;

	if (!a->n || !a->stopped)
		return true;
	i = a->list[done < a->n ? done : a->n - 1];
	r->out->page = r->prog.op[i].page;
	r->out->has_page = st_is(&r->prog.op[i], ST_PAGES);
	return st_fail(r, i, r->concurrent ? "conv.concurrent" : "conv.fault_exit",
		       "vCPU %u stopped in operation %u (%s): %s", a->nr, i + 1,
		       st_op_str(&r->prog.op[i]), gm_exit_str(&a->exit));
}

static void print_event(const struct st_event *e, void *arg)
{
	struct st_run *r = arg;
	struct st_result *out = r->out;
	size_t at = strlen(out->history);

	if (at + 200 < sizeof(out->history))
		snprintf(out->history + at, sizeof(out->history) - at,
			 "%8lu-%-8lu operation %u: %s\n", e->when.t0, e->when.t1, e->op + 1,
			 st_op_str(&r->prog.op[e->op]));
}

bool st_judge(struct st_run *r)
{
	bool ok = true;

	for (unsigned int v = 0; v < r->prog.head.vcpus; v++) {
		r->out->races += r->vcpu[v].faults;
		r->vcpu[v].faults = 0;
	}
	for (uint32_t k = 0; k < 2 * r->round_nr; k++) {
		uint32_t i = r->round[k % r->round_nr];

		if (r->res[i].t0 && (k >= r->round_nr) == st_is(&r->prog.op[i], ST_OBSERVE_LAST))
			observe(r, i);
	}
	for (uint32_t k = 0; k < r->round_nr && ok; k++) {
		uint32_t i = r->round[k];

		if (!r->res[i].t1)
			continue;
		ok = expect(r, i);
		cover(r, i);
		r->out->done++;
	}
	for (unsigned int v = 0; v < r->prog.head.vcpus && ok; v++)
		ok = judge_stop(r, &r->vcpu[v]);
	if (!ok && r->out->has_page)
		st_oracle_history(r->oracle, r->out->page, print_event, r);
	return ok;
}
