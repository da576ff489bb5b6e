// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device has of a huge page is not converted and not removed; what lies beside it is:
 * iommu.huge_file_held.
 */
#include <stdatomic.h>

#include "huge_gmem.h"

GM_FILE(.clause = "iommu.huge_file_held", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.iommus = GM_IOMMUS(MOCK, VFIO), .needs = GM_NEEDS(MAP_GMEM, GMEM_HUGE, TDP),
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define IN_ONE 512UL /* pages of 2 MiB: only x86 has such files */
#define ALL (3 * IN_ONE)

/* The device has pages [at, at + 3) of the file, which are shared. */
static void expect_all_held(struct huge_gmem *g, uint64_t at, const char *when)
{
	huge_gmem_expect_held(g, at, 1, at, when);
	huge_gmem_expect_held(g, at + 2, 1, at + 2, when);
	huge_gmem_expect_held(g, at + 1, 2, at + 1, when);
	huge_gmem_expect_held(g, 0, ALL, at, when);
	huge_gmem_expect_held(g, at - 1, 5, at, when);
	for (uint64_t first = 0; first < ALL; first += IN_ONE)
		if (first < at + 3 && at < first + IN_ONE)
			GM_EXPECT_ERRNO(EAGAIN, __gm_gmem_punch(g->w->gmem, first * PG, GM_2M),
					"%s: a hole, huge page %lu", when, first / IN_ONE);
	GM_EXPECT_ERRNO(EAGAIN, __gm_gmem_punch(g->w->gmem, 0, ALL * PG), "%s: a hole over all",
			when);
	huge_gmem_pool(g, 3, 0, when);
	gm_fixture_check_guest(g->w, 0, huge_gmem_gfn(g, 0), ALL, 8, when);
}

/* Pages right beside those that the device has, to private and back. */
static void convert_beside(struct huge_gmem *g, uint64_t at)
{
	const struct {
		uint64_t p, n;
	} range[] = { { at - 1, 1 }, { at + 3, 1 }, { 0, at }, { at + 3, ALL - at - 3 } };

	for (size_t i = 0; i < ARRAY_SIZE(range); i++) {
		huge_gmem_convert(g, range[i].p, range[i].n, false);
		gm_fixture_host_write(g->w, huge_gmem_gfn(g, range[i].p), 1);
		huge_gmem_convert(g, range[i].p, range[i].n, true);
		gm_fixture_fill(g->w, 0, huge_gmem_gfn(g, range[i].p), 1);
	}
}

GM_CASE(held, .name = "iommu.huge_file_held.held", .huge_2m = 3, .flags = GM_REFUSAL,
	.text = "mapped pages of a huge page: conversion and hole are EAGAIN, the conversion with the offset; those right beside convert; all works after the unmap")
{
	static const uint64_t at[] = { IN_ONE + 7, IN_ONE - 1, 2 * IN_ONE - 3 };
	struct huge_gmem g = huge_gmem_new(self->iommu, GM_2M, 3);

	gm_fixture_fill(g.w, 0, huge_gmem_gfn(&g, 0), ALL);
	for (size_t i = 0; i < ARRAY_SIZE(at) && !gm_failures(); i++) {
		huge_gmem_convert(&g, at[i], 3, false);
		gm_fixture_host_write(g.w, huge_gmem_gfn(&g, at[i]), 3);
		huge_gmem_map(&g, at[i], 3, IOVA, GM_RW);
		expect_all_held(&g, at[i], "mapped");
		convert_beside(&g, at[i]);
		expect_all_held(&g, at[i], "converted beside");
		gm_dma_expect_maps(g.dev, IOVA, huge_gmem_hva(&g, at[i]), 3 * PG,
				   "after the refusals");
		huge_gmem_device_writes(&g, IOVA + PG, at[i] + 1);
		gm_unmap(g.iommu, g.ioas, IOVA, 3 * PG);
		gm_control(!__gm_gmem_convert(g.w->gmem, 0, ALL * PG, true, NULL), "unmapped: %s",
			   gm_errno_name(errno));
		gm_model_convert(g.w->model, huge_gmem_gfn(&g, 0), ALL, true);
		gm_fixture_check_guest(g.w, 0, huge_gmem_gfn(&g, 0), ALL, 8, "all private");
	}
	gm_fixture_punch(g.w, huge_gmem_gfn(&g, 0), ALL);
	huge_gmem_pool(&g, 0, 3, "a hole over all");
	huge_gmem_free(&g);
}

GM_CASE(unattached, .name = "iommu.huge_file_held.unattached.mock", .iommu = GM_IOMMU_MOCK,
	.huge_2m = 3, .flags = GM_REFUSAL,
	.text = "the same without a device: the map holds its pages from the start, and takes none of the pool")
{
	struct huge_gmem g = huge_gmem_new(self->iommu, GM_2M, 3);

	gm_iodev_free(g.dev);
	g.dev = NULL;
	huge_gmem_convert(&g, IN_ONE + 7, 3, false);
	huge_gmem_map(&g, IN_ONE + 7, 3, IOVA, GM_RW);
	huge_gmem_pool(&g, 0, 3, "mapped, never touched");
	huge_gmem_expect_held(&g, 0, ALL, IN_ONE + 7, "never touched");
	GM_EXPECT_ERRNO(EAGAIN, __gm_gmem_punch(g.w->gmem, GM_2M, GM_2M), "never touched");
	gm_fixture_fill(g.w, 0, huge_gmem_gfn(&g, 0), ALL);
	expect_all_held(&g, IN_ONE + 7, "mapped");
	convert_beside(&g, IN_ONE + 7);
	gm_control(!__gm_gmem_punch(g.w->gmem, 0, GM_2M), "a hole over the huge page below: %s",
		   gm_errno_name(errno));
	gm_model_punched(g.w->model, huge_gmem_gfn(&g, 0), IN_ONE);
	huge_gmem_pool(&g, 2, 1, "a hole below");
	g.dev = gm_iodev_new(g.iommu, g.ioas);
	gm_dma_expect_maps(g.dev, IOVA, huge_gmem_hva(&g, IN_ONE + 7), 3 * PG, "attached later");
	gm_unmap(g.iommu, g.ioas, IOVA, 3 * PG);
	GM_EXPECT_OK(__gm_gmem_convert(g.w->gmem, 0, ALL * PG, true, NULL));
	GM_EXPECT_OK(__gm_gmem_punch(g.w->gmem, 0, ALL * PG));
	huge_gmem_pool(&g, 0, 3, "a hole over all");
	huge_gmem_free(&g);
}

/* --- the device moves bytes while pages beside its own are converted --- */

#define MOVED 4

struct mover {
	struct huge_gmem *g;
	uint64_t at; /* the first of the device's pages */
	atomic_bool done;
	unsigned long moves;
};

static void move(struct mover *m)
{
	struct huge_gmem *g = m->g;
	uint64_t word[MOVED], got[MOVED];

	do {
		m->moves++;
		for (uint64_t i = 0; i < MOVED; i++) {
			word[i] = gm_word(huge_gmem_gfn(g, m->at + i), GM_WRITER_DEVICE,
					  m->moves % 65535 + 1, 0);
			__gm_dma_write(g->dev, IOVA + i * PG, &word[i], 8);
		}
		for (uint64_t i = 0; i < MOVED; i++) {
			__gm_dma_read(g->dev, IOVA + i * PG, &got[i], 8);
			GM_ASSERT(got[i] == word[i], "move %lu, page %lu: wrote %s, reads %s",
				  m->moves, m->at + i, gm_word_str(word[i]), gm_word_str(got[i]));
			got[i] = *(volatile uint64_t *)huge_gmem_hva(g, m->at + i);
			GM_ASSERT(got[i] == word[i],
				  "move %lu, page %lu: wrote %s, the host has %s", m->moves,
				  m->at + i, gm_word_str(word[i]), gm_word_str(got[i]));
		}
	} while (!atomic_load(&m->done));
}

static void beside_thread(unsigned int i, void *arg)
{
	struct mover *m = arg;
	struct huge_gmem *g = m->g;

	if (i) {
		move(m);
		return;
	}
	for (int step = 0; step < 60 && !gm_failures(); step++) {
		uint64_t p = gm_fixture_random(g->w, ALL), n = 1 + gm_fixture_random(g->w, 40);

		if (p + n > ALL)
			n = ALL - p;
		/* Right below and right above more often. */
		if (step % 4 == 0)
			p = m->at - 1, n = 1;
		if (step % 4 == 1)
			p = m->at + MOVED, n = 1;
		if (p < m->at + MOVED && m->at < p + n)
			continue;
		huge_gmem_convert(g, p, n, step & 2);
		gm_fixture_fill(g->w, 0, huge_gmem_gfn(g, p), n);
		gm_fixture_check_guest(g->w, 0, huge_gmem_gfn(g, p), n, 8, "beside the device");
	}
	atomic_store(&m->done, true);
}

GM_CASE(beside, .name = "iommu.huge_file_held.beside", .huge_2m = 3,
	.text = "a device writes and reads its pages while those beside them are converted, and the guest runs on these: no byte is lost")
{
	struct huge_gmem g = huge_gmem_new(self->iommu, GM_2M, 3);
	struct mover m = { .g = &g, .at = 2 * IN_ONE - 2 };

	gm_fixture_fill(g.w, 0, huge_gmem_gfn(&g, 0), ALL);
	huge_gmem_convert(&g, m.at, MOVED, false);
	huge_gmem_map(&g, m.at, MOVED, IOVA, GM_RW);
	gm_parallel(2, beside_thread, &m);
	gm_note("%lu moves of %d pages meanwhile", m.moves, MOVED);
	GM_EXPECT(m.moves, "the device moved nothing");
	gm_fixture_check_guest(g.w, 0, huge_gmem_gfn(&g, 0), m.at, 8, "below the device's pages");
	gm_fixture_check_guest(g.w, 0, huge_gmem_gfn(&g, m.at + MOVED), ALL - m.at - MOVED, 8,
			       "above the device's pages");
	gm_dma_expect_maps(g.dev, IOVA, huge_gmem_hva(&g, m.at), MOVED * PG, "at the end");
	gm_unmap(g.iommu, g.ioas, IOVA, MOVED * PG);
	huge_gmem_convert(&g, 0, ALL, true);
	huge_gmem_free(&g);
}
