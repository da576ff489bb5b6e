// SPDX-License-Identifier: GPL-2.0-only
/* The guest reads pages: every word, or word 0 alone. */
#include "guest/ring.h"
#include "op.h"

static void read_words(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res)
{
	gm_ring_read_pages(r, op, res, 512);
}

static void read_word(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res)
{
	gm_ring_read_pages(r, op, res, 1);
}

const struct st_op st_op_read = {
	.name = "read",
	.text = "the guest reads the pages",
	.flags = ST_VCPU | ST_PAGES | ST_READS,
	.always = 30,
	.guest = read_words,
};

const struct st_op st_op_peek = {
	.name = "peek",
	.text = "the guest reads one word a page",
	.flags = ST_VCPU | ST_PAGES | ST_READS,
	.always = 8,
	.guest = read_word,
};
