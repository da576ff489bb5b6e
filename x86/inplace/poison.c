// SPDX-License-Identifier: GPL-2.0-only
/* A poisoned page cannot become private until a hole removes it: conv.inplace_poison. */
#include <sys/mman.h>

#include "frames.h"
#include "inplace.h"
#include "poison.h"
#include "time_factor.h"

GM_FILE(.clause = "conv.inplace_poison", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS | GM_NEEDS(HWPOISON, UNPOISON, TDP), .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_MODULE)

#define NPAGES 32UL
#define SIZE (NPAGES * PG)
#define BAD 9UL

static void poison(uint8_t *hva)
{
	int err = gm_poison(hva, NULL);

	GM_SETUP(!err, "MADV_HWPOISON: %s", gm_errno_name(err));
}

/*
 * Unpoisons a frame that is in no file any more; if that fails, 4 KiB are lost until the next boot.
 */
static void unpoison(uint64_t pfn)
{
	for (int i = 0; i < gm_time_limit(100) && gm_unpoison_frame(pfn) == EBUSY; i++)
		usleep(10000);
}

/*
 * Maps the page again: page tables keep the entry of a poisoned page even when the file unmaps it
 * (mm/memory.c).
 */
static void map_anew(struct gm_fixture *w)
{
	void *at = w->hva + BAD * PG;

	GM_SETUP(mmap(at, PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, w->gmem, BAD * PG) ==
			 at,
		 "mmap: %s", gm_errno_name(errno));
}

static void expect_bad(struct gm_fixture *w, uint64_t flags, const char *when)
{
	for (int write = 0; write < 2; write++) {
		struct gm_op op = { .code = write ? GM_OP_WRITE : GM_OP_READ,
				    .addr = w->gpa + BAD * PG };
		struct gm_exit ex;
		bool done = __gm_run(w->vm, 0, &op, 1, &ex, NULL);

		GM_EXPECT_AT(
			GM_PAGE(.gpa = GM_AT(op.addr), .off = GM_AT(BAD * PG)),
			!done && ex.ret && ex.err == EHWPOISON &&
				ex.reason == KVM_EXIT_MEMORY_FAULT && ex.fault.gpa == op.addr &&
				ex.fault.flags == flags,
			"%s, a %s: expected KVM_EXIT_MEMORY_FAULT and EHWPOISON, flags %#lx, observed %s",
			when, write ? "write" : "read", flags, done ? "success" : gm_exit_str(&ex));
	}
}

/* Checks all pages except the poisoned one. */
static void expect_rest(struct gm_fixture *w, const char *when)
{
	ip_expect_state(w, 0, BAD, when);
	ip_expect_state(w, BAD + 1, NPAGES - BAD - 1, when);
	gm_fixture_check_guest(w, 0, ip_gfn(w, 0), BAD, 8, when);
	gm_fixture_check_guest(w, 0, ip_gfn(w, BAD + 1), NPAGES - BAD - 1, 8, when);
}

GM_CASE(while_shared, .needs = GM_NEEDS(GMEM_GUP), .name = "conv.inplace_poison.shared",
	.text = "a shared page is poisoned: EAGAIN with its offset until a hole removes it; the guest gets EHWPOISON")
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	uint64_t pfn;

	ip_all_shared(w);
	gm_guest_touch(w->vm, 0, w->gpa, SIZE, PG);
	*(volatile uint64_t *)(w->hva + BAD * PG + 8) = 1;
	GM_SETUP(gm_frames_read(w->hva + BAD * PG, 1, &pfn),
		 "/proc/self/pagemap has no page frame");
	poison(w->hva + BAD * PG);
	for (int turn = 0; turn < 3; turn++) {
		ip_expect_busy(w, 0, NPAGES, BAD, "a poisoned page");
		ip_expect_busy(w, BAD, 1, BAD, "a poisoned page");
	}
	expect_bad(w, 0, "shared");
	ip_convert(w, 0, BAD, true, "below the poisoned page");
	ip_convert(w, BAD + 1, NPAGES - BAD - 1, true, "above the poisoned page");
	expect_rest(w, "beside the poisoned page");
	ip_expect_busy(w, 0, NPAGES, BAD, "a poisoned page among private ones");
	ip_convert(w, 0, NPAGES, false, "to shared");
	expect_rest(w, "shared again");
	expect_bad(w, 0, "shared again");
	gm_fixture_punch(w, ip_gfn(w, BAD), 1);
	map_anew(w);
	ip_convert(w, 0, NPAGES, true, "after the hole");
	ip_expect_all(w, "after the hole");
	ip_convert(w, 0, NPAGES, false, "back");
	ip_expect_all(w, "shared, after the hole");
	gm_fixture_free(w);
	unpoison(pfn);
}

/* Poison is the only way to have a lasting reference on a private page. */
GM_CASE(while_private, .name = "conv.inplace_poison.private",
	.text = "a private page is poisoned: EAGAIN in a mixed range, success if all pages are private already")
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	uint64_t pfn;
	int err;

	ip_all_shared(w);
	*(volatile uint64_t *)(w->hva + BAD * PG + 8) = 1;
	GM_SETUP(gm_frames_read(w->hva + BAD * PG, 1, &pfn),
		 "/proc/self/pagemap has no page frame");
	ip_convert(w, BAD - 3, 6, true, "six pages");
	/* The guest has the page mapped, and loses it. */
	gm_guest_touch(w->vm, 0, w->gpa, SIZE, PG);
	err = gm_poison_frame(pfn);
	GM_SETUP(!err || err == EOPNOTSUPP || err == EBUSY, "corrupt-pfn: %s", gm_errno_name(err));
	ip_convert(w, BAD - 3, 6, true, "all private already");
	ip_convert(w, BAD, 1, true, "private already");
	ip_expect_busy(w, 0, NPAGES, BAD, "a poisoned private page in a mixed range");
	ip_expect_busy(w, BAD - 4, 6, BAD, "a poisoned private page in a mixed range");
	expect_rest(w, "after the refusals");
	expect_bad(w, KVM_MEMORY_EXIT_FLAG_PRIVATE, "private");
	ip_convert(w, 0, BAD, true, "below the poisoned page");
	ip_expect_busy(w, BAD, NPAGES - BAD, BAD, "a poisoned private page at the start");
	ip_convert(w, 0, NPAGES, false, "to shared");
	expect_bad(w, 0, "shared");
	ip_expect_busy(w, 0, NPAGES, BAD, "shared");
	gm_fixture_punch(w, ip_gfn(w, BAD), 1);
	map_anew(w);
	ip_convert(w, 0, NPAGES, true, "after the hole");
	ip_expect_all(w, "after the hole");
	gm_fixture_free(w);
	unpoison(pfn);
}

/*
 * KVM does not dirty the folio for guest writes. So a page that only the guest wrote is clean:
 * memory_failure() kills no process that maps it, and returns EBUSY since it stays in its file.
 */
GM_CASE(guest_wrote, .needs = GM_NEEDS(GMEM_GUP), .name = "conv.inplace_poison.guest_wrote",
	.text = "a page that only the guest wrote is poisoned: EBUSY, no SIGBUS for processes that map it; one that the host wrote: SIGBUS")
{
	for (int host = 0; host < 2; host++) {
		struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
		uint8_t *bad = w->hva + BAD * PG;
		bool killed;
		uint64_t pfn;
		int err;

		gm_guest_fill(w->vm, 0, w->gpa, NPAGES, GM_WRITER_SHARED, 1);
		if (host)
			*(volatile uint64_t *)bad = 1;
		else
			(void)*(volatile uint64_t *)bad;
		GM_SETUP(gm_frames_read(bad, 1, &pfn), "/proc/self/pagemap has no page frame");
		err = gm_poison(bad, &killed);
		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(BAD * PG)),
			     killed == host && err == (host ? 0 : EBUSY),
			     "written by the %s: expected %s, observed %s", host ? "host" : "guest",
			     host ? "SIGBUS" : "EBUSY", killed ? "SIGBUS" : gm_errno_name(err));
		expect_bad(w, 0, "afterwards");
		gm_gmem_punch(w->gmem, BAD * PG, PG);
		gm_fixture_free(w);
		unpoison(pfn);
	}
}

struct place {
	uint64_t off; /* of the slot in the file */
};

/* The exit's flags have the state of the page at its offset in the file, not in the slot. */
GM_CASES(slot_offset, struct place, v)
{
	uint64_t off = v->off;

	for (int private = 0; private < 2; private ++) {
		struct gm_fixture *w =
			IP_FIXTURE(false, .size = SIZE, .file_size = off + SIZE, .no_slot = true);
		uint8_t *bad = w->hva + off + BAD * PG;
		uint64_t pfn;
		int err;

		gm_slot_set(w->vm, GM_SLOT, 0, w->gpa, SIZE, w->mem->hva, w->gmem, off);
		*(volatile uint64_t *)bad = 1;
		GM_SETUP(gm_frames_read(bad, 1, &pfn), "/proc/self/pagemap has no page frame");
		gm_gmem_convert(w->gmem, private ? off : 0, SIZE, true);
		err = gm_poison_frame(pfn);
		GM_SETUP(!err || err == EOPNOTSUPP || err == EBUSY, "corrupt-pfn: %s",
			 gm_errno_name(err));
		expect_bad(w, private ? KVM_MEMORY_EXIT_FLAG_PRIVATE : 0,
			   private ? "private" : "shared");
		gm_gmem_punch(w->gmem, off + BAD * PG, PG);
		gm_fixture_free(w);
		unpoison(pfn);
	}
}
GM_ROW(slot_offset, slot_offset_near, .name = "conv.inplace_poison.slot_offset",
       .text = "the slot begins inside the file, whose pages before it have the other state: the exit has the page's own state") = {
	.off = SIZE,
};
GM_ROW(slot_offset, slot_offset_far, .name = "conv.inplace_poison.slot_offset.far",
       .text = "the same with the slot at 16 TiB of the file") = { .off = 16UL << 40 };

GM_CASE(places, .needs = GM_NEEDS(GMEM_GUP), .name = "conv.inplace_poison.places",
	.text = "the first, a middle and the last page are poisoned: EAGAIN with the first of a range; a hole replaces each")
{
	static const uint64_t page[] = { 0, 15, NPAGES - 1 };
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	uint64_t pfn[3];

	ip_all_shared(w);
	for (int i = 0; i < 3; i++) {
		uint8_t *bad = w->hva + page[i] * PG;

		*(volatile uint64_t *)bad = 1;
		GM_SETUP(gm_frames_read(bad, 1, &pfn[i]), "/proc/self/pagemap has no page frame");
		poison(bad);
	}
	for (int i = 0; i < 3; i++) {
		uint64_t next = i < 2 ? page[i + 1] : NPAGES;

		ip_expect_busy(w, 0, NPAGES, page[i], "from the start of the file");
		ip_expect_busy(w, page[i], 1, page[i], "the poisoned page");
		ip_expect_busy(w, page[i], NPAGES - page[i], page[i], "from the poisoned page on");
		if (next > page[i] + 1) {
			ip_convert(w, page[i] + 1, next - page[i] - 1, true, "up to the next one");
			ip_convert(w, page[i] + 1, next - page[i] - 1, false, "back");
		}
		gm_fixture_punch(w, ip_gfn(w, page[i]), 1);
		GM_SETUP(mmap(w->hva + page[i] * PG, PG, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED, w->gmem, page[i] * PG) != MAP_FAILED,
			 "mmap: %s", gm_errno_name(errno));
		ip_convert(w, 0, next, true, "after the hole");
		ip_convert(w, 0, next, false, "back");
	}
	ip_convert(w, 0, NPAGES, true, "after all holes");
	ip_expect_all(w, "private");
	ip_convert(w, 0, NPAGES, false, "back");
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
	for (int i = 0; i < 3; i++)
		unpoison(pfn[i]);
}
