// SPDX-License-Identifier: GPL-2.0-only
/* Conversions while a fault waits, and holes that are filled without UFFDIO_COPY: conv.uffd_shared. */
#include <fcntl.h>
#include <sys/mman.h>

#include "uffd_served.h"

GM_FILE(.clause = "conv.uffd_shared", .providers = GM_PROVIDERS(ATTRIBUTES),
	.needs = GM_NEEDS(USERFAULTFD, TDP), .caps = GM_CAPS_ALL)

/* --- conversions while a fault waits --- */

static void to_private(struct served *a, uint64_t page)
{
	gm_convert(a->w->vm, a->w->gpa + page * PG, PG, true);
}

static void whole_to_private(struct served *a, uint64_t page)
{
	gm_convert(a->w->vm, a->w->gpa, GM_2M, true);
}

static void there_and_back(struct served *a, uint64_t page)
{
	gm_convert(a->w->vm, a->w->gpa + page * PG, PG, true);
	gm_convert(a->w->vm, a->w->gpa + page * PG, PG, false);
}

struct overtake {
	void (*convert)(struct served *a, uint64_t page);
	bool private; /* the page is private in the end */
};

static const struct overtake overtakes[] = { { to_private, true },
					     { whole_to_private, true },
					     { there_and_back, false } };

struct waiting {
	struct served a;
	const struct overtake *how;
	void (*answer)(struct uffd_server *s, uint64_t page);
};

static void answer_converted(struct uffd_server *s, uint64_t page)
{
	struct waiting *t = s->user;

	t->how->convert(&t->a, page);
	t->answer(s, page);
}

struct conversion {
	bool minor; /* MINOR over a transparent huge page; else MISSING over holes */
};

GM_CASES(converted, struct conversion, v)
{
	uint64_t flags = v->minor ? UFFD_PAGEFAULT_FLAG_MINOR : 0;
	struct waiting t = { .answer = v->minor ? served_fill_continue : served_fill_wake };
	struct gm_fixture *w;

	served_new(&t.a, -1, answer_converted);
	/* struct served is the first member, for the inner answer. */
	t.a.s.user = &t;
	t.a.s.converts = true;
	w = t.a.w;
	if (v->minor) {
		served_fill(&t.a, 0, NPAGES, 1);
		served_collapse(t.a.s.hva);
		GM_SETUP_OK(madvise(t.a.s.hva, GM_2M, MADV_DONTNEED));
	}
	gm_convert(w->vm, w->gpa, GM_2M, true);
	gm_guest_fill(w->vm, 0, w->gpa, NPAGES, GM_WRITER_PRIVATE, 1);
	served_register(&t.a, UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_MISSING_SHMEM,
			v->minor ? UFFDIO_REGISTER_MODE_MINOR : UFFDIO_REGISTER_MODE_MISSING);
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(overtakes) && !gm_failures(); i++) {
		uint64_t page = 80 * i + 7, gfn = GFN(w->gpa) + page;

		t.how = &overtakes[i % ARRAY_SIZE(overtakes)];
		gm_convert(w->vm, w->gpa, GM_2M, false);
		uffd_expect_read(&t.a.s, page,
				 t.how->private ? gm_word(gfn, GM_WRITER_PRIVATE, 1, 0)
						: served_word(&t.a, page, 2),
				 true, flags, "converted while the fault waited");
		gm_guest_check(w->vm, 0, GPA(gfn), 1,
			       t.how->private ? GM_WRITER_PRIVATE : GM_WRITER_SHARED,
			       t.how->private ? 1 : 2, "after the fault");
		gm_convert(w->vm, w->gpa, GM_2M, false);
		uffd_expect_read(&t.a.s, page, served_word(&t.a, page, 2), false, 0,
				 "given while it was private, shared now");
	}
	served_free(&t.a);
}
GM_ROW(converted, converted_minor, .name = "conv.uffd_shared.minor_converted",
       .needs = GM_NEEDS(THP),
       .text = "a MINOR fault waits while its page is converted: the guest gets the new state, later the page given") = {
	.minor = true,
};
GM_ROW(converted, converted_missing, .name = "conv.uffd_shared.missing_converted",
       .text = "the same with a MISSING fault, whose hole is filled through another mapping") = {
	.minor = false,
};

/* --- MISSING: holes that are filled without UFFDIO_COPY --- */

static void answer_pwrite(struct uffd_server *s, uint64_t page)
{
	struct served *a = s->user;
	uint64_t word = served_word(a, page, 2);

	GM_SETUP(pwrite(a->fd, &word, 8, page * PG) == 8, "pwrite: %s", gm_errno_name(errno));
	gm_uffd_wake(s->uffd, s->hva + page * PG, PG);
}

static void answer_fallocate(struct uffd_server *s, uint64_t page)
{
	struct served *a = s->user;

	GM_SETUP_OK(fallocate(a->fd, 0, page * PG, PG));
	gm_uffd_wake(s->uffd, s->hva + page * PG, PG);
}

GM_CASE(missing, .name = "conv.uffd_shared.missing_filled",
	.text = "MISSING: a hole asks until the file has the page, however it got it; UFFDIO_COPY is EEXIST then")
{
	struct served a;

	served_new(&a, -1, served_fill_wake);
	served_register(&a, UFFD_FEATURE_MISSING_SHMEM, UFFDIO_REGISTER_MODE_MISSING);
	uffd_expect_read(&a.s, 9, served_word(&a, 9, 2), true, 0, "written through a mapping");
	a.s.answer = answer_pwrite;
	uffd_expect_read(&a.s, 10, served_word(&a, 10, 2), true, 0, "written by pwrite()");
	a.s.answer = answer_fallocate;
	uffd_expect_read(&a.s, 11, 0, true, 0, "allocated by fallocate()");
	served_fill(&a, 12, 1, 3);
	GM_EXPECT_ERRNO(EEXIST, __gm_uffd_copy(a.s.uffd, a.s.hva + 12 * PG, a.other, PG),
			"a page that the file has");
	uffd_expect_read(&a.s, 12, served_word(&a, 12, 3), false, 0, "written before the access");
	a.s.answer = served_fill_wake;
	uffd_expect_read(&a.s, 13, served_word(&a, 13, 2), true, 0, "the next hole");
	served_free(&a);
}
