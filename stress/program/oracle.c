// SPDX-License-Identifier: GPL-2.0-only
/* Histories of pages, and the values that they explain. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

/* A change of more pages than this is stored once for all of them. */
#define LONG 64U

struct event {
	struct st_event e;
	uint64_t upto;	/* the latest end of this change and of all that began before it */
	uint8_t states; /* the memories of this page that a guest's write may have changed */
};

struct history {
	uint32_t nr, room;
	struct event *v;
};

struct st_oracle {
	uint32_t pages;
	bool one_memory;
	unsigned int start; /* the state of all pages before the first conversion */
	struct history longs;
	struct history **page;
};

static void *check_alloc(void *p)
{
	if (!p) {
		fputs("stress: out of memory\n", stderr);
		abort();
	}
	return p;
}

struct st_oracle *st_oracle_new(uint32_t pages)
{
	struct st_oracle *o = check_alloc(calloc(1, sizeof(*o)));

	o->pages = pages;
	o->start = ST_SHARED;
	o->page = check_alloc(calloc(pages, sizeof(*o->page)));
	return o;
}

struct st_oracle *st_oracle_new_inplace(uint32_t pages, enum st_state start)
{
	struct st_oracle *o = st_oracle_new(pages);

	o->one_memory = true;
	o->start = start;
	return o;
}

void st_oracle_free(struct st_oracle *o)
{
	for (uint32_t i = 0; i < o->pages; i++) {
		if (!o->page[i])
			continue;
		free(o->page[i]->v);
		free(o->page[i]);
	}
	free(o->longs.v);
	free(o->page);
	free(o);
}

/* Sorted by start; a new event nearly always belongs at the end. */
static struct event *insert(struct history *h, const struct st_event *e)
{
	uint32_t i;

	if (h->nr == h->room) {
		h->room = h->room * 2 + 8;
		h->v = check_alloc(realloc(h->v, h->room * sizeof(*h->v)));
	}
	for (i = h->nr++; i && h->v[i - 1].e.when.t0 > e->when.t0; i--)
		h->v[i] = h->v[i - 1];
	h->v[i] = (struct event){ .e = *e, .states = e->states };
	for (uint32_t k = i; k < h->nr; k++) {
		uint64_t before = k ? h->v[k - 1].upto : 0;

		h->v[k].upto = h->v[k].e.when.t1 > before ? h->v[k].e.when.t1 : before;
	}
	return &h->v[i];
}

static bool covers(const struct st_event *e, uint32_t page)
{
	return page - e->page < e->n;
}

/*
 * Iterates over the changes of a page, the latest start first: its own, then those of long ranges.
 * next() skips changes that ended before `since`, and stops where all earlier ones ended before it.
 */
struct walk {
	const struct history *list[2];
	uint64_t since;
	uint32_t page, i;
	unsigned int l;
};

static struct walk walk_of(const struct st_oracle *o, uint32_t page, uint64_t since)
{
	static const struct history none;
	const struct history *own = o->page[page] ?: &none;

	return (struct walk){
		.list = { own, &o->longs }, .page = page, .since = since, .i = own->nr
	};
}

static const struct event *next(struct walk *w)
{
	for (; w->l < 2; w->l++, w->i = w->l < 2 ? w->list[w->l]->nr : 0) {
		while (w->i && w->list[w->l]->v[w->i - 1].upto >= w->since) {
			const struct event *e = &w->list[w->l]->v[--w->i];

			if (e->e.when.t1 >= w->since && covers(&e->e, w->page))
				return e;
		}
	}
	return NULL;
}

/* Continues with the other list: older changes in this one do not matter. */
static void skip_list(struct walk *w)
{
	w->l++;
	w->i = w->l < 2 ? w->list[w->l]->nr : 0;
}

unsigned int st_oracle_states(struct st_oracle *o, uint32_t page, struct st_when when)
{
	struct walk w = walk_of(o, page, 0);
	const struct event *e;
	unsigned int states = 0;
	uint64_t latest = 0;

	/*
	 * The latest start of the conversions that ended before `when`: it hides what ended before
	 * it.
	 */
	while ((e = next(&w))) {
		if (e->e.change != ST_CONVERT || e->e.maybe || e->e.when.t1 >= when.t0)
			continue;
		if (e->e.when.t0 > latest)
			latest = e->e.when.t0;
		skip_list(&w);
	}
	w = walk_of(o, page, latest);
	while ((e = next(&w)))
		if (e->e.change == ST_CONVERT && e->e.when.t0 < when.t1)
			states |= e->e.states;
	return latest ? states : states | o->start;
}

/* A single memory is called ST_SHARED. */
static unsigned int memories(const struct st_oracle *o, unsigned int states)
{
	return o->one_memory ? ST_SHARED : states;
}

unsigned int st_oracle_memories(struct st_oracle *o, uint32_t page, struct st_when when)
{
	return o->one_memory ? ST_SHARED : st_oracle_states(o, page, when);
}

bool st_oracle_may_zero(struct st_oracle *o, uint32_t page, struct st_when when)
{
	struct walk w = walk_of(o, page, when.t0);
	const struct event *e;

	while ((e = next(&w)))
		if (e->e.change == ST_ZERO && e->e.when.t0 < when.t1)
			return true;
	return false;
}

bool st_oracle_zeroed(struct st_oracle *o, uint32_t page, struct st_when when)
{
	struct walk w = walk_of(o, page, when.t0);
	const struct event *e;

	while ((e = next(&w)))
		if (e->e.change == ST_ZERO && !e->e.maybe && e->e.when.t0 > when.t0 &&
		    e->e.when.t1 < when.t1)
			return true;
	return false;
}

void st_oracle_add(struct st_oracle *o, const struct st_event *e)
{
	bool guest = e->change == ST_GUEST_WRITE || e->change == ST_COUNT;
	struct st_event mine = *e;

	if (e->page >= o->pages)
		return;
	if (e->n > o->pages - e->page)
		mine.n = o->pages - e->page;
	if (e->change == ST_ZERO || e->change == ST_SEEN)
		mine.states = memories(o, e->states);
	/* A guest's write may go to another memory on each page, so it is stored page by page. */
	if (mine.n > LONG && !guest) {
		insert(&o->longs, &mine);
		return;
	}
	for (uint32_t p = 0; p < mine.n; p++) {
		struct history **h = &o->page[mine.page + p];
		struct event *new;

		if (!*h)
			*h = check_alloc(calloc(1, sizeof(**h)));
		new = insert(*h, &mine);
		if (guest)
			new->states = 0;
	}
}

/*
 * The memories that a guest's write may have changed: computed late, when all conversions around it
 * are known, since changes can be added in any order.
 */
static unsigned int went_to(struct st_oracle *o, uint32_t page, const struct event *e)
{
	if (e->e.change == ST_HOST_WRITE)
		return ST_SHARED;
	if (e->states || e->e.change == ST_CONVERT)
		return e->states;
	return ((struct event *)e)->states = st_oracle_memories(o, page, e->e.when);
}

static bool touches(struct st_oracle *o, uint32_t page, const struct event *e, unsigned int mem,
		    enum st_reg reg)
{
	switch (e->e.change) {
	case ST_GUEST_WRITE:
	case ST_HOST_WRITE:
		return e->e.regs & reg && went_to(o, page, e) & mem;
	case ST_SEEN:
		return e->e.regs & reg && e->states & mem;
	case ST_ZERO:
		return (!e->e.regs || e->e.regs & reg) && e->states & mem;
	default:
		return false;
	}
}

/*
 * The latest start of the changes that certainly ended before `before` and certainly hit this
 * memory.
 */
static uint64_t settled(struct st_oracle *o, uint32_t page, unsigned int mem, enum st_reg reg,
			uint64_t before)
{
	struct walk w = walk_of(o, page, 0);
	const struct event *e;
	uint64_t latest = 0;

	while ((e = next(&w))) {
		if (e->e.maybe || e->e.when.t1 >= before || !touches(o, page, e, mem, reg) ||
		    went_to(o, page, e) != mem)
			continue;
		if (e->e.when.t0 > latest)
			latest = e->e.when.t0;
		skip_list(&w);
	}
	return latest;
}

/* Adds a candidate, unless it is known already. */
static unsigned int add_stamp(uint64_t *stamp, unsigned int n, unsigned int room, uint64_t val)
{
	for (unsigned int i = 0; i < n && i < room; i++)
		if (stamp[i] == val)
			return n;
	if (n < room)
		stamp[n] = val;
	return n + 1;
}

static uint64_t stamp_of(const struct event *e, uint32_t page)
{
	return e->e.change == ST_ZERO ? 0 : e->e.stamp + page * e->e.page_stamp;
}

unsigned int st_oracle_expected(struct st_oracle *o, uint32_t page, unsigned int states,
				enum st_reg reg, struct st_when when, uint64_t *stamp,
				unsigned int room)
{
	unsigned int n = 0;

	if (page >= o->pages)
		return 0;
	states = states ? memories(o, states) : st_oracle_memories(o, page, when);
	for (unsigned int mem = ST_SHARED; mem <= ST_PRIVATE; mem <<= 1) {
		uint64_t since;
		const struct event *e;
		struct walk w;

		if (!(states & mem))
			continue;
		since = settled(o, page, mem, reg, when.t0);
		w = walk_of(o, page, since);
		if (!since)
			n = add_stamp(stamp, n, room, 0);
		while ((e = next(&w))) {
			if (e->e.when.t0 >= when.t1 || !touches(o, page, e, mem, reg))
				continue;
			n = add_stamp(stamp, n, room, stamp_of(e, page));
		}
	}
	return n;
}

bool st_oracle_explains(struct st_oracle *o, uint32_t page, unsigned int states, enum st_reg reg,
			uint64_t stamp, struct st_when when)
{
	uint64_t some[128];
	unsigned int n = st_oracle_expected(o, page, states, reg, when, some, 128);

	/* Too many candidates: accept every value. */
	if (n > 128)
		return true;
	for (unsigned int i = 0; i < n; i++)
		if (some[i] == stamp)
			return true;
	return false;
}

static void count_memory(struct st_oracle *o, uint32_t page, unsigned int mem, struct st_when when,
			 uint32_t except, uint64_t *least, uint64_t *most)
{
	struct walk w = walk_of(o, page, 0);
	uint64_t since = settled(o, page, mem, ST_COUNTER, when.t0), zero_end = 0;
	const struct event *e;

	/* An addition that began before the end of the last possible zeroing may be lost. */
	while ((e = next(&w)))
		if (e->e.change == ST_ZERO && touches(o, page, e, mem, ST_COUNTER) &&
		    e->e.when.t0 < when.t1 && e->e.when.t1 > zero_end)
			zero_end = e->e.when.t1;
	*least = *most = 0;
	w = walk_of(o, page, 0);
	while ((e = next(&w))) {
		if (e->e.change != ST_COUNT || e->e.when.t0 >= when.t1 || e->e.op == except)
			continue;
		if (went_to(o, page, e) & mem && e->e.when.t1 >= since)
			(*most)++;
		if (!e->e.maybe && went_to(o, page, e) == mem && e->e.when.t1 < when.t0 &&
		    e->e.when.t0 > zero_end)
			(*least)++;
	}
}

bool st_oracle_counts(struct st_oracle *o, uint32_t page, unsigned int states, uint64_t val,
		      struct st_when when, uint32_t except, uint64_t *least, uint64_t *most)
{
	uint64_t lo, hi;
	bool ok = false;

	*least = UINT64_MAX;
	*most = 0;
	if (page >= o->pages)
		return false;
	states = states ? memories(o, states) : st_oracle_memories(o, page, when);
	for (unsigned int mem = ST_SHARED; mem <= ST_PRIVATE; mem <<= 1) {
		if (!(states & mem))
			continue;
		count_memory(o, page, mem, when, except, &lo, &hi);
		ok |= val >= lo && val <= hi;
		*least = lo < *least ? lo : *least;
		*most = hi > *most ? hi : *most;
	}
	return ok;
}

void st_oracle_history(struct st_oracle *o, uint32_t page,
		       void (*visit)(const struct st_event *e, void *arg), void *arg)
{
	uint64_t last = 0;

	if (page >= o->pages)
		return;
	for (;;) {
		struct walk w = walk_of(o, page, 0);
		const struct event *e, *first = NULL;

		while ((e = next(&w)))
			if (e->e.change != ST_SEEN && e->e.when.t0 > last &&
			    (!first || e->e.when.t0 < first->e.when.t0))
				first = e;
		if (!first)
			return;
		visit(&first->e, arg);
		last = first->e.when.t0;
	}
}
