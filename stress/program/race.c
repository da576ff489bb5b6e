// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of races: pairs of operations on one page. From pair to pair the second one starts
 * later, from before the first one starts to after it ends.
 */
#include "draw.h"

/* Pairs that contend for a page; used if the mix has both operations. */
static const uint8_t contend[][2] = {
	{ ST_OP_CONV, ST_OP_WRITE },	 { ST_OP_CONV, ST_OP_READ },
	{ ST_OP_PUNCH, ST_OP_WRITE },	 { ST_OP_PUNCH, ST_OP_READ },
	{ ST_OP_CONV, ST_OP_PREFAULT },	 { ST_OP_HCONV, ST_OP_PREFAULT },
	{ ST_OP_HCONV, ST_OP_WRITE },	 { ST_OP_HCONV, ST_OP_READ },
	{ ST_OP_CONV, ST_OP_CONV },	 { ST_OP_HCONV, ST_OP_CONV },
	{ ST_OP_SLOT, ST_OP_CONV },	 { ST_OP_SLOT, ST_OP_PUNCH },
	{ ST_OP_PUNCH, ST_OP_PREFAULT }, { ST_OP_PUNCH, ST_OP_CONV },
	{ ST_OP_FORK, ST_OP_CONV },	 { ST_OP_FORK, ST_OP_WRITE },
	{ ST_OP_DROP, ST_OP_READ },	 { ST_OP_DROP, ST_OP_CONV },
	{ ST_OP_MAP, ST_OP_CONV },	 { ST_OP_GUP, ST_OP_CONV },
	{ ST_OP_ALLOC, ST_OP_WRITE },	 { ST_OP_PUNCH, ST_OP_ALLOC },
	{ ST_OP_WRITE, ST_OP_WRITE },	 { ST_OP_DROP, ST_OP_WRITE },
	{ ST_OP_WRITE, ST_OP_POKE },	 { ST_OP_HCONV, ST_OP_PUNCH },
	{ ST_OP_MADVISE, ST_OP_CONV },	 { ST_OP_PREFAULT, ST_OP_WRITE },
	{ ST_OP_STACK, ST_OP_HCONV },	 { ST_OP_STACK, ST_OP_WRITE },
	{ ST_OP_PIN, ST_OP_CONV },	 { ST_OP_PIN, ST_OP_WRITE },
	{ ST_OP_CONV, ST_OP_KICK },	 { ST_OP_READ, ST_OP_KICK },
	{ ST_OP_WRITE, ST_OP_KICK },	 { ST_OP_PUNCH, ST_OP_KICK },
	{ ST_OP_HCONV, ST_OP_KICK },	 { ST_OP_CONV, ST_OP_KICK },
	{ ST_OP_HCONV, ST_OP_READ },	 { ST_OP_PUNCH, ST_OP_READ },
	{ ST_OP_FORK, ST_OP_HWRITE },	 { ST_OP_DROP, ST_OP_HCONV },
};

/* In place: pairs on memory that host and guest share. */
static const uint8_t contend_in_place[][2] = {
	{ ST_OP_CONV, ST_OP_HREAD },   { ST_OP_CONV, ST_OP_HWRITE }, { ST_OP_HCONV, ST_OP_HREAD },
	{ ST_OP_HCONV, ST_OP_HWRITE }, { ST_OP_PUNCH, ST_OP_HREAD }, { ST_OP_PUNCH, ST_OP_HWRITE },
	{ ST_OP_HCONV, ST_OP_PIN },    { ST_OP_HCONV, ST_OP_UNPIN }, { ST_OP_HCONV, ST_OP_HCONV },
	{ ST_OP_HCONV, ST_OP_GUP },    { ST_OP_HWRITE, ST_OP_READ }, { ST_OP_ALLOC, ST_OP_HREAD },
};

/* By attributes, in mixes with `uffd`: operations that wait for a page. */
static const uint8_t contend_uffd[][2] = {
	{ ST_OP_UFFD, ST_OP_READ },  { ST_OP_UFFD, ST_OP_WRITE }, { ST_OP_UFFD, ST_OP_CONV },
	{ ST_OP_UFFD, ST_OP_HREAD }, { ST_OP_UFFD, ST_OP_HCONV },
};

#define NR(pairs) (sizeof(pairs) / sizeof((pairs)[0]))

static unsigned int contend_nr(const struct st_draw *d)
{
	return NR(contend) + (d->inplace	      ? NR(contend_in_place)
			      : d->weight[ST_OP_UFFD] ? NR(contend_uffd)
						      : 0);
}

static const uint8_t *contend_at(const struct st_draw *d, unsigned int i)
{
	if (i < NR(contend))
		return contend[i];
	return (d->inplace ? contend_in_place : contend_uffd)[i - NR(contend)];
}

static bool usable(const struct st_draw *d, const uint8_t *pair)
{
	const struct st_head *h = &d->p->head;
	unsigned int threads =
		!(st_ops[pair[0]]->flags & ST_VCPU) + !(st_ops[pair[1]]->flags & ST_VCPU);

	return d->weight[pair[0]] && d->weight[pair[1]] && threads <= h->threads &&
	       2 - threads <= h->vcpus;
}

/* Draws an actor for the operation, other than `not`. */
static uint8_t actor_for(struct st_draw *d, uint8_t code, int not )
{
	bool vcpu = st_ops[code]->flags & ST_VCPU;
	unsigned int n = vcpu ? d->p->head.vcpus : d->p->head.threads;
	uint8_t actor;

	do
		actor = st_below(d, n) | (vcpu ? 0 : GM_SOP_HOST);
	while (actor == not );
	return actor;
}

/* Draws how many pages the two operations of a race share. */
static uint32_t race_length(struct st_draw *d, const uint8_t *pair, uint32_t page)
{
	bool conversion = pair[0] == ST_OP_CONV || pair[0] == ST_OP_HCONV || pair[0] == ST_OP_PUNCH;
	uint64_t dice = st_below(d, 100);

	if (dice < 40)
		return 1;
	if (dice < 70 || !conversion)
		return 2 + st_below(d, 7);
	/* A long range takes long, which gives the race a wide window. */
	return dice < 90 ? 32 + st_below(d, 512) : st_conversion_length(d, page);
}

/* Reads both memories in turn: each conversion drops a mapping that the race may have left. */
static void read_both(struct st_draw *d, uint32_t page)
{
	static const struct {
		uint8_t code, arg;
	} op[] = { { ST_OP_CONV, 0 },
		   { ST_OP_CONV, 1 },
		   { ST_OP_READ, 0 },
		   { ST_OP_CONV, 0 },
		   { ST_OP_READ, 0 } };
	uint8_t actor = st_below(d, d->p->head.vcpus);

	if (!d->weight[ST_OP_CONV])
		return;
	for (unsigned int i = 0; i < sizeof(op) / sizeof(op[0]); i++)
		st_prog_add(d->p, (struct gm_sop){ .actor = actor,
						   .code = op[i].code,
						   .arg = op[i].arg,
						   .page = page,
						   .len = 1 });
}

/* A third operation that invalidates a second range nearby at the same time. */
static void third(struct st_draw *d, const struct gm_sop *pair, uint32_t page)
{
	static const uint8_t codes[] = { ST_OP_PUNCH, ST_OP_DROP, ST_OP_MADVISE, ST_OP_HCONV };
	struct gm_sop op = { .code = codes[st_below(d, sizeof(codes))], .meet = pair[0].meet };
	unsigned int t = 0;

	while (t < d->p->head.threads &&
	       ((GM_SOP_HOST | t) == pair[0].actor || (GM_SOP_HOST | t) == pair[1].actor))
		t++;
	if (t == d->p->head.threads || !d->weight[op.code])
		return;
	op.actor = GM_SOP_HOST | t;
	op.page = st_clamp_page(d, (int64_t)page + 9 + (int64_t)st_below(d, 3 * ST_2M) - ST_2M);
	op.len = 1 + st_below(d, 2) * st_below(d, 64);
	op.arg = st_below(d, op.code == ST_OP_MADVISE ? 7 : 2);
	if (op.page + op.len > d->layout->pages ||
	    st_slot_of(d->layout, op.page) != st_slot_of(d->layout, op.page + op.len - 1))
		op.len = 1;
	st_prog_add(d->p, op);
}

/*
 * Two operations on one page that start together; one of them is delayed by a part of the other's
 * duration, which is measured while the program runs. The part grows from pair to pair, so that the
 * whole window is covered. Then all vCPUs read the page.
 */
static void race(struct st_draw *d, uint32_t page)
{
	const uint8_t *pair;
	struct gm_sop op[2];
	unsigned int late = st_below(d, 2);
	uint32_t len;

	do
		pair = contend_at(d, st_below(d, contend_nr(d)));
	while (!usable(d, pair));
	len = race_length(d, pair, page);
	for (int i = 0; i < 2; i++) {
		op[i] = (struct gm_sop){ .actor = actor_for(d, pair[i], i ? op[0].actor : -1),
					 .code = pair[i] };
		st_draw_op(d, &op[i]);
		/* No fault injection in a race. */
		if (st_ops[pair[i]]->flags & ST_CAN_FAIL)
			op[i].arg &= ~GM_SOP_FAIL;
		op[i].wait = 0;
		if (i && pair[1] == ST_OP_KICK)
			op[1].arg = op[0].actor;
		if (!(st_ops[pair[i]]->flags & ST_PAGES))
			continue;
		op[i].page = page;
		op[i].len = (i && len > 8) || pair[i] == ST_OP_STACK ? 1 : len;
		/* The page is the first or the last of the range. */
		if (op[i].len > 8 && page >= op[i].len && st_below(d, 2))
			op[i].page = page - (op[i].len - 1);
		if (op[i].page + op[i].len > d->layout->pages ||
		    st_slot_of(d->layout, op[i].page) !=
			    st_slot_of(d->layout, op[i].page + op[i].len - 1)) {
			op[i].page = page;
			op[i].len = 1;
		}
	}
	d->meet++;
	op[0].meet = op[1].meet = d->meet;
	if (st_chance(d, 70))
		op[late].wait = d->pairs++ * 61 % 1300;
	st_prog_add(d->p, op[0]);
	st_prog_add(d->p, op[1]);
	if (st_chance(d, 45))
		third(d, op, page);
	/* Reads without an exit in between use the TLB entry until the kernel flushes it. */
	if (pair[1] == ST_OP_READ && st_chance(d, 60)) {
		op[1].code = ST_OP_PEEK;
		op[1].meet = op[1].wait = 0;
		op[1].len = 1;
		for (uint32_t n = 16 + st_below(d, 64); n; n--)
			st_prog_add(d->p, op[1]);
	}
	if (len > 8)
		len = 1;
	if (page + len > d->layout->pages)
		len = 1;
	for (unsigned int v = 0; v < d->p->head.vcpus; v++)
		st_prog_add(d->p,
			    (struct gm_sop){ .actor = v,
					     .code = st_chance(d, 85) ? ST_OP_READ : ST_OP_WRITE,
					     .page = page,
					     .len = len });
	if (st_chance(d, 35))
		read_both(d, page);
}

/* Before a race: brings the page into a known state, or makes it private and punches a hole. */
static void prepare(struct st_draw *d, uint32_t page)
{
	struct gm_sop op = { .page = page, .len = 8 };

	if (page + op.len > d->layout->pages)
		op.len = 1;
	op.actor = st_below(d, d->p->head.vcpus);
	op.code = ST_OP_CONV;
	op.arg = st_chance(d, 70);
	st_prog_add(d->p, op);
	if (st_chance(d, 50) && d->weight[ST_OP_PUNCH] && d->p->head.threads &&
	    st_slot_of(d->layout, page) == st_slot_of(d->layout, page + op.len - 1)) {
		op.actor = actor_for(d, ST_OP_PUNCH, -1);
		op.code = ST_OP_PUNCH;
		op.arg = 0;
		st_prog_add(d->p, op);
		return;
	}
	op.code = ST_OP_WRITE;
	op.arg = 0;
	st_prog_add(d->p, op);
}

void st_draw_races(struct st_draw *d, uint32_t ops)
{
	bool any = false;

	for (unsigned int i = 0; i < contend_nr(d); i++)
		any |= usable(d, contend_at(d, i));
	if (!any) {
		st_draw_freely(d, ops);
		return;
	}
	while (d->p->nr < ops) {
		unsigned int n = 8 + st_below(d, 24);
		uint32_t page[32];

		for (unsigned int i = 0; i < n; i++) {
			page[i] = st_draw_page(d);
			prepare(d, page[i]);
		}
		st_draw_sync(d);
		for (unsigned int i = 0; i < n; i++) {
			race(d, page[i]);
			/* Now and then any other operation at the same time. */
			if (st_chance(d, 10))
				st_prog_add(d->p, st_draw_any(d, st_draw_actor(d)));
		}
		st_draw_sync(d);
	}
}
