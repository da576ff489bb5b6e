// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on the ends of a long range while it is converted: they show an off-by-one in the range
 * for which the conversion blocks faults: conv.cross_vcpu.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>

#include "conv.h"

GM_FILE(.clause = "conv.cross_vcpu")

#define LONG (32UL << 20)

struct ends {
	struct gm_fixture *w;
	atomic_bool stop;
	atomic_ulong rounds[2];
	uint64_t at[2];
};

/*
 * In place the data is the same in both states: a new fault and the host's access show that no page
 * stayed mapped.
 */
static void expect_end(struct ends *e, int end, bool private, uint64_t faults)
{
	struct gm_fixture *w = e->w;
	const char *name = end ? "the last page" : "the first page";
	bool one = gm_fixture_one_memory(w);

	gm_guest_check(w->vm, 0, e->at[end], 1,
		       private && !one ? GM_WRITER_PRIVATE : GM_WRITER_SHARED, 1, name);
	if (!one)
		return;
	GM_EXPECT(gm_vcpu_stat(w->vm, end + 1, "pf_taken") > faults,
		  "%s: no fault since the conversion", name);
	GM_EXPECT_EQ(gm_host_sees(gm_hva(w->vm, e->at[end])), !private, "%s: the host sees it",
		     name);
}

static void ends_thread(unsigned int i, void *arg)
{
	struct ends *e = arg;
	struct gm_fixture *w = e->w;

	if (i) {
		while (!atomic_load(&e->stop)) {
			/* One end per vCPU: a fault that waits at one end would delay the other. */
			struct gm_op op = { .code = GM_OP_READ, .addr = e->at[i - 1] };

			gm_run_racing(w->vm, i, &op, 1);
			atomic_fetch_add(&e->rounds[i - 1], 1);
		}
		return;
	}
	for (unsigned int round = 0; round < 6 && !gm_failures(); round++) {
		bool private = !(round & 1);
		uint64_t faults[2];

		for (int end = 0; end < 2; end++)
			faults[end] = gm_vcpu_stat(w->vm, end + 1, "pf_taken");
		gm_convert(w->vm, w->gpa, w->size, private);
		/* Wait until both vCPUs have read: they would use an old mapping by now. */
		for (int end = 0; end < 2; end++) {
			unsigned long seen = atomic_load(&e->rounds[end]);

			while (atomic_load(&e->rounds[end]) < seen + 2)
				sched_yield();
		}
		for (int end = 0; end < 2; end++)
			expect_end(e, end, private, faults[end]);
	}
	atomic_store(&e->stop, true);
}

GM_CASE(range_ends, .name = "conv.cross_vcpu.range_ends", .providers = GM_PROVIDERS_HUGE,
	.text = "two vCPUs touch the ends of a long range while it is converted: after it they see the new state")
{
	struct gm_fixture *w = GM_FIXTURE(.size = LONG, .vcpus = 3);
	struct ends e = { .w = w, .at = { w->gpa, w->gpa + LONG - GM_PAGE_SIZE } };

	for (int private = 1; private >= 0; private --) {
		gm_convert(w->vm, w->gpa, w->size, private);
		for (int end = 0; end < 2; end++)
			gm_guest_fill(w->vm, 0, e.at[end], 1,
				      private ? GM_WRITER_PRIVATE : GM_WRITER_SHARED, 1);
	}
	gm_parallel(3, ends_thread, &e);
	gm_fixture_free(w);
}

/*
 * --- a fault that begins before the conversion and gets its page during it: not in place, where no
 * fault waits for memory of the host ---
 */

#define FAR (256UL << 20)
#define ROUNDS 4U

struct midway {
	struct gm_fixture *w;
	int uffd;
	uint64_t gpa; /* of the page: the first or the last of the range */
	struct gm_op op;
	uint64_t mapped; /* 4 KiB mappings before the conversion, one of them in its range */
	atomic_bool go, done;
	bool midway; /* the page came before the end of the conversion */
};

static void midway_thread(unsigned int i, void *arg)
{
	struct midway *m = arg;

	switch (i) {
	case 0:
		gm_run_racing(m->w->vm, 0, &m->op, 1);
		break;
	case 1:
		/* The fault has already read mmu_invalidate_seq. */
		gm_uffd_wait(m->uffd);
		atomic_store(&m->go, true);
		/*
		 * The conversion has unmapped the range; it now sets the attributes, which takes
		 * long.
		 */
		while (gm_vm_stat(m->w->vm, "pages_4k") >= m->mapped)
			;
		m->midway = !atomic_load(&m->done);
		uffd_give(m->uffd, m->w, m->gpa, GM_PAGE_SIZE, 2);
		break;
	case 2:
		while (!atomic_load(&m->go))
			sched_yield();
		gm_convert(m->w->vm, m->w->gpa, m->w->size, true);
		atomic_store(&m->done, true);
		break;
	}
}

GM_CASE(midway, .name = "conv.cross_vcpu.fault_midway", .providers = GM_PROVIDERS(ATTRIBUTES),
	.needs = GM_NEEDS(USERFAULTFD, PAGE_STATS, TDP), .caps = GM_CAPS_ALL,
	.text = "a waiting fault gets its page, the first or the last of the range, during the conversion")
{
	struct gm_fixture *w = GM_FIXTURE(.size = FAR, .vcpus = 2);
	struct midway m = { .w = w };
	unsigned int midway = 0;

	for (unsigned int i = 0; i < ROUNDS && !gm_failures(); i++) {
		bool last = i & 1;

		m.gpa = w->gpa + (last ? FAR - GM_PAGE_SIZE : 0);
		gm_convert(w->vm, m.gpa, GM_PAGE_SIZE, true);
		gm_guest_fill(w->vm, 0, m.gpa, 1, GM_WRITER_PRIVATE, 1);
		gm_convert(w->vm, w->gpa, w->size, false);
		GM_SETUP_OK(madvise(w->hva, w->size, MADV_DONTNEED));
		m.uffd = gm_uffd_new(w->hva + (m.gpa - w->gpa), GM_PAGE_SIZE);
		m.op = (struct gm_op){ .code = GM_OP_READ, .addr = m.gpa };
		gm_guest_touch(w->vm, 1, w->gpa + FAR / 2, 8, 8);
		m.mapped = gm_vm_stat(w->vm, "pages_4k");
		atomic_store(&m.go, false);
		atomic_store(&m.done, false);
		gm_parallel(3, midway_thread, &m);
		midway += m.midway;
		for (unsigned int v = 0; v < 2; v++)
			gm_guest_check(w->vm, v, m.gpa, 1, GM_WRITER_PRIVATE, 1,
				       last ? "the last page" : "the first page");
		close(m.uffd);
	}
	gm_note("%u of %u pages came during the conversion", midway, ROUNDS);
	gm_fixture_free(w);
}
