/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory under test of a matrix case: the history and the content of its pages. */
#ifndef GM_STAGE_H
#define GM_STAGE_H

#include "matrix.h"

struct gm_fixture;

/* Pages with the same history before the probe. */
struct gm_window {
	const char *name;
	unsigned int first, nr; /* pages of the file */
	enum {
		GM_UNTOUCHED,
		GM_TOUCHED,
		GM_ALLOCATED,
		GM_PUNCHED,
		GM_AGAIN,
		/* By the host, while the pages were shared: only with s->before. */
		GM_HOST_WROTE,
		GM_HOST_READ,
		GM_HOST_HELD, /* by GUP, mlock() and a long-term pin, which have ended */
	} how;
	bool slow_too; /* also for probes with GM_ACC_SLOW */
};

extern const struct gm_window gm_windows[]; /* ends with a window without a name */
/* Iterates over the windows of the state. */
#define gm_for_windows(w, s)                                                                       \
	for (const struct gm_window *w = gm_windows; w->name; w++)                                 \
		if (!gm_window_of(w, s))                                                           \
			continue;                                                                  \
		else
/* Does the state have such pages? */
bool gm_window_of(const struct gm_window *w, const struct gm_stage *s);
/* Was it written, so that it does not contain zeros? */
bool gm_window_filled(const struct gm_window *w);

/* Opens the state, gives the pages their histories, and fills in the model of the guest's data. */
void gm_stage_open(struct gm_stage *s, const struct gm_state *state);
/* For open(): uses the fixture's VM, file and mapping; gm_stage_close() frees the fixture. */
void gm_stage_use(struct gm_stage *s, struct gm_fixture *w);
/* Frees the VM, the file and the mapping. */
void gm_stage_close(struct gm_stage *s);
/* The guest's data in word w of the page; 0 if it was never written. */
uint64_t gm_stage_word(unsigned int page, unsigned int w);
/* The guest checks all data that it has written. */
void gm_stage_check(struct gm_stage *s, const char *when);
/* The same only for [first, first + nr). */
void gm_stage_check_pages(struct gm_stage *s, unsigned int first, unsigned int nr,
			  const char *when);
/* The guest checks that other pages are zero. Allocates those pages: only at the end. */
void gm_stage_check_zero(struct gm_stage *s);
/* The guest writes its data to [first, first + nr). */
void gm_stage_refill(struct gm_stage *s, unsigned int first, unsigned int nr);
/* These pages are not checked any more. */
void gm_stage_forget(unsigned int first, unsigned int nr);
/* Is this page shared, in a state with s->border? */
bool gm_stage_shared_page(const struct gm_stage *s, unsigned int page);
/* For private memory: checks that no private page of the mapping is in the host's page tables. */
void gm_stage_check_unmapped(struct gm_stage *s);
struct gm_page gm_stage_page(struct gm_stage *s, unsigned int page);
/* The writer in the guest's words: GM_WRITER_SECRET if the host must not be able to read them. */
enum gm_writer gm_stage_writer(const struct gm_stage *s);

#endif
