// SPDX-License-Identifier: GPL-2.0-only
/* Host memory of a slot whose faults wait until the test provides the page. */
#include <sys/mman.h>

#include "conv.h"

void uffd_give(int uffd, struct gm_fixture *w, uint64_t gpa, uint64_t unit, unsigned int gen)
{
	uint64_t first = (gpa - w->gpa) & -unit;
	uint8_t *page =
		mmap(NULL, unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	GM_SETUP(page != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_host_fill(page, GFN(w->gpa + first), PAGES(unit), GM_WRITER_SHARED, gen);
	gm_uffd_copy(uffd, w->hva + first, page, unit);
	munmap(page, unit);
}

static void serve(unsigned int i, void *arg)
{
	struct uffd_server *s = arg;
	struct uffd_msg msg;

	if (!i) {
		if (s->converts)
			gm_run_racing(s->vm, 0, &s->op, 1);
		else
			gm_run(s->vm, 0, &s->op, 1);
		atomic_store(&s->done, true);
		return;
	}
	for (;;) {
		bool done = atomic_load(&s->done);

		if (gm_uffd_read(s->uffd, done ? 0 : 20, &msg)) {
			if (!GM_EXPECT(msg.event == UFFD_EVENT_PAGEFAULT,
				       "during an access: event %#x, expected page faults only",
				       msg.event))
				continue;
			s->faults++;
			s->page = (msg.arg.pagefault.address - (uintptr_t)s->hva) / GM_PAGE_SIZE;
			s->fault_flags = msg.arg.pagefault.flags & ~UFFD_PAGEFAULT_FLAG_WRITE;
			s->answer(s, s->page);
		} else if (done) {
			return;
		}
	}
}

uint64_t uffd_guest_read(struct uffd_server *s, uint64_t page)
{
	s->faults = 0;
	s->op = (struct gm_op){ .code = GM_OP_READ, .addr = s->gpa + GPA(page) };
	atomic_store(&s->done, false);
	gm_parallel(2, serve, s);
	return s->op.val;
}

bool uffd_expect_read(struct uffd_server *s, uint64_t page, uint64_t want, bool asks,
		      uint64_t flags, const char *when)
{
	uint64_t got = uffd_guest_read(s, page);
	struct gm_page at = gm_vm_page(s->vm, s->gpa + GPA(page));
	bool good = GM_EXPECT_AT(&at, got == want, "%s: page %lu: expected %s, observed %s", when,
				 page, gm_word_str(want), gm_word_str(got));

	if (!asks)
		return GM_EXPECT_AT(&at, !s->faults,
				    "%s: page %lu: expected no message, observed %u, page %lu",
				    when, page, s->faults, s->page) &&
		       good;
	return GM_EXPECT_AT(
		       &at, s->faults == 1 && s->page == page && s->fault_flags == flags,
		       "%s: expected 1 message, page %lu, flags %#lx; observed %u, page %lu, flags %#lx",
		       when, page, flags, s->faults, s->page, s->fault_flags) &&
	       good;
}
