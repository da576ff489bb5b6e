// SPDX-License-Identifier: GPL-2.0-only
/* UFFD_EVENT_REMOVE: which removals are announced, and wait: conv.uffd_shared. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <sys/mman.h>

#include "uffd_served.h"

GM_FILE(.clause = "conv.uffd_shared", .providers = GM_PROVIDERS(ATTRIBUTES),
	.needs = GM_NEEDS(USERFAULTFD, TDP), .caps = GM_CAPS_ALL)

struct removal {
	struct served *a;
	int advice;
	atomic_bool returned;
	int ret;
};

/* False: the advice returned without a message. */
static bool wait_for_message(struct removal *r)
{
	struct pollfd p = { .fd = r->a->s.uffd, .events = POLLIN };
	bool returned;

	do {
		returned = atomic_load(&r->returned);
		if (GM_SETUP_OK(poll(&p, 1, returned ? 0 : 20)))
			return true;
	} while (!returned);
	return false;
}

/* Thread 0 gives the advice for pages 5 and 6. Thread 1 checks while it waits, and reads the event. */
static void advise_and_check(unsigned int i, void *arg)
{
	struct removal *r = arg;
	struct served *a = r->a;
	struct gm_vm *vm = a->w->vm;
	struct uffd_msg msg;

	if (!i) {
		r->ret = madvise(a->s.hva + 5 * PG, 2 * PG, r->advice) ? errno : 0;
		atomic_store(&r->returned, true);
		return;
	}
	if (!GM_EXPECT(wait_for_message(r), "the advice returned without a message"))
		return;
	if (gm_host_check(a->other + 5 * PG, GFN(a->w->gpa) + 5, 2, GM_WRITER_SHARED, 1,
			  "the event is not read yet"))
		gm_guest_check(vm, 0, a->w->gpa + 5 * PG, 2, GM_WRITER_SHARED, 1,
			       "the event is not read yet");
	gm_convert(vm, a->w->gpa + 5 * PG, PG, true);
	gm_convert(vm, a->w->gpa + 5 * PG, PG, false);
	GM_EXPECT_ERRNO(EAGAIN, __gm_uffd_copy(a->s.uffd, a->s.hva + 100 * PG, a->other, PG),
			"while the event is not read");
	GM_EXPECT(!atomic_load(&r->returned), "the advice returned before the event was read");
	GM_EXPECT(gm_uffd_read(a->s.uffd, 0, &msg) && msg.event == UFFD_EVENT_REMOVE &&
			  msg.arg.remove.start == (uintptr_t)a->s.hva + 5 * PG &&
			  msg.arg.remove.end == (uintptr_t)a->s.hva + 7 * PG,
		  "expected the removal of pages 5 and 6, observed event %#x, %#llx to %#llx",
		  msg.event, msg.arg.remove.start, msg.arg.remove.end);
}

static void removal_new(struct served *a)
{
	served_new(a, -1, served_fill_wake);
	served_fill(a, 0, 16, 1);
	gm_guest_touch(a->w->vm, 0, a->w->gpa, 16 * PG, PG);
	served_register(a, UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_MISSING_SHMEM,
			UFFDIO_REGISTER_MODE_MISSING);
}

struct advice {
	int advice;
	bool hole; /* the advice makes a hole */
};

GM_CASES(event, struct advice, v)
{
	struct removal r = { .advice = v->advice };
	struct served a;

	removal_new(&a);
	r.a = &a;
	gm_parallel(2, advise_and_check, &r);
	GM_EXPECT(!r.ret, "madvise: %s", gm_errno_name(r.ret));
	for (unsigned int page = 4; page < 8; page++) {
		bool gone = v->hole && page > 4 && page < 7;

		uffd_expect_read(&a.s, page, served_word(&a, page, gone ? 2 : 1), gone, 0,
				 "after the event");
	}
	GM_EXPECT_OK(__gm_uffd_copy(a.s.uffd, a.s.hva + 100 * PG, a.other, PG), "after the event");
	served_free(&a);
}
GM_ROW(event, event_remove, .name = "conv.uffd_shared.madv_remove",
       .text = "MADV_REMOVE waits until its event is read: until then guest and host have the pages, afterwards they ask") = {
	.advice = MADV_REMOVE,
	.hole = true,
};
GM_ROW(event, event_dontneed, .name = "conv.uffd_shared.madv_dontneed",
       .text = "MADV_DONTNEED waits, too: afterwards the guest has the pages of the file, and does not ask") = {
	.advice = MADV_DONTNEED,
};

GM_CASE(hole_by_fd, .name = "conv.uffd_shared.hole_by_fd",
	.text = "a hole by the file descriptor sends no event: it returns at once, and the guest asks at its next access")
{
	struct uffd_msg msg;
	struct served a;

	removal_new(&a);
	GM_EXPECT_OK(fallocate(a.fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 5 * PG, 2 * PG));
	GM_EXPECT(!gm_uffd_read(a.s.uffd, 0, &msg), "expected no message, observed event %#x",
		  msg.event);
	for (unsigned int page = 4; page < 8; page++) {
		bool gone = page > 4 && page < 7;

		uffd_expect_read(&a.s, page, served_word(&a, page, gone ? 2 : 1), gone, 0,
				 "after the hole");
	}
	served_free(&a);
}
