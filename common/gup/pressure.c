// SPDX-License-Identifier: GPL-2.0-only
/* Probes from four threads while the guest writes and the host punches: gup.pressure. */
#include <stdatomic.h>
#include <sys/mman.h>

#include "access/access.h"
#include "access/matrix.h"
#include "gm.h"

#define PAGES 64UL
#define LEN (PAGES * GM_PAGE_SIZE)
#define THREADS 4
#define ROUNDS 60
#define PROBES 40   /* at least, by each thread in each round's time: a bound, not a wait */
#define REQUEST 4UL /* pages */

/* Each thread has its own; the four take different ways into the kernel. */
static const char *const names[THREADS][2] = {
	{ "cpu_load", "read" },
	{ "write", "vmsplice" },
	{ "process_vm_readv", "process_vm_writev" },
	{ "proc_mem_read", "uring_write_fixed" },
};

struct pressure {
	struct gm_vm *vm;
	int gmem;
	uint8_t *hva;
	enum gm_class class;
	atomic_bool over;
	atomic_ulong refused, reached;
};

/* A probe in the first half of the file, which the guest writes and nobody punches. */
static void prober(unsigned int i, struct pressure *pr)
{
	struct gm_access a = { .len = REQUEST * GM_PAGE_SIZE,
			       .fd = -1,
			       .buf = gm_matrix_buf(REQUEST * GM_PAGE_SIZE) };
	struct gm_rng rng;
	int n = 0;

	gm_rng_init(&rng, gm_seed() + i);
	while (!atomic_load(&pr->over) || n < PROBES) {
		unsigned int page = gm_rng_below(&rng, PAGES - REQUEST);
		struct gm_outcome o;
		struct gm_want w;
		bool ok;

		a.probe = gm_probe_find(names[i][n++ % 2]);
		a.hva = pr->hva + page * GM_PAGE_SIZE;
		w = gm_access_want(a.probe, pr->class);
		gm_matrix_poison(a.buf, a.len);
		o = gm_access_run(&a);
		ok = gm_matrix_judge(&a, &o, &w, GM_PAGE(.off = page * GM_PAGE_SIZE),
				     "under pressure");
		if (!ok)
			break;
		gm_matrix_search(a.buf, a.len, a.probe->name);
		atomic_fetch_add(o.ret < 0 ? &pr->refused : &pr->reached, 1);
		if (n > 200 * ROUNDS)
			break;
	}
	munmap(a.buf, a.len);
}

static void guest(struct pressure *pr)
{
	for (unsigned int r = 1; r <= ROUNDS; r++) {
		gm_guest_fill(pr->vm, 0, GM_BASE, PAGES / 2, GM_HALF_SECRET, r);
		gm_guest_check(pr->vm, 0, GM_BASE, PAGES / 2, GM_HALF_SECRET, r, "under pressure");
		/* The half that is punched under its hands: written, and not to be relied on. */
		gm_guest_touch(pr->vm, 0, GM_BASE + LEN / 2, LEN / 2, GM_PAGE_SIZE);
	}
	atomic_store(&pr->over, true);
}

static void puncher(struct pressure *pr)
{
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed() ^ 0x70756e6368);
	for (int n = 0; !atomic_load(&pr->over) && n < 100 * ROUNDS; n++) {
		unsigned int page = PAGES / 2 + gm_rng_below(&rng, PAGES / 2);

		gm_gmem_punch(pr->gmem, page * GM_PAGE_SIZE, GM_PAGE_SIZE);
	}
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

GM_CASE(pressure_private, .name = "gup.pressure.private", .clause = "gup.pressure",
	.text = "four threads probe, the guest writes, the host punches: nothing private arrives",
	.profile = "P1p", .needs = GM_NEEDS(GMEM_MMAP, TDP), .flags = GM_REFUSAL,
	.caps = GM_CAPS_ALL)
{
	struct pressure pr = { .class = GM_CLASS_PRIVATE };

	pr.vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1);
	pr.gmem = gm_gmem_new(pr.vm, LEN, GUEST_MEMFD_FLAG_MMAP);
	pr.hva = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, pr.gmem, 0);
	GM_SETUP(pr.hva != MAP_FAILED, "mmap of guest_memfd: %s", gm_errno_name(errno));
	gm_slot_set(pr.vm, GM_SLOT, 0, GM_BASE, LEN, pr.hva, pr.gmem, 0);
	gm_vm_map(pr.vm, GM_BASE, GM_2M, GM_2M);
	for (int i = 0; i < 2 * THREADS; i++)
		gm_matrix_controls(gm_probe_find(names[i / 2][i % 2]), false);

	gm_parallel(THREADS + 2, one, &pr);

	GM_EXPECT(pr.refused >= THREADS * PROBES && !pr.reached, "%lu probes refused, %lu reached",
		  (unsigned long)pr.refused, (unsigned long)pr.reached);
	gm_guest_check(pr.vm, 0, GM_BASE, PAGES / 2, GM_HALF_SECRET, ROUNDS, "after all");
	munmap(pr.hva, LEN);
	gm_vm_free(pr.vm);
	close(pr.gmem);
}
