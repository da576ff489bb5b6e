// SPDX-License-Identifier: GPL-2.0-only
/* Maps of hugetlb files: allocated before the map, with holes, and when there are too few pages. */
#include "dma_memory.h"
#include "pool.h"

GM_FILE(.clause = "iommu.map_file_memfd", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK))

GM_CASE(scarce, .name = "iommu.map_file_memfd.scarce", .flags = GM_REFUSAL, .huge_2m = 3,
	.text = "two huge pages are free and not reserved: a map of three new ones is ENOMEM, of two works")
{
	struct dma_memory m = { .size = 3 * GM_2M };
	struct gm_pool before, pool;
	uint64_t at = IOVA;
	uint8_t *reserved;
	uint64_t rest;
	int other;

	m.iommu = gm_iommu_new(self->iommu);
	m.ioas = gm_ioas_new(m.iommu);
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	gm_pool_read(&before, GM_2M);
	/* A mapping that is not touched reserves its pages, but allocates none. */
	rest = (before.free - before.resv - 2) * GM_2M;
	other = gm_memfd_new(rest, GM_2M);
	reserved = mmap(NULL, rest, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	GM_SETUP(reserved != MAP_FAILED, "mmap of %lu MiB: %s", rest >> 20, gm_errno_name(errno));
	gm_pool_read(&pool, GM_2M);
	GM_SETUP(pool.free - pool.resv == 2, "another program uses the pool");
	m.fd = gm_memfd_new(m.size, GM_2M);
	GM_EXPECT_ERRNO(ENOMEM, __gm_map_file(m.iommu, m.ioas, m.fd, 0, m.size, &at, GM_RW),
			"three of two");
	GM_EXPECT(gm_memfd_unpinned(m.fd), "the refused map holds pages");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the refused map, pages");
	gm_pool_read(&pool, GM_2M);
	GM_EXPECT_EQ(pool.resv, before.resv + (long)(rest / GM_2M), "reserved pages");
	/* A new file: gm_memfd_unpinned() has sealed this one against writing. */
	close(m.fd);
	m.fd = gm_memfd_new(m.size, GM_2M);
	gm_promise(!__gm_map_file(m.iommu, m.ioas, m.fd, 0, 2 * GM_2M, &at, GM_RW), "two of two");
	gm_unmap(m.iommu, m.ioas, IOVA, 2 * GM_2M);
	munmap(reserved, rest);
	close(other);
	dma_memory_free(&m);
	gm_pool_read(&pool, GM_2M);
	GM_EXPECT(pool.free == before.free && pool.resv == before.resv,
		  "%ld free, %ld reserved at the end, %ld and %ld before", pool.free, pool.resv,
		  before.free, before.resv);
}

GM_CASE(allocated, .name = "iommu.map_file_memfd.allocated_2m", .huge_2m = 6,
	.text = "fallocate() of huge pages, twice: zero for device and host, and only the map pins them")
{
	struct dma_memory m = { .size = 3 * GM_2M };
	uint8_t *used;
	int other = gm_memfd_new(6 * GM_2M, GM_2M);

	/* Fills pages of the pool, which the file gets next. */
	used = mmap(NULL, 6 * GM_2M, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	GM_SETUP(used != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	memset(used, 0x5a, 6 * GM_2M);
	munmap(used, 6 * GM_2M);
	close(other);
	m.iommu = gm_iommu_new(self->iommu);
	m.ioas = gm_ioas_new(m.iommu);
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	m.fd = gm_memfd_new(m.size, GM_2M);
	GM_SETUP_OK(fallocate(m.fd, 0, 0, 2 * GM_2M));
	GM_SETUP_OK(fallocate(m.fd, 0, 0, m.size));
	gm_map_file(m.iommu, m.ioas, m.fd, 0, m.size, IOVA, GM_RW);
	m.hva = dma_memory_mmap(m.fd, m.size, GM_2M);
	gm_host_check_zero(m.hva, m.size / GM_PAGE_SIZE, "allocated before the map");
	dma_memory_mapped(&m, 0, m.size, IOVA);
	gm_unmap(m.iommu, m.ioas, IOVA, m.size);
	dma_memory_free(&m);
}

GM_CASE(hole, .name = "iommu.lifetime.punch_2m", .clause = "iommu.lifetime", .huge_2m = 6,
	.text = "a hole from the middle of one huge page to the middle of another: both are zeroed in part and stay")
{
	const uint64_t half = GM_2M / 2;
	struct dma_memory m = dma_memory_new(self->iommu, 4 * GM_2M, GM_2M);

	gm_map_file(m.iommu, m.ioas, m.fd, 0, m.size, IOVA, GM_RW);
	GM_SETUP_OK(fallocate(m.fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, half,
			      m.size - 2 * half));
	dma_memory_check(&m, 0, half, "before the hole");
	dma_memory_check(&m, m.size - half, half, "behind the hole");
	gm_host_check_zero(m.hva + half, (m.size - 2 * half) / GM_PAGE_SIZE, "the hole");
	dma_memory_mapped(&m, 0, GM_2M, IOVA);
	dma_memory_mapped(&m, 3 * GM_2M, GM_2M, IOVA + 3 * GM_2M);
	GM_EXPECT(__gm_mock_maps(m.iommu, m.dev->hwpt, IOVA + GM_2M, m.hva + GM_2M, GM_2M),
		  "the device has a new page of the file");
	gm_unmap(m.iommu, m.ioas, IOVA, m.size);
	dma_memory_free(&m);
}
