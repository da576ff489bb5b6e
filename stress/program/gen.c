// SPDX-License-Identifier: GPL-2.0-only
/* Generates programs from seeds. */
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "gen.h"
#include "mix.h"

/* Draws an operation for a vCPU or for a thread, by weight. */
static uint8_t choose_code(struct st_draw *d, bool vcpu)
{
	unsigned int sum = 0;
	uint64_t at;

	for (unsigned int i = 0; i < ST_OP_NR; i++)
		if (vcpu == !!(st_ops[i]->flags & ST_VCPU))
			sum += d->weight[i];
	at = st_below(d, sum);
	for (unsigned int i = 0; i < ST_OP_NR; i++) {
		if (vcpu != !!(st_ops[i]->flags & ST_VCPU))
			continue;
		if (at < d->weight[i])
			return i;
		at -= d->weight[i];
	}
	return ST_OP_NOP;
}

uint8_t st_draw_actor(struct st_draw *d)
{
	unsigned int vcpus = d->p->head.vcpus, n = vcpus + d->p->head.threads;
	uint64_t a = st_below(d, n);

	return a < vcpus ? a : GM_SOP_HOST | (a - vcpus);
}

struct gm_sop st_draw_any(struct st_draw *d, uint8_t actor)
{
	struct gm_sop op = { .actor = actor, .code = choose_code(d, !(actor & GM_SOP_HOST)) };

	st_draw_op(d, &op);
	return op;
}

void st_draw_sync(struct st_draw *d)
{
	st_prog_add(d->p, (struct gm_sop){ .actor = 0, .code = ST_OP_SYNC, .len = 1 });
	d->meet = 0;
}

/*
 * Accesses both sides of borders inside a long conversion right after it. Often by a write: if both
 * memories are zero, a read cannot tell them apart.
 */
static void read_inside(struct st_draw *d, const struct gm_sop *conv)
{
	uint32_t first = conv->page / ST_2M + 1, borders;

	if (!st_is(conv, ST_CONVERTS) || conv->len <= ST_2M)
		return;
	borders = (conv->page + conv->len - 1) / ST_2M + 1 - first;
	for (unsigned int i = 0; i < 3 && borders; i++)
		st_prog_add(d->p,
			    (struct gm_sop){ .actor = st_below(d, d->p->head.vcpus),
					     .code = st_chance(d, 60) ? ST_OP_WRITE : ST_OP_READ,
					     .page = (first + st_below(d, borders)) * ST_2M - 1,
					     .len = 2 });
}

/* One operation at a time; an actor does several in a row, since that makes the rings fast. */
static void strict(struct st_draw *d, uint32_t ops)
{
	uint8_t actor = 0;

	while (d->p->nr < ops) {
		if (st_chance(d, 25))
			actor = st_draw_actor(d);
		st_prog_add(d->p, st_draw_any(d, actor));
		read_inside(d, &d->p->op[d->p->nr - 1]);
	}
}

void st_draw_freely(struct st_draw *d, uint32_t ops)
{
	while (d->p->nr < ops) {
		uint32_t n = 40 + st_below(d, 200);

		for (uint32_t i = 0; i < n && d->p->nr < ops; i++)
			st_prog_add(d->p, st_draw_any(d, st_draw_actor(d)));
		st_draw_sync(d);
	}
}

static int set_weights(struct st_draw *d, const char *text, char *why, size_t room)
{
	char copy[512], *save, *word;

	snprintf(copy, sizeof(copy), "%s", text);
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(word, '=');
		unsigned int code;

		if (eq)
			*eq = 0;
		code = st_op_find(word);
		if (!eq || code == ST_OP_NR || code == ST_OP_NOP || code == ST_OP_KILL ||
		    code == ST_OP_SYNC || strspn(eq + 1, "0123456789") != strlen(eq + 1) ||
		    !eq[1] || atoi(eq + 1) > 10000) {
			snprintf(why, room, "weights: %s: OPERATION=0...10000,...", word);
			return -1;
		}
		d->weight[code] = atoi(eq + 1);
	}
	return 0;
}

static int check_weights(const struct st_draw *d, char *why, size_t room)
{
	unsigned int vcpu = 0, thread = 0;

	for (unsigned int i = 0; i < ST_OP_NR; i++)
		*(st_ops[i]->flags & ST_VCPU ? &vcpu : &thread) += d->weight[i];
	if (vcpu && (thread || !d->p->head.threads))
		return 0;
	snprintf(why, room, "weights: the %s have no operation with a weight",
		 vcpu ? "host's threads" : "vCPUs");
	return -1;
}

int st_gen(const struct st_gen *want, struct st_prog *p, char *why, size_t room)
{
	enum st_mix_id id = 0;
	const struct st_mix *mix = st_mix_find(want->mix ?: "conversion", &id);
	struct st_draw d = { .p = p, .long_left = 2, .fail_percent = mix ? mix->fail_percent : 0 };
	int order = want->order;
	unsigned int n = 0;
	uint32_t ops;

	if (!mix) {
		snprintf(why, room, "%s: no such profile", want->mix);
		return -1;
	}
	p->nr = 0;
	memset(&p->head, 0, sizeof(p->head));
	gm_rng_init(&d.rng, gm_seed_derive(want->seed, mix->name));
	while (mix->layouts[n])
		n++;
	/* Draws even if an option decides, so that the option changes nothing else. */
	d.layout = st_layout_find(mix->layouts[st_below(&d, n)]);
	if (want->layout)
		d.layout = st_layout_find(want->layout);
	if (!d.layout) {
		snprintf(why, room, "%s: no such layout", want->layout);
		return -1;
	}
	n = st_below(&d, 10);
	if (!order)
		order = n < 4 ? 1 : n < 7 ? 2 : 3;
	p->head.seed = want->seed;
	p->head.provider = want->provider ?: GM_PROVIDER_ATTRIBUTES;
	d.inplace = st_in_place(p->head.provider);
	d.huge_file = p->head.provider == GM_PROVIDER_HUGE_FILE;
	p->head.start_private = d.inplace && st_chance(&d, 30);
	p->head.strict = order == 1;
	p->head.vcpus = 1 + st_below(&d, mix->vcpus);
	if (order != 1 && p->head.vcpus < 2)
		p->head.vcpus = 2;
	p->head.vcpus = want->vcpus ?: p->head.vcpus;
	p->head.threads = want->threads == ST_NO_THREADS ? 0 : want->threads ?: mix->threads;
	snprintf(p->head.mix, sizeof(p->head.mix), "%s", mix->name);
	snprintf(p->head.layout, sizeof(p->head.layout), "%s", d.layout->name);
	for (unsigned int i = 0; i < ST_OP_NR; i++)
		if (!(d.inplace && st_ops[i]->flags & ST_NOT_INPLACE) &&
		    !(d.huge_file && st_ops[i]->flags & ST_NOT_HUGE_FILE))
			d.weight[i] = st_ops[i]->always + st_ops[i]->weight[id];
	if (want->weights && set_weights(&d, want->weights, why, room))
		return -1;
	if (check_weights(&d, why, room))
		return -1;
	ops = want->ops ?: mix->ops;
	st_draw_init(&d);
	if (order == 1)
		strict(&d, ops);
	else if (order == 2)
		st_draw_freely(&d, ops);
	else
		st_draw_races(&d, ops);
	n = st_below(&d, 100);
	if (n < mix->kill_percent)
		st_prog_add(p,
			    (struct gm_sop){ .actor = GM_SOP_HOST, .code = ST_OP_KILL, .len = 1 });
	return 0;
}
