// SPDX-License-Identifier: GPL-2.0-only
/* No guest reaches a poisoned page, and the other pages still work: fd.hwpoison. */
#include "fd.h"
#include "poison.h"
#include "pool.h"
#include "time_factor.h"

GM_FILE(.clause = "fd.hwpoison", .flavours = FD_HOST_SEES_TDP,
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP), .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_MODULE)

#define NPAGES 8
#define BAD 5

/*
 * A process that has written the page gets SIGBUS. One that has only mapped it may get EBUSY: the
 * page stays in its file (mm/memory-failure.c, me_pagecache_clean()).
 */
static void setup_poisoned(int code)
{
	GM_SETUP(!code || code == EBUSY, "MADV_HWPOISON: %s", gm_errno_name(code));
}

/* Expects the exit of a guest access to the poisoned page, on vCPU v. */
static void expect_bad(struct gm_fixture *w, unsigned int v, bool write, const char *when)
{
	struct gm_op op = { .code = write ? GM_OP_WRITE : GM_OP_READ, .addr = GM_BASE + BAD * PG };
	struct gm_exit ex;
	bool done = __gm_run(w->vm, v, &op, 1, &ex, NULL);

	GM_EXPECT_AT(
		GM_PAGE(.off = GM_AT(BAD * PG), .gpa = GM_AT(op.addr)),
		!done && ex.ret == -1 && ex.err == EHWPOISON &&
			ex.reason == KVM_EXIT_MEMORY_FAULT && ex.fault.gpa == op.addr &&
			ex.fault.size == PG && !ex.fault.flags,
		"%s, a %s of the poisoned page on vCPU %u: expected KVM_EXIT_MEMORY_FAULT and EHWPOISON, observed %s",
		when, write ? "write" : "read", v, done ? gm_word_str(op.val) : gm_exit_str(&ex));
}

static void expect_rest(struct gm_fixture *w, unsigned int v, const char *when)
{
	gm_fixture_check_guest(w, v, FIRST, BAD, 1, when);
	gm_fixture_check_guest(w, v, FIRST + BAD + 1, NPAGES - BAD - 1, 1, when);
}

GM_CASE(poison_kept, .name = "fd.hwpoison.no_reference",
	.text = "a refused access to a poisoned page drops its reference: the frame can be unpoisoned after a hole",
	.needs = GM_NEEDS(UNPOISON))
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, NPAGES * PG, .vcpus = 2);
	uint64_t pfn;
	int code, err;

	gm_fixture_fill(w, 0, FIRST, NPAGES);
	gm_fixture_check_host(w, FIRST, NPAGES, 1, "before");
	pfn = gm_pfn_of(w->hva + BAD * PG);
	GM_SETUP(pfn, "/proc/self/pagemap has no page frame");
	code = gm_poison(w->hva + BAD * PG, NULL);
	setup_poisoned(code);
	for (int i = 0; i < 8; i++) {
		expect_bad(w, i % 2, i % 3, "repeated access");
		gm_touch(w->hva + BAD * PG, i % 3, &code);
	}
	/*
	 * EBUSY while the page has a mapping or a reference (mm/memory-failure.c,
	 * unpoison_memory()).
	 */
	err = gm_unpoison_frame(pfn);
	GM_EXPECT(err == EBUSY,
		  "unpoison of a page that is still in the file: expected EBUSY, observed %s",
		  gm_errno_name(err));
	gm_fixture_punch(w, FIRST + BAD, 1);
	/* The page may be in a per-CPU batch of pages to free: retry for a second. */
	for (int i = 0; i < gm_time_limit(100) && (err = gm_unpoison_frame(pfn)) == EBUSY; i++)
		usleep(10000);
	GM_EXPECT(!err,
		  "unpoison after the hole: expected success, observed %s: a reference is left",
		  gm_errno_name(err));
	gm_guest_check_zero(w->vm, 0, GM_BASE + BAD * PG, 1, "after the hole");
	fd_fixture_free(w);
}

/*
 * Costs 4 KiB until the next boot, and a few lines in the kernel log. This does not make it
 * destructive: nothing else is affected.
 */
GM_CASE(poison, .name = "fd.hwpoison.mapped_page",
	.text = "a page mapped by two vCPUs is poisoned: EHWPOISON for both, other pages work, a hole replaces it",
	.needs = GM_NEEDS(HWPOISON))
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, NPAGES * PG, .vcpus = 2);
	uint8_t *fresh;
	int code, sig;

	gm_fixture_fill(w, 0, FIRST, NPAGES);
	gm_fixture_check_guest(w, 1, FIRST, NPAGES, 1, "before");
	/* Maps the pages in this process's page tables, too. */
	gm_fixture_check_host(w, FIRST, NPAGES, 1, "before");
	code = gm_poison(w->hva + BAD * PG, NULL);
	setup_poisoned(code);
	expect_bad(w, 0, false, "at once");
	expect_bad(w, 1, true, "at once");
	expect_rest(w, 0, "beside the poisoned page");
	expect_rest(w, 1, "beside the poisoned page");
	expect_bad(w, 0, true, "again");
	sig = gm_touch(w->hva + BAD * PG, false, &code);
	GM_EXPECT(sig == SIGBUS && code == BUS_MCEERR_AR,
		  "the host's load: expected SIGBUS/BUS_MCEERR_AR, observed signal %d code %d", sig,
		  code);
	fresh = mmap(NULL, PG, PROT_READ, MAP_SHARED, w->gmem, BAD * PG);
	GM_SETUP(fresh != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	sig = gm_touch(fresh, false, &code);
	GM_EXPECT(
		sig == SIGBUS && code == BUS_MCEERR_AR,
		"a load by a new mapping: expected SIGBUS/BUS_MCEERR_AR, observed signal %d code %d",
		sig, code);
	munmap(fresh, PG);
	gm_fixture_check_host(w, FIRST, BAD, 1, "the host's pages below");
	/* The page is still poisoned in a new slot. A hole replaces it with a zero page. */
	gm_slot_delete(w->vm, GM_SLOT);
	gm_fixture_slot(w, GM_SLOT, GM_BASE, NPAGES * PG, 0);
	expect_bad(w, 1, false, "in a new slot");
	gm_fixture_punch(w, FIRST + BAD, 1);
	gm_guest_check_zero(w->vm, 0, GM_BASE + BAD * PG, 1, "after the hole");
	gm_fixture_fill(w, 0, FIRST + BAD, 1);
	gm_fixture_check_guest(w, 1, FIRST, NPAGES, 1, "after the hole and a new write");
	fd_fixture_free(w);
}
