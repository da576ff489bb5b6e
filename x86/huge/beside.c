// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory on huge pages without a file, and right after it a slot of a guest_memfd whose pages are
 * converted: the huge mappings stay, and do not fault again, with every provider.
 */
#include <stdatomic.h>

#include "huge.h"

GM_FILE(.clause = "huge.beside", .providers = GM_PROVIDERS_X86, .needs = HUGE_NEEDS)

#define FILE_PAGES 1536UL    /* of the slot */
#define FILE_OFF (3 * GM_2M) /* of the slot in the file; the pages before it are in no slot */
#define ROUNDS 24

struct beside {
	struct huge_vm *r; /* its region: the huge memory, then the file */
	uint64_t huge;	   /* bytes */
	uint64_t gpa;	   /* of the file's slot */
	int gmem;
	struct gm_mem *mem; /* at the file's userspace_addr */
	atomic_bool stop;
};

static void make(struct beside *b, const struct gm_case *self, unsigned int vcpus)
{
	bool big = self->huge_1g;

	b->huge = big ? self->huge_1g * GM_1G : self->huge_2m * GM_2M;
	b->r = HUGE_VM(.kind = big ? GM_MEM_HUGE_1G : GM_MEM_HUGE_2M, .mem_size = b->huge,
		       .size = b->huge + GM_1G, .no_gmem = true, .no_slot = true, .vcpus = vcpus);
	b->gpa = b->r->base + b->huge;
	b->mem = gm_mem_new(GM_MEM_SHMEM, FILE_PAGES * GM_PAGE_SIZE);
	b->gmem = gm_gmem_new(b->r->w->vm, FILE_OFF + FILE_PAGES * GM_PAGE_SIZE,
			      b->r->w->provider->flags_shared);
	huge_slot(b->r, GM_SLOT, b->r->base, b->huge, 0, 0);
	gm_slot_set(b->r->w->vm, GM_SLOT + 1, 0, b->gpa, b->mem->size, b->mem->hva, b->gmem,
		    FILE_OFF);
	/* Private and shared memory have small pages, so the counts do not depend on the state. */
	gm_shape_slot(b->r->shape, GM_SLOT + 1, b->gpa, b->mem->size, (uintptr_t)b->mem->hva,
		      GM_SIZE_4K);
}

static void touch_huge(struct beside *b, const char *when)
{
	huge_touch(b->r, b->r->base, b->huge, GM_2M);
	huge_expect(b->r, "%s, the huge memory touched", when);
}

/* Converts pages from `at` on that have one state: each loses only its own mapping. */
static void convert(struct beside *b, unsigned int round, uint64_t at, uint64_t most)
{
	const struct gm_model *m = b->r->w->model;
	uint64_t gfn = GFN(b->gpa) + at, n = 1;
	bool priv = !gm_model_private(m, gfn);

	while (n < most && at + n < FILE_PAGES && gm_model_private(m, gfn + n) != priv)
		n++;
	if (round & 1)
		huge_guest_convert(b->r, GPA(gfn), n, priv);
	else
		huge_convert(b->r, GPA(gfn), n, priv);
	huge_expect(b->r, "round %u: %lu pages from page %lu to %s", round, n, at,
		    priv ? "private" : "shared");
	touch_huge(b, "after a conversion");
	huge_check_around(b->r, GPA(gfn), 1, "the first page converted");
	huge_write(b->r, GPA(gfn), n);
	huge_expect(b->r, "round %u, all of it written", round);
}

static void run_steps(struct beside *b)
{
	struct gm_rng *rng = &b->r->w->rng;

	huge_touch_all(b->r);
	huge_write(b->r, b->gpa, FILE_PAGES);
	huge_expect(b->r, "all touched");
	/* First the ranges where an off-by-one would unmap a neighbour. */
	convert(b, 0, 0, 1);
	convert(b, 1, 0, 1);
	convert(b, 0, 0, FILE_PAGES);
	convert(b, 1, 0, FILE_PAGES);
	for (unsigned int i = 0; i < ROUNDS; i++)
		convert(b, i, gm_rng_below(rng, FILE_PAGES), 1 + gm_rng_below(rng, 700));
	/* Holes: one over pages in no slot, and one over pages of the slot. */
	gm_gmem_punch(b->gmem, 0, FILE_OFF);
	huge_expect(b->r, "a hole over pages in no slot");
	gm_gmem_punch(b->gmem, FILE_OFF, 9 * GM_PAGE_SIZE);
	gm_model_punched(b->r->w->model, GFN(b->gpa), 9);
	gm_shape_zap(b->r->shape, b->gpa, 9 * GM_PAGE_SIZE);
	huge_expect(b->r, "a hole over the first pages of the slot");
	touch_huge(b, "after a hole");
	huge_check(b->r, b->gpa, FILE_PAGES, "every page of the file");
	huge_expect(b->r, "every page read");
	huge_check_sparse(b->r, "at the end");
	/* The numbers of the contract, independent of the model. */
	gm_page_counts_expect(
		b->r->w->vm, &b->r->start,
		&(struct gm_page_counts){ .pages = { 0, FILE_PAGES,
						     b->huge < GM_1G ? b->huge / GM_2M : 0,
						     b->huge / GM_1G },
					  .fixed = b->r->shape->now.fixed },
		"at the end");
}

static void beside_thread(unsigned int i, void *arg)
{
	struct beside *b = arg;

	if (!i) {
		run_steps(b);
		atomic_store(&b->stop, true);
		return;
	}
	while (!atomic_load(&b->stop))
		gm_guest_touch(b->r->w->vm, i, b->r->base, b->huge, GM_2M);
}

struct guests {
	unsigned int vcpus; /* two: another one runs on the huge pages */
};

GM_CASES(beside, struct guests, v)
{
	struct beside b = {};

	make(&b, self, v->vcpus);
	/* The other vCPU has its own thread. */
	b.r->vcpus = 1;
	gm_parallel(v->vcpus, beside_thread, &b);
	if (b.r->w->provider->file_serves_shared)
		gm_host_check_zero(b.mem->hva, FILE_PAGES, "memory at the file's userspace_addr");
	huge_vm_free(b.r);
	close(b.gmem);
	gm_mem_free(b.mem);
}

GM_ROW(beside, beside_pages_1g, .name = "huge.beside.pages_1g",
       .text = "a file after two GiB of huge pages, converted by 4 KiB",
       .huge_1g = 2) = { .vcpus = 1 };
GM_ROW(beside, beside_pages_2m, .name = "huge.beside.pages_2m",
       .text = "a file after 2 MiB pages, in the same GiB, converted by 4 KiB",
       .huge_2m = 8) = { .vcpus = 1 };
GM_ROW(beside, beside_running, .name = "huge.beside.running",
       .text = "the same while another vCPU runs on a GiB of huge pages",
       .huge_1g = 1) = { .vcpus = 2 };
