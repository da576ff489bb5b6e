// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults that begin before a conversion and end after it must map the new state: conv.cross_vcpu.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>

#include "conv.h"

GM_FILE(.clause = "conv.cross_vcpu", .providers = GM_PROVIDERS(ATTRIBUTES),
	.needs = GM_NEEDS(USERFAULTFD, TDP), .caps = GM_CAPS_ALL)

/* --- a fault that waits for the host's memory; not in place, where no fault does --- */

struct stale {
	struct gm_fixture *w;
	int uffd;
	uint64_t gfn, unit; /* of the page; of the host's page, bytes */
	bool write;
	void (*overtake)(struct stale *t); /* called during the fault */
	struct gm_op op;
};

static void stale_thread(unsigned int i, void *arg)
{
	struct stale *t = arg;

	if (!i) {
		gm_run_racing(t->w->vm, 0, &t->op, 1);
		return;
	}
	gm_uffd_wait(t->uffd);
	t->overtake(t);
	uffd_give(t->uffd, t->w, GPA(t->gfn), t->unit, 2);
}

static void to_private(struct stale *t)
{
	gm_convert(t->w->vm, GPA(t->gfn), GM_PAGE_SIZE, true);
}

/* Converts all pages around it, too. */
static void whole_to_private(struct stale *t)
{
	gm_convert(t->w->vm, t->w->gpa, t->w->size, true);
}

static void there_and_back(struct stale *t)
{
	gm_convert(t->w->vm, GPA(t->gfn), GM_PAGE_SIZE, true);
	gm_convert(t->w->vm, GPA(t->gfn), GM_PAGE_SIZE, false);
}

static void overtaken(const struct gm_case *self)
{
	static void (*const how[])(struct stale *) = { to_private, whole_to_private,
						       there_and_back };
	enum gm_mem_kind kind = self->huge_2m ? GM_MEM_HUGE_2M : GM_MEM_ANON;
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .mem = kind, .vcpus = 2);
	struct stale t = { .w = w, .unit = gm_mem_pagesize(kind) };
	uint64_t first = GFN(w->gpa);

	/* Private memory has generation 1; shared memory is not allocated. */
	gm_convert(w->vm, w->gpa, w->size, true);
	gm_guest_fill(w->vm, 0, w->gpa, 512, GM_WRITER_PRIVATE, 1);
	for (unsigned int i = 0; i < 6 && !gm_failures(); i++) {
		bool private = i % 3 != 2;

		gm_convert(w->vm, w->gpa, w->size, false);
		if (kind == GM_MEM_HUGE_2M)
			GM_SETUP_OK(fallocate(w->mem->fd,
					      FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0,
					      w->size));
		else
			GM_SETUP_OK(madvise(w->hva, w->size, MADV_DONTNEED));
		t.uffd = gm_uffd_new(w->hva, w->size);
		t.gfn = first + 100 * i + 7;
		t.overtake = how[i % 3];
		t.op = (struct gm_op){ .code = i < 3 ? GM_OP_READ : GM_OP_ADD, .addr = GPA(t.gfn) };
		gm_parallel(2, stale_thread, &t);
		GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(GPA(t.gfn))),
			     (uint64_t)t.op.ret ==
				     gm_word(t.gfn, private ? GM_WRITER_PRIVATE : GM_WRITER_SHARED,
					     private ? 1 : 2, 0),
			     "the access during the conversion, page %s: observed %s",
			     private ? "private" : "shared again", gm_word_str(t.op.ret));
		/* Check what is mapped now, on both vCPUs. */
		for (unsigned int v = 0; v < 2; v++)
			gm_guest_check(w->vm, v, GPA(t.gfn), 1,
				       private ? GM_WRITER_PRIVATE : GM_WRITER_SHARED,
				       private ? 1 : 2, "after the fault");
		close(t.uffd);
	}
	gm_fixture_free(w);
}

GM_VARIANT(
	overtaken, overtaken_4k, .name = "conv.cross_vcpu.fault_overtaken",
	.text = "a fault that waits for the host's page while the page is converted: it maps the new state")
GM_VARIANT(overtaken, overtaken_2m, .name = "conv.cross_vcpu.fault_overtaken_2m",
	   .text = "the same with a huge page of the host", .huge_2m = 1)
