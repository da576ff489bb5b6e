/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The matrix: every probe of the table on every state of memory that a test program has.
 *
 * A state says how to create a VM with memory for the probes, and the class of that memory. A new
 * state needs no code per probe, and a new probe needs no code per state.
 */
#ifndef GM_MATRIX_H
#define GM_MATRIX_H

#include "access.h"
#include "vm.h"

struct gm_stage;

struct gm_state {
	const char *name; /* the last part of the case's name: never changes */
	const char *text; /* "guest_memfd, private by file" */
	/* GM_PROVIDERS(...): then the registry sets profile, needs and suffix. */
	unsigned int providers;
	const char *profile; /* of the contract, without providers */
	gm_needs needs;
	enum gm_class class;
	bool full; /* not in the quick profile */
	/*
	 * The number of 2 MiB pages of the pool that the file takes; 0: it has single pages. Holes
	 * and fallocate() of single pages do not exist there.
	 */
	unsigned int huge_2m;
	/*
	 * Creates the VM with vCPU 0, GM_STAGE_PAGES of guest memory at GM_BASE, and the mapping
	 * for the probes. gm_stage_close() frees the VM, the file and the mapping.
	 */
	void (*open)(struct gm_stage *s);
	/* Converts after the guest has written to the pages in their first state; NULL: nothing. */
	void (*convert)(struct gm_stage *s);
};

#define GM_STAGE_PAGES 1024UL /* with pages of 4 KiB, a 2 MiB border is inside */
/*
 * In a state with both kinds of pages in one mapping (s->border): GM_BORDER_SHARED shared pages,
 * then GM_BORDER_PRIVATE private ones, then GM_BORDER_SHARED shared ones.
 */
#define GM_BORDER 200
#define GM_BORDER_SHARED 2
#define GM_BORDER_PRIVATE 4

/* The VM and the memory under test; open() fills it in. */
struct gm_stage {
	const struct gm_state *state;
	enum gm_class class; /* of the state, or SHARED_NOGUP (P5) */
	struct gm_vm *vm;
	int gmem;     /* the file of the guest's pages at GM_BASE */
	uint8_t *hva; /* its mapping; NULL: none */
	/*
	 * Shared memory is separate: hva is a mapping of that, which the probes must reach. They
	 * must not reach the guest's private content.
	 */
	bool split;
	bool nogup;  /* the kernel refuses GUP of shared pages (P5) */
	bool before; /* the host used pages before their conversion: further windows */
	bool border; /* a few pages at GM_BORDER are shared, the others are private */
	int fd;	     /* with split, the file of hva */
	int prot;    /* of hva; open() may change it */
	bool mute;   /* the guest cannot access its private memory: it has written nothing */
	/* Frees further objects of open(), or all: then vm and hva are NULL. May be NULL. */
	void (*close)(struct gm_stage *s);
	void *own; /* for open() and close() */
};

/* Adds a case "gup.<probe>.<state>" for each probe that applies to the state. */
void gm_matrix_add(const struct gm_state *state);
/* The same as an ordinary user: "gup.<probe>.<state>.user". */
void gm_matrix_add_user(const struct gm_state *state);
/* Adds one case "gup.<state>.shared": every probe that needs the missing right, on one VM. */
void gm_matrix_add_whole(const struct gm_state *state);
/* Adds a case "gup.<probe>.ordinary" for each probe: only the controls, without a VM. */
void gm_matrix_add_ordinary(void);

/* --- shared by the files of the matrix --- */

/* Size of the memory of controls, bytes. */
#define GM_MATRIX_CTL_LEN (4 * GM_PAGE_SIZE)
/*
 * Runs the probe on GM_MATRIX_CTL_LEN bytes at hva, of the file fd (-1: none). `name` is that of
 * the memory. A failure is a miss if `promised`, else an ERROR (failed control); wrong data is
 * always a miss. Returns true if there was neither.
 */
bool gm_matrix_try(const struct gm_probe *p, const char *name, uint8_t *hva, int fd,
		   enum gm_class class, bool promised);
/* Does the platform have all these needs? */
bool gm_matrix_needs(gm_needs needs);
/* Runs the probe's controls: memfd, anonymous memory, THP, secretmem; hugetlb if `hugetlb`. */
void gm_matrix_controls(const struct gm_probe *p, bool hugetlb);
/* Runs only the control on a memfd, or on anonymous memory. */
void gm_matrix_control(const struct gm_probe *p);
/* Fills buf with a pattern that no probe reads from memory. */
void gm_matrix_poison(uint8_t *buf, size_t len);
/* Expects no private word of the guest in len bytes of buf. */
void gm_matrix_search(const uint8_t *buf, size_t len, const char *what);
/* len bytes of memory, shared with child processes. */
uint8_t *gm_matrix_buf(size_t len);
/* Expects the outcome w. `page` may be NULL. */
bool gm_matrix_judge(const struct gm_access *a, const struct gm_outcome *o, const struct gm_want *w,
		     const struct gm_page *page, const char *when);

#endif
