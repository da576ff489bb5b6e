// SPDX-License-Identifier: GPL-2.0-only
/* Programs from seeds: biased to borders, to what was just used, to neighbours of conversions. */
#include <stdlib.h>
#include <string.h>

#include "gen.h"
#include "layout.h"
#include "profile.h"
#include "seed.h"

#define CENTRES 12U
#define RECENT 24U

struct gen {
	struct st_prog *p;
	const struct st_layout *layout;
	struct gm_rng rng;
	unsigned int weight[GM_SOP_NR];
	uint32_t centre[CENTRES], recent[RECENT], next_recent;
	struct {
		uint32_t page, len;
	} conv[RECENT]; /* the last conversions */
	uint32_t next_conv, long_left;
	uint8_t meet;
	uint32_t pairs;
	unsigned int fail_percent;
	bool inplace;
};

static uint64_t below(struct gen *g, uint64_t n)
{
	return gm_rng_below(&g->rng, n);
}

static bool chance(struct gen *g, unsigned int percent)
{
	return below(g, 100) < percent;
}

static uint32_t clamp_page(const struct gen *g, int64_t page)
{
	int64_t last = (int64_t)g->layout->pages - 1;

	return page < 0 ? 0 : page > last ? last : page;
}

/* Borders that matter, and a few places that do not. */
static void choose_centres(struct gen *g)
{
	const struct st_layout *l = g->layout;

	for (unsigned int i = 0; i < CENTRES; i++) {
		uint32_t big = (l->pages + ST_1G - 1) / ST_1G, page;

		switch (below(g, 6)) {
		case 0: /* of 1 GiB */
			page = below(g, big + 1) * ST_1G;
			break;
		case 1: /* of a slot */
			page = l->slot[below(g, l->slots)].page;
			break;
		case 2: /* the ends */
			page = chance(g, 50) ? 0 : l->pages;
			break;
		case 3:
			page = below(g, l->pages);
			break;
		default: /* of 2 MiB; often beside one that there is already */
			page = i && chance(g, 60) ? g->centre[below(g, i)] / ST_2M * ST_2M + ST_2M
						  : below(g, l->pages / ST_2M + 1) * ST_2M;
		}
		g->centre[i] = clamp_page(g, page);
	}
	for (unsigned int i = 0; i < RECENT; i++) {
		g->recent[i] = g->centre[i % CENTRES];
		g->conv[i].page = g->recent[i];
		g->conv[i].len = 1;
	}
}

static uint32_t near_conversion(struct gen *g)
{
	static const int off[] = { -1, 0, 1, -512, 512, -513, 511, 513, 2 };
	unsigned int i = below(g, RECENT);
	uint32_t page = g->conv[i].page, len = g->conv[i].len;

	/* A border of 2 MiB in the middle of it, its end, or its beginning. */
	if (len > ST_2M && chance(g, 60)) {
		page = (page / ST_2M + 1 + below(g, len / ST_2M)) * ST_2M;
		return clamp_page(g, (int64_t)page + (int64_t)below(g, 3) - 1);
	}
	if (chance(g, 50))
		page += len;
	return clamp_page(g, (int64_t)page + off[below(g, sizeof(off) / sizeof(off[0]))]);
}

static uint32_t choose_page(struct gen *g)
{
	uint64_t dice = below(g, 100);
	uint32_t centre = g->centre[below(g, CENTRES)];

	if (dice < 35)
		return g->recent[below(g, RECENT)];
	if (dice < 60)
		return near_conversion(g);
	if (dice < 88)
		return clamp_page(g, (int64_t)centre + (int64_t)below(g, 7) - 3);
	if (dice < 97)
		return clamp_page(g, centre / ST_2M * ST_2M + below(g, ST_2M));
	return below(g, g->layout->pages);
}

static uint32_t conversion_length(struct gen *g, uint32_t page)
{
	uint64_t dice = below(g, 200);
	uint32_t to_border = ST_2M - page % ST_2M, centre;

	if (dice < 90)
		return 1;
	if (dice < 130)
		return 2 + below(g, 7);
	if (dice < 156)
		return to_border + below(g, 3) - (to_border > 1);
	if (dice < 172)
		return ST_2M;
	if (dice < 180)
		return ST_2M - 1 + 2 * below(g, 2);
	if (dice < 194) {
		centre = g->centre[below(g, CENTRES)];
		return centre > page && centre - page < 4 * ST_2M ? centre - page + 1 : 3;
	}
	if (!g->long_left)
		return 9 + below(g, 64);
	g->long_left--;
	return 1 + below(g, chance(g, 30) ? g->layout->pages : 32 * ST_2M);
}

/* Chooses a range of at most `most` pages; half of the time the page chosen is its end. */
static void range(struct gen *g, struct gm_sop *op, bool conversion, uint32_t most, bool one_slot)
{
	uint32_t page = choose_page(g), len = 1, room;

	if (conversion)
		len = conversion_length(g, page);
	else if (!chance(g, 60))
		len = 1 + below(g, most);
	if (len > most)
		len = most;
	if (chance(g, 50))
		page = page >= len - 1 ? page - (len - 1) : 0;
	room = g->layout->pages - page;
	if (one_slot) {
		const struct st_slot *s = st_slot_of(g->layout, page);

		room = s->page + s->pages - page;
	}
	op->page = page;
	op->len = len < room ? len : room;
	g->recent[g->next_recent++ % RECENT] = chance(g, 50) ? page : page + op->len - 1;
}

/* Fills in what the code needs. */
static void choose_details(struct gen *g, struct gm_sop *op)
{
	op->len = 1;
	switch (op->code) {
	case GM_SOP_CONV:
	case GM_SOP_HCONV:
		range(g, op, true, UINT32_MAX, false);
		op->arg = below(g, 2);
		g->conv[g->next_conv % RECENT].page = op->page;
		g->conv[g->next_conv++ % RECENT].len = op->len;
		break;
	case GM_SOP_STACK:
		range(g, op, false, 1, false);
		op->arg = below(g, 2);
		g->conv[g->next_conv % RECENT].page = op->page;
		g->conv[g->next_conv++ % RECENT].len = 1;
		break;
	case GM_SOP_PUNCH:
		range(g, op, true, 4 * ST_2M, true);
		break;
	case GM_SOP_ALLOC:
		range(g, op, false, 16, true);
		break;
	case GM_SOP_PREFAULT:
		range(g, op, chance(g, 50), ST_2M, true);
		break;
	case GM_SOP_DROP:
	case GM_SOP_MPROTECT:
		range(g, op, chance(g, 20), 2 * ST_2M, false);
		break;
	case GM_SOP_MADV:
		range(g, op, chance(g, 50), 4 * ST_2M, false);
		op->arg = below(g, g->inplace ? 8 : 7);
		break;
	case GM_SOP_FLUSH:
		range(g, op, false, 4, false);
		op->arg = below(g, 2);
		break;
	case GM_SOP_BAD:
		range(g, op, false, 1, false);
		op->arg = below(g, 5);
		break;
	case GM_SOP_REFUSE:
		range(g, op, false, 1, false);
		op->arg = below(g, g->inplace ? ST_REFUSALS : ST_REFUSALS_VM);
		break;
	case GM_SOP_GUP:
		range(g, op, false, 2, false);
		op->arg = below(g, 256);
		break;
	case GM_SOP_ADD:
	case GM_SOP_EXEC:
	case GM_SOP_FORK:
	case GM_SOP_SLOT:
		range(g, op, false, 1, false);
		break;
	case GM_SOP_KICK:
		op->arg = g->p->head.threads && chance(g, 35)
				  ? GM_SOP_HOST | below(g, g->p->head.threads)
				  : below(g, g->p->head.vcpus);
		break;
	case GM_SOP_MIGRATE:
		op->arg = below(g, g->p->head.vcpus);
		break;
	case GM_SOP_PRESSURE:
		op->len = 64 << below(g, 6);
		break;
	case GM_SOP_MAP:
		range(g, op, chance(g, 30), ST_2M, false);
		op->arg = below(g, 8);
		break;
	case GM_SOP_UNMAP:
	case GM_SOP_DREAD:
	case GM_SOP_DWRITE:
		op->arg = below(g, 8);
		break;
	case GM_SOP_POOL:
		op->arg = below(g, 8);
		break;
	case GM_SOP_VM2:
	case GM_SOP_UNPIN:
	case GM_SOP_COMPACT:
		break;
	default:
		range(g, op, false, 8, false);
	}
}

static void details(struct gen *g, struct gm_sop *op)
{
	choose_details(g, op);
	if (st_ops[op->code].flags & ST_CAN_FAIL && g->fail_percent && chance(g, g->fail_percent)) {
		op->arg |= GM_SOP_FAIL;
		op->wait = 1 + below(g, chance(g, 70) ? 12 : 300);
	}
}

/* An operation of a vCPU or of a thread, by weight. */
static uint8_t choose_code(struct gen *g, bool vcpu)
{
	unsigned int sum = 0;
	uint64_t at;

	for (unsigned int i = 0; i < GM_SOP_NR; i++)
		if (vcpu == !!(st_ops[i].flags & ST_VCPU))
			sum += g->weight[i];
	at = below(g, sum);
	for (unsigned int i = 0; i < GM_SOP_NR; i++) {
		if (vcpu != !!(st_ops[i].flags & ST_VCPU))
			continue;
		if (at < g->weight[i])
			return i;
		at -= g->weight[i];
	}
	return GM_SOP_NOP;
}

static uint8_t choose_actor(struct gen *g)
{
	unsigned int vcpus = g->p->head.vcpus, n = vcpus + g->p->head.threads;
	uint64_t a = below(g, n);

	return a < vcpus ? a : GM_SOP_HOST | (a - vcpus);
}

static struct gm_sop choose_op(struct gen *g, uint8_t actor)
{
	struct gm_sop op = { .actor = actor, .code = choose_code(g, !(actor & GM_SOP_HOST)) };

	details(g, &op);
	return op;
}

static void sync(struct gen *g)
{
	st_prog_add(g->p, (struct gm_sop){ .actor = 0, .code = GM_SOP_SYNC, .len = 1 });
	g->meet = 0;
}

/*
 * What lies in the middle of a long conversion is seen at once, on both sides of a border: a write
 * tells the halves apart where both are empty.
 */
static void look_inside(struct gen *g, const struct gm_sop *conv)
{
	uint32_t first = conv->page / ST_2M + 1, borders;

	if ((conv->code != GM_SOP_CONV && conv->code != GM_SOP_HCONV) || conv->len <= ST_2M)
		return;
	borders = (conv->page + conv->len - 1) / ST_2M + 1 - first;
	for (unsigned int i = 0; i < 3 && borders; i++)
		st_prog_add(g->p,
			    (struct gm_sop){ .actor = below(g, g->p->head.vcpus),
					     .code = chance(g, 60) ? GM_SOP_WRITE : GM_SOP_READ,
					     .page = (first + below(g, borders)) * ST_2M - 1,
					     .len = 2 });
}

/* One operation at a time; actors keep the floor for a while, as a ring runs fastest so. */
static void strict(struct gen *g, uint32_t ops)
{
	uint8_t actor = 0;

	while (g->p->nr < ops) {
		if (chance(g, 25))
			actor = choose_actor(g);
		st_prog_add(g->p, choose_op(g, actor));
		look_inside(g, &g->p->op[g->p->nr - 1]);
	}
}

static void freely(struct gen *g, uint32_t ops)
{
	while (g->p->nr < ops) {
		uint32_t n = 40 + below(g, 200);

		for (uint32_t i = 0; i < n && g->p->nr < ops; i++)
			st_prog_add(g->p, choose_op(g, choose_actor(g)));
		sync(g);
	}
}

/*
 * Pairs that contend, as the text of the requirement lists them; those that the profile has. The
 * last ones are about memory that the host and the guest share: of programs in place only.
 */
#define CONTEND_INPLACE 12U
static const uint8_t contend[][2] = {
	{ GM_SOP_CONV, GM_SOP_WRITE },	   { GM_SOP_CONV, GM_SOP_READ },
	{ GM_SOP_PUNCH, GM_SOP_WRITE },	   { GM_SOP_PUNCH, GM_SOP_READ },
	{ GM_SOP_CONV, GM_SOP_PREFAULT },  { GM_SOP_HCONV, GM_SOP_PREFAULT },
	{ GM_SOP_HCONV, GM_SOP_WRITE },	   { GM_SOP_HCONV, GM_SOP_READ },
	{ GM_SOP_CONV, GM_SOP_CONV },	   { GM_SOP_HCONV, GM_SOP_CONV },
	{ GM_SOP_SLOT, GM_SOP_CONV },	   { GM_SOP_SLOT, GM_SOP_PUNCH },
	{ GM_SOP_PUNCH, GM_SOP_PREFAULT }, { GM_SOP_PUNCH, GM_SOP_CONV },
	{ GM_SOP_FORK, GM_SOP_CONV },	   { GM_SOP_FORK, GM_SOP_WRITE },
	{ GM_SOP_DROP, GM_SOP_READ },	   { GM_SOP_DROP, GM_SOP_CONV },
	{ GM_SOP_MAP, GM_SOP_CONV },	   { GM_SOP_GUP, GM_SOP_CONV },
	{ GM_SOP_ALLOC, GM_SOP_WRITE },	   { GM_SOP_PUNCH, GM_SOP_ALLOC },
	{ GM_SOP_WRITE, GM_SOP_WRITE },	   { GM_SOP_DROP, GM_SOP_WRITE },
	{ GM_SOP_WRITE, GM_SOP_POKE },	   { GM_SOP_HCONV, GM_SOP_PUNCH },
	{ GM_SOP_MADV, GM_SOP_CONV },	   { GM_SOP_PREFAULT, GM_SOP_WRITE },
	{ GM_SOP_STACK, GM_SOP_HCONV },	   { GM_SOP_STACK, GM_SOP_WRITE },
	{ GM_SOP_PIN, GM_SOP_CONV },	   { GM_SOP_PIN, GM_SOP_WRITE },
	{ GM_SOP_CONV, GM_SOP_KICK },	   { GM_SOP_READ, GM_SOP_KICK },
	{ GM_SOP_WRITE, GM_SOP_KICK },	   { GM_SOP_PUNCH, GM_SOP_KICK },
	{ GM_SOP_HCONV, GM_SOP_KICK },	   { GM_SOP_CONV, GM_SOP_KICK },
	{ GM_SOP_HCONV, GM_SOP_READ },	   { GM_SOP_PUNCH, GM_SOP_READ },
	{ GM_SOP_FORK, GM_SOP_HWRITE },	   { GM_SOP_DROP, GM_SOP_HCONV },
	{ GM_SOP_CONV, GM_SOP_HREAD },	   { GM_SOP_CONV, GM_SOP_HWRITE },
	{ GM_SOP_HCONV, GM_SOP_HREAD },	   { GM_SOP_HCONV, GM_SOP_HWRITE },
	{ GM_SOP_PUNCH, GM_SOP_HREAD },	   { GM_SOP_PUNCH, GM_SOP_HWRITE },
	{ GM_SOP_HCONV, GM_SOP_PIN },	   { GM_SOP_HCONV, GM_SOP_UNPIN },
	{ GM_SOP_HCONV, GM_SOP_HCONV },	   { GM_SOP_HCONV, GM_SOP_GUP },
	{ GM_SOP_HWRITE, GM_SOP_READ },	   { GM_SOP_ALLOC, GM_SOP_HREAD },
};

static unsigned int contend_nr(const struct gen *g)
{
	return sizeof(contend) / sizeof(contend[0]) - (g->inplace ? 0 : CONTEND_INPLACE);
}

static bool usable(const struct gen *g, const uint8_t *pair)
{
	const struct st_head *h = &g->p->head;
	unsigned int threads =
		!(st_ops[pair[0]].flags & ST_VCPU) + !(st_ops[pair[1]].flags & ST_VCPU);

	return g->weight[pair[0]] && g->weight[pair[1]] && threads <= h->threads &&
	       2 - threads <= h->vcpus;
}

/* An actor for the code, another than `not`. */
static uint8_t actor_for(struct gen *g, uint8_t code, int not )
{
	bool vcpu = st_ops[code].flags & ST_VCPU;
	unsigned int n = vcpu ? g->p->head.vcpus : g->p->head.threads;
	uint8_t actor;

	do
		actor = below(g, n) | (vcpu ? 0 : GM_SOP_HOST);
	while (actor == not );
	return actor;
}

/* How much the two operations of a race have in common. */
static uint32_t race_length(struct gen *g, const uint8_t *pair, uint32_t page)
{
	bool conversion =
		pair[0] == GM_SOP_CONV || pair[0] == GM_SOP_HCONV || pair[0] == GM_SOP_PUNCH;
	uint64_t dice = below(g, 100);

	if (dice < 40)
		return 1;
	if (dice < 70 || !conversion)
		return 2 + below(g, 7);
	/* Longer is slower: the last page of it is in between for long. */
	return dice < 90 ? 32 + below(g, 512) : conversion_length(g, page);
}

/* What the race left in the halves, not in a mapping that outlived it: one after the other. */
static void see_both(struct gen *g, uint32_t page)
{
	static const struct {
		uint8_t code, arg;
	} look[] = { { GM_SOP_CONV, 0 },
		     { GM_SOP_CONV, 1 },
		     { GM_SOP_READ, 0 },
		     { GM_SOP_CONV, 0 },
		     { GM_SOP_READ, 0 } };
	uint8_t actor = below(g, g->p->head.vcpus);

	if (!g->weight[GM_SOP_CONV])
		return;
	for (unsigned int i = 0; i < sizeof(look) / sizeof(look[0]); i++)
		st_prog_add(g->p, (struct gm_sop){ .actor = actor,
						   .code = look[i].code,
						   .arg = look[i].arg,
						   .page = page,
						   .len = 1 });
}

/* Something else is being invalidated at the same time, not far away: two ranges at once. */
static void third(struct gen *g, const struct gm_sop *pair, uint32_t page)
{
	static const uint8_t codes[] = { GM_SOP_PUNCH, GM_SOP_DROP, GM_SOP_MADV, GM_SOP_HCONV };
	struct gm_sop op = { .code = codes[below(g, sizeof(codes))], .meet = pair[0].meet };
	unsigned int t = 0;

	while (t < g->p->head.threads &&
	       ((GM_SOP_HOST | t) == pair[0].actor || (GM_SOP_HOST | t) == pair[1].actor))
		t++;
	if (t == g->p->head.threads || !g->weight[op.code])
		return;
	op.actor = GM_SOP_HOST | t;
	op.page = clamp_page(g, (int64_t)page + 9 + (int64_t)below(g, 3 * ST_2M) - ST_2M);
	op.len = 1 + below(g, 2) * below(g, 64);
	op.arg = below(g, op.code == GM_SOP_MADV ? 7 : 2);
	if (op.page + op.len > g->layout->pages ||
	    st_slot_of(g->layout, op.page) != st_slot_of(g->layout, op.page + op.len - 1))
		op.len = 1;
	st_prog_add(g->p, op);
}

/*
 * Two operations on one page, let go at once, the second held back by a part of the first's
 * duration, which is measured while the program runs; the part grows from pair to pair, so that
 * the window is walked from before its beginning to after its end. Then both sides are looked at.
 */
static void race(struct gen *g, uint32_t page)
{
	const uint8_t *pair;
	struct gm_sop op[2];
	unsigned int late = below(g, 2);
	uint32_t len;

	do
		pair = contend[below(g, contend_nr(g))];
	while (!usable(g, pair));
	len = race_length(g, pair, page);
	for (int i = 0; i < 2; i++) {
		op[i] = (struct gm_sop){ .actor = actor_for(g, pair[i], i ? op[0].actor : -1),
					 .code = pair[i] };
		details(g, &op[i]);
		/* One trick at a time. */
		if (st_ops[pair[i]].flags & ST_CAN_FAIL)
			op[i].arg &= ~GM_SOP_FAIL;
		op[i].wait = 0;
		if (i && pair[1] == GM_SOP_KICK)
			op[1].arg = op[0].actor;
		if (!(st_ops[pair[i]].flags & ST_PAGES))
			continue;
		op[i].page = page;
		op[i].len = (i && len > 8) || pair[i] == GM_SOP_STACK ? 1 : len;
		/* The page is the last of it as often as the first. */
		if (op[i].len > 8 && page >= op[i].len && below(g, 2))
			op[i].page = page - (op[i].len - 1);
		if (op[i].page + op[i].len > g->layout->pages ||
		    st_slot_of(g->layout, op[i].page) !=
			    st_slot_of(g->layout, op[i].page + op[i].len - 1)) {
			op[i].page = page;
			op[i].len = 1;
		}
	}
	g->meet++;
	op[0].meet = op[1].meet = g->meet;
	if (chance(g, 70))
		op[late].wait = g->pairs++ * 61 % 1300;
	st_prog_add(g->p, op[0]);
	st_prog_add(g->p, op[1]);
	if (chance(g, 45))
		third(g, op, page);
	/* Who reads on without an exit keeps what its TLB has: until somebody flushes it. */
	if (pair[1] == GM_SOP_READ && chance(g, 60)) {
		op[1].code = GM_SOP_PEEK;
		op[1].meet = op[1].wait = 0;
		op[1].len = 1;
		for (uint32_t n = 16 + below(g, 64); n; n--)
			st_prog_add(g->p, op[1]);
	}
	if (len > 8)
		len = 1;
	if (page + len > g->layout->pages)
		len = 1;
	for (unsigned int v = 0; v < g->p->head.vcpus; v++)
		st_prog_add(g->p,
			    (struct gm_sop){ .actor = v,
					     .code = chance(g, 85) ? GM_SOP_READ : GM_SOP_WRITE,
					     .page = page,
					     .len = len });
	if (chance(g, 35))
		see_both(g, page);
}

/* What makes a race matter: the page in a known state, or private and never used since a hole. */
static void prepare(struct gen *g, uint32_t page)
{
	struct gm_sop op = { .page = page, .len = 8 };

	if (page + op.len > g->layout->pages)
		op.len = 1;
	op.actor = below(g, g->p->head.vcpus);
	op.code = GM_SOP_CONV;
	op.arg = chance(g, 70);
	st_prog_add(g->p, op);
	if (chance(g, 50) && g->weight[GM_SOP_PUNCH] && g->p->head.threads &&
	    st_slot_of(g->layout, page) == st_slot_of(g->layout, page + op.len - 1)) {
		op.actor = actor_for(g, GM_SOP_PUNCH, -1);
		op.code = GM_SOP_PUNCH;
		op.arg = 0;
		st_prog_add(g->p, op);
		return;
	}
	op.code = GM_SOP_WRITE;
	op.arg = 0;
	st_prog_add(g->p, op);
}

static void races(struct gen *g, uint32_t ops)
{
	bool any = false;

	for (unsigned int i = 0; i < contend_nr(g); i++)
		any |= usable(g, contend[i]);
	if (!any) {
		freely(g, ops);
		return;
	}
	while (g->p->nr < ops) {
		unsigned int n = 8 + below(g, 24);
		uint32_t page[32];

		for (unsigned int i = 0; i < n; i++) {
			page[i] = choose_page(g);
			prepare(g, page[i]);
		}
		sync(g);
		for (unsigned int i = 0; i < n; i++) {
			race(g, page[i]);
			/* Others keep the kernel busy meanwhile, now and then. */
			if (chance(g, 10))
				st_prog_add(g->p, choose_op(g, choose_actor(g)));
		}
		sync(g);
	}
}

static int set_weights(struct gen *g, const char *text, char *why, size_t room)
{
	char copy[512], *save, *word;

	snprintf(copy, sizeof(copy), "%s", text);
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(word, '=');
		unsigned int code = GM_SOP_CONV;

		if (eq)
			*eq = 0;
		while (code < GM_SOP_NR && strcmp(st_ops[code].name, word))
			code++;
		if (!eq || code == GM_SOP_NR || code == GM_SOP_KILL || code == GM_SOP_SYNC ||
		    strspn(eq + 1, "0123456789") != strlen(eq + 1) || !eq[1] ||
		    atoi(eq + 1) > 10000) {
			snprintf(why, room, "weights: %s: OPERATION=0...10000,...", word);
			return -1;
		}
		g->weight[code] = atoi(eq + 1);
	}
	return 0;
}

static int check_weights(const struct gen *g, char *why, size_t room)
{
	unsigned int vcpu = 0, thread = 0;

	for (unsigned int i = 0; i < GM_SOP_NR; i++)
		*(st_ops[i].flags & ST_VCPU ? &vcpu : &thread) += g->weight[i];
	if (vcpu && (thread || !g->p->head.threads))
		return 0;
	snprintf(why, room, "weights: nothing is left for the %s to do",
		 vcpu ? "host's threads" : "vCPUs");
	return -1;
}

int st_gen(const struct st_gen *want, struct st_prog *p, char *why, size_t room)
{
	const struct st_profile *pr = st_profile_find(want->profile ?: "conversion");
	struct gen g = { .p = p, .long_left = 2, .fail_percent = pr ? pr->fail_percent : 0 };
	int order = want->order;
	unsigned int n = 0;
	uint32_t ops;

	if (!pr) {
		snprintf(why, room, "%s: no such profile", want->profile);
		return -1;
	}
	p->nr = 0;
	memset(&p->head, 0, sizeof(p->head));
	gm_rng_init(&g.rng, gm_seed_derive(want->seed, pr->name));
	while (pr->layouts[n])
		n++;
	/* Drawn in any case, so that an option changes nothing but what it names. */
	g.layout = st_layout_find(pr->layouts[below(&g, n)]);
	if (want->layout)
		g.layout = st_layout_find(want->layout);
	if (!g.layout) {
		snprintf(why, room, "%s: no such layout", want->layout);
		return -1;
	}
	n = below(&g, 10);
	if (!order)
		order = n < 4 ? 1 : n < 7 ? 2 : 3;
	p->head.seed = want->seed;
	p->head.provider = want->provider ?: GM_PROVIDER_ATTRIBUTES;
	g.inplace = p->head.provider == GM_PROVIDER_INPLACE;
	p->head.start_private = g.inplace && chance(&g, 30);
	p->head.strict = order == 1;
	p->head.vcpus = 1 + below(&g, pr->vcpus);
	if (order != 1 && p->head.vcpus < 2)
		p->head.vcpus = 2;
	p->head.vcpus = want->vcpus ?: p->head.vcpus;
	p->head.threads = want->threads == ST_NO_THREADS ? 0 : want->threads ?: pr->threads;
	snprintf(p->head.profile, sizeof(p->head.profile), "%s", pr->name);
	snprintf(p->head.layout, sizeof(p->head.layout), "%s", g.layout->name);
	memcpy(g.weight, pr->weight, sizeof(g.weight));
	for (unsigned int i = 0; i < GM_SOP_NR; i++)
		if (g.inplace && st_ops[i].flags & ST_TWO_ONLY)
			g.weight[i] = 0;
	if (want->weights && set_weights(&g, want->weights, why, room))
		return -1;
	if (check_weights(&g, why, room))
		return -1;
	ops = want->ops ?: pr->ops;
	choose_centres(&g);
	if (order == 1)
		strict(&g, ops);
	else if (order == 2)
		freely(&g, ops);
	else
		races(&g, ops);
	n = below(&g, 100);
	if (n < pr->kill_percent)
		st_prog_add(p,
			    (struct gm_sop){ .actor = GM_SOP_HOST, .code = GM_SOP_KILL, .len = 1 });
	return 0;
}
