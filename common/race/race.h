/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two calls on one file, slot or mapping at the same time: one that ends something, one that uses it.
 * The engine (engine.c) makes the moment of the second walk through the first, as long as each takes, and
 * counts the rounds in which both were really under way.
 */
#ifndef RACE_H
#define RACE_H

#include <sys/mman.h>

#include "fixture.h"
#include "gm.h"

#define PG GM_PAGE_SIZE

/* The memory that a side can be about; each is a case of its own. */
enum race_memory {
	RACE_P1 = 1,	     /* a mapped file of an ordinary VM, all of it shared */
	RACE_ATTRIBUTES = 2, /* private by the VM's attributes; the host cannot map it */
	RACE_SHARED = 4,     /* converted in place: shared, and mapped */
	RACE_PRIVATE = 8,    /* converted in place: private, and mapped all the same */
};
#define RACE_INPLACE (RACE_SHARED | RACE_PRIVATE)
#define RACE_MAPPED (RACE_P1 | RACE_INPLACE)
#define RACE_EACH (RACE_MAPPED | RACE_ATTRIBUTES)

/* The pages of a round: so many at RACE_GPA, at this page of a file that is twice as large. */
#define RACE_PAGES 48UL
#define RACE_SIZE (RACE_PAGES * PG)
#define RACE_OFF (16 * PG)
#define RACE_FILE (2 * RACE_SIZE)
#define RACE_GPA (GM_BASE + GM_1G)
#define RACE_SLOT (GM_SLOT + 1)
/* Where a user binds another part of the file, or the same one. */
#define RACE_OTHER (GM_BASE + 2 * GM_1G)

/* What one side did in one round. */
struct race_call {
	double begin, end; /* seconds */
	int ret, err;
	struct gm_exit exit; /* of the guest's */
	uint64_t bytes;	     /* as far as it says that it came */
};

struct race {
	const struct race_side *ender, *user;
	enum race_memory memory;
	struct gm_fixture *w; /* VM: vCPU 0 is the user's, vCPU 1 looks afterwards */
	int gmem;
	uint8_t *map;					 /* of the whole file; NULL: none */
	bool hole, converted, deleted, closed, unmapped; /* what has been done to the pages */
	unsigned int gen;				 /* of the words that were there before */
	uint8_t *copy;					 /* RACE_SIZE bytes */
	struct race_call call[2];			 /* ender's, user's */
};

/* What an ender, or a user, leaves behind: enum of bits for struct race_side. */
enum race_effect {
	RACE_HOLE = 1,	   /* the pages are empty */
	RACE_CONVERT = 2,  /* the pages are in the other state */
	RACE_DELETE = 4,   /* no slot has the pages */
	RACE_CLOSE = 8,	   /* the file is gone */
	RACE_UNMAP = 16,   /* the host's mapping is gone */
	RACE_VM = 32,	   /* the VM is gone; a new one for each round */
	RACE_WRITES = 64,  /* the guest writes the second word of each page */
	RACE_NO_MAP = 128, /* the host has no mapping in such a round */
	RACE_NO_FD = 256,  /* ... and no descriptor */
	RACE_FAULTS = 512, /* faults in the guest's address space, with or without a slot */
};

struct race_side {
	const char *name, *text;
	unsigned int memory; /* enum race_memory */
	unsigned int effect; /* enum race_effect */
	unsigned int never;  /* effects of an ender beside which this user means nothing */
	gm_needs needs;
	void (*prepare)(struct race *r);
	void (*run)(struct race *r, struct race_call *c); /* the call alone */
	/* Whether it may come out so beside the other one. NULL: it must succeed. */
	bool (*legal)(const struct race *r, const struct race_call *c);
	/* After it was judged: what has to be undone before anybody looks. May be NULL. */
	void (*undo)(struct race *r);
};

extern const struct race_side race_enders[], race_users[]; /* both end with a row without a name */

void race_run(const struct gm_case *self);
/* After a round: the pages, the slot, the file and the mapping are what both sides left. */
void race_check(struct race *r);

/* The word that guest and host find there from before, and what the guest writes meanwhile. */
static inline uint64_t race_old(const struct race *r, uint64_t page, unsigned int word)
{
	return gm_word(RACE_GPA / PG + page, GM_HALF_GUEST, r->gen, word);
}

static inline uint64_t race_new(const struct race *r, uint64_t page)
{
	return gm_word(RACE_GPA / PG + page, GM_HALF_SHARED, r->gen, 1);
}

#endif
