/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The matrix: every probe of the table against every kind of memory that a test program names.
 *
 * A state is a row: how to make a VM whose memory the probes shall try, and what class it is.
 * A new state costs a row and no code per probe; a new probe costs an entry and no code per state.
 */
#ifndef GM_MATRIX_H
#define GM_MATRIX_H

#include "access.h"
#include "vm.h"

struct gm_stage;

struct gm_state {
	const char *name; /* the end of the case's name: stable for ever */
	const char *text; /* "guest_memfd, private by file" */
	/* GM_PROVIDERS(...): who converts; then the registry sees to profile, needs and suffix. */
	unsigned int providers;
	const char *profile; /* of CONTRACT.md, where there is no provider */
	gm_needs needs;
	enum gm_class class;
	bool full; /* left out of the quick profile */
	/*
	 * Makes the VM with vCPU 0, GM_STAGE_PAGES of guest memory at GM_BASE, and the mapping that
	 * the probes are tried on. gm_stage_close() frees the VM, the file and the mapping.
	 */
	void (*open)(struct gm_stage *s);
	/* Converts, once the guest has written to the pages as they are at first; NULL: nothing. */
	void (*convert)(struct gm_stage *s);
};

#define GM_STAGE_PAGES 1024UL /* 4 MiB: borders of 2 MiB inside */
/*
 * Where a state has both kinds of pages in one mapping (s->border): GM_BORDER_SHARED shared pages,
 * GM_BORDER_PRIVATE private ones, and as many shared ones again.
 */
#define GM_BORDER 200
#define GM_BORDER_SHARED 2
#define GM_BORDER_PRIVATE 4

/* What open() leaves. */
struct gm_stage {
	const struct gm_state *state;
	enum gm_class class; /* of the state, or of what the kernel makes of it (P5) */
	struct gm_vm *vm;
	int gmem;     /* the file whose pages the guest has at GM_BASE */
	uint8_t *hva; /* its mapping; NULL: it has none */
	/*
	 * The guest's content is not what hva shows: the mapping is of another memory (the shared
	 * half), which must be reached, and the guest's must not.
	 */
	bool split;
	bool nogup;  /* the kernel refuses GUP of shared pages (P5) */
	bool before; /* host and guest used pages before they were converted: further windows */
	bool border; /* a few pages at GM_BORDER are shared, the rest is private */
	int fd;	     /* ... and the file behind hva then */
	int prot;    /* of hva; before open(): read and write */
	bool mute;   /* the guest cannot touch its private memory here: it wrote nothing */
	/* Frees what else open() made, or all of it: then vm and hva are NULL. NULL: nothing. */
	void (*close)(struct gm_stage *s);
	void *own; /* open()'s, for close() */
};

/* Adds "gup.<probe>.<state>" for each probe that the state has a question for. */
void gm_matrix_add(const struct gm_state *state);
/* The same as an ordinary user: "gup.<probe>.<state>.user". */
void gm_matrix_add_user(const struct gm_state *state);
/* Adds "gup.<state>.shared", one case: every probe that the state has a question for, on one VM. */
void gm_matrix_add_whole(const struct gm_state *state);
/* Adds "gup.<probe>.ordinary": the controls alone, with no VM. */
void gm_matrix_add_ordinary(void);

/* --- between the files of the matrix --- */

/* What is asked of memory that everybody may reach, bytes. */
#define GM_MATRIX_CTL_LEN (4 * GM_PAGE_SIZE)
/*
 * The probe on so much memory at hva, of the file fd (-1: none). What does not succeed is a miss
 * where the case promises that it does, else an ERROR of the control; other data is always a miss.
 * Returns whether all was well. `name` is the memory's.
 */
bool gm_matrix_try(const struct gm_probe *p, const char *name, uint8_t *hva, int fd,
		   enum gm_class class, bool promised);
/* Is all there that the probe, or a state, needs? */
bool gm_matrix_needs(gm_needs needs);
/* Runs the probe's control on a memfd, anonymous memory, THP and memfd_secret; ERROR or SKIP. */
void gm_matrix_controls(const struct gm_probe *p, bool hugetlb);
/* The first of them alone, where the others were asked elsewhere. */
void gm_matrix_control(const struct gm_probe *p);
/* Fills buf with what is written: words of (GM_HALF_HOST, gen) of the pages from gfn on. */
void gm_matrix_poison(uint8_t *buf, size_t len);
/* A private word anywhere in len bytes is a miss. */
void gm_matrix_search(const uint8_t *buf, size_t len, const char *what);
/* Memory that children share, len bytes. */
uint8_t *gm_matrix_buf(size_t len);
/* Does the outcome match? A miss names both. `page` may be NULL. */
bool gm_matrix_judge(const struct gm_access *a, const struct gm_outcome *o, const struct gm_want *w,
		     const struct gm_page *page, const char *when);

#endif
