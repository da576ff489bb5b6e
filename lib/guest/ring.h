/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations as data, 16 bytes each, and the ring in which a vCPU gets thousands of them for one
 * entry. The ring lies in memory that guest and host share and no test touches; every operation
 * is stamped before and after with one clock that all vCPUs and the host's threads count on, and
 * what it read is logged, word for word. Shared by guest and host.
 */
#ifndef GM_GUEST_RING_H
#define GM_GUEST_RING_H

#include <stdint.h>

#include "word.h"

/* The order is part of the format: append only. The names are in stress/op.c. */
enum gm_sop_code {
	GM_SOP_NOP,
	/* vCPUs */
	GM_SOP_CONV,  /* the conversion hypercall; arg: 1 to private, 0 to shared */
	GM_SOP_WRITE, /* every word of each page but the counter */
	GM_SOP_READ,
	GM_SOP_POKE, /* word 0 of each page */
	GM_SOP_PEEK,
	GM_SOP_ADD,   /* adds 1 to the counter of each page */
	GM_SOP_FLUSH, /* this vCPU's TLB entry of each page; arg 1: the whole TLB */
	GM_SOP_BAD,   /* a conversion hypercall that must be refused; arg: how it is wrong */
	GM_SOP_VCPU_NR,
	/* threads of the host */
	GM_SOP_HCONV = GM_SOP_VCPU_NR, /* the VMM converts; arg as GM_SOP_CONV */
	GM_SOP_PUNCH,		       /* a hole in the private half */
	GM_SOP_ALLOC,		       /* fallocate() of the private half */
	GM_SOP_PREFAULT,	       /* KVM_PRE_FAULT_MEMORY */
	GM_SOP_HWRITE,		       /* the shared half, through the host's mapping */
	GM_SOP_HREAD,
	GM_SOP_HPOKE,
	GM_SOP_HPEEK,
	GM_SOP_DROP,	 /* the shared half's memory is given back: zeros */
	GM_SOP_MADV,	 /* an advice that keeps content; arg: which */
	GM_SOP_MPROTECT, /* the host's mapping read-only and back */
	GM_SOP_FORK,	 /* a child that lives for a moment */
	GM_SOP_GUP,	 /* a probe of lib/access on the shared half; arg: which */
	GM_SOP_SLOT,	 /* the slot around the page is deleted and made again */
	GM_SOP_VM2,	 /* a second VM with a file of its own comes and goes */
	GM_SOP_REFUSE,	 /* an ioctl that must be refused; arg: which */
	GM_SOP_KICK,	 /* a signal for the actor arg: into KVM_RUN, or a thread's PUNCH, HCONV */
	GM_SOP_MIGRATE,	 /* vCPU arg moves to the next CPU */
	GM_SOP_PRESSURE, /* len pages of other memory, touched and given back */
	GM_SOP_MAP,	 /* iommufd maps the shared half by file, arg: which device mapping */
	GM_SOP_UNMAP,	 /* ... unmaps it */
	GM_SOP_DREAD,	 /* the device reads the first page of mapping arg */
	GM_SOP_DWRITE,	 /* ... writes it */
	GM_SOP_KILL,	 /* the process ends in the middle of everything */
	GM_SOP_SYNC,	 /* everybody waits for everybody */
	/* vCPUs again */
	GM_SOP_STACK, /* pushes on the page, converts it (arg as GM_SOP_CONV), pops */
	GM_SOP_EXEC, /* writes a function into the page and calls it; only while nobody else moves */
	/* threads again */
	GM_SOP_PIN,	/* long-term pin of the shared half, by gup_test; the thread holds one */
	GM_SOP_UNPIN,	/* ... is read through, and let go */
	GM_SOP_COMPACT, /* the kernel compacts all memory */
	GM_SOP_POOL,	/* the pool of 2 MiB pages grows by arg and shrinks again */
	GM_SOP_NR,
};

struct gm_sop {
	uint8_t actor; /* vCPU number, or GM_SOP_HOST | number of the host's thread */
	uint8_t code;  /* enum gm_sop_code */
	uint8_t arg;
	uint8_t meet;  /* not 0: waits until all operations with this number have come this far */
	uint32_t page; /* number in the layout */
	uint32_t len;  /* pages */
	uint32_t
		wait; /* then waits so long; program: 1/1000 of the other's duration; ring: cycles */
};

#define GM_SOP_HOST 0x80
/* In arg, of a thread's operation: the wait-th thing in it that can fail for want of memory does. */
#define GM_SOP_FAIL 0x80

/* Three words of a page are the counter, the stack and the code; all others belong to writers. */
#define GM_RING_COUNTER 8U
#define GM_RING_STACK 9U
#define GM_RING_CODE 10U
#define GM_RING_OWN 3U
#define GM_RING_BODY (511U - GM_RING_OWN) /* words, without word 0 */
/* The clock goes on by so much, so that the parts of one operation have moments of their own. */
#define GM_RING_TICK 4U

struct gm_ring_res {
	uint64_t t0, t1; /* the common clock before and after; 0: not begun, not ended */
	int64_t ret;
	uint32_t index;	 /* of the operation in the program; set by the host */
	uint32_t cycles; /* how long it took */
	uint32_t log, logs;
};

/* `count` words of a page, from word `first` on, that carry one stamp: gm_word() with word 0. */
struct gm_ring_log {
	uint64_t stamp;
	uint32_t page;
	uint16_t first, count;
};

/* Rounds that somebody spins at a meeting before it sleeps. */
#define GM_RING_SPINS 4000U

/* A read of a page gives at most this many; what is beyond is torn worse than anybody can tell. */
#define GM_RING_STAMPS 6U

struct gm_ring {
	uint64_t base;		    /* gpa of page 0 */
	uint64_t clock, meet, need; /* gva of the clock, of the arrays of 512 and 256 u32 */
	uint64_t ops, res, log;	    /* gva of the arrays */
	uint32_t nr, log_max;
	volatile uint32_t done, logs;
	uint32_t alone; /* nobody else moves meanwhile */
	volatile uint32_t
		waiting; /* the meeting that the vCPU left its ring for; then enter again */
};

/* What the operation `index` of a program writes: never a stamp of its neighbours'. */
static inline uint64_t gm_ring_stamp(uint64_t gfn, enum gm_half half, uint32_t index)
{
	return gm_word_at(gfn << 12, half, index % 65535 + 1);
}

/*
 * Reads one page, `words` of it, and logs the stamps found; gives how many entries. The same code
 * for guest and host: what one can see the other can.
 */
unsigned int gm_ring_read(const volatile uint64_t *page, uint32_t number, unsigned int words,
			  struct gm_ring_log *log);
void gm_ring_write(volatile uint64_t *page, uint64_t stamp, unsigned int words);

#endif
