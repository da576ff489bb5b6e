/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs one program in this process: a VM with the program's layout, a thread for each actor, and
 * the judge that looks at every result. What came of it lies in memory that outlives the process.
 */
#ifndef ST_EXEC_H
#define ST_EXEC_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "convert.h"
#include "gm.h"
#include "iommu.h"
#include "layout.h"
#include "oracle.h"
#include "pagesize.h"
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
	volatile uint32_t runs[GM_SOP_NR];
	/* bit b of pair[c][a]: a was followed by b beside it, on a page of border class c */
	uint64_t pair[ST_CLASSES][GM_SOP_NR];
	volatile bool failed;
	uint32_t op, page; /* the operation that failed; its page */
	bool has_page;
	char clause[32], text[700];
	char story[16384]; /* of the page */
};

struct st_run;

/* One actor: a thread with its own part of the round. */
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
	unsigned int cpu, faults; /* vCPUs: where it runs, faults that raced */
	uint8_t *buf;		  /* threads: memory that children share */
	int fail_fd;		  /* threads: their /proc/thread-self/fail-nth; -1: none */
	int pin_fd;		  /* threads: their gup_test; -1: not open */
	uint32_t pin_page, pins;  /* threads: what it holds */
	uint32_t pin_op;	  /* ... and the operation that pinned it */
	struct gm_exit exit;
	bool stopped;
};

#define HOST_LOG 65536U /* entries of a thread's log in one round */
#define ST_MAPS 8

struct st_map {
	bool used;
	uint32_t page, len, op; /* op: that mapped it */
	uint64_t iova;
};

#define ST_NO_PAGE UINT32_MAX

/* How far a conversion got: in place, each slot is a call of its own. */
struct st_conversion {
	uint32_t whole; /* pages of the calls that succeeded */
	uint32_t
		named; /* the page that the last one says was in use; ST_NO_PAGE: none in its range */
};

/* Pages that a pin or a device mapping keeps, of the judge: op began it, over [page, page + len). */
struct st_hold {
	uint32_t op, page, len;
	uint64_t begin0, begin1; /* the moments of operation `op` */
	uint64_t end0, end1;	 /* ... of the one that lets go; UINT64_MAX: none so far */
};

struct st_run {
	struct st_prog prog; /* with what the checker appends */
	uint32_t own;	     /* operations of the program itself */
	const struct st_layout *layout;
	struct gm_vm *vm;
	struct gm_mem *mem, *control;
	uint8_t *hva; /* where the host sees shared pages: mem, or a mapping of the file */
	bool inplace; /* the file has all memory; mem is at userspace_addr, and nobody gets there */
	int gmem;
	struct st_actor vcpu[ST_VCPUS], thread[ST_THREADS];
	struct gm_ring_res *res;  /* one per operation */
	struct gm_ring_log **log; /* ... where its log lies, during its round */
	struct st_conversion *conv;
	uint32_t *about; /* of what lets go or goes through a device: the operation that began it */
	struct st_hold *hold;
	uint32_t holds, holds_room;
	struct st_oracle *oracle;
	struct st_result *out;
	uint64_t *clock;
	volatile uint32_t *meet, *need;
	uint32_t cycles[GM_SOP_NR]; /* how long each kind took lately */
	pthread_rwlock_t map_lock;  /* writers of the host against mprotect() */
	pthread_mutex_t slot_lock, iommu_lock, pool_lock; /* iommu_lock: pins, too */
	bool concurrent;				  /* this round */
	bool has_maps;
	bool has_slots, has_faults; /* operations that make slots or mappings come and go */
	bool dying;
	struct gm_ledger sizes; /* before the first operation */
	bool has_sizes;
	struct gm_iommu *iommu;
	struct gm_iodev *dev;
	uint32_t ioas;
	struct st_map map[ST_MAPS];
	uint32_t last_page; /* for the coverage of pairs */
	uint8_t last_code;
};

/* Runs it and fills `out`; returns when the program ended, failed or not. Once per process. */
void st_exec(const struct st_prog *p, struct st_result *out);

/* --- its parts --- */

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

static inline uint64_t st_file_off(const struct st_run *r, uint32_t page)
{
	const struct st_slot *s = st_slot_of(r->layout, page);

	return (uint64_t)(s->file_page + page - s->page) * GM_PAGE_SIZE;
}

static inline uint64_t st_now(struct st_run *r)
{
	return __atomic_add_fetch(r->clock, GM_RING_TICK, __ATOMIC_SEQ_CST);
}

/* 0 or -errno. */
long st_slot_make(struct st_run *r, unsigned int i);
void st_wait_meet(struct st_run *r, unsigned int meet);
/* Threads of the host: whether SIGUSR1 reaches the one that calls this. */
void st_let_signals_in(bool in);
/* One operation of a thread: stamps, result and log are set. */
void st_host_op(struct st_actor *a, uint32_t index);
/* Everything of the round against the oracle; false when something failed. */
bool st_judge(struct st_run *r, const uint32_t *list, uint32_t n);
/* After the coda: huge pages are mapped whole again. */
bool st_judge_sizes(struct st_run *r);
/* In place: memory at userspace_addr that is not the file's is as new. */
bool st_judge_untouched(struct st_run *r);
void st_fail(struct st_run *r, uint32_t op, const char *clause, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The operations that look at everything at the end. */
void st_coda(const struct st_prog *p, const struct st_layout *l, struct st_prog *out);
/* Pages of a huge page of the layout's memory; 0 where it has none that can be counted on. */
uint32_t st_huge_pages(const struct st_layout *l);
/* Runs the operations [from, to) of r->prog; false when something failed. */
bool st_rounds(struct st_run *r, uint32_t from, uint32_t to, bool strict);
/* Logs n pages that lie at hva under their numbers. */
void st_log_pages(struct st_actor *a, const uint8_t *hva, uint32_t page, uint32_t n,
		  unsigned int words);
/* --- refuse.c: the errno of a request that is to be refused, 0 when it was not; which it must be --- */
long st_refused(struct st_run *r, const struct gm_sop *op);
int st_refusal(const struct st_run *r, unsigned int arg, const char **clause);
/* --- hold.c: -errno, 0, or 1 for not done --- */
bool st_held(const struct st_run *r, uint32_t page, uint32_t n);
long st_pin(struct st_actor *a, const struct gm_sop *op, uint32_t index);
long st_unpin(struct st_actor *a, uint32_t index);
long st_churn_pool(struct st_run *r, unsigned int n);
long st_compact(void);

/* When it happened, as far as that is known: of a child's read, the fork. */
struct st_when st_when_of(const struct st_run *r, uint32_t i);
/* --- inplace.c --- */
void st_tell_holds(struct st_run *r, const uint32_t *list, uint32_t n);
void st_tell_host_write(struct st_run *r, uint32_t i, const struct st_event *whole);
/* What operation i reached through a hold may not be the file's page any more. */
bool st_may_be_detached(struct st_run *r, uint32_t i, uint32_t page);
/* The clause that the result breaks, and what it should have been; *settled: it was judged. */
const char *st_wrong_in_place(struct st_run *r, const uint32_t *list, uint32_t n, uint32_t i,
			      const char **want, bool *settled);
/* An access of the host to one page, as logged; NULL: it was not refused. */
bool st_judge_touch(struct st_run *r, uint32_t i, uint32_t page, const struct gm_ring_log *log);
bool st_judge_host_write(struct st_run *r, uint32_t i);
/* --- convert.c --- */
/* 0 or -errno; r->conv[index] is set. */
long st_convert(struct st_run *r, uint32_t index, uint32_t page, uint32_t n, bool to_private);
/* For gm_vm_args.on_convert. */
int64_t st_convert_for_guest(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
			     uint64_t attrs);
uint8_t *st_map_file(const struct st_run *r);
/*
 * One page of the host's mapping of the file; give how many entries they logged. A refusal is an
 * entry with count 0: the word at which it came.
 */
unsigned int st_try_read(const struct st_run *r, uint32_t page, unsigned int words,
			 struct gm_ring_log *log);
unsigned int st_try_write(const struct st_run *r, uint32_t page, unsigned int words, uint64_t stamp,
			  struct gm_ring_log *log);

/* The probes that GM_SOP_GUP chooses from; NULL: none. */
const struct gm_probe *st_probe(unsigned int arg);

#endif
