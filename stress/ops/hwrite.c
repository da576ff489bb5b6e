// SPDX-License-Identifier: GPL-2.0-only
/* The host stores to shared memory through its mapping; in place a private page refuses it. */
#include "judge.h"

static long store(struct st_actor *a, const struct gm_sop *op, uint32_t index, unsigned int words)
{
	struct st_run *r = a->run;

	/* In place each page may be refused, which takes a log entry. */
	if (a->logs + op->len > HOST_LOG)
		return 1;
	pthread_rwlock_rdlock(&r->map_lock);
	for (uint32_t p = op->page; p < op->page + op->len; p++) {
		uint64_t stamp = gm_ring_stamp(st_gfn(p), GM_WRITER_HOST, index);

		if (r->inplace)
			a->logs += st_try_write(r, p, words, stamp, st_log_at(a));
		else
			gm_ring_write((uint64_t *)st_hva(r, p), stamp, words);
	}
	pthread_rwlock_unlock(&r->map_lock);
	return 0;
}

static long store_words(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	return store(a, op, index, 512);
}

static long store_word(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	return store(a, op, index, 1);
}

/* Adds the write page by page; `e` is the write without refusals. */
static bool observe_in_place(struct st_run *r, uint32_t i, struct st_event *e)
{
	uint32_t next = e->page, end = e->page + e->n, logs = r->res[i].logs;
	const struct gm_ring_log *log = r->note[i].log;
	const struct st_event whole = *e;

	for (uint32_t k = 0; k <= logs; k++) {
		e->page = next;
		e->n = (k < logs ? log[k].page : end) - next;
		if (e->n)
			st_oracle_add(r->oracle, e);
		if (k == logs)
			break;
		next = log[k].page + 1;
		if (!log[k].first)
			continue;
		/* Refused in the middle of the page: word 0 is written, and a part of the rest. */
		e->page = log[k].page;
		e->n = 1;
		e->regs = ST_WORD0;
		st_oracle_add(r->oracle, e);
		e->regs = whole.regs & ~ST_WORD0;
		e->maybe = true;
		if (e->regs)
			st_oracle_add(r->oracle, e);
		e->regs = whole.regs;
		e->maybe = whole.maybe;
	}
	return false;
}

static bool observe(struct st_run *r, uint32_t i, struct st_event *e)
{
	bool ended = r->res[i].t1;

	e->change = ST_HOST_WRITE;
	e->stamp = st_stamp(i, GM_WRITER_HOST);
	if (ended && r->res[i].ret)
		return false;
	return r->inplace && ended ? observe_in_place(r, i, e) : true;
}

static bool observe_word(struct st_run *r, uint32_t i, struct st_event *e)
{
	e->regs = ST_WORD0;
	return observe(r, i, e);
}

/* In place: judges every page, refused or not. */
static bool expect(struct st_run *r, uint32_t i)
{
	const struct gm_sop *op = &r->prog.op[i];
	const struct gm_ring_log *log = r->note[i].log;
	uint32_t k = 0;

	if (!r->inplace || r->res[i].ret)
		return true;
	for (uint32_t p = op->page; p - op->page < op->len; p++) {
		bool mine = k < r->res[i].logs && log[k].page == p;

		if (!st_expect_touch(r, i, p, mine ? &log[k] : NULL))
			return false;
		k += mine;
	}
	return true;
}

const struct st_op st_op_hwrite = {
	.name = "hwrite",
	.text = "the host writes shared memory",
	.flags = ST_PAGES | ST_WRITES | ST_TOUCHES | ST_REFERS,
	.always = 10,
	.run = store_words,
	.observe = observe,
	.expect = expect,
};

const struct st_op st_op_hpoke = {
	.name = "hpoke",
	.text = "the host writes one word a page",
	.flags = ST_PAGES | ST_WRITES | ST_TOUCHES | ST_REFERS,
	.always = 3,
	.run = store_word,
	.observe = observe_word,
	.expect = expect,
};
