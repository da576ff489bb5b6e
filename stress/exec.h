/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs one program in this process: a VM with the program's layout, a thread for each actor, and
 * judges every result. The outcome is in memory that is shared with the parent.
 */
#ifndef ST_EXEC_H
#define ST_EXEC_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "fixture.h"
#include "gm.h"
#include "guest/ring.h"
#include "layout.h"
#include "pagesize.h"
#include "oracle.h"
#include "prog.h"

/* Classes of pages: inside, at a border of 2 MiB, of 1 GiB, of a slot. */
#define ST_CLASSES 4

/* The outcome of a program, for the parent. */
struct st_result {
	volatile bool began, over; /* the program has started, has ended */
	volatile bool killed;	   /* by its own operation `kill` */
	volatile uint32_t done;	   /* operations judged */
	volatile uint32_t conversions, reads, races;
	double seconds; /* of the operations and their judging, without set-up and final check */
	volatile uint32_t runs[ST_OP_NR];
	/* bit b of pair[c][a]: b followed a on a page nearby, which is of class c */
	uint64_t pair[ST_CLASSES][ST_OP_NR];
	volatile bool failed;
	uint32_t op, page; /* the operation that failed; its page */
	bool has_page;
	char clause[32], text[700];
	char history[16384]; /* of the page */
};

struct st_run;

/* One actor: a thread that runs its part of each round. */
struct st_actor {
	struct st_run *run;
	unsigned int nr;
	bool vcpu;
	pthread_t thread;
	atomic_int tid;
	sem_t go, done;
	uint32_t *list; /* indices of operations in this round */
	uint32_t n;
	struct gm_ring *ring;	 /* vCPUs: the host's mapping of the ring */
	struct gm_ring_log *log; /* threads */
	uint32_t logs;
	unsigned int faults; /* vCPUs: exits that a race explains */
	uint8_t *buf;	     /* threads: memory shared with children */
	int fail_fd;	     /* threads: their /proc/thread-self/fail-nth; -1: none */
	struct gm_exit exit;
	bool stopped;
};

#define HOST_LOG 65536U /* entries of a thread's log in one round */
#define ST_NO_PAGE UINT32_MAX

/* More about an operation than its result. */
struct st_note {
	struct gm_ring_log *log; /* its log, during its round */
	/* Of a conversion in place, which is one call for each slot. */
	uint32_t converted; /* pages of the calls that succeeded */
	uint32_t busy;	    /* the page that error_offset names; ST_NO_PAGE: none in the range */
	uint32_t hold_op;   /* unpin, unmap, ST_BY_HOLD: the operation that began the hold */
};

/* Pages that a pin or a device mapping holds, from operation `op` to operation `end`. */
struct st_hold {
	uint32_t op, page, len;
	uint32_t end;
	bool ended; /* end is set */
	bool held;  /* `end` has not started */
};

/* The guest_memfd of a slot: its size, and the page in it where the slot begins. */
struct st_binding {
	int gmem;
	uint32_t page, pages;
};

struct st_run {
	struct st_prog prog; /* the program, and behind it the final check */
	uint32_t own;	     /* operations of the program without the final check */
	const struct st_layout *layout;
	struct gm_fixture *fixture; /* VM and memory; the oracle of the stress is its own */
	struct gm_vm *vm;	    /* the fixture's, as is mem */
	struct gm_mem *mem, *control;
	uint8_t *hva; /* the host's mapping of shared pages: mem, or the file */
	bool inplace; /* all memory is in the file; no access goes to mem, at userspace_addr */
	struct st_binding bound[ST_SLOTS]; /* of each slot */
	struct st_actor vcpu[ST_VCPUS], thread[ST_THREADS];
	struct gm_ring_res *res; /* one per operation */
	struct st_note *note;	 /* ... as well */
	struct st_hold *hold;
	uint32_t holds, holds_room;
	struct st_oracle *oracle;
	struct st_result *out;
	uint64_t *clock;
	volatile uint32_t *meet, *need;
	uint32_t cycles[ST_OP_NR];   /* recent duration of each kind of operation */
	pthread_rwlock_t map_lock;   /* stores of the host against mprotect() */
	pthread_rwlock_t child_lock; /* `fork` against `uffd` */
	pthread_mutex_t slot_lock;   /* the VM's slots */
	pthread_mutex_t hold_lock;   /* holds, and operations that free memory */
	unsigned int flags;	     /* enum st_op_flag of all operations together */
	const uint32_t *round;	     /* the operations that run, or are judged, now */
	uint32_t round_nr;
	bool concurrent; /* more than one actor runs in this round */
	bool dying;
	struct gm_page_counts sizes; /* before the first operation */
	bool has_sizes;
	uint32_t last_page; /* for the coverage of pairs */
	uint8_t last_code;
};

/* Runs `p` and fills `out`; returns when the program has ended, failed or not. Once per process. */
void st_exec(const struct st_prog *p, struct st_result *out);

/* --- for operations: addresses of pages --- */

#define ST_SLOT_ID(i) (GM_SLOT + (i))
#define ST_ABSENT (~0ULL) /* the value that on_exit_() gives a read without a slot */

static inline uint64_t st_gpa(uint32_t page)
{
	return GM_BASE + (uint64_t)page * GM_PAGE_SIZE;
}

static inline uint64_t st_gfn(uint32_t page)
{
	return st_gpa(page) / GM_PAGE_SIZE;
}

static inline uint8_t *st_hva(const struct st_run *r, uint32_t page)
{
	return r->hva + (uint64_t)page * GM_PAGE_SIZE;
}

/* The userspace_addr of the slot. */
static inline uint8_t *st_uaddr(const struct st_run *r, const struct st_slot *s)
{
	bool file = r->inplace && r->layout->backing == ST_SHMEM;

	return (file ? r->hva : r->mem->hva) + (uint64_t)s->mem_page * GM_PAGE_SIZE;
}

static inline const struct st_binding *st_bound(const struct st_run *r, uint32_t page)
{
	return &r->bound[st_slot_of(r->layout, page) - r->layout->slot];
}

/* The offset of the page in the guest_memfd of its slot. */
static inline uint64_t st_file_off(const struct st_run *r, uint32_t page)
{
	uint32_t in_slot = page - st_slot_of(r->layout, page)->page;

	return (uint64_t)(st_bound(r, page)->page + in_slot) * GM_PAGE_SIZE;
}

/* How many pages from `page` on are in its slot, at most n. */
static inline uint32_t st_in_slot(const struct st_run *r, uint32_t page, uint32_t n)
{
	const struct st_slot *s = st_slot_of(r->layout, page);
	uint32_t left = s->page + s->pages - page;

	return n < left ? n : left;
}

static inline uint64_t st_now(struct st_run *r)
{
	return __atomic_add_fetch(r->clock, GM_RING_TICK, __ATOMIC_SEQ_CST);
}

/* A guest_memfd whose pages start in the state that the program's head names. */
int st_gmem_new(const struct st_run *r, uint32_t pages);
/* Creates slot i on the guest_memfd r->bound[i]: 0 or -errno. */
long st_slot_make(struct st_run *r, unsigned int i);

/* --- for run(): thread.c, touch.c, hold.c --- */

/* The next free log entry of this thread; the caller adds to a->logs. */
static inline struct gm_ring_log *st_log_at(struct st_actor *a)
{
	return a->log + a->logs;
}

static inline bool st_log_room(const struct st_actor *a)
{
	return a->logs + GM_RING_STAMPS < HOST_LOG;
}

/* Logs the content of n pages at hva as pages `page` and following. */
void st_log_pages(struct st_actor *a, const uint8_t *hva, uint32_t page, uint32_t n,
		  unsigned int words);
/* Writes the number into a file of proc or sysfs: 0, -errno, or 1 if the file cannot be opened. */
long st_write_number(const char *file, long n);
/* In place: reserves address space for all pages; maps the guest_memfd of slot i there. */
uint8_t *st_map_room(const struct st_run *r);
void st_map_slot(const struct st_run *r, unsigned int i);
/*
 * Read or write one page in the host's mapping of the file; return how many entries they logged. A
 * refusal is an entry with count 0, whose `first` is the word that was refused.
 */
unsigned int st_try_read(const struct st_run *r, uint32_t page, unsigned int words,
			 struct gm_ring_log *log);
unsigned int st_try_write(const struct st_run *r, uint32_t page, unsigned int words, uint64_t stamp,
			  struct gm_ring_log *log);
/*
 * Under hold_lock: operation `op` began a hold; the hold is about to end; operation `end` ended it.
 */
void st_hold_begin(struct st_run *r, uint32_t op, uint32_t page, uint32_t len);
void st_hold_ending(struct st_run *r, uint32_t op);
void st_hold_end(struct st_run *r, uint32_t op, uint32_t end);
bool st_held(const struct st_run *r, uint32_t page, uint32_t n);

/* --- conversions: ops/conv.c --- */

/* 0 or -errno; fills r->note[index]. */
long st_convert(struct st_run *r, uint32_t index, uint32_t page, uint32_t n, bool to_private);
/* For gm_vm_args.on_convert. */
int64_t st_convert_for_guest(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
			     uint64_t attrs);

/* --- exec.c, thread.c, final.c --- */

void st_wait_meet(struct st_run *r, unsigned int meet);
/* Unblocks, or blocks, SIGUSR1 in the calling thread. */
void st_unblock_signals(bool unblock);
/* Runs one operation of a thread; sets stamps, result and log. */
void st_host_op(struct st_actor *a, uint32_t index);
/* Size in pages of the layout's hugetlb pages; 0: it has none. */
uint32_t st_huge_pages(const struct st_layout *l);
/* Appends the operations of the final check to `out`. */
void st_final_check(const struct st_prog *p, const struct st_layout *l, struct st_prog *out);

#endif
