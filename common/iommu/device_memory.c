// SPDX-License-Identifier: GPL-2.0-only
/* Memory of a device, which its driver exports as a dma-buf: iommu.device_memory. */
#include <sys/resource.h>

#include "dirty.h"

GM_FILE(.clause = "iommu.device_memory", .profile = "IO", .iommu = GM_IOMMU_MOCK)

#define PG GM_PAGE_SIZE
#define NPAGES 4UL
#define LEN (NPAGES * PG)
#define ALL ((1UL << NPAGES) - 1)
/* Only this case charges pages to this uid. */
#define USER 60063

/*
 * Bit i: the page table has an entry for page i of [iova, iova + LEN). The mock's dma-buf cannot be
 * mmap()ed or read; but a page that a device writes gets dirty only if it is mapped.
 */
static uint64_t entries(struct dma_memory *m, uint32_t hwpt, uint64_t iova)
{
	uint64_t map = 0;

	GM_SETUP_OK(dirty_get(m, hwpt, iova, LEN, PG, &map, 0));
	map = ALL;
	GM_SETUP_OK(__gm_mock_dirty(m->iommu, hwpt, iova, LEN, PG, &map));
	map = 0;
	GM_SETUP_OK(dirty_get(m, hwpt, iova, LEN, PG, &map, 0));
	return map;
}

static void expect_entries(struct dma_memory *m, uint32_t hwpt, uint64_t iova, uint64_t want,
			   const char *when)
{
	GM_EXPECT_EQ(entries(m, hwpt, iova), want, "%s: entries at iova %#lx", when, iova);
}

static int map_buf(struct dma_memory *m, int buf, uint64_t iova)
{
	return __gm_map_file(m->iommu, m->ioas, buf, 0, LEN, &iova, GM_RW);
}

GM_CASE(account, .name = "iommu.device_memory.account", .caps = GM_CAPS(CAP_SETUID),
	.text = "a map of device memory pins nothing and counts nothing against RLIMIT_MEMLOCK")
{
	struct dma_memory m = dma_memory_new(self->iommu, LEN, 0);
	uint32_t hwpt = dirty_hwpt_new(&m, false);
	int buf = gm_mock_dmabuf_new(m.iommu, LEN);
	struct rlimit none = { 0 };
	uint64_t at = IOVA;

	GM_SETUP_OK(setrlimit(RLIMIT_MEMLOCK, &none));
	GM_SETUP_OK(setresuid(USER, USER, USER));
	gm_promise(__gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, &at, GM_RW) && errno == ENOMEM,
		   "at this limit a page of a memfd is refused");
	GM_EXPECT_OK(map_buf(&m, buf, IOVA));
	GM_EXPECT_EQ(gm_vm_pinned() + gm_vm_locked(), 0, "VmPin and VmLck, pages");
	expect_entries(&m, hwpt, IOVA, ALL, "mapped");
	/* A further device gets the map, too. */
	gm_iodev_free(m.dev);
	m.dev = gm_iodev_new(m.iommu, hwpt);
	GM_EXPECT_EQ(gm_vm_pinned() + gm_vm_locked(), 0, "after another attach, pages");
	gm_unmap(m.iommu, m.ioas, IOVA, LEN);
	GM_EXPECT_EQ(gm_vm_pinned() + gm_vm_locked(), 0, "after the unmap, pages");
	expect_entries(&m, hwpt, IOVA, 0, "unmapped");
	close(buf);
	dma_memory_free(&m);
}

GM_CASE(args, .name = "iommu.device_memory.args", .caps = GM_CAPS(CAP_IPC_LOCK),
	.flags = GM_REFUSAL,
	.text = "a range that ends past the buffer is EINVAL, in-kernel users are EINVAL; any part of it can be mapped")
{
	struct dma_memory m = dma_memory_new(self->iommu, LEN, 0);
	uint32_t hwpt = dirty_hwpt_new(&m, false);
	int buf = gm_mock_dmabuf_new(m.iommu, LEN), reads, pins;
	uint64_t at = IOVA, word;

#define PART(off, len) (at = IOVA, __gm_map_file(m.iommu, m.ioas, buf, off, len, &at, GM_RW))
	GM_EXPECT_ERRNO(EINVAL, PART(0, 0), "nothing");
	GM_EXPECT_ERRNO(EINVAL, PART(LEN, PG), "the page past the end");
	GM_EXPECT_ERRNO(EINVAL, PART(0, LEN + PG), "one page more");
	GM_EXPECT_ERRNO(EINVAL, PART(PG, LEN), "all pages, from the second on");
	GM_EXPECT_ERRNO(EOVERFLOW, PART(-PG, 2 * PG), "a range that wraps");
	expect_entries(&m, hwpt, IOVA, 0, "after the refusals");
	gm_promise(!PART(PG, 2 * PG), "two pages in the middle");
	expect_entries(&m, hwpt, IOVA, 3, "two pages");
	reads = gm_access_new(m.iommu, m.ioas, false);
	pins = gm_access_new(m.iommu, m.ioas, true);
	GM_EXPECT_ERRNO(EINVAL, __gm_access_rw(m.iommu, reads, IOVA, &word, 8, false), "a read");
	GM_EXPECT_ERRNO(EINVAL, __gm_access_rw(m.iommu, reads, IOVA, &word, 8, true), "a write");
	GM_EXPECT_ERRNO(EINVAL, __gm_access_pin(m.iommu, pins, IOVA, PG, NULL, false), "a pin");
	close(reads);
	close(pins);
	gm_unmap(m.iommu, m.ioas, IOVA, 2 * PG);
	gm_promise(!map_buf(&m, buf, IOVA), "the whole buffer at that IOVA");
	expect_entries(&m, hwpt, IOVA, ALL, "the whole buffer");
	close(buf);
	dma_memory_free(&m);
}

GM_CASE(closed, .name = "iommu.device_memory.closed", .caps = GM_CAPS(CAP_IPC_LOCK),
	.text = "a map stays when the dma-buf's descriptor is closed, and an attached iommufd can be closed with it")
{
	struct dma_memory m = dma_memory_new(self->iommu, LEN, 0);
	uint32_t hwpt = dirty_hwpt_new(&m, false);
	int buf = gm_mock_dmabuf_new(m.iommu, LEN);

	GM_EXPECT_OK(map_buf(&m, buf, IOVA));
	GM_EXPECT_OK(map_buf(&m, buf, IOVA + 0x10000));
	close(buf);
	expect_entries(&m, hwpt, IOVA, ALL, "closed");
	gm_unmap(m.iommu, m.ioas, IOVA, LEN);
	expect_entries(&m, hwpt, IOVA, 0, "unmapped");
	expect_entries(&m, hwpt, IOVA + 0x10000, ALL, "the other map");
	dma_memory_free(&m);
}

/* --- revocation: the device is reset, or its memory is switched off --- */

GM_CASE(revoked, .name = "iommu.device_memory.revoked", .caps = GM_CAPS(CAP_IPC_LOCK),
	.text = "a revoked buffer is in no page table and cannot be mapped, ENODEV; other maps stay, and the old one is dead for ever")
{
	struct dma_memory m = dma_memory_new(self->iommu, LEN, 0);
	uint32_t hwpt = dirty_hwpt_new(&m, false), next;
	int buf = gm_mock_dmabuf_new(m.iommu, LEN), beside = gm_mock_dmabuf_new(m.iommu, LEN);
	const uint64_t here = IOVA, there = IOVA + 0x10000, again = IOVA + 0x30000;

	GM_EXPECT_OK(map_buf(&m, buf, here));
	GM_EXPECT_OK(map_buf(&m, beside, there));
	gm_map_file(m.iommu, m.ioas, m.fd, 0, LEN, IOVA + 0x20000, GM_RW);
	expect_entries(&m, hwpt, here, ALL, "mapped");
	gm_mock_dmabuf_revoke(m.iommu, buf, true);
	expect_entries(&m, hwpt, here, 0, "revoked");
	expect_entries(&m, hwpt, there, ALL, "another buffer");
	dma_memory_mapped(&m, 0, LEN, IOVA + 0x20000);
	GM_EXPECT_ERRNO(ENODEV, map_buf(&m, buf, again), "a revoked buffer");
	/* A new page table is filled from the maps. */
	next = dirty_hwpt_new(&m, false);
	expect_entries(&m, next, here, 0, "revoked, in a new page table");
	expect_entries(&m, next, there, ALL, "another buffer, in a new page table");
	gm_mock_dmabuf_revoke(m.iommu, buf, true);
	gm_mock_dmabuf_revoke(m.iommu, buf, false);
	expect_entries(&m, next, here, 0, "allowed again: the old map");
	GM_EXPECT_OK(map_buf(&m, buf, again), "allowed again");
	expect_entries(&m, next, again, ALL, "allowed again: a new map");
	gm_unmap(m.iommu, m.ioas, here, LEN);
	GM_EXPECT_OK(map_buf(&m, buf, here), "at the IOVA of the map that was revoked");
	expect_entries(&m, next, here, ALL, "at the IOVA of the map that was revoked");
	gm_iommu_destroy(m.iommu, hwpt);
	close(buf);
	close(beside);
	dma_memory_free(&m);
}

GM_CASE(everywhere, .name = "iommu.device_memory.revoked_everywhere", .caps = GM_CAPS(CAP_IPC_LOCK),
	.text = "a revocation reaches every page table of the address space, copies of the map, and maps that nothing is attached to")
{
	struct dma_memory m = dma_memory_new(self->iommu, LEN, 0), twin = m, far = m;
	uint32_t hwpt = dirty_hwpt_new(&m, false), table, copy, alone;
	int buf = gm_mock_dmabuf_new(m.iommu, LEN);
	uint64_t at = IOVA;

	/* A second page table for the same IOAS, with a device of its own. */
	twin.dev = gm_iodev_new(m.iommu, m.ioas);
	table = dirty_hwpt_new(&twin, false);
	GM_EXPECT_OK(map_buf(&m, buf, IOVA));
	/* A copy in another IOAS. */
	far.ioas = gm_ioas_new(m.iommu);
	far.dev = gm_iodev_new(m.iommu, far.ioas);
	copy = dirty_hwpt_new(&far, false);
	GM_EXPECT_OK(__gm_ioas_copy(m.iommu, far.ioas, m.ioas, IOVA, LEN, &at, GM_RW));
	/* A map with no device. */
	alone = gm_ioas_new(m.iommu);
	gm_map_file(m.iommu, alone, buf, 0, LEN, IOVA, GM_RW);
	expect_entries(&m, hwpt, IOVA, ALL, "the first page table");
	expect_entries(&m, table, IOVA, ALL, "the second page table");
	expect_entries(&m, copy, IOVA, ALL, "the copy");
	gm_mock_dmabuf_revoke(m.iommu, buf, true);
	expect_entries(&m, hwpt, IOVA, 0, "revoked, the first page table");
	expect_entries(&m, table, IOVA, 0, "revoked, the second page table");
	expect_entries(&m, copy, IOVA, 0, "revoked, the copy");
	gm_iodev_replace(far.dev, alone, alone);
	far.ioas = alone;
	expect_entries(&m, dirty_hwpt_new(&far, false), IOVA, 0, "revoked before the attach");
	GM_EXPECT_ERRNO(ENODEV, map_buf(&far, buf, IOVA + 0x10000), "a new map");
	gm_unmap(m.iommu, alone, IOVA, LEN);
	gm_iodev_free(far.dev);
	gm_iodev_free(twin.dev);
	gm_unmap(m.iommu, m.ioas, IOVA, LEN);
	close(buf);
	dma_memory_free(&m);
}
