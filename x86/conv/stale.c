// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults that a conversion overtakes: they began before it and end after it, and must map what is
 * true then: conv.cross_vcpu.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "conv.h"

/* --- a fault that waits for the host's memory --- */

struct stale {
	struct world *w;
	int uffd;
	uint64_t gfn, unit; /* of the page; of the host's page, bytes */
	bool write;
	void (*overtake)(struct stale *t); /* what happens meanwhile */
	struct gm_op op;
};

static int uffd_new(void *hva, uint64_t size)
{
	int fd = GM_SETUP_OK(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (uintptr_t)hva, size },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };

	GM_SETUP_OK(ioctl(fd, UFFDIO_API, &api));
	GM_SETUP_OK(ioctl(fd, UFFDIO_REGISTER, &reg));
	return fd;
}

/* Waits for the vCPU's fault: then it is past the point where it looked at the attribute. */
static void wait_fault(struct stale *t)
{
	struct pollfd p = { .fd = t->uffd, .events = POLLIN };
	struct uffd_msg msg;

	GM_SETUP_OK(poll(&p, 1, -1));
	GM_SETUP(read(t->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
			 msg.event == UFFD_EVENT_PAGEFAULT,
		 "no fault came from userfaultfd");
}

/* Gives the host's page: generation 2 of the shared half. */
static void resolve(struct stale *t)
{
	uint64_t off = GPA(t->gfn) - t->w->gpa, first = off & -t->unit;
	uint8_t *page =
		mmap(NULL, t->unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_copy copy = { .dst = (uintptr_t)t->w->mem->hva + first,
				    .src = (uintptr_t)page,
				    .len = t->unit };

	GM_SETUP(page != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_host_fill(page, GFN(t->w->gpa + first), PAGES(t->unit), GM_HALF_SHARED, 2);
	GM_SETUP_OK(ioctl(t->uffd, UFFDIO_COPY, &copy));
	munmap(page, t->unit);
}

static void stale_thread(unsigned int i, void *arg)
{
	struct stale *t = arg;

	if (!i) {
		run_racing(t->w, 0, &t->op, 1);
		return;
	}
	wait_fault(t);
	t->overtake(t);
	resolve(t);
}

static void to_private(struct stale *t)
{
	gm_convert(t->w->vm, GPA(t->gfn), GM_PAGE_SIZE, true);
}

/* All around it too, so that nothing but the fault's own page decides. */
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
	struct world *w = WORLD_NEW(.size = GM_2M, .mem = kind, .vcpus = 2);
	struct stale t = { .w = w, .unit = gm_mem_pagesize(kind) };
	uint64_t first = GFN(w->gpa);

	/* What the private half holds: generation 1. Nothing of the shared half is there. */
	gm_convert(w->vm, w->gpa, w->size, true);
	gm_guest_fill(w->vm, 0, w->gpa, 512, GM_HALF_PRIVATE, 1);
	for (unsigned int i = 0; i < 6 && !gm_failures(); i++) {
		bool private = i % 3 != 2;

		gm_convert(w->vm, w->gpa, w->size, false);
		if (kind == GM_MEM_HUGE_2M)
			GM_SETUP_OK(fallocate(w->mem->fd,
					      FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0,
					      w->size));
		else
			GM_SETUP_OK(madvise(w->mem->hva, w->size, MADV_DONTNEED));
		t.uffd = uffd_new(w->mem->hva, w->size);
		t.gfn = first + 100 * i + 7;
		t.overtake = how[i % 3];
		t.op = (struct gm_op){ .code = i < 3 ? GM_OP_READ : GM_OP_ADD, .addr = GPA(t.gfn) };
		gm_parallel(2, stale_thread, &t);
		GM_EXPECT_AT(GM_PAGE(.gpa = GPA(t.gfn)),
			     (uint64_t)t.op.ret ==
				     gm_word(t.gfn, private ? GM_HALF_PRIVATE : GM_HALF_SHARED,
					     private ? 1 : 2, 0),
			     "the access that was overtaken, page %s: observed %s",
			     private ? "private" : "shared again", gm_word_str(t.op.ret));
		/* Both vCPUs, and what is mapped now, not what the one access saw. */
		for (unsigned int v = 0; v < 2; v++)
			gm_guest_check(w->vm, v, GPA(t.gfn), 1,
				       private ? GM_HALF_PRIVATE : GM_HALF_SHARED, private ? 1 : 2,
				       "after a fault that was overtaken");
		close(t.uffd);
	}
	world_free(w);
}

#define STALE(id, what, about, ...)                                                                \
	GM_VARIANT(overtaken, id, .name = "conv.cross_vcpu." what, .clause = "conv.cross_vcpu",    \
		   .profile = "P0", .needs = GM_NEEDS(SW_PROTECTED, USERFAULTFD, TDP),             \
		   .caps = GM_CAPS_ALL, .text = about, __VA_ARGS__)
STALE(overtaken_4k, "fault_overtaken",
      "a fault that waits for the host's page while the page is converted: the new half is mapped")
STALE(overtaken_2m, "fault_overtaken_2m", "the same where the host's page is a huge one",
      .huge_2m = 1)

/* --- faults on the very pages of a long range, while it is converted --- */

#define LONG (32UL << 20)

struct ends {
	struct world *w;
	atomic_bool stop;
	atomic_ulong rounds[2];
	uint64_t at[2];
};

static void ends_thread(unsigned int i, void *arg)
{
	struct ends *e = arg;
	struct world *w = e->w;

	if (i) {
		while (!atomic_load(&e->stop)) {
			/* One end each: a fault that waits for the one would keep it from the other. */
			struct gm_op op = { .code = GM_OP_READ, .addr = e->at[i - 1] };

			run_racing(w, i, &op, 1);
			atomic_fetch_add(&e->rounds[i - 1], 1);
		}
		return;
	}
	for (unsigned int round = 0; round < 6 && !gm_failures(); round++) {
		bool private = !(round & 1);

		gm_convert(w->vm, w->gpa, w->size, private);
		/* Not before the others have been at it: an old mapping would be in use by now. */
		for (int end = 0; end < 2; end++) {
			unsigned long seen = atomic_load(&e->rounds[end]);

			while (atomic_load(&e->rounds[end]) < seen + 2)
				sched_yield();
		}
		for (int end = 0; end < 2; end++)
			gm_guest_check(w->vm, 0, e->at[end], 1,
				       private ? GM_HALF_PRIVATE : GM_HALF_SHARED, 1,
				       end ? "the last page" : "the first page");
	}
	atomic_store(&e->stop, true);
}

GM_CASE(range_ends, .name = "conv.cross_vcpu.range_ends", .clause = "conv.cross_vcpu",
	.profile = "P0", .needs = GM_NEEDS(SW_PROTECTED),
	.text = "two vCPUs touch the ends of a long range while it is converted: the new half when it is")
{
	struct world *w = WORLD_NEW(.size = LONG, .vcpus = 3);
	struct ends e = { .w = w, .at = { w->gpa, w->gpa + LONG - GM_PAGE_SIZE } };

	for (int private = 1; private >= 0; private --) {
		gm_convert(w->vm, w->gpa, w->size, private);
		for (int end = 0; end < 2; end++)
			gm_guest_fill(w->vm, 0, e.at[end], 1,
				      private ? GM_HALF_PRIVATE : GM_HALF_SHARED, 1);
	}
	gm_parallel(3, ends_thread, &e);
	world_free(w);
}
