// SPDX-License-Identifier: GPL-2.0-only
/* Probes from four threads while the guest converts and the host punches: gup.pressure. */
#include <stdatomic.h>
#include <sys/mman.h>

#include "access/access.h"
#include "access/matrix.h"
#include "gm.h"

#define PAGES 64UL
#define LEN (PAGES * GM_PAGE_SIZE)
#define THREADS 4
#define ROUNDS 40
#define PROBES 40
#define REQUEST 4UL

static const char *const names[THREADS][2] = {
	{ "cpu_load", "read" },
	{ "write", "vmsplice" },
	{ "process_vm_readv", "process_vm_writev" },
	{ "proc_mem_read", "uring_write_fixed" },
};

struct pressure {
	struct gm_vm *vm;
	struct gm_mem *mem;
	int gmem;
	atomic_bool over;
	atomic_ulong reached;
};

/* The shared half is there to be reached, also of a page that is private at the moment. */
static void prober(unsigned int i, struct pressure *pr)
{
	struct gm_access a = { .len = REQUEST * GM_PAGE_SIZE,
			       .fd = -1,
			       .buf = gm_matrix_buf(REQUEST * GM_PAGE_SIZE) };
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed() + i);
	for (int n = 0; (!atomic_load(&pr->over) || n < PROBES) && n < 200 * ROUNDS; n++) {
		unsigned int page = gm_rng_below(&rng, PAGES - REQUEST);
		struct gm_outcome o;
		struct gm_want w;

		a.probe = gm_probe_find(names[i][n % 2]);
		a.hva = pr->mem->hva + page * GM_PAGE_SIZE;
		w = gm_access_want(a.probe, GM_CLASS_SHARED);
		gm_matrix_poison(a.buf, a.len);
		o = gm_access_run(&a);
		if (!gm_matrix_judge(&a, &o, &w, NULL, "while the guest converts"))
			break;
		gm_matrix_search(a.buf, a.len, a.probe->name);
		atomic_fetch_add(&pr->reached, 1);
	}
	munmap(a.buf, a.len);
}

static void guest(struct pressure *pr)
{
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed() ^ 0x6775657374);
	for (unsigned int r = 1; r <= ROUNDS; r++) {
		unsigned int first = gm_rng_below(&rng, PAGES / 2 - 1);
		unsigned int nr = 1 + gm_rng_below(&rng, PAGES / 2 - first - 1);
		uint64_t gpa = GM_BASE + first * GM_PAGE_SIZE;

		gm_guest_convert(pr->vm, 0, gpa, nr, true);
		gm_guest_fill(pr->vm, 0, gpa, nr, GM_HALF_SECRET, r);
		/* What the host punches under its hands: written, and not to be relied on. */
		gm_guest_touch(pr->vm, 0, GM_BASE + LEN / 2, LEN / 2, GM_PAGE_SIZE);
		gm_guest_check(pr->vm, 0, gpa, nr, GM_HALF_SECRET, r, "while the host probes");
		gm_guest_convert(pr->vm, 0, gpa, nr, false);
		gm_guest_touch(pr->vm, 0, gpa, nr * GM_PAGE_SIZE, GM_PAGE_SIZE);
	}
	atomic_store(&pr->over, true);
}

static void puncher(struct pressure *pr)
{
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed() ^ 0x70756e6368);
	for (int n = 0; !atomic_load(&pr->over) && n < 100 * ROUNDS; n++)
		gm_gmem_punch(pr->gmem, LEN / 2 + gm_rng_below(&rng, PAGES / 2) * GM_PAGE_SIZE,
			      GM_PAGE_SIZE);
}

static void one(unsigned int i, void *arg)
{
	struct pressure *pr = arg;

	if (i < THREADS)
		prober(i, pr);
	else if (i == THREADS)
		guest(pr);
	else
		puncher(pr);
}

GM_CASE(pressure_attr, .name = "gup.pressure.attr", .clause = "gup.pressure",
	.text = "four threads probe, the guest converts, the host punches: nothing private arrives",
	.profile = "P0", .needs = GM_NEEDS(SW_PROTECTED, HYPERCALL_EXIT), .caps = GM_CAPS_ALL)
{
	struct pressure pr = { .vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1) };

	pr.mem = gm_mem_new(GM_MEM_SHMEM, LEN);
	pr.gmem = gm_gmem_new(pr.vm, LEN, 0);
	gm_slot_set(pr.vm, GM_SLOT, 0, GM_BASE, LEN, pr.mem->hva, pr.gmem, 0);
	gm_vm_map(pr.vm, GM_BASE, GM_2M, GM_2M);
	gm_convert(pr.vm, GM_BASE + LEN / 2, LEN / 2, true);
	for (int i = 0; i < 2 * THREADS; i++)
		gm_matrix_controls(gm_probe_find(names[i / 2][i % 2]), false);

	gm_parallel(THREADS + 2, one, &pr);

	GM_EXPECT(pr.reached >= THREADS * PROBES, "%lu probes reached the shared half",
		  (unsigned long)pr.reached);
	gm_vm_free(pr.vm);
	close(pr.gmem);
	gm_mem_free(pr.mem);
}
