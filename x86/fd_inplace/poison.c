// SPDX-License-Identifier: GPL-2.0-only
/* A page that has gone bad, over conversions: fd.hwpoison. Costs the machine 4 KiB until it is booted again. */

#include "fd_inplace.h"
#include "poison.h"
#include "pool.h"

GM_FILE(.clause = "fd.hwpoison", .providers = GM_PROVIDERS(INPLACE), .needs = GM_NEEDS(HWPOISON),
	.caps = GM_CAPS_ALL, .tokens = GM_TOKEN_MODULE)

#define NPAGES 16UL
#define BAD 5UL

/* EBUSY says that the page stays in its file: it is bad all the same (mm/memory-failure.c:me_pagecache_clean()). */
static bool gone_bad(int err)
{
	return !err || err == EBUSY;
}

static void spoil(uint8_t *hva)
{
	int err = gm_poison(hva, NULL);

	GM_SETUP(gone_bad(err), "MADV_HWPOISON: %s", gm_errno_name(err));
}

static void expect_bad(struct gm_fixture *w, bool write, const char *when)
{
	struct gm_op op = { .code = write ? GM_OP_WRITE : GM_OP_READ, .addr = w->gpa + BAD * PG };
	struct gm_exit ex;
	bool through = __gm_run(w->vm, 0, &op, 1, &ex, NULL);

	GM_EXPECT_AT(
		GM_PAGE(.off = GM_AT(BAD * PG), .gpa = GM_AT(op.addr)),
		!through && ex.ret && ex.err == EHWPOISON && ex.reason == KVM_EXIT_MEMORY_FAULT &&
			ex.fault.gpa == op.addr && ex.fault.size == PG,
		"%s, a %s of the bad page: expected KVM_EXIT_MEMORY_FAULT and EHWPOISON, observed %s",
		when, write ? "write" : "read", through ? gm_word_str(op.val) : gm_exit_str(&ex));
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

/* Pages [from, to), which the bad one is among: refused, and none is converted. */
static void expect_busy(struct gm_fixture *w, uint64_t from, uint64_t to)
{
	uint64_t error_offset;

	GM_EXPECT_ERRNO(
		EAGAIN,
		__gm_gmem_convert(w->gmem, from * PG, (to - from) * PG, true, &error_offset),
		"pages %lu to %lu to private, page %lu of them bad", from, to, BAD);
	GM_EXPECT_EQ(error_offset, BAD * PG, "error_offset");
	expect_rest(w, "after the refusal");
}

/* The page is given up: a new one, of zeroes, in the old one's state. */
static void heal(struct gm_fixture *w)
{
	uint64_t gfn = GFN(w->gpa) + BAD;

	gm_fixture_punch(w, gfn, 1);
	/* A mapping that had the bad page remembers it beyond the hole. */
	GM_SETUP(mmap(w->hva, w->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, w->gmem,
		      0) == w->hva,
		 "mmap: %s", gm_errno_name(errno));
	inplace_expect_page(w->hva, BAD, gm_model_private(w->model, gfn), "after the hole");
	gm_fixture_check_guest(w, 0, gfn, 1, 1, "after the hole");
	gm_fixture_convert(w, GFN(w->gpa), NPAGES, true);
	gm_fixture_fill(w, 0, gfn, 1);
	gm_fixture_convert(w, GFN(w->gpa), NPAGES, false);
	gm_fixture_check_all(w, 0, "healed");
}

GM_CASE(poison_shared, .name = "fd.hwpoison.convert", .flags = GM_REFUSAL,
	.text = "a bad page is not made private: EAGAIN with its offset, none is converted; a hole ends that")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t first = GFN(w->gpa);

	gm_fixture_fill(w, 0, first, NPAGES);
	gm_fixture_check_host(w, first, NPAGES, 8, "before");
	spoil(w->hva + BAD * PG);
	expect_bad(w, false, "shared");
	expect_busy(w, 0, NPAGES);
	expect_busy(w, BAD, BAD + 1);
	expect_busy(w, 0, BAD + 1);
	expect_busy(w, BAD, NPAGES);
	/* Beside it, and to shared, nobody is refused. */
	gm_fixture_convert(w, first, BAD, true);
	gm_fixture_convert(w, first + BAD + 1, NPAGES - BAD - 1, true);
	gm_control(!gm_failures(), "the pages on both sides are converted");
	expect_rest(w, "beside the bad page");
	expect_bad(w, true, "among private pages");
	expect_busy(w, BAD - 2, BAD + 2);
	gm_fixture_convert(w, first, NPAGES, false);
	expect_bad(w, false, "all shared again");
	heal(w);
	gm_fixture_free(w);
}

GM_CASE(poison_private, .name = "fd.hwpoison.private", .needs = GM_NEEDS(UNPOISON),
	.text = "a private page goes bad: EHWPOISON for the guest, SIGBUS for the host once it is shared, a hole heals it")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t first = GFN(w->gpa), pfn;
	int code, sig, err;

	gm_fixture_fill(w, 0, first, NPAGES);
	gm_fixture_check_host(w, first, NPAGES, 8, "before");
	pfn = gm_pfn_of(w->hva + BAD * PG);
	GM_SETUP(pfn, "/proc/self/pagemap does not tell the page frame");
	gm_fixture_convert(w, first, NPAGES, true);
	gm_fixture_check_guest(w, 0, first, NPAGES, 8, "private");
	err = gm_poison_frame(pfn);
	GM_SETUP(gone_bad(err), "corrupt-pfn: %s", gm_errno_name(err));
	expect_bad(w, false, "private");
	expect_bad(w, true, "private");
	expect_rest(w, "beside the bad page");
	inplace_expect_page(w->hva, BAD + 1, true, "beside the bad page");
	/* To shared is never refused; the page is as bad as before. */
	gm_fixture_convert(w, first, NPAGES, false);
	expect_bad(w, false, "shared");
	sig = gm_touch(w->hva + BAD * PG, false, &code);
	GM_EXPECT(sig == SIGBUS && code == BUS_MCEERR_AR,
		  "the host's load: expected SIGBUS/BUS_MCEERR_AR, observed signal %d code %d", sig,
		  code);
	expect_rest(w, "shared");
	expect_busy(w, 0, NPAGES);
	heal(w);
	gm_fixture_free(w);
}
