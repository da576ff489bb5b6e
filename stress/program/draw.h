/* SPDX-License-Identifier: GPL-2.0-only */
/* Random choices for the generator and the operations' generate(). Needs no KVM. */
#ifndef ST_DRAW_H
#define ST_DRAW_H

#include "layout.h"
#include "prog.h"
#include "seed.h"

#define ST_CENTRES 12U
#define ST_RECENT 24U

struct st_draw {
	struct st_prog *p; /* the program so far */
	const struct st_layout *layout;
	bool inplace, huge_file;
	struct gm_rng rng;
	unsigned int weight[ST_OP_NR];
	unsigned int fail_percent;
	/* Pages that are used often, the pages used last, the last conversions. */
	uint32_t centre[ST_CENTRES], recent[ST_RECENT], next_recent;
	struct {
		uint32_t page, len;
	} conv[ST_RECENT];
	uint32_t next_conv, long_left;
	/* For races: the last rendezvous (meet=N) in this round, the number of pairs so far. */
	uint8_t meet;
	uint32_t pairs;
};

uint64_t st_below(struct st_draw *d, uint64_t n);
bool st_chance(struct st_draw *d, unsigned int percent);
/* Chooses the centres; rng and layout are set. */
void st_draw_init(struct st_draw *d);
uint32_t st_clamp_page(const struct st_draw *d, int64_t page);
uint32_t st_draw_page(struct st_draw *d);
uint32_t st_conversion_length(struct st_draw *d, uint32_t page);

/* --- for generate() --- */

/*
 * Draws a range of at most `most` pages; in half of the cases the drawn page is its end.
 * conversion: with the length of a conversion; one_slot: inside one slot.
 */
void st_draw_range(struct st_draw *d, struct gm_sop *op, bool conversion, uint32_t most,
		   bool one_slot);
/* Draws one page. */
void st_draw_one(struct st_draw *d, struct gm_sop *op);
/* Draws range and direction of a conversion. Later draws prefer its neighbours. */
void st_draw_conversion(struct st_draw *d, struct gm_sop *op, uint32_t most);

/* --- for gen.c and race.c --- */

/* Fills in page, len and arg as op->code needs them. */
void st_draw_op(struct st_draw *d, struct gm_sop *op);
uint8_t st_draw_actor(struct st_draw *d);
struct gm_sop st_draw_any(struct st_draw *d, uint8_t actor);
/* Adds a barrier: all actors wait for each other. */
void st_draw_sync(struct st_draw *d);
void st_draw_races(struct st_draw *d, uint32_t ops);
void st_draw_freely(struct st_draw *d, uint32_t ops);

#endif
