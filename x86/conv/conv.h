/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the cases of conv.* share: a world (a VM, one slot with both halves, the model of it) and
 * scripts (batches of operations of one vCPU whose every read is judged by the model).
 */
#ifndef GM_CONV_H
#define GM_CONV_H

#include <stdatomic.h>

#include "gm.h"
#include "model.h"

#define GFN(gpa) ((gpa) / GM_PAGE_SIZE)
#define GPA(gfn) ((gfn)*GM_PAGE_SIZE)
#define PAGES(bytes) ((bytes) / GM_PAGE_SIZE)

struct world_args {
	uint64_t gpa, size; /* bytes; gpa 0: GM_BASE */
	enum gm_mem_kind mem;
	unsigned int vcpus;   /* 0: one */
	uint64_t guest_page;  /* size of the guest's own mappings; 0: 2 MiB */
	bool no_slot;	      /* the case makes the slots itself */
	bool no_gmem;	      /* a slot without a private half */
	bool no_map;	      /* the case maps the guest's pages itself */
	uint64_t extra_pages; /* for guest page tables, beyond what `size` takes */
	int64_t (*on_convert)(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
			      uint64_t attrs);
};

struct world {
	struct gm_vm *vm;
	struct gm_mem *mem;
	int gmem;
	struct gm_model *model;
	uint64_t gpa, size; /* bytes */
	atomic_uint gen;    /* the last generation that was given out */
	struct gm_rng rng;  /* of the case's seed */
};

struct world *world_new(const struct world_args *args);
#define WORLD_NEW(...) world_new(&(const struct world_args){ __VA_ARGS__ })
void world_free(struct world *w);
/* Never 0, never the one before. */
unsigned int world_gen(struct world *w);
uint64_t world_random(struct world *w, uint64_t n);
/* Both the kernel and the model. */
void world_convert(struct world *w, uint64_t gfn, uint64_t n, bool to_private);
void world_punch(struct world *w, uint64_t gfn, uint64_t n);
/* The host writes the shared half. */
void world_host_write(struct world *w, uint64_t gfn, uint64_t n);
/* The shared halves as the host reads them, words `stride` apart. */
void world_check_host(struct world *w, uint64_t gfn, uint64_t n, unsigned int stride,
		      const char *when);
/* What the guest sees of [gfn, gfn + n), words `stride` apart (1: all of them). */
void world_check_guest(struct world *w, unsigned int v, uint64_t gfn, uint64_t n,
		       unsigned int stride, const char *when);
/*
 * Both halves of every page: what the guest sees now, then the private halves after converting
 * all to private, then the shared ones after converting all to shared, which is how it ends.
 */
void world_check_halves(struct world *w, unsigned int v, const char *when);
/* No word of [hva, hva + size) carries this half's name. Leaves the memory alone. */
void expect_absent(const void *hva, uint64_t size, enum gm_half half, const char *when);

struct script_note {
	uint64_t gfn, n;
	bool to_private;
	unsigned int step;
	const char *when; /* or NULL */
};

struct script {
	struct world *w;
	unsigned int v; /* the vCPU */
	/*
	 * Whose pages these are: [lo, hi), and of these the blocks of `block` pages whose number
	 * is `turn` modulo `share`. Suspects of others are left to their own script.
	 */
	uint64_t lo, hi, block;
	unsigned int share, turn;
	unsigned int nr;
	struct gm_op op[GM_MBOX_OPS];
	struct script_note now, note[GM_MBOX_OPS]; /* the last conversion before each */
};

void script_init(struct script *s, struct world *w, unsigned int v);
bool script_owns(const struct script *s, uint64_t gfn);
/* By the guest's hypercall, or (by_host) by the VMM once the guest has done what is queued. */
void script_convert(struct script *s, uint64_t gfn, uint64_t n, bool to_private, bool by_host);
/* A fresh generation, every stride-th word; tagged with the half that the guest sees. */
void script_fill(struct script *s, uint64_t gfn, uint64_t n, unsigned int stride);
/* Every page of the range against the model, at least `stride` words apart. */
void script_check(struct script *s, uint64_t gfn, uint64_t n, unsigned int stride);
/* Whole words of the suspects of [gfn, gfn + n). */
void script_check_suspects(struct script *s, uint64_t gfn, uint64_t n);
/* Runs what is queued and judges it. */
void script_flush(struct script *s);

/*
 * gm_run() for a vCPU whose pages others convert meanwhile. A fault that began in one state and
 * found the other comes back as KVM_EXIT_MEMORY_FAULT of that page (kvm_mmu_faultin_pfn() of
 * mmu.c), which a VMM answers by entering again; any other exit is a miss. Gives how many.
 */
unsigned int run_racing(struct world *w, unsigned int v, struct gm_op *op, unsigned int nr);

/* --- memory of the host whose faults wait; wants GM_NEED_USERFAULTFD --- */

/* A userfaultfd over [hva, hva + size), where nothing is mapped yet; the caller closes it. */
int uffd_new(void *hva, uint64_t size);
/* Waits for a fault: a vCPU that has it is past the point where it looked at the attribute. */
void uffd_wait(int uffd);
/* Gives the page of `unit` bytes at gpa, with generation gen of the shared half. */
void uffd_give(int uffd, struct world *w, uint64_t gpa, uint64_t unit, unsigned int gen);

/* --- binary statistics of KVM; a missing one is an ERROR --- */

uint64_t vm_stat(struct gm_vm *vm, const char *name);
uint64_t vcpu_stat(struct gm_vm *vm, unsigned int v, const char *name);

/* KVM_PRE_FAULT_MEMORY; *gpa and *size become what is left. -1 and errno. */
int prefault(struct gm_vm *vm, unsigned int v, uint64_t *gpa, uint64_t *size, uint64_t flags);

#endif
