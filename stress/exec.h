/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs one program in this process: a VM with the program's layout, a thread for each actor, and
 * the judge of every result. What came of it lies in memory that outlives the process.
 */
#ifndef ST_EXEC_H
#define ST_EXEC_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "gm.h"
#include "layout.h"
#include "pagesize.h"
#include "oracle.h"
#include "prog.h"

/* Inside, at a border of 2 MiB, of 1 GiB, of a slot. */
#define ST_CLASSES 4

/* What a process leaves behind for its parent. */
struct st_result {
	volatile bool began, over; /* the program; nothing is known of what lies between */
	volatile bool killed;	   /* by an operation of the program */
	volatile uint32_t done;	   /* operations judged */
	volatile uint32_t conversions, reads, races;
	double seconds; /* that the program itself took, judging included; not set-up, not the end */
	volatile uint32_t runs[ST_OP_NR];
	/* bit b of pair[c][a]: a was followed by b beside it, on a page of border class c */
	uint64_t pair[ST_CLASSES][ST_OP_NR];
	volatile bool failed;
	uint32_t op, page; /* the operation that failed; its page */
	bool has_page;
	char clause[32], text[700];
	char history[16384]; /* of the page */
};

/* One actor: a thread with its own part of the round. */
struct st_run;

struct st_actor {
	struct st_run *run;
	unsigned int nr;
	bool vcpu;
	pthread_t thread;
	atomic_int tid;
	sem_t go, done;
	uint32_t *list; /* indices of operations in this round */
	uint32_t n;
	struct gm_ring *ring;	 /* vCPUs: the host's view of it */
	struct gm_ring_log *log; /* threads: their own */
	uint32_t logs;
	unsigned int faults; /* vCPUs: faults that raced */
	uint8_t *buf;	     /* threads: memory that children share */
	int fail_fd;	     /* threads: their /proc/thread-self/fail-nth; -1: none */
	struct gm_exit exit;
	bool stopped;
};

#define HOST_LOG 65536U /* entries of a thread's log in one round */
#define ST_NO_PAGE UINT32_MAX

/* What is known of an operation besides its result. */
struct st_note {
	struct gm_ring_log *log; /* where its log lies, during its round */
	/* Of conversions, how far they got: in place each slot is a call of its own. */
	uint32_t whole; /* pages of the calls that succeeded */
	uint32_t
		named; /* the page that the last one says was in use; ST_NO_PAGE: none in its range */
	uint32_t about; /* with ST_BY_HOLD, or when it lets go: the operation that began the hold */
};

/* Pages that a pin or a device mapping keeps; operation `op` began it, `end` let go. */
struct st_hold {
	uint32_t op, page, len;
	uint32_t end;
	bool ended; /* end is set */
	bool held;  /* nobody has begun to let go */
};

/* The guest_memfd of a slot: its size, and where in it the slot begins. */
struct st_binding {
	int gmem;
	uint32_t page, pages;
};

struct st_run {
	struct st_prog prog; /* with what the checker appends */
	uint32_t own;	     /* operations of the program itself */
	const struct st_layout *layout;
	struct gm_vm *vm;
	struct gm_mem *mem, *control;
	uint8_t *hva; /* where the host sees shared pages: mem, or a mapping of the file */
	bool inplace; /* the file has all memory; mem is at userspace_addr, and nobody gets there */
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
	uint32_t cycles[ST_OP_NR]; /* how long each kind took lately */
	pthread_rwlock_t map_lock; /* writers of the host against mprotect() */
	pthread_rwlock_t
		child_lock;	   /* children of `fork` against pages that wait for userfaultfd */
	pthread_mutex_t slot_lock; /* the VM's slots */
	pthread_mutex_t hold_lock; /* holds, and what takes memory from under them */
	unsigned int flags;	   /* enum st_op_flag of all operations together */
	const uint32_t *round;	   /* the operations that run, or are judged, now */
	uint32_t round_nr;
	bool concurrent; /* ... by more than one actor */
	bool dying;
	struct gm_page_counts sizes; /* before the first operation */
	bool has_sizes;
	uint32_t last_page; /* for the coverage of pairs */
	uint8_t last_code;
};

/* Runs it and fills `out`; returns when the program ended, failed or not. Once per process. */
void st_exec(const struct st_prog *p, struct st_result *out);

/* --- for operations: where pages are --- */

#define ST_SLOT_ID(i) (GM_SLOT + (i))
#define ST_ABSENT (~0ULL) /* what a read of no slot gives */

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

/* What the slot of the page has as userspace_addr, for its first page. */
static inline uint8_t *st_uaddr(const struct st_run *r, const struct st_slot *s)
{
	bool file = r->inplace && r->layout->backing == ST_SHMEM;

	return (file ? r->hva : r->mem->hva) + (uint64_t)s->mem_page * GM_PAGE_SIZE;
}

static inline const struct st_binding *st_bound(const struct st_run *r, uint32_t page)
{
	return &r->bound[st_slot_of(r->layout, page) - r->layout->slot];
}

/* Where the page lies in the guest_memfd of its slot. */
static inline uint64_t st_file_off(const struct st_run *r, uint32_t page)
{
	uint32_t in_slot = page - st_slot_of(r->layout, page)->page;

	return (uint64_t)(st_bound(r, page)->page + in_slot) * GM_PAGE_SIZE;
}

/* Pages from `page` on that lie in its slot, at most n. */
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

/* A guest_memfd that starts in the state that the program says. */
int st_gmem_new(const struct st_run *r, uint32_t pages);
/* On the guest_memfd that r->bound says: 0 or -errno. */
long st_slot_make(struct st_run *r, unsigned int i);

/* --- for run(): thread.c, touch.c, hold.c --- */

/* Where this thread logs next: a->logs goes up by what is logged. */
static inline struct gm_ring_log *st_log_at(struct st_actor *a)
{
	return a->log + a->logs;
}

static inline bool st_log_room(const struct st_actor *a)
{
	return a->logs + GM_RING_STAMPS < HOST_LOG;
}

/* Logs n pages that lie at hva under their numbers. */
void st_log_pages(struct st_actor *a, const uint8_t *hva, uint32_t page, uint32_t n,
		  unsigned int words);
/* Writes the number into a file of proc or sysfs: 0, -errno, or 1 where there is no such file. */
long st_write_number(const char *file, long n);
/* In place: room for a mapping of all pages; maps the guest_memfd of slot i there, over what was. */
uint8_t *st_map_room(const struct st_run *r);
void st_map_slot(const struct st_run *r, unsigned int i);
/*
 * One page of the host's mapping of the file; give how many entries they logged. A refusal is an
 * entry with count 0: the word at which it came.
 */
unsigned int st_try_read(const struct st_run *r, uint32_t page, unsigned int words,
			 struct gm_ring_log *log);
unsigned int st_try_write(const struct st_run *r, uint32_t page, unsigned int words, uint64_t stamp,
			  struct gm_ring_log *log);
/* Under hold_lock. A hold of operation `op` begins; it is about to end; operation `end` ended it. */
void st_hold_begin(struct st_run *r, uint32_t op, uint32_t page, uint32_t len);
void st_hold_ending(struct st_run *r, uint32_t op);
void st_hold_end(struct st_run *r, uint32_t op, uint32_t end);
bool st_held(const struct st_run *r, uint32_t page, uint32_t n);

/* --- conversions: ops/conv.c --- */

/* 0 or -errno; r->note[index] says how far it got. */
long st_convert(struct st_run *r, uint32_t index, uint32_t page, uint32_t n, bool to_private);
/* For gm_vm_args.on_convert. */
int64_t st_convert_for_guest(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
			     uint64_t attrs);

/* --- of the run: exec.c, thread.c, final.c --- */

void st_wait_meet(struct st_run *r, unsigned int meet);
/* Threads of the host: whether SIGUSR1 reaches the one that calls this. */
void st_let_signals_in(bool in);
/* One operation of a thread: stamps, result and log are set. */
void st_host_op(struct st_actor *a, uint32_t index);
/* Pages of a huge page of the layout's memory; 0 where it has none that can be counted on. */
uint32_t st_huge_pages(const struct st_layout *l);
/* The operations that read everything when the program is over. */
void st_final_check(const struct st_prog *p, const struct st_layout *l, struct st_prog *out);

#endif
