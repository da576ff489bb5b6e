// SPDX-License-Identifier: GPL-2.0-only
/* Conversions of a poisoned page: fd.hwpoison. Costs 4 KiB of memory until the next boot. */

#include "fd_inplace.h"
#include "poison.h"
#include "pool.h"

GM_FILE(.clause = "fd.hwpoison", .providers = GM_PROVIDERS(INPLACE), .needs = GM_NEEDS(HWPOISON),
	.caps = GM_CAPS_ALL, .tokens = GM_TOKEN_MODULE)

#define NPAGES 16UL
#define BAD 5UL

/*
 * EBUSY: the page is poisoned, but stays in its file (mm/memory-failure.c, me_pagecache_clean()).
 */
static bool is_poisoned(int err)
{
	return !err || err == EBUSY;
}

static void poison(uint8_t *hva)
{
	int err = gm_poison(hva, NULL);

	GM_SETUP(is_poisoned(err), "MADV_HWPOISON: %s", gm_errno_name(err));
}

static void expect_bad(struct gm_fixture *w, bool write, const char *when)
{
	struct gm_op op = { .code = write ? GM_OP_WRITE : GM_OP_READ, .addr = w->gpa + BAD * PG };
	struct gm_exit ex;
	bool done = __gm_run(w->vm, 0, &op, 1, &ex, NULL);

	GM_EXPECT_AT(
		GM_PAGE(.off = GM_AT(BAD * PG), .gpa = GM_AT(op.addr)),
		!done && ex.ret && ex.err == EHWPOISON && ex.reason == KVM_EXIT_MEMORY_FAULT &&
			ex.fault.gpa == op.addr && ex.fault.size == PG,
		"%s, a %s of the poisoned page: expected KVM_EXIT_MEMORY_FAULT and EHWPOISON, observed %s",
		when, write ? "write" : "read", done ? gm_word_str(op.val) : gm_exit_str(&ex));
}

static void expect_rest(struct gm_fixture *w, const char *when)
{
	uint64_t first = GFN(w->gpa);

	gm_fixture_check_guest(w, 0, first, BAD, 1, when);
	gm_fixture_check_guest(w, 0, first + BAD + 1, NPAGES - BAD - 1, 1, when);
	for (uint64_t p = 0; p < NPAGES; p++)
		if (p != BAD)
			inplace_expect_page(w->hva, p, gm_model_private(w->model, first + p), when);
}

/*
 * Expects that pages [from, to), which include the poisoned one, are refused, and none is
 * converted.
 */
static void expect_busy(struct gm_fixture *w, uint64_t from, uint64_t to)
{
	uint64_t error_offset;

	GM_EXPECT_ERRNO(
		EAGAIN,
		__gm_gmem_convert(w->gmem, from * PG, (to - from) * PG, true, &error_offset),
		"pages %lu to %lu to private, page %lu of them poisoned", from, to, BAD);
	GM_EXPECT_EQ(error_offset, BAD * PG, "error_offset");
	expect_rest(w, "after the refusal");
}

/* A hole replaces the page by a zero page of the same state. */
static void replace_page(struct gm_fixture *w)
{
	uint64_t gfn = GFN(w->gpa) + BAD;

	gm_fixture_punch(w, gfn, 1);
	/* The old mapping keeps the entry of the poisoned page even after the hole. */
	GM_SETUP(mmap(w->hva, w->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, w->gmem,
		      0) == w->hva,
		 "mmap: %s", gm_errno_name(errno));
	inplace_expect_page(w->hva, BAD, gm_model_private(w->model, gfn), "after the hole");
	gm_fixture_check_guest(w, 0, gfn, 1, 1, "after the hole");
	gm_fixture_convert(w, GFN(w->gpa), NPAGES, true);
	gm_fixture_fill(w, 0, gfn, 1);
	gm_fixture_convert(w, GFN(w->gpa), NPAGES, false);
	gm_fixture_check_all(w, 0, "after the hole and a new write");
}

GM_CASE(poison_shared, .name = "fd.hwpoison.convert", .needs = GM_NEEDS(GMEM_GUP),
	.flags = GM_REFUSAL,
	.text = "a poisoned page cannot become private: EAGAIN with its offset, no page is converted; a hole ends that")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t first = GFN(w->gpa);

	gm_fixture_fill(w, 0, first, NPAGES);
	gm_fixture_check_host(w, first, NPAGES, 8, "before");
	poison(w->hva + BAD * PG);
	expect_bad(w, false, "shared");
	expect_busy(w, 0, NPAGES);
	expect_busy(w, BAD, BAD + 1);
	expect_busy(w, 0, BAD + 1);
	expect_busy(w, BAD, NPAGES);
	/* Other pages, and conversions to shared, are not refused. */
	gm_fixture_convert(w, first, BAD, true);
	gm_fixture_convert(w, first + BAD + 1, NPAGES - BAD - 1, true);
	gm_control(!gm_failures(), "the pages on both sides are converted");
	expect_rest(w, "beside the poisoned page");
	expect_bad(w, true, "among private pages");
	expect_busy(w, BAD - 2, BAD + 2);
	gm_fixture_convert(w, first, NPAGES, false);
	expect_bad(w, false, "all shared again");
	replace_page(w);
	gm_fixture_free(w);
}

GM_CASE(poison_private, .name = "fd.hwpoison.private", .needs = GM_NEEDS(UNPOISON),
	.text = "a private page is poisoned: EHWPOISON for the guest, SIGBUS for the host once it is shared, a hole replaces it")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t first = GFN(w->gpa), pfn;
	int code, sig, err;

	gm_fixture_fill(w, 0, first, NPAGES);
	gm_fixture_check_host(w, first, NPAGES, 8, "before");
	pfn = gm_pfn_of(w->hva + BAD * PG);
	GM_SETUP(pfn, "/proc/self/pagemap has no page frame");
	gm_fixture_convert(w, first, NPAGES, true);
	gm_fixture_check_guest(w, 0, first, NPAGES, 8, "private");
	err = gm_poison_frame(pfn);
	GM_SETUP(is_poisoned(err), "corrupt-pfn: %s", gm_errno_name(err));
	expect_bad(w, false, "private");
	expect_bad(w, true, "private");
	expect_rest(w, "beside the poisoned page");
	inplace_expect_page(w->hva, BAD + 1, true, "beside the poisoned page");
	/* A conversion to shared is never refused; the page stays poisoned. */
	gm_fixture_convert(w, first, NPAGES, false);
	expect_bad(w, false, "shared");
	sig = gm_touch(w->hva + BAD * PG, false, &code);
	GM_EXPECT(sig == SIGBUS && code == BUS_MCEERR_AR,
		  "the host's load: expected SIGBUS/BUS_MCEERR_AR, observed signal %d code %d", sig,
		  code);
	expect_rest(w, "shared");
	expect_busy(w, 0, NPAGES);
	replace_page(w);
	gm_fixture_free(w);
}
