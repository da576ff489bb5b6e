// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table: unmaps of every shape, each with a map that stays on either side: iommu.unmap_ends.
 *
 * By DMA of two words over each end, before and after: what is gone is not reached, not even with
 * what the IOTLB of a device held; what stays is reached. Nothing is mapped or unmapped between the
 * unmap and the DMA. A shape is the first page, counted from an IOVA aligned to 2 MiB, and the
 * number of pages; file and IOVA agree modulo 2 MiB, so that entries are as large as they can be.
 *
 * No cell: only the calls of VFIO cut a map of iommufd, with entries of 4 KiB (the rows `cut`).
 */
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include "dma_memory.h"
#include "main.h"
#include "seed.h"

GM_FILE(.clause = "iommu.unmap_ends", .profile = "IO", .flags = GM_REFUSAL, .dma_flags = GM_SAMPLED,
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE
#define BASE (IOVA + 8 * GM_2M)
#define NPAGES 2048UL

enum end {
	END_EXACT, /* an unmap of the range itself */
	END_WIDE,  /* an unmap that begins before and ends behind it, where nothing is mapped */
	END_PARTS, /* the range is two maps, and one unmap takes both */
	END_CUT,   /* the range and its neighbours are one map, which VFIO's type 1 cuts */
};

struct shape {
	uint32_t first, pages;
	bool huge; /* memory of 2 MiB pages; else of 4 KiB */
	enum end end;
};

struct ends {
	struct dma_memory m;
	const struct shape *s;
	uint64_t n;
};

static volatile uint64_t *word(struct ends *e, uint64_t off)
{
	return (void *)(e->m.hva + off);
}

/* One word on each side of the border at `page`; the side that is mapped gets it. */
static void expect_border(struct ends *e, uint64_t page, bool before, bool behind, const char *when)
{
	uint64_t off = page * PG, words[2] = { 0xe1e1e1e1e1e1e101, 0xe2e2e2e2e2e2e202 };
	uint64_t old[2] = { gm_word(++e->n, GM_WRITER_HOST, gm_seed(), 0x72),
			    gm_word(++e->n, GM_WRITER_HOST, gm_seed(), 0x72) };

	*word(e, off - 8) = old[0];
	*word(e, off) = old[1];
	gm_dma_buf_write(e->m.dev, BASE + off - 8, 0, 16);
	for (unsigned int i = 0; i < 2; i++) {
		bool mapped = i ? behind : before;
		uint64_t got = *word(e, off - 8 + 8 * i), want = mapped ? words[i] : old[i];

		GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(BASE + off - 8 + 8 * i)), got == want,
			     "%s: page %lu, which is %s: expected %#lx, observed %#lx", when,
			     page - 1 + i, mapped ? "mapped" : "not mapped", want, got);
		if (mapped)
			gm_control(got == want, "a device write to a page that is mapped");
	}
}

static void map(struct ends *e, uint64_t page, uint64_t n)
{
	uint64_t at = BASE + page * PG;

	GM_ASSERT(!__gm_map_hva(e->m.iommu, e->m.ioas, e->m.hva + page * PG, n * PG, &at, GM_RW),
		  "map of %lu pages: %s", n, gm_errno_name(errno));
}

static void load(struct ends *e)
{
	uint8_t buf[GM_DMA_BUF] = { 0 };
	uint64_t words[2] = { 0xe1e1e1e1e1e1e101, 0xe2e2e2e2e2e2e202 };

	memcpy(buf, words, sizeof(words));
	gm_dma_buf_set(e->m.dev, buf);
}

static void unmap(struct ends *e, uint64_t page, uint64_t n, uint64_t done)
{
	uint64_t len = n * PG;
	struct vfio_iommu_type1_dma_unmap cut = { .argsz = sizeof(cut),
						  .iova = BASE + page * PG,
						  .size = len };

	if (e->s->end == END_CUT) {
		GM_EXPECT_OK(ioctl(e->m.iommu->fd, VFIO_IOMMU_UNMAP_DMA, &cut));
		len = cut.size;
	} else {
		GM_EXPECT_OK(__gm_unmap(e->m.iommu, e->m.ioas, BASE + page * PG, &len));
	}
	GM_EXPECT_EQ(len, done * PG, "bytes unmapped");
}

static void map_all(struct ends *e)
{
	const struct shape *s = e->s;
	uint64_t last = s->first + s->pages, half = s->pages / 2;
	uint64_t gap = s->end == END_WIDE; /* an unmap may begin and end in a gap, not in a map */

	if (s->end == END_CUT) {
		struct iommu_vfio_ioas compat = { .size = sizeof(compat),
						  .ioas_id = e->m.ioas,
						  .op = IOMMU_VFIO_IOAS_SET };

		GM_SETUP_OK(ioctl(e->m.iommu->fd, IOMMU_VFIO_IOAS, &compat));
		GM_SETUP_OK(ioctl(e->m.iommu->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
		map(e, s->first - 1, s->pages + 2);
		return;
	}
	map(e, s->first - 1 - gap, 1);
	if (s->end == END_PARTS) {
		map(e, s->first, half);
		map(e, s->first + half, s->pages - half);
	} else {
		map(e, s->first, s->pages);
	}
	map(e, last + gap, 1);
}

GM_CASES(ends, struct shape, v)
{
	struct ends e = { .s = v };
	uint64_t first = v->first, last = first + v->pages, gap = v->end == END_WIDE, inside = 0;
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed());
	e.m = dma_memory_new_empty(self->iommu, NPAGES * PG, v->huge ? GM_2M : 0);
	e.m.dev = gm_iodev_new(e.m.iommu, e.m.ioas);
	map_all(&e);
	load(&e);
	if (v->pages > 1)
		inside = first + 1 + gm_rng_below(&rng, v->pages - 1);
	expect_border(&e, first, !gap, true, "mapped");
	expect_border(&e, last, true, !gap, "mapped");
	if (inside)
		expect_border(&e, inside, true, true, "mapped");
	if (gap) {
		expect_border(&e, first - 1, true, false, "mapped");
		expect_border(&e, last + 1, false, true, "mapped");
	}
	unmap(&e, first - gap, v->pages + 2 * gap, v->pages);
	expect_border(&e, first - gap, true, false, "after the unmap");
	expect_border(&e, last + gap, false, true, "after the unmap");
	if (gap) {
		expect_border(&e, first, false, false, "after the unmap");
		expect_border(&e, last, false, false, "after the unmap");
	}
	if (inside)
		expect_border(&e, inside, false, false, "after the unmap");
	dma_memory_free(&e.m);
}

/* One line for each shape. */
#define ROW(id, row_name, what, ...)                                                               \
	GM_ROW(ends, id, .name = "iommu.unmap_ends." row_name, .text = "unmap of " what,           \
	       .iommus = GM_IOMMUS(MOCK, VFIO, TYPE1), __VA_ARGS__)
#define CUT(id, row_name, what, ...)                                                               \
	GM_ROW(ends, id, .name = "iommu.unmap_ends.cut_" row_name,                                 \
	       .text = "a cut out of one map: " what, .iommus = GM_IOMMUS(MOCK, VFIO),             \
	       __VA_ARGS__)

ROW(one, "one", "one page") = { .first = 2, .pages = 1 };
ROW(odd_two, "odd_two", "two pages from an odd one on") = { .first = 7, .pages = 2 };
ROW(odd_three, "odd_three", "three pages from an odd one on") = { .first = 5, .pages = 3 };
ROW(odd_many, "odd_many", "300 pages over a border of 2 MiB") = { .first = 301, .pages = 300 };
ROW(parts, "parts", "two maps in one call") = { .first = 3, .pages = 10, .end = END_PARTS };
ROW(wide, "wide",
    "a range that begins and ends in gaps") = { .first = 4, .pages = 9, .end = END_WIDE };
ROW(huge, "2m", "one entry of 2 MiB", .huge_2m = 4) = { .first = 512, .pages = 512, .huge = true };
ROW(huge_head, "2m_head", "one page and an entry of 2 MiB",
    .huge_2m = 4) = { .first = 511, .pages = 513, .huge = true };
ROW(huge_tail, "2m_tail", "an entry of 2 MiB and one page",
    .huge_2m = 4) = { .first = 512, .pages = 513, .huge = true };
ROW(huge_odd, "2m_odd", "odd pages on both sides of two entries of 2 MiB",
    .huge_2m = 4) = { .first = 509, .pages = 3 + 1024 + 5, .huge = true };
ROW(huge_part, "2m_part", "a part in the middle of a page of 2 MiB",
    .huge_2m = 4) = { .first = 700, .pages = 77, .huge = true };
ROW(huge_parts, "2m_parts", "two maps of 1 MiB in one page of 2 MiB",
    .huge_2m = 4) = { .first = 512, .pages = 512, .huge = true, .end = END_PARTS };
ROW(huge_wide, "2m_wide", "a range of 2 MiB and a page on each side, which are not mapped",
    .huge_2m = 4) = { .first = 1024, .pages = 512, .huge = true, .end = END_WIDE };
CUT(cut_one, "one", "one page of three") = { .first = 2, .pages = 1, .end = END_CUT };
CUT(cut_odd, "odd", "300 pages") = { .first = 301, .pages = 300, .end = END_CUT };
CUT(cut_huge, "2m", "a page of 2 MiB, with a page on each side",
    .huge_2m = 4) = { .first = 512, .pages = 512, .huge = true, .end = END_CUT };
CUT(cut_part, "2m_part", "a part in the middle of a page of 2 MiB",
    .huge_2m = 4) = { .first = 700, .pages = 77, .huge = true, .end = END_CUT };
