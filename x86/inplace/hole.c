// SPDX-License-Identifier: GPL-2.0-only
/* Holes and allocations change no attribute; holes drop the content: conv.inplace_hole. */
#include <sys/mman.h>

#include "inplace.h"

GM_FILE(.clause = "conv.inplace_hole", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS)

#define NPAGES 128UL
#define SIZE (NPAGES * PG)

static const struct {
	uint64_t page, n;
} holes[] = { { 3, 1 }, { 4, 1 }, { 60, 8 }, { 0, 1 }, { NPAGES - 1, 1 }, { 100, 28 } };

#define NHOLES (sizeof(holes) / sizeof(holes[0]))

static void punch(struct gm_fixture *w, uint64_t page, uint64_t n, bool by_address)
{
	if (!by_address) {
		gm_fixture_punch(w, ip_gfn(w, page), n);
		return;
	}
	GM_GRANTED(!madvise(w->hva + page * PG, n * PG, MADV_REMOVE), "MADV_REMOVE: %s",
		   gm_errno_name(errno));
	gm_model_punched(w->model, ip_gfn(w, page), n);
}

static void punch_ranges(bool private_first, bool by_address)
{
	struct gm_fixture *w = IP_FIXTURE(private_first, .size = SIZE);
	struct gm_batch s;

	ip_striped(w);
	gm_batch_init(&s, w, 0);
	for (size_t i = 0; i < NHOLES; i++) {
		punch(w, holes[i].page, holes[i].n, by_address);
		ip_expect_all(w, "after a hole");
		/* The new page has the same state. */
		gm_batch_fill(&s, ip_gfn(w, holes[i].page), holes[i].n, 8);
		gm_batch_flush(&s);
		ip_expect_all(w, "written again");
	}
	punch(w, 0, NPAGES, by_address);
	ip_expect_all(w, "after a hole over the whole file");
	ip_convert(w, 0, NPAGES, true, "all of it");
	punch(w, 0, NPAGES, by_address);
	ip_expect_all(w, "private, after a hole");
	ip_convert(w, 0, NPAGES, false, "all of it");
	ip_expect_all(w, "shared");
	gm_fixture_free(w);
}

IP_CASES(punched, v, "conv.inplace_hole.punch",
	 "a hole frees and zeroes pages of either state, and each keeps its state")
{
	punch_ranges(v->private_first, false);
}

IP_CASES(removed, v, "conv.inplace_hole.madv_remove", "the same by MADV_REMOVE on a mapping")
{
	punch_ranges(v->private_first, true);
}

IP_CASES(allocated, v, "conv.inplace_hole.allocate",
	 "fallocate() changes no attribute and no content")
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);

	ip_striped(w);
	for (size_t i = 0; i < NHOLES; i++) {
		punch(w, holes[i].page, holes[i].n, false);
		gm_gmem_allocate(w->gmem, holes[i].page * PG, holes[i].n * PG);
		ip_expect_all(w, "after a hole and fallocate()");
	}
	gm_gmem_allocate(w->gmem, 0, SIZE);
	ip_expect_all(w, "after fallocate() of the file");
	gm_fixture_free(w);
}

/* The holder keeps the old page; the file has a hole there. */
IP_CASES(
	frees, v, "conv.inplace_hole.over_a_pin",
	"a hole over a page in use: the range can be converted, and the holder's writes do not reach the file",
	.needs = GM_NEEDS(IO_URING), .caps = GM_CAPS(CAP_IPC_LOCK))
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	uint64_t page = 31, word = gm_word(5, GM_WRITER_DEVICE, 9, 0), got = 0;
	struct ip_hold h;

	ip_all_shared(w);
	ip_take(&h, &ip_io_uring, w, &page, 1);
	ip_expect_busy(w, 0, NPAGES, page, "a registered buffer");
	punch(w, page, 1, v->private_first);
	ip_convert(w, 0, NPAGES, true, "a hole over the page in use");
	GM_EXPECT_EQ(ip_ring_write(&h, word), 0, "a write to the old page");
	ip_expect_all(w, "the old page was written");
	ip_convert(w, 0, NPAGES, false, "and back");
	ip_expect_all(w, "shared again");
	GM_EXPECT_EQ(ip_ring_read(&h, &got), 0, "a read of the old page");
	GM_EXPECT(got == word, "the holder lost the old page: %s", gm_word_str(got));
	/* The old page is no longer a page of the file. */
	ip_convert(w, 0, NPAGES, true, "the old page is still held");
	ip_drop(&h);
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}

GM_CASE(half, .name = "conv.inplace_hole.over_some_pins",
	.text = "a hole over one of two pages in use: EAGAIN with the offset of the other",
	.needs = GM_NEEDS(GUP_TEST))
{
	static const uint64_t page[] = { 20, 90 };
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct ip_hold h;

	ip_all_shared(w);
	ip_take(&h, &ip_gup_write, w, page, 2);
	ip_expect_busy(w, 0, NPAGES, 20, "two pages in use");
	punch(w, 10, 20, false);
	ip_expect_busy(w, 0, NPAGES, 90, "a hole over the first");
	ip_convert(w, 0, 90, true, "below the second");
	punch(w, 90, 1, false);
	ip_convert(w, 0, NPAGES, true, "a hole over both");
	ip_drop(&h);
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}
