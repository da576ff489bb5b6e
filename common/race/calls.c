// SPDX-License-Identifier: GPL-2.0-only
/* Calls that are both enders and users. */
#include "race.h"

int race_set(struct race *r, uint64_t gpa, uint64_t size)
{
	return __gm_slot_set(r->w->vm, RACE_SLOT, r->flags, gpa, size, r->uaddr, r->gmem,
			     r->gmem < 0 ? 0 : RACE_OFF);
}

void race_delete(struct race *r, struct race_call *c)
{
	c->ret = __gm_slot_set(r->w->vm, RACE_SLOT, 0, RACE_GPA, 0, NULL, -1, 0);
	c->err = errno;
}

void race_hole(struct race *r, struct race_call *c)
{
	c->ret = __gm_gmem_punch(r->gmem, RACE_OFF, RACE_SIZE);
	c->err = errno;
}

/* EAGAIN while the host touches a page is temporary. */
void race_convert(struct race *r, struct race_call *c)
{
	for (unsigned int i = 0; i < GM_CONVERT_TRIES; i++) {
		c->ret = __gm_gmem_convert(r->gmem, RACE_OFF, RACE_SIZE, r->memory == RACE_SHARED,
					   NULL);
		c->err = errno;
		if (!c->ret || c->err != EAGAIN)
			break;
	}
}
