// SPDX-License-Identifier: GPL-2.0-only
/* Delta debugging of programs. */
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "minimize.h"

/* Replaces p by `try` if `try` fails, too. */
static bool adopt(struct st_prog *p, struct st_prog *try, struct st_min *m)
{
	if (m->time_up && m->time_up(m->arg))
		return false;
	m->tries++;
	if (!m->fails(try, m->arg))
		return false;
	st_prog_copy(p, try);
	return true;
}

/* Tries to keep only the operations for which keep() is true. */
static bool filter(struct st_prog *p, struct st_min *m,
		   bool (*keep)(const struct gm_sop *op, uint32_t i, int64_t val), int64_t val)
{
	struct st_prog try = {};
	bool ok;

	st_prog_copy(&try, p);
	try.nr = 0;
	for (uint32_t i = 0; i < p->nr; i++)
		if (keep(&p->op[i], i, val))
			st_prog_add(&try, p->op[i]);
	ok = try.nr < p->nr && adopt(p, &try, m);
	st_prog_free(&try);
	return ok;
}

static bool before(const struct gm_sop *op, uint32_t i, int64_t end)
{
	return i < end;
}

static bool not_actor(const struct gm_sop *op, uint32_t i, int64_t actor)
{
	return op->actor != actor || op->code == ST_OP_SYNC;
}

static bool not_code(const struct gm_sop *op, uint32_t i, int64_t code)
{
	return op->code != code;
}

static bool comes_near(const struct gm_sop *op, uint32_t i, int64_t page, int64_t distance)
{
	if (!(st_ops[op->code]->flags & ST_PAGES))
		return false;
	return (int64_t)op->page <= page + distance &&
	       page <= (int64_t)op->page + op->len - 1 + distance;
}

static bool on_page(const struct gm_sop *op, uint32_t i, int64_t page)
{
	return comes_near(op, i, page, 0);
}

static bool near_page(const struct gm_sop *op, uint32_t i, int64_t page)
{
	return comes_near(op, i, page, 2);
}

static bool in_2m(const struct gm_sop *op, uint32_t i, int64_t page)
{
	return comes_near(op, i, page, ST_2M);
}

static bool in_1g(const struct gm_sop *op, uint32_t i, int64_t page)
{
	return comes_near(op, i, page, ST_1G);
}

static void drop_tail(struct st_prog *p, struct st_min *m)
{
	uint32_t step;

	if (m->op < p->nr)
		filter(p, m, before, m->op + 1);
	for (step = p->nr / 2; step; step /= 2)
		while (p->nr > step && filter(p, m, before, p->nr - step))
			;
}

static void drop_unrelated(struct st_prog *p, struct st_min *m)
{
	if (m->page >= 0 && !filter(p, m, on_page, m->page) && !filter(p, m, near_page, m->page) &&
	    !filter(p, m, in_2m, m->page))
		filter(p, m, in_1g, m->page);
	for (int i = 0; i < ST_VCPUS; i++)
		filter(p, m, not_actor, i);
	for (int i = 0; i < ST_THREADS; i++)
		filter(p, m, not_actor, GM_SOP_HOST | i);
	for (int i = 0; i < ST_OP_NR; i++)
		filter(p, m, not_code, i);
}

/* Drops chunks of all sizes, from half of the program down to one operation. */
static bool drop_chunks(struct st_prog *p, struct st_min *m)
{
	struct st_prog try = {};
	bool any = false;

	for (uint32_t chunk = (p->nr + 1) / 2; chunk; chunk /= 2) {
		/* From the end, since later operations depend on earlier ones. */
		for (int64_t at = (int64_t)p->nr - chunk; at > -(int64_t)chunk; at -= chunk) {
			uint32_t from = at < 0 ? 0 : at, n = at < 0 ? at + chunk : chunk;

			if (m->time_up && m->time_up(m->arg))
				goto out;
			if (from + n > p->nr || p->nr < 2)
				continue;
			st_prog_copy(&try, p);
			memmove(try.op + from, try.op + from + n,
				(p->nr - from - n) * sizeof(*try.op));
			try.nr -= n;
			any |= adopt(p, &try, m);
		}
	}
out:
	st_prog_free(&try);
	return any;
}

/* Tries a simpler operation in place of operation i. */
static bool replace(struct st_prog *p, struct st_min *m, uint32_t i, struct gm_sop op)
{
	struct st_prog try = {};
	bool ok;

	if (!op.len || !memcmp(&op, &p->op[i], sizeof(op)))
		return false;
	st_prog_copy(&try, p);
	try.op[i] = op;
	ok = adopt(p, &try, m);
	st_prog_free(&try);
	return ok;
}

static void shorten(struct st_prog *p, struct st_min *m)
{
	for (uint32_t i = 0; i < p->nr; i++) {
		struct gm_sop op = p->op[i];

		if (!(st_ops[op.code]->flags & ST_PAGES) || op.len == 1)
			continue;
		/* Only the failing page, or only the first page; then fewer pages at either end. */
		if (m->page >= (int64_t)op.page && m->page < (int64_t)op.page + op.len) {
			op.page = m->page;
			op.len = 1;
			if (replace(p, m, i, op))
				continue;
			op = p->op[i];
		}
		op.len = 1;
		if (replace(p, m, i, op))
			continue;
		for (uint32_t cut = p->op[i].len / 2; cut; cut /= 2) {
			op = p->op[i];
			if (cut >= op.len)
				continue;
			op.len -= cut;
			if (replace(p, m, i, op))
				continue;
			op.page += cut;
			replace(p, m, i, op);
		}
	}
	for (uint32_t i = 0; i < p->nr; i++) {
		struct gm_sop op = p->op[i];

		op.meet = op.wait = 0;
		if (p->op[i].meet || p->op[i].wait)
			replace(p, m, i, op);
	}
}

/* Moves all pages as far down as possible. */
static void lower(struct st_prog *p, struct st_min *m)
{
	static const uint32_t steps[] = { ST_1G, 64 * ST_2M, 8 * ST_2M, ST_2M, 64, 8, 1 };
	struct st_prog try = {};

	for (unsigned int s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
		for (;;) {
			uint32_t lowest = UINT32_MAX;

			st_prog_copy(&try, p);
			for (uint32_t i = 0; i < p->nr; i++)
				if (st_in_layout(&p->op[i]) && p->op[i].page < lowest)
					lowest = p->op[i].page;
			if (lowest == UINT32_MAX || lowest < steps[s])
				break;
			for (uint32_t i = 0; i < p->nr; i++)
				try.op[i].page -= try.op[i].page >= steps[s] ? steps[s] : 0;
			if (!adopt(p, &try, m))
				break;
			if (m->page >= 0)
				m->page -= steps[s];
		}
	}
	st_prog_free(&try);
}

/* Renumbers the actors that are used, and drops the others. */
static void fewer_actors(struct st_prog *p, struct st_min *m)
{
	struct st_prog try = {};
	uint8_t to[256];
	unsigned int vcpus = 0, threads = 0;

	memset(to, 0xff, sizeof(to));
	st_prog_copy(&try, p);
	for (uint32_t i = 0; i < try.nr; i++) {
		struct gm_sop *op = &try.op[i];

		if (to[op->actor] == 0xff)
			to[op->actor] = st_is_vcpu(op) ? vcpus++ : GM_SOP_HOST | threads++;
		op->actor = to[op->actor];
	}
	try.head.vcpus = vcpus ?: 1;
	try.head.threads = threads;
	if (try.head.vcpus < p->head.vcpus || try.head.threads < p->head.threads)
		adopt(p, &try, m);
	/* All vCPU operations on one vCPU. */
	if (p->head.vcpus > 1) {
		st_prog_copy(&try, p);
		for (uint32_t i = 0; i < try.nr; i++)
			if (st_is_vcpu(&try.op[i]))
				try.op[i].actor = 0;
		try.head.vcpus = 1;
		adopt(p, &try, m);
	}
	st_prog_free(&try);
}

void st_minimize(struct st_prog *p, struct st_min *m)
{
	struct st_prog try = {};

	/*
	 * Order strict, if it fails then, too: such a program fails always and is easier to read.
	 */
	if (!p->head.strict) {
		st_prog_copy(&try, p);
		try.head.strict = true;
		adopt(p, &try, m);
		st_prog_free(&try);
	}
	drop_tail(p, m);
	drop_unrelated(p, m);
	for (int i = 0; i < 6 && drop_chunks(p, m); i++)
		;
	shorten(p, m);
	fewer_actors(p, m);
	lower(p, m);
	for (int i = 0; i < 2 && drop_chunks(p, m); i++)
		;
}
