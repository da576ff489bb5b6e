// SPDX-License-Identifier: GPL-2.0-only
/* Pages that a pin or a device mapping holds: records for running operations and for the judge. */
#include "judge.h"

void st_hold_begin(struct st_run *r, uint32_t op, uint32_t page, uint32_t len)
{
	if (r->holds == r->holds_room) {
		r->holds_room = 2 * r->holds_room + 64;
		r->hold = realloc(r->hold, r->holds_room * sizeof(*r->hold));
		GM_SETUP(r->hold, "out of memory");
	}
	r->hold[r->holds++] = (struct st_hold){ .op = op, .page = page, .len = len, .held = true };
}

static struct st_hold *hold_of(struct st_run *r, uint32_t op)
{
	for (uint32_t i = r->holds; i--;)
		if (r->hold[i].op == op)
			return &r->hold[i];
	return NULL;
}

void st_hold_ending(struct st_run *r, uint32_t op)
{
	hold_of(r, op)->held = false;
}

void st_hold_end(struct st_run *r, uint32_t op, uint32_t end)
{
	struct st_hold *h = hold_of(r, op);

	h->ended = true;
	h->end = end;
}

bool st_held(const struct st_run *r, uint32_t page, uint32_t n)
{
	for (uint32_t i = 0; i < r->holds; i++) {
		const struct st_hold *h = &r->hold[i];

		if (h->held && h->page < page + n && page < h->page + h->len)
			return true;
	}
	return false;
}

/* --- for the judge, when every operation of the round has its time stamps --- */

static uint64_t begin0(const struct st_run *r, const struct st_hold *h)
{
	return r->res[h->op].t0;
}

static uint64_t begin1(const struct st_run *r, const struct st_hold *h)
{
	return r->res[h->op].t1;
}

static uint64_t end0(const struct st_run *r, const struct st_hold *h)
{
	return h->ended ? r->res[h->end].t0 : UINT64_MAX;
}

static uint64_t end1(const struct st_run *r, const struct st_hold *h)
{
	return h->ended ? r->res[h->end].t1 : UINT64_MAX;
}

bool st_may_be_detached(struct st_run *r, uint32_t i, uint32_t page)
{
	const struct st_hold *h = hold_of(r, r->note[i].hold_op);

	return h &&
	       st_oracle_may_zero(r->oracle, page, (struct st_when){ begin0(r, h), r->res[i].t1 });
}

/* The page is held during all of `when`, in every order of the operations that overlap. */
static bool surely_held(struct st_run *r, uint32_t page, struct st_when when)
{
	for (uint32_t k = 0; k < r->holds; k++) {
		const struct st_hold *h = &r->hold[k];

		if (page - h->page < h->len && begin1(r, h) < when.t0 && end0(r, h) > when.t1 &&
		    !st_oracle_may_zero(r->oracle, page, (struct st_when){ begin0(r, h), when.t1 }))
			return true;
	}
	return false;
}

bool st_may_be_held(struct st_run *r, uint32_t page, struct st_when when)
{
	for (uint32_t k = 0; k < r->holds; k++) {
		const struct st_hold *h = &r->hold[k];

		if (page - h->page < h->len && begin0(r, h) < when.t1 && end1(r, h) > when.t0 &&
		    !st_oracle_zeroed(r->oracle, page, (struct st_when){ begin1(r, h), when.t0 }))
			return true;
	}
	return false;
}

uint32_t st_first_held(struct st_run *r, uint32_t page, uint32_t n, struct st_when when)
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
