/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two calls on one file, slot or mapping at the same time: the ender removes something, the user
 * uses it, at another distance from the ender in each round (lib/kvm/overlap.h).
 */
#ifndef RACE_H
#define RACE_H

#include <sys/mman.h>

#include "fixture.h"
#include "gm.h"

#define PG GM_PAGE_SIZE

/* The kinds of memory of a side; each is a case. */
enum race_memory {
	RACE_P1 = 1,	     /* a mapped file of an ordinary VM, all of it shared */
	RACE_ATTRIBUTES = 2, /* private by the VM's attributes; the host cannot map it */
	RACE_SHARED = 4,     /* converted in place: shared, and mapped */
	RACE_PRIVATE = 8,    /* converted in place: private, and mapped nevertheless */
	RACE_ANON = 16,	     /* no file: anonymous memory at userspace_addr */
};
#define RACE_INPLACE (RACE_SHARED | RACE_PRIVATE)
#define RACE_MAPPED (RACE_P1 | RACE_INPLACE)
#define RACE_EACH (RACE_MAPPED | RACE_ATTRIBUTES)
#define RACE_HOST (RACE_MAPPED | RACE_ANON) /* the host has a mapping */
#define RACE_ALL (RACE_EACH | RACE_ANON)

/* The pages of a round at RACE_GPA, at RACE_OFF of a file that is twice as large. */
#define RACE_PAGES 48UL
#define RACE_SIZE (RACE_PAGES * PG)
#define RACE_OFF (16 * PG)
#define RACE_FILE (2 * RACE_SIZE)
#define RACE_GPA (GM_BASE + GM_1G)
#define RACE_SLOT (GM_SLOT + 1)
/* The gpa where a user binds another part of the file, or the same. */
#define RACE_OTHER (GM_BASE + 2 * GM_1G)
/* The gpa to which the slot is moved. */
#define RACE_MOVED (GM_BASE + 3 * GM_1G)

/* One call of one side in one round. */
struct race_call {
	bool ran;
	int ret, err;
	struct gm_exit exit; /* of the guest */
	uint64_t bytes;	     /* transferred or prefaulted */
};

struct race {
	const struct race_side *ender, *user;
	enum race_memory memory;
	struct gm_fixture *w; /* VM: vCPU 0 is the user's, vCPU 1 checks after it */
	int gmem;
	uint8_t *map;	/* of the whole file, or the anonymous memory; NULL: none */
	uint8_t *uaddr; /* of the slot; NULL: none */
	uint64_t at;	/* gpa of the slot */
	uint32_t flags; /* of the slot */
	/* Effects of the round's calls. */
	bool hole, converted, deleted, closed, unmapped;
	unsigned int gen;	  /* of the words before the round */
	pid_t pid;		  /* of a process that ends; 0: none */
	int gup_test;		  /* 0: none */
	int other_vm;		  /* that the file does not belong to; 0: none */
	uint8_t *copy;		  /* RACE_SIZE bytes */
	struct race_call call[2]; /* ender's, user's */
};

/* Effects of enders and users: bits of struct race_side. */
enum race_effect {
	RACE_HOLE = 1,	    /* the pages are empty */
	RACE_CONVERT = 2,   /* the pages have the other state */
	RACE_DELETE = 4,    /* no slot has the pages */
	RACE_CLOSE = 8,	    /* the file is closed */
	RACE_UNMAP = 16,    /* the host's mapping is unmapped */
	RACE_VM = 32,	    /* the VM is closed; each round has a new one */
	RACE_WRITES = 64,   /* the guest writes the second word of each page */
	RACE_NO_MAP = 128,  /* the host has no mapping in this round */
	RACE_NO_FD = 256,   /* the host has no descriptor in this round */
	RACE_FAULTS = 512,  /* faults in the guest's address space, with or without a slot */
	RACE_MOVE = 1024,   /* the slot is at RACE_MOVED */
	RACE_LOG = 2048,    /* dirty logging of the slot is switched on */
	RACE_REMAP = 4096,  /* the host's mapping is elsewhere, until undo() */
	RACE_CHILD = 16384, /* the VM is another process's */
	RACE_LOGGED = 8192, /* dirty logging of the slot is on from the begin */
};

struct race_side {
	const char *name, *text;
	unsigned int memory; /* enum race_memory */
	unsigned int effect; /* enum race_effect */
	unsigned int never;  /* effects of enders that exclude this user */
	gm_needs needs;
	bool root;  /* with all capabilities */
	bool quick; /* in each run of the quick profile, though it has a prepare() */
	void (*prepare)(struct race *r);
	void (*run)(struct race *r, struct race_call *c); /* the call alone */
	/* Is this result legal beside the other side? NULL: the call must succeed. */
	bool (*legal)(const struct race *r, const struct race_call *c);
	/* After the check of the result: undoes what would disturb race_check(). May be NULL. */
	void (*undo)(struct race *r);
	void (*end)(
		struct race *r); /* after each round, whether or not the call ran; may be NULL */
};

extern const struct race_side race_enders[], race_users[]; /* both end with a row without a name */

/* Both enders and users (calls.c): the slot is deleted, a hole of the pages, their conversion. */
/* Sets the slot with its memory and flags: __gm_slot_set(). */
int race_set(struct race *r, uint64_t gpa, uint64_t size);
void race_delete(struct race *r, struct race_call *c);
void race_hole(struct race *r, struct race_call *c);
void race_convert(struct race *r, struct race_call *c);

void race_run(const struct gm_case *self);
/* Expects that the guest's access to the page at gpa exits this way. */
void race_expect_exit(struct race *r, uint64_t gpa, unsigned int reason, int err, const char *when);
/* Checks pages, slot, file and mapping after a round. */
void race_check(struct race *r);

/* The word from before the round, and the word that the guest writes during it. */
static inline uint64_t race_old(const struct race *r, uint64_t page, unsigned int word)
{
	return gm_word(RACE_GPA / PG + page, GM_WRITER_GUEST, r->gen, word);
}

static inline uint64_t race_new(const struct race *r, uint64_t page)
{
	return gm_word(RACE_GPA / PG + page, GM_WRITER_SHARED, r->gen, 1);
}

#endif
