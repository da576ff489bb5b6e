// SPDX-License-Identifier: GPL-2.0-only
/* What both address spaces must be after a round, and while they are taken down. */
#include <stdlib.h>
#include <unistd.h>

#include "dma.h"

/* Ranges of a part whose pages are pinned alike: in-kernel users pin the second one. */
static const struct {
	uint64_t first, pages;
} ranges[] = { { 0, 1 }, { 1, 8 }, { 9, DMA_PAGES - 9 } };
#define HELD 1

#define MOST_PINS 8

/* The pins of each page of the range; -1: they differ, or are more. */
static int pins_of(struct dma_race *r, enum dma_part part, unsigned int range)
{
	uint8_t *hva = r->hva + part * DMA_SIZE + ranges[range].first * PG;

	for (unsigned int n = 0; n < MOST_PINS; n++)
		if (!__gm_mock_refs(r->iommu, hva, ranges[range].pages * PG, n))
			return n;
	return -1;
}

/* Can the part have pins, through a device, a page table or an in-kernel user? */
static void expect_pins(struct dma_race *r, enum dma_part part, unsigned int range, int pins)
{
	bool user_pinned = r->call[1].ran && !r->call[1].ret && !strcmp(r->user->name, "pin");
	bool access = r->access >= 0 && range == HELD;
	bool stayed = !r->access_moved && strcmp(r->user->name, "access_move");
	bool moved = r->call[1].ran && !r->call[1].ret && !strcmp(r->user->name, "access_move");
	int least = 0, most;

	for (int at = 0; at < DMA_PLACES; at++) {
		if (r->map[0][at] == (int)part)
			least += dma_has_domain(r);
		if (r->map[1][at] == (int)part)
			least += r->dev_moved;
	}
	/* A copy has the pins of its original. */
	if (least > 1 && part == DMA_A)
		least = 1;
	most = least;
	if (access && part == DMA_A && r->map[0][AT_A] == DMA_A && !least) {
		bool held = r->ender->held || user_pinned;

		if (held && (stayed || (!r->access_moved && !moved)))
			least = most = 1;
		else if (held && !r->access_moved)
			most = 1;
	}
	/* Who pinned during the move may have pinned the new place. */
	if (access && r->access_moved && user_pinned && most == 0 &&
	    (part == DMA_D || (part == DMA_A && r->map[1][AT_C] == DMA_A)))
		most = 1;
	GM_EXPECT(pins >= least && pins <= most,
		  "part %d, pages %lu to %lu: %d pins (-1: not alike), expected %d to %d", part,
		  ranges[range].first, ranges[range].first + ranges[range].pages - 1, pins, least,
		  most);
}

static void check_pins(struct dma_race *r)
{
	unsigned long sum = 0;

	for (unsigned int part = 0; part < DMA_PARTS; part++)
		for (unsigned int i = 0; i < ARRAY_SIZE(ranges); i++) {
			int pins = pins_of(r, part, i);

			expect_pins(r, part, i, pins);
			sum += pins * ranges[i].pages;
		}
	GM_EXPECT_EQ(gm_vm_pinned(), sum, "VmPin, pages");
}

/* Which maps did an unmap of everything that came beside a map leave? */
static void find_maps(struct dma_race *r)
{
	const struct dma_call *ender = &r->call[0];

	if (!(r->ender->effect & DMA_UNMAP_ALL) || !ender->ran)
		return;
	if (ender->ret) {
		for (int at = 0; at < DMA_PLACES; at++) {
			int part = at == AT_A ? DMA_A : at == AT_B ? DMA_B : DMA_C;

			if (r->map[0][at] < 0 || at == AT_C)
				continue;
			if (__gm_mock_maps(r->iommu, r->dev->hwpt, dma_iova(at),
					   r->hva + part * DMA_SIZE, DMA_SIZE))
				r->map[0][at] = -1;
		}
	} else if (r->map[0][AT_C] >= 0 && ender->bytes == 3 * DMA_SIZE) {
		r->map[0][AT_C] = -1;
	}
}

static void check_table(struct dma_race *r, uint32_t table, int space, const char *whose)
{
	for (int at = 0; at < DMA_PLACES; at++) {
		int part = r->map[space][at];
		int ret = __gm_mock_maps(r->iommu, table, dma_iova(at),
					 r->hva + (part < 0 ? (int)DMA_A : part) * DMA_SIZE,
					 part < 0 ? PG : DMA_SIZE);

		GM_EXPECT(part < 0 ? ret : !ret, "%s page table, place %d: %s", whose, at,
			  part < 0 ? "mapped, and the map is gone" : gm_errno_name(errno));
	}
}

static void check_access(struct dma_race *r)
{
	int space = r->access_moved;

	for (int at = 0; at < DMA_PLACES; at++) {
		int part = r->map[space][at];
		int ret =
			__gm_access_rw(r->iommu, r->access, dma_iova(at), r->copy, DMA_SIZE, false);

		if (part < 0)
			GM_EXPECT(ret, "the in-kernel user reads place %d, which is not mapped",
				  at);
		else
			GM_EXPECT(!ret && !memcmp(r->copy, r->hva + part * DMA_SIZE, DMA_SIZE),
				  "the in-kernel user reads at place %d: %s", at,
				  ret ? gm_errno_name(errno) : "other data");
	}
}

/* A place that is not mapped can be mapped at once, also by what was pinned or mapped before. */
static void check_free(struct dma_race *r)
{
	for (int at = 0; at < DMA_PLACES; at++) {
		uint64_t iova = dma_iova(at);

		if (r->map[0][at] >= 0)
			continue;
		GM_EXPECT(!__gm_map_file(r->iommu, r->ioas, r->fd, DMA_A * DMA_SIZE, DMA_SIZE,
					 &iova, GM_RW),
			  "place %d is free, and cannot be mapped: %s", at, gm_errno_name(errno));
		r->map[0][at] = DMA_A;
	}
}

static void expect_unmapped(struct dma_race *r, uint32_t ioas, int space)
{
	uint64_t len = ~0UL, maps = 0;

	if (!ioas)
		return;
	for (int at = 0; at < DMA_PLACES; at++)
		maps += r->map[space][at] >= 0;
	GM_EXPECT_OK(__gm_unmap(r->iommu, ioas, 0, &len), "unmap of everything at the end");
	GM_EXPECT_EQ(len, maps * DMA_SIZE, "bytes of the maps of address space %d", space);
	GM_EXPECT_OK(__gm_iommu_destroy(r->iommu, ioas), "address space %d at the end", space);
}

static void expect_no_pins(struct dma_race *r, const char *when)
{
	GM_EXPECT(!__gm_mock_refs(r->iommu, r->hva, DMA_PARTS * DMA_SIZE, 0),
		  "%s: pages are pinned", when);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "%s: VmPin, pages", when);
}

static void free_all(struct dma_race *r)
{
	if (r->access >= 0)
		close(r->access);
	if (r->dev)
		gm_iodev_free(r->dev);
	if (r->table)
		GM_EXPECT_OK(__gm_iommu_destroy(r->iommu, r->table));
	expect_no_pins(r, "nobody uses the address spaces");
	expect_unmapped(r, r->ioas, 0);
	expect_unmapped(r, r->other, 1);
	gm_iommu_free(r->iommu);
}

void dma_race_check(struct dma_race *r)
{
	if (r->closed) {
		struct gm_iommu *iommu = r->iommu;

		free(r->dev);
		r->iommu = gm_iommu_new(GM_IOMMU_MOCK);
		free(iommu);
		expect_no_pins(r, "the iommufd is closed");
		gm_iommu_free(r->iommu);
		return;
	}
	find_maps(r);
	check_pins(r);
	if (r->dev)
		check_table(r, r->dev->hwpt, r->dev_moved, "the device's");
	if (r->table)
		check_table(r, r->table, 0, "the second");
	if (r->access >= 0)
		check_access(r);
	if (!gm_failures())
		check_free(r);
	if (r->dev && !r->dev_moved)
		check_table(r, r->dev->hwpt, 0, "mapped again, the device's");
	free_all(r);
}
