// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table: what a device reaches by each way to map, with entries of each size: iommu.reach.
 *
 * Three maps lie side by side, all of the same memory, one for each permission: read-only,
 * write-only, both. The IOVAs before and behind them are not mapped. A DMA of two words goes over
 * each border, so that it meets the last word of one map and the first of the next one. Nothing is
 * mapped or unmapped between an unmap and the DMA that looks for what it left in an IOTLB.
 *
 * No cell: 1 GiB with the mock, which has room below 2 GiB only; a map without any permission is EINVAL with every way to map (iommu.map_file_args,
 * iommu.map_hva, iommu.vfio_compat); type 1 maps by address only, and copies nothing.
 */
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include "dma_memory.h"
#include "main.h"
#include "seed.h"

GM_FILE(.clause = "iommu.reach", .profile = "IO", .flags = GM_REFUSAL, .dma_flags = GM_SAMPLED,
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

enum way { WAY_FILE, WAY_HVA, WAY_COPY, WAY_COMPAT };

struct cell {
	enum way way;
	uint64_t size; /* of the page, and of each map; 0: a single page */
};

enum { MAPS = 3, BORDERS = 4 };

/* Of the maps at base + i * size; the borders before the first and behind the last have none. */
static const uint32_t prots[MAPS] = { GM_RO, GM_WO, GM_RW };
static const char *const names[MAPS + 2] = { "no map", "read-only", "write-only", "writable",
					     "no map" };

struct reach {
	struct dma_memory m;
	const struct cell *cell;
	uint64_t base, size;	 /* size: that of the cell */
	uint32_t prot[MAPS + 2]; /* prot[i + 1] of map i; 0: not mapped */
	bool real;		 /* by DMA, not by the mock */
	uint32_t source;	 /* the IOAS that copies come from */
	uint64_t n;
};

/* Big pages need an IOVA that is aligned to them, above the range that x86 reserves below 4 GiB. */
static uint64_t base_of(uint64_t size)
{
	return size == GM_1G ? 4 * GM_1G : IOVA + 8 * GM_2M;
}

static int map(struct reach *r, uint64_t iova, uint32_t prot)
{
	struct dma_memory *m = &r->m;
	uint64_t len = r->size;

	switch (r->cell->way) {
	case WAY_FILE:
		return __gm_map_file(m->iommu, m->ioas, m->fd, 0, len, &iova, prot);
	case WAY_HVA:
		return __gm_map_hva(m->iommu, m->ioas, m->hva, len, &iova, prot);
	case WAY_COPY:
		return __gm_ioas_copy(m->iommu, m->ioas, r->source, base_of(len), len, &iova, prot);
	case WAY_COMPAT:
		return __gm_type1_map(m->iommu->fd, m->hva, len, iova, prot);
	}
	return -1;
}

static volatile uint64_t *word(struct reach *r, bool last)
{
	return (void *)(r->m.hva + (last ? r->size - 8 : 0));
}

static uint64_t fresh(struct reach *r)
{
	return gm_word(++r->n, GM_WRITER_HOST, gm_seed(), 0x71);
}

static uint64_t border(struct reach *r, unsigned int b)
{
	return r->base + b * r->size;
}

/* The device's two words at the start of its buffer, which it writes everywhere. */
static const uint64_t device_words[2] = { 0xd1d1d1d1d1d1d101, 0xd2d2d2d2d2d2d202 };

static void load(struct reach *r)
{
	uint8_t buf[GM_DMA_BUF] = { 0 };

	memcpy(buf, device_words, sizeof(device_words));
	gm_dma_buf_set(r->m.dev, buf);
}

static void try_write(struct reach *r, unsigned int b, const char *when)
{
	uint64_t old[2] = { fresh(r), fresh(r) };

	*word(r, true) = old[0];
	*word(r, false) = old[1];
	gm_dma_buf_write(r->m.dev, border(r, b) - 8, 0, 16);
	for (unsigned int i = 0; i < 2; i++) {
		bool allowed = r->prot[b + i] & GM_WO;
		uint64_t got = *word(r, !i), want = allowed ? device_words[i] : old[i];

		GM_EXPECT_AT(
			GM_PAGE(.iova = GM_AT(border(r, b) - 8 + 8 * i)), got == want,
			"%s: a device write to the %s word of %s: expected %#lx, observed %#lx",
			when, i ? "first" : "last", names[b + i], want, got);
		if (allowed)
			gm_control(got == want, "a device write to a map that is writable");
	}
}

/* Reads of all borders, each to its own place in the buffer. */
static void try_reads(struct reach *r, const char *when)
{
	uint64_t secret[BORDERS][2];
	uint64_t buf[GM_DMA_BUF / 8];

	for (unsigned int b = 0; b < BORDERS; b++) {
		*word(r, true) = secret[b][0] = fresh(r);
		*word(r, false) = secret[b][1] = fresh(r);
		gm_dma_buf_read(r->m.dev, border(r, b) - 8, 64 + 16 * b, 16);
	}
	gm_dma_buf_get(r->m.dev, buf);
	for (unsigned int b = 0; b < BORDERS; b++)
		for (unsigned int i = 0; i < 2; i++) {
			bool allowed = r->prot[b + i] & GM_RO;
			uint64_t got = buf[8 + 2 * b + i];

#ifdef __aarch64__
			/* Means nothing: entries of an SMMUv3 that can be written can be read. */
			if (r->prot[b + i] == GM_WO && r->real)
				continue;
#endif
			GM_EXPECT_AT(
				GM_PAGE(.iova = GM_AT(border(r, b) - 8 + 8 * i)),
				allowed == (got == secret[b][i]),
				"%s: a device read of the %s word of %s: memory has %#lx, the device got %#lx",
				when, i ? "first" : "last", names[b + i], secret[b][i], got);
			if (allowed)
				gm_control(got == secret[b][i], "a device read of a readable map");
		}
}

static void unmap(struct reach *r, uint64_t first, uint64_t n, uint64_t bytes)
{
	uint64_t len = n * r->size;

	GM_EXPECT_OK(__gm_unmap(r->m.iommu, r->m.ioas, border(r, first), &len));
	GM_EXPECT_EQ(len, bytes, "bytes unmapped");
	for (uint64_t i = first; i < first + n; i++)
		r->prot[i + 1] = 0;
}

/*
 * An edu with 28 address bits would access another IOVA: the case maps a page there, and SKIPs if
 * the device writes it.
 */
static void require_high_iova(struct reach *r)
{
	uint8_t *decoy = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t low = border(r, 2) & ((1UL << 28) - 1), at = low;
	bool reached;

	GM_SETUP(decoy != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	GM_SETUP_OK(__gm_map_hva(r->m.iommu, r->m.ioas, decoy, PG, &at, GM_RW));
	gm_dma_buf_write(r->m.dev, border(r, 2), 0, 8);
	reached = !*(volatile uint64_t *)decoy;
	gm_unmap(r->m.iommu, r->m.ioas, low, PG);
	munmap(decoy, PG);
	if (reached)
		return;
	gm_iodev_free(r->m.dev);
	gm_iommu_free(r->m.iommu);
	gm_skip("the device reaches 28 bits of an IOVA only", "-device edu,dma_mask=0x7fffffffff");
}

static void reach_setup(struct reach *r, const struct gm_case *self)
{
	uint64_t size = r->size;
	struct iommu_vfio_ioas compat = { .size = sizeof(compat), .op = IOMMU_VFIO_IOAS_SET };

	r->m = dma_memory_new(self->iommu, size, size == PG ? 0 : size);
	r->base = base_of(size);
	if (r->cell->way == WAY_COMPAT) {
		compat.ioas_id = r->m.ioas;
		GM_SETUP_OK(ioctl(r->m.iommu->fd, IOMMU_VFIO_IOAS, &compat));
		GM_SETUP_OK(ioctl(r->m.iommu->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	}
	if (r->cell->way == WAY_COPY) {
		r->source = gm_ioas_new(r->m.iommu);
		gm_map_file(r->m.iommu, r->source, r->m.fd, 0, size, base_of(size), GM_RW);
	}
}

GM_CASES(reach, struct cell, v)
{
	struct reach r = { .cell = v, .size = v->size ?: PG, .real = self->iommu != GM_IOMMU_MOCK };

	reach_setup(&r, self);
	for (unsigned int i = 0; i < MAPS; i++) {
		GM_ASSERT(!map(&r, border(&r, i), prots[i]), "map %s: %s", names[i + 1],
			  gm_errno_name(errno));
		r.prot[i + 1] = prots[i];
	}
	load(&r);
	if (r.size == GM_1G && r.real)
		require_high_iova(&r);
	for (unsigned int b = 0; b < BORDERS; b++)
		try_write(&r, b, "mapped");
	try_reads(&r, "mapped");
	/* The device has used all of it: an IOTLB holds the entries that go now. */
	load(&r);
	unmap(&r, 1, 1, r.size);
	try_write(&r, 1, "the map between is gone");
	try_write(&r, 2, "the map between is gone");
	/* One call for two maps, with a gap between them. */
	unmap(&r, 0, 3, 2 * r.size);
	try_write(&r, 2, "all of them are gone");
	try_write(&r, 3, "all of them are gone");
	dma_memory_free(&r.m);
}

/* One line for each way and size. */
#define ROW(id, row_name, what, ...)                                                               \
	GM_ROW(reach, id, .name = "iommu.reach." row_name,                                         \
	       .text = what ": the device reads and writes what each map allows, and nothing "     \
			    "after an unmap",                                                      \
	       __VA_ARGS__)

#define IOMMUFD .iommus = GM_IOMMUS(MOCK, VFIO)
#define DMA .iommus = GM_IOMMUS(VFIO)
#define DMA_ALL .iommus = GM_IOMMUS(VFIO, TYPE1)
#define ANY .iommus = GM_IOMMUS(MOCK, VFIO, TYPE1)
ROW(file_4k, "file_4k", "by file, 4 KiB", IOMMUFD) = { WAY_FILE };
ROW(file_2m, "file_2m", "by file, 2 MiB", IOMMUFD, .huge_2m = 1) = { WAY_FILE, GM_2M };
ROW(file_1g, "file_1g", "by file, 1 GiB", DMA, .huge_1g = 1) = { WAY_FILE, GM_1G };
ROW(hva_4k, "hva_4k", "by address, 4 KiB", ANY) = { WAY_HVA };
ROW(hva_2m, "hva_2m", "by address, 2 MiB", ANY, .huge_2m = 1) = { WAY_HVA, GM_2M };
ROW(hva_1g, "hva_1g", "by address, 1 GiB", DMA_ALL, .huge_1g = 1) = { WAY_HVA, GM_1G };
ROW(copy_4k, "copy_4k", "a copy, 4 KiB", IOMMUFD) = { WAY_COPY };
ROW(copy_2m, "copy_2m", "a copy, 2 MiB", IOMMUFD, .huge_2m = 1) = { WAY_COPY, GM_2M };
ROW(copy_1g, "copy_1g", "a copy, 1 GiB", DMA, .huge_1g = 1) = { WAY_COPY, GM_1G };
ROW(compat_4k, "compat_4k", "VFIO's calls, 4 KiB", IOMMUFD) = { WAY_COMPAT };
ROW(compat_2m, "compat_2m", "VFIO's calls, 2 MiB", IOMMUFD, .huge_2m = 1) = { WAY_COMPAT, GM_2M };
ROW(compat_1g, "compat_1g", "VFIO's calls, 1 GiB", DMA, .huge_1g = 1) = { WAY_COMPAT, GM_1G };
