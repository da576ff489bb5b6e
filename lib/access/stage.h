/* SPDX-License-Identifier: GPL-2.0-only */
/* The stage of a case: which pages the guest used, what it wrote there, and what became of it. */
#ifndef GM_STAGE_H
#define GM_STAGE_H

#include "matrix.h"

struct gm_fixture;

/* A history that a page can have before the probe comes. */
struct gm_window {
	const char *name;
	unsigned int first, nr; /* pages of the file */
	enum {
		GM_UNTOUCHED,
		GM_TOUCHED,
		GM_ALLOCATED,
		GM_PUNCHED,
		GM_AGAIN,
		/* By the host, while the pages were shared: these ask s->before. */
		GM_HOST_WROTE,
		GM_HOST_READ,
		GM_HOST_HELD, /* by GUP, mlock() and a long-term pin, which are over */
	} how;
	bool slow_too; /* worth a process or a VM */
};

extern const struct gm_window gm_windows[]; /* ended by a nameless one */
/* The windows that the state has. */
#define gm_for_windows(w, s)                                                                       \
	for (const struct gm_window *w = gm_windows; w->name; w++)                                 \
		if (w->how >= GM_HOST_WROTE && !(s)->before)                                       \
			continue;                                                                  \
		else
/* Some of it was written before: zeros would be wrong there. */
bool gm_window_filled(const struct gm_window *w);

/* Opens the state and lets the guest live in it; leaves the model of what it wrote. */
void gm_stage_open(struct gm_stage *s, const struct gm_state *state);
/* For open(): VM, file and mapping are the fixture's, which goes with the stage. */
void gm_stage_use(struct gm_stage *s, struct gm_fixture *w);
/* Frees the VM, the file and the mapping. */
void gm_stage_close(struct gm_stage *s);
/* What the guest wrote into page i, word w; 0 where it never wrote. */
uint64_t gm_stage_word(unsigned int page, unsigned int w);
/* The guest reads its words back, all it ever wrote; a difference is a miss. */
void gm_stage_check(struct gm_stage *s, const char *when);
/* The same of [first, first + nr) alone. */
void gm_stage_check_pages(struct gm_stage *s, unsigned int first, unsigned int nr,
			  const char *when);
/* ... and zeros where it never wrote. Allocates those pages: at the end only. */
void gm_stage_check_zero(struct gm_stage *s);
/* The guest writes its words into [first, first + nr) again, or for the first time. */
void gm_stage_refill(struct gm_stage *s, unsigned int first, unsigned int nr);
/* What is in these pages is nobody's business any more. */
void gm_stage_forget(unsigned int first, unsigned int nr);
/* Is this page shared, in a state whose others are private? */
bool gm_stage_shared_page(const struct gm_stage *s, unsigned int page);
/* No private page of the mapping is in the host's page tables (for private memory). */
void gm_stage_check_unmapped(struct gm_stage *s);
struct gm_page gm_stage_page(struct gm_stage *s, unsigned int page);
/* The half that the guest's words carry: GM_HALF_SECRET where the host must not see them. */
enum gm_half gm_stage_half(const struct gm_stage *s);

#endif
