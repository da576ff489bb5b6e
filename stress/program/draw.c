// SPDX-License-Identifier: GPL-2.0-only
/* Draws pages and lengths, with a bias to borders, recent pages and neighbours of conversions. */
#include "draw.h"

uint64_t st_below(struct st_draw *d, uint64_t n)
{
	return gm_rng_below(&d->rng, n);
}

bool st_chance(struct st_draw *d, unsigned int percent)
{
	return st_below(d, 100) < percent;
}

uint32_t st_clamp_page(const struct st_draw *d, int64_t page)
{
	int64_t last = (int64_t)d->layout->pages - 1;

	return page < 0 ? 0 : page > last ? last : page;
}

/* Chooses the centres: borders, and a few random pages. */
void st_draw_init(struct st_draw *d)
{
	const struct st_layout *l = d->layout;

	for (unsigned int i = 0; i < ST_CENTRES; i++) {
		uint32_t big = (l->pages + ST_1G - 1) / ST_1G, page;

		switch (st_below(d, 6)) {
		case 0: /* border of 1 GiB */
			page = st_below(d, big + 1) * ST_1G;
			break;
		case 1: /* border of a slot */
			page = l->slot[st_below(d, l->slots)].page;
			break;
		case 2: /* first or last page */
			page = st_chance(d, 50) ? 0 : l->pages;
			break;
		case 3:
			page = st_below(d, l->pages);
			break;
		default: /* border of 2 MiB; often the next one after another centre */
			page = i && st_chance(d, 60)
				       ? d->centre[st_below(d, i)] / ST_2M * ST_2M + ST_2M
				       : st_below(d, l->pages / ST_2M + 1) * ST_2M;
		}
		d->centre[i] = st_clamp_page(d, page);
	}
	for (unsigned int i = 0; i < ST_RECENT; i++) {
		d->recent[i] = d->centre[i % ST_CENTRES];
		d->conv[i].page = d->recent[i];
		d->conv[i].len = 1;
	}
}

static uint32_t near_conversion(struct st_draw *d)
{
	static const int off[] = { -1, 0, 1, -512, 512, -513, 511, 513, 2 };
	unsigned int i = st_below(d, ST_RECENT);
	uint32_t page = d->conv[i].page, len = d->conv[i].len;

	/* Near a border of 2 MiB inside the conversion, near its end, or near its beginning. */
	if (len > ST_2M && st_chance(d, 60)) {
		page = (page / ST_2M + 1 + st_below(d, len / ST_2M)) * ST_2M;
		return st_clamp_page(d, (int64_t)page + (int64_t)st_below(d, 3) - 1);
	}
	if (st_chance(d, 50))
		page += len;
	return st_clamp_page(d, (int64_t)page + off[st_below(d, sizeof(off) / sizeof(off[0]))]);
}

uint32_t st_draw_page(struct st_draw *d)
{
	uint64_t dice = st_below(d, 100);
	uint32_t centre = d->centre[st_below(d, ST_CENTRES)];

	if (dice < 35)
		return d->recent[st_below(d, ST_RECENT)];
	if (dice < 60)
		return near_conversion(d);
	if (dice < 88)
		return st_clamp_page(d, (int64_t)centre + (int64_t)st_below(d, 7) - 3);
	if (dice < 97)
		return st_clamp_page(d, centre / ST_2M * ST_2M + st_below(d, ST_2M));
	return st_below(d, d->layout->pages);
}

uint32_t st_conversion_length(struct st_draw *d, uint32_t page)
{
	uint64_t dice = st_below(d, 200);
	uint32_t to_border = ST_2M - page % ST_2M, centre;

	if (dice < 90)
		return 1;
	if (dice < 130)
		return 2 + st_below(d, 7);
	if (dice < 156)
		return to_border + st_below(d, 3) - (to_border > 1);
	if (dice < 172)
		return ST_2M;
	if (dice < 180)
		return ST_2M - 1 + 2 * st_below(d, 2);
	if (dice < 194) {
		centre = d->centre[st_below(d, ST_CENTRES)];
		return centre > page && centre - page < 4 * ST_2M ? centre - page + 1 : 3;
	}
	if (!d->long_left)
		return 9 + st_below(d, 64);
	d->long_left--;
	return 1 + st_below(d, st_chance(d, 30) ? d->layout->pages : 32 * ST_2M);
}

void st_draw_range(struct st_draw *d, struct gm_sop *op, bool conversion, uint32_t most,
		   bool one_slot)
{
	uint32_t page = st_draw_page(d), len = 1, room;

	if (conversion)
		len = st_conversion_length(d, page);
	else if (!st_chance(d, 60))
		len = 1 + st_below(d, most);
	if (len > most)
		len = most;
	if (st_chance(d, 50))
		page = page >= len - 1 ? page - (len - 1) : 0;
	room = d->layout->pages - page;
	if (one_slot) {
		const struct st_slot *s = st_slot_of(d->layout, page);

		room = s->page + s->pages - page;
	}
	op->page = page;
	op->len = len < room ? len : room;
	d->recent[d->next_recent++ % ST_RECENT] = st_chance(d, 50) ? page : page + op->len - 1;
}

void st_draw_conversion(struct st_draw *d, struct gm_sop *op, uint32_t most)
{
	st_draw_range(d, op, most > 1, most, false);
	op->arg = st_below(d, 2);
	d->conv[d->next_conv % ST_RECENT].page = op->page;
	d->conv[d->next_conv++ % ST_RECENT].len = op->len;
}

void st_draw_one(struct st_draw *d, struct gm_sop *op)
{
	st_draw_range(d, op, false, 1, false);
}

void st_draw_op(struct st_draw *d, struct gm_sop *op)
{
	const struct st_op *info = st_ops[op->code];

	op->len = 1;
	if (info->generate)
		info->generate(d, op);
	else if (info->flags & ST_PAGES)
		st_draw_range(d, op, false, 8, false);
	if (info->flags & ST_CAN_FAIL && d->fail_percent && st_chance(d, d->fail_percent)) {
		op->arg |= GM_SOP_FAIL;
		op->wait = 1 + st_below(d, st_chance(d, 70) ? 12 : 300);
	}
}
