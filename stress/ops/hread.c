// SPDX-License-Identifier: GPL-2.0-only
/* The host loads from shared memory through its mapping; in place a private page gives SIGBUS. */
#include "exec.h"

static long load(struct st_actor *a, const struct gm_sop *op, unsigned int words)
{
	if (!a->run->inplace) {
		st_log_pages(a, st_hva(a->run, op->page), op->page, op->len, words);
		return 0;
	}
	for (uint32_t p = 0; p < op->len && st_log_room(a); p++)
		a->logs += st_try_read(a->run, op->page + p, words, st_log_at(a));
	return 0;
}

static long load_words(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	return load(a, op, 512);
}

static long load_word(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	return load(a, op, 1);
}

const struct st_op st_op_hread = {
	.name = "hread",
	.text = "the host reads shared memory",
	.flags = ST_PAGES | ST_READS | ST_TOUCHES | ST_REFERS,
	.always = 14,
	.run = load_words,
};

const struct st_op st_op_hpeek = {
	.name = "hpeek",
	.text = "the host reads one word a page",
	.flags = ST_PAGES | ST_READS | ST_TOUCHES | ST_REFERS,
	.always = 3,
	.run = load_word,
};
