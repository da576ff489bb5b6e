// SPDX-License-Identifier: GPL-2.0-only
/* The guest writes pages: all words without operations of their own, or word 0 alone. */
#include "judge.h"

static void write_words(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res)
{
	gm_ring_write_pages(r, op, res, 512);
}

static void write_word(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res)
{
	gm_ring_write_pages(r, op, res, 1);
}

static bool observe_words(struct st_run *r, uint32_t i, struct st_event *e)
{
	return st_observe_guest_write(r, i, e, ST_WORD0 | ST_BODY);
}

static bool observe_word(struct st_run *r, uint32_t i, struct st_event *e)
{
	return st_observe_guest_write(r, i, e, ST_WORD0);
}

const struct st_op st_op_write = {
	.name = "write",
	.text = "the guest writes the pages",
	.flags = ST_VCPU | ST_PAGES | ST_WRITES,
	.always = 22,
	.guest = write_words,
	.observe = observe_words,
};

const struct st_op st_op_poke = {
	.name = "poke",
	.text = "the guest writes one word a page",
	.flags = ST_VCPU | ST_PAGES | ST_WRITES,
	.always = 6,
	.guest = write_word,
	.observe = observe_word,
};
