// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slot around the page moves to a new guest_memfd, at other offsets than before. All later
 * operations on the slot use this file. Runs only while no other actor runs; a program with another
 * order than strict starts with its last slot on a second file.
 */
#include "draw.h"
#include "judge.h"

#define MORE ST_SLOT_ID(ST_SLOTS + 2)
#define MORE_GPA (GM_BASE + 65 * GM_1G)

static void generate(struct st_draw *d, struct gm_sop *op)
{
	st_draw_one(d, op);
	op->arg = st_below(d, 256);
}

/*
 * One more slot of one page: it is refused on the last page of the slot, which is bound, and
 * allowed on the page behind it. 0 or -errno.
 */
static long bind_more(struct st_run *r, unsigned int i)
{
	const struct st_slot *s = &r->layout->slot[i];
	const struct st_binding *b = &r->bound[i];
	uint64_t last = (uint64_t)(b->page + s->pages - 1) * GM_PAGE_SIZE;

	if (!__gm_slot_set(r->vm, MORE, 0, MORE_GPA, GM_PAGE_SIZE, st_uaddr(r, s), b->gmem, last))
		return -EADDRINUSE;
	if (errno != EEXIST)
		return -errno;
	if (__gm_slot_set(r->vm, MORE, 0, MORE_GPA, GM_PAGE_SIZE, st_uaddr(r, s), b->gmem,
			  last + GM_PAGE_SIZE))
		return -errno;
	gm_slot_delete(r->vm, MORE);
	return 0;
}

/* The slot's offset in the new file differs from its guest offset and from that in the old file. */
static long rebind(struct st_run *r, unsigned int i, unsigned int arg)
{
	const struct st_slot *s = &r->layout->slot[i];
	struct st_binding old = r->bound[i], new = { .page = 1 + arg };
	long ret;

	if (new.page == old.page)
		new.page++;
	new.pages = new.page + s->pages + 2;
	new.gmem = st_gmem_new(r, new.pages);
	pthread_mutex_lock(&r->slot_lock);
	gm_slot_delete(r->vm, ST_SLOT_ID(i));
	r->bound[i] = new;
	if (r->inplace)
		st_map_slot(r, i);
	ret = st_slot_make(r, i) ?: bind_more(r, i);
	pthread_mutex_unlock(&r->slot_lock);
	close(old.gmem);
	return ret;
}

static void start(struct st_run *r)
{
	if (!r->prog.head.strict)
		GM_GRANTED(!rebind(r, r->layout->slots - 1, 6), "a slot on a second guest_memfd");
}

static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	const struct st_slot *s = st_slot_of(r->layout, op->page);

	/* A device mapping by address would continue with pages of the new file. */
	if (r->concurrent || (r->inplace && st_held(r, s->page, s->pages)))
		return 1;
	return rebind(r, s - r->layout->slot, op->arg);
}

static bool observe(struct st_run *r, uint32_t i, struct st_event *e)
{
	const struct st_slot *s = st_slot_of(r->layout, e->page);

	if (r->res[i].ret)
		return false;
	e->page = s->page;
	e->n = s->pages;
	if (r->inplace) {
		e->change = ST_CONVERT;
		e->states = r->prog.head.start_private ? ST_PRIVATE : ST_SHARED;
		st_oracle_add(r->oracle, e);
	}
	e->change = ST_ZERO;
	e->regs = 0;
	e->states = ST_PRIVATE;
	return true;
}

static bool expect(struct st_run *r, uint32_t i)
{
	return r->res[i].ret == 1 ||
	       st_expect_0(r, i, r->inplace ? "conv.inplace_two_files" : "fd.bind_overlap");
}

const struct st_op st_op_rebind = {
	.name = "rebind",
	.text = "the slot moves to a second guest_memfd",
	.flags = ST_PAGES | ST_NEW_FILE,
	.weight = { [ST_MIX_LIFECYCLE] = 4, [ST_MIX_PINS] = 2, [ST_MIX_EVERYTHING] = 2 },
	.generate = generate,
	.start = start,
	.run = run,
	.observe = observe,
	.expect = expect,
};
