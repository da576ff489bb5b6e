// SPDX-License-Identifier: GPL-2.0-only
/* In-kernel users of an address space (mdev-like), with and without a device attached. */
#include "dma_memory.h"

GM_FILE(.clause = "iommu.lifetime", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

GM_CASE(alone, .name = "iommu.lifetime.access_alone",
	.text = "an in-kernel user without a device: exactly the pages it pins are pinned, and only then")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 8 * PG, 0);
	int user, a, b;

	gm_map_file(m.iommu, m.ioas, m.fd, PG, 6 * PG, IOVA, GM_RW);
	user = gm_access_new(m.iommu, m.ioas, true);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0),
		  "pages are pinned before the user pins any");
	a = GM_EXPECT_OK(__gm_access_pin(m.iommu, user, IOVA + PG, 3 * PG, m.hva + 2 * PG, true));
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 2 * PG, 0), "a page below is pinned");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 2 * PG, 3 * PG, 1), "expected one pin per page");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 5 * PG, 3 * PG, 0), "a page above is pinned");
	b = GM_EXPECT_OK(
		__gm_access_pin(m.iommu, user, IOVA + 2 * PG, 4 * PG, m.hva + 3 * PG, false));
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 2 * PG, 5 * PG, 1),
		  "expected one pin per page, also with two users");
	GM_EXPECT_EQ(gm_vm_pinned(), 5, "VmPin, pages");
	GM_EXPECT_OK(__gm_access_unpin(m.iommu, user, a));
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 2 * PG, PG, 0),
		  "the page of the first user alone stays pinned");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 3 * PG, 4 * PG, 1),
		  "the second user lost pages");
	GM_EXPECT_OK(__gm_access_unpin(m.iommu, user, b));
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "pages stay pinned");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	close(user);
	dma_memory_free(&m);
}

GM_CASE(with_device, .name = "iommu.lifetime.access_device",
	.text = "a device and an in-kernel user come and leave in either order: pages stay pinned while one uses them")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	int user = gm_access_new(m.iommu, m.ioas, true), item;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 8 * PG, IOVA, GM_RW);
	item = GM_EXPECT_OK(
		__gm_access_pin(m.iommu, user, IOVA + 2 * PG, 3 * PG, m.hva + 2 * PG, true));
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 1),
		  "expected one pin per page for device and user");
	gm_iodev_free(m.dev);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 2 * PG, 0),
		  "the device is gone, its pages stay pinned");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 2 * PG, 3 * PG, 1), "the user lost its pins");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 5 * PG, 3 * PG, 0),
		  "pages above stay pinned without a user");
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin of the user, pages");
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	dma_memory_mapped(&m, 0, 8 * PG, IOVA);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 1),
		  "the device came back: expected one pin per page");
	GM_EXPECT_OK(__gm_access_unpin(m.iommu, user, item));
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 1),
		  "the user's unpin also unpinned pages of the device");
	gm_dma_expect_maps(m.dev, IOVA, m.hva, 8 * PG, "the device, after the user's unpin");
	close(user);
	gm_unmap(m.iommu, m.ioas, IOVA, 8 * PG);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "pages stay pinned");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	dma_memory_free(&m);
}

GM_CASE(revoked, .name = "iommu.lifetime.access_revoked",
	.text = "an unmap makes the in-kernel user unpin its pages; the adjacent map keeps its pins")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 8 * PG, 0);
	int user = gm_access_new(m.iommu, m.ioas, true), other;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 4 * PG, IOVA, GM_RW);
	gm_map_file(m.iommu, m.ioas, m.fd, 4 * PG, 4 * PG, IOVA + 4 * PG, GM_RW);
	GM_EXPECT_OK(__gm_access_pin(m.iommu, user, IOVA + PG, 2 * PG, m.hva + PG, true));
	other = GM_EXPECT_OK(
		__gm_access_pin(m.iommu, user, IOVA + 6 * PG, 2 * PG, m.hva + 6 * PG, true));
	gm_unmap(m.iommu, m.ioas, IOVA, 4 * PG);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 4 * PG, 0),
		  "pages of the unmapped area stay pinned");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 6 * PG, 2 * PG, 1),
		  "the adjacent map lost its pins");
	GM_EXPECT_ERRNO(ENOENT, __gm_access_pin(m.iommu, user, IOVA + PG, PG, NULL, true),
			"unmapped pages");
	GM_EXPECT_ERRNO(ENOENT, __gm_access_pin(m.iommu, user, IOVA + 3 * PG, 2 * PG, NULL, true),
			"from unmapped into mapped pages");
	GM_EXPECT_ERRNO(ENOENT, __gm_access_pin(m.iommu, user, IOVA + 7 * PG, 2 * PG, NULL, true),
			"past the end of the last map");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 6 * PG, 0), "a refused pin left pins");
	GM_EXPECT_OK(__gm_access_unpin(m.iommu, user, other));
	close(user);
	dma_memory_free(&m);
}

GM_CASE(rw, .name = "iommu.map_file_memfd.access_rw", .clause = "iommu.map_file_memfd",
	.huge_2m = 2,
	.text = "an in-kernel user reads and writes across pages and huge pages, with no device attached")
{
	static const struct {
		uint64_t at;
		uint32_t len;
	} io[] = {
		{ 0x7ff, 3 },
		{ GM_2M - 0x2800, 0x5000 },
		{ GM_2M - 1 - 0x1000, 1 },
		{ 2 * GM_2M - 0x2000, 0x1000 },
		{ 0xfff, 2 },
	};
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 2 * GM_2M, GM_2M);
	int user = gm_access_new(m.iommu, m.ioas, false);
	uint8_t *model = malloc(m.size), data[0x5000], got[0x5000];

	memcpy(model, m.hva, m.size);
	gm_map_file(m.iommu, m.ioas, m.fd, PG, m.size - PG, IOVA, GM_RW);
	for (unsigned int i = 0; i < sizeof(io) / sizeof(io[0]); i++) {
		for (unsigned int b = 0; b < io[i].len; b++)
			data[b] = b * 13 + i + 1;
		memset(got, 0, sizeof(got));
		GM_EXPECT_OK(__gm_access_rw(m.iommu, user, IOVA + io[i].at, got, io[i].len, false));
		GM_EXPECT(!memcmp(got, m.hva + PG + io[i].at, io[i].len),
			  "read of %u bytes at %#lx", io[i].len, io[i].at);
		GM_EXPECT_OK(__gm_access_rw(m.iommu, user, IOVA + io[i].at, data, io[i].len, true));
		memcpy(model + PG + io[i].at, data, io[i].len);
		GM_EXPECT(!memcmp(model, m.hva, m.size),
			  "write of %u bytes at %#lx: the memory differs", io[i].len, io[i].at);
	}
	GM_EXPECT_ERRNO(ENOENT,
			__gm_access_rw(m.iommu, user, IOVA + m.size - PG - 1, data, 2, true),
			"past the end of the map");
	GM_EXPECT_ERRNO(EINVAL, __gm_access_rw(m.iommu, user, IOVA, data, 0, true), "no bytes");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin, pages");
	free(model);
	close(user);
	dma_memory_free(&m);
}

/*
 * In-kernel users pin some of the pages of a map. When the device is detached, exactly those pages
 * must stay pinned, whatever the pattern (drivers/iommu/iommufd/pages.c, batch_clear_carry()).
 */
enum kind { SEPARATE, HUGE, CONTIGUOUS };

static void carry(const struct gm_case *self, enum kind kind)
{
	uint64_t huge = kind == HUGE ? GM_2M : 0;
	struct dma_memory m =
		dma_memory_new_unattached(self->iommu, kind == SEPARATE ? 64 * PG : GM_2M, huge);
	int user = gm_access_new(m.iommu, m.ioas, true);
	struct gm_rng rng;

	if (kind == CONTIGUOUS)
		dma_memory_contiguous(&m, 0);
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	gm_rng_init(&rng, gm_seed());
	gm_map_file(m.iommu, m.ioas, m.fd, 3 * PG, 40 * PG, IOVA, GM_RW);
	for (int round = 0; round < 24; round++) {
		unsigned int n = 1 + gm_rng_below(&rng, 5);
		uint64_t held = 0, part = 0;
		int item[5];

		for (unsigned int i = 0; i < n; i++) {
			/* Choose the ends of the map as often as its middle. */
			uint64_t len = 1 + gm_rng_below(&rng, 7), edge = gm_rng_below(&rng, 4);
			uint64_t first = edge == 0   ? 0
					 : edge == 1 ? 40 - len
						     : gm_rng_below(&rng, 40 - len);

			item[i] = GM_EXPECT_OK(__gm_access_pin(m.iommu, user, IOVA + first * PG,
							       len * PG, m.hva + (3 + first) * PG,
							       true));
			held |= ((1UL << len) - 1) << first;
		}
		part = __builtin_popcountll(held);
		gm_iodev_free(m.dev);
		GM_EXPECT_EQ(gm_vm_pinned(), part, "round %d, users hold %#lx: VmPin, pages", round,
			     held);
		for (uint64_t p = 0; p < 40 && !huge; p++)
			GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + (3 + p) * PG, PG, held >> p & 1),
				  "round %d, users hold %#lx: page %lu has a wrong number of pins",
				  round, held, p);
		m.dev = gm_iodev_new(m.iommu, m.ioas);
		GM_EXPECT_EQ(gm_vm_pinned(), 40, "round %d: VmPin with the device back, pages",
			     round);
		dma_memory_mapped(&m, 3 * PG, 40 * PG, IOVA);
		for (unsigned int i = 0; i < n; i++)
			GM_EXPECT_OK(__gm_access_unpin(m.iommu, user, item[i]));
		GM_EXPECT_EQ(gm_vm_pinned(), 40, "round %d: VmPin of the device alone, pages",
			     round);
		if (gm_failures())
			break;
	}
	close(user);
	dma_memory_free(&m);
}

GM_CASE(carry_4k, .name = "iommu.lifetime.access_carry",
	.text = "in-kernel users have pinned parts of a map when its device is detached: exactly those stay pinned")
{
	carry(self, SEPARATE);
}

GM_CASE(carry_2m, .name = "iommu.lifetime.access_carry_2m", .huge_2m = 1,
	.text = "the same inside one 2 MiB page")
{
	carry(self, HUGE);
}

/* With a folio per page a pin of the wrong page is visible; inside one folio it is not. */
GM_CASE(carry_split, .name = "iommu.lifetime.access_carry_split", .needs = GM_NEEDS(ROOT, DEBUGFS),
	.caps = GM_CAPS_ALL, .text = "the same with contiguous pages that are separate folios")
{
	carry(self, CONTIGUOUS);
}
