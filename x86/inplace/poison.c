// SPDX-License-Identifier: GPL-2.0-only
/* A page that has gone bad cannot become private until a hole takes it: conv.inplace_poison. */
#include <sys/mman.h>

#include "frames.h"
#include "inplace.h"
#include "poison.h"

GM_FILE(.clause = "conv.inplace_poison", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS | GM_NEEDS(HWPOISON, UNPOISON, TDP), .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_MODULE)

#define NPAGES 32UL
#define SIZE (NPAGES * PG)
#define BAD 9UL

static void spoil(uint8_t *hva)
{
	int err = gm_poison(hva, NULL);

	GM_SETUP(!err, "MADV_HWPOISON: %s", gm_errno_name(err));
}

/* The frame that is in no file any more; where it cannot be given back, 4 KiB are lost until the boot. */
static void give_back(uint64_t pfn)
{
	for (int i = 0; i < 100 && gm_unpoison_frame(pfn) == EBUSY; i++)
		usleep(10000);
}

/*
 * The page tables of who had it mapped say that it was bad, and go on to (mm/memory.c keeps such entries
 * where it unmaps a file's pages): another mapping of the page.
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

/* The pages but the bad one: it has no content to look at. */
static void expect_rest(struct gm_fixture *w, const char *when)
{
	ip_expect_state(w, 0, BAD, when);
	ip_expect_state(w, BAD + 1, NPAGES - BAD - 1, when);
	gm_fixture_check_guest(w, 0, ip_gfn(w, 0), BAD, 8, when);
	gm_fixture_check_guest(w, 0, ip_gfn(w, BAD + 1), NPAGES - BAD - 1, 8, when);
}

GM_CASE(while_shared, .name = "conv.inplace_poison.shared",
	.text = "a shared page goes bad: EAGAIN names it until a hole takes it away, the guest gets EHWPOISON")
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	uint64_t pfn;

	ip_all_shared(w);
	gm_guest_touch(w->vm, 0, w->gpa, SIZE, PG);
	*(volatile uint64_t *)(w->hva + BAD * PG + 8) = 1;
	GM_SETUP(gm_frames_read(w->hva + BAD * PG, 1, &pfn), "the page frame is not told");
	spoil(w->hva + BAD * PG);
	for (int turn = 0; turn < 3; turn++) {
		ip_expect_busy(w, 0, NPAGES, BAD, "a bad page");
		ip_expect_busy(w, BAD, 1, BAD, "a bad page");
	}
	expect_bad(w, 0, "shared");
	ip_convert(w, 0, BAD, true, "below the bad page");
	ip_convert(w, BAD + 1, NPAGES - BAD - 1, true, "above the bad page");
	expect_rest(w, "beside the bad page");
	ip_expect_busy(w, 0, NPAGES, BAD, "a bad page among private ones");
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
	give_back(pfn);
}

/* The one way to have somebody's reference on a private page that does not end by itself. */
GM_CASE(while_private, .name = "conv.inplace_poison.private",
	.text = "a private page goes bad: it is looked at in a mixed range, and not where all is private already")
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	uint64_t pfn;
	int err;

	ip_all_shared(w);
	*(volatile uint64_t *)(w->hva + BAD * PG + 8) = 1;
	GM_SETUP(gm_frames_read(w->hva + BAD * PG, 1, &pfn), "the page frame is not told");
	ip_convert(w, BAD - 3, 6, true, "six pages");
	/* The guest has it mapped, and loses it. */
	gm_guest_touch(w->vm, 0, w->gpa, SIZE, PG);
	err = gm_poison_frame(pfn);
	GM_SETUP(!err || err == EOPNOTSUPP || err == EBUSY, "corrupt-pfn: %s", gm_errno_name(err));
	ip_convert(w, BAD - 3, 6, true, "all private already");
	ip_convert(w, BAD, 1, true, "private already");
	ip_expect_busy(w, 0, NPAGES, BAD, "a bad private page in a mixed range");
	ip_expect_busy(w, BAD - 4, 6, BAD, "a bad private page in a mixed range");
	expect_rest(w, "after the refusals");
	expect_bad(w, KVM_MEMORY_EXIT_FLAG_PRIVATE, "private");
	ip_convert(w, 0, BAD, true, "below the bad page");
	ip_expect_busy(w, BAD, NPAGES - BAD, BAD, "a bad private page at the beginning");
	ip_convert(w, 0, NPAGES, false, "to shared");
	expect_bad(w, 0, "shared");
	ip_expect_busy(w, 0, NPAGES, BAD, "shared now");
	gm_fixture_punch(w, ip_gfn(w, BAD), 1);
	map_anew(w);
	ip_convert(w, 0, NPAGES, true, "after the hole");
	ip_expect_all(w, "after the hole");
	gm_fixture_free(w);
	give_back(pfn);
}

/*
 * Only the guest wrote the page, and KVM does not dirty the folio for it: the page counts as clean, so
 * memory_failure() signals nobody who maps it, and the caller is told that it stays in its file.
 */
GM_CASE(guest_wrote, .name = "conv.inplace_poison.guest_wrote",
	.text = "a page that only the guest wrote goes bad: EBUSY, and no SIGBUS for who maps it; one that the host wrote: SIGBUS")
{
	for (int host = 0; host < 2; host++) {
		struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
		uint8_t *bad = w->hva + BAD * PG;
		bool killed;
		uint64_t pfn;
		int err;

		gm_guest_fill(w->vm, 0, w->gpa, NPAGES, GM_HALF_SHARED, 1);
		if (host)
			*(volatile uint64_t *)bad = 1;
		else
			(void)*(volatile uint64_t *)bad;
		GM_SETUP(gm_frames_read(bad, 1, &pfn), "the page frame is not told");
		err = gm_poison(bad, &killed);
		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(BAD * PG)),
			     killed == host && err == (host ? 0 : EBUSY),
			     "written by the %s: expected %s, observed %s", host ? "host" : "guest",
			     host ? "SIGBUS" : "EBUSY", killed ? "SIGBUS" : gm_errno_name(err));
		expect_bad(w, 0, "afterwards");
		gm_gmem_punch(w->gmem, BAD * PG, PG);
		gm_fixture_free(w);
		give_back(pfn);
	}
}

struct place {
	uint64_t off; /* in the file, where the slot begins */
};

/* The exit says whether the page is private: by its place in the file, not in the slot. */
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
		GM_SETUP(gm_frames_read(bad, 1, &pfn), "the page frame is not told");
		gm_gmem_convert(w->gmem, private ? off : 0, SIZE, true);
		err = gm_poison_frame(pfn);
		GM_SETUP(!err || err == EOPNOTSUPP || err == EBUSY, "corrupt-pfn: %s",
			 gm_errno_name(err));
		expect_bad(w, private ? KVM_MEMORY_EXIT_FLAG_PRIVATE : 0,
			   private ? "private" : "shared");
		gm_gmem_punch(w->gmem, off + BAD * PG, PG);
		gm_fixture_free(w);
		give_back(pfn);
	}
}
GM_ROW(slot_offset, slot_offset_near, .name = "conv.inplace_poison.slot_offset",
       .text = "the slot begins inside the file, whose pages before it are in the other state: the exit goes by the page's own") = {
	.off = SIZE,
};
GM_ROW(slot_offset, slot_offset_far, .name = "conv.inplace_poison.slot_offset.far",
       .text = "the same with the slot at 16 TiB of the file") = { .off = 16UL << 40 };

GM_CASE(places, .name = "conv.inplace_poison.places",
	.text = "the first, a middle and the last page go bad: EAGAIN names the first of a range, a hole heals each")
{
	static const uint64_t page[] = { 0, 15, NPAGES - 1 };
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	uint64_t pfn[3];

	ip_all_shared(w);
	for (int i = 0; i < 3; i++) {
		uint8_t *bad = w->hva + page[i] * PG;

		*(volatile uint64_t *)bad = 1;
		GM_SETUP(gm_frames_read(bad, 1, &pfn[i]), "the page frame is not told");
		spoil(bad);
	}
	for (int i = 0; i < 3; i++) {
		uint64_t next = i < 2 ? page[i + 1] : NPAGES;

		ip_expect_busy(w, 0, NPAGES, page[i], "from the begin of the file");
		ip_expect_busy(w, page[i], 1, page[i], "the bad page");
		ip_expect_busy(w, page[i], NPAGES - page[i], page[i], "from the bad page on");
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
		give_back(pfn[i]);
}
