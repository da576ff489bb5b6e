// SPDX-License-Identifier: GPL-2.0-only
/* A map that needs more huge pages than there are: ENOMEM, nobody's reservation, and nothing held. */
#include "fixture.h"
#include "pool.h"

GM_MOCK_CASE(
	scarce, .name = "iommu.map_file_memfd.scarce", .clause = "iommu.map_file_memfd",
	.flags = GM_REFUSAL, .huge_2m = 3,
	.text = "two huge pages are neither used nor promised: a map of three new ones is ENOMEM, of two is not")
{
	struct fx fx = { .size = 3 * GM_2M };
	struct gm_pool before, pool;
	uint64_t at = IOVA;
	uint8_t *promised;
	uint64_t rest;
	int other;

	fx.iommu = gm_iommu_new(self->val);
	fx.ioas = gm_ioas_new(fx.iommu);
	fx.dev = gm_iodev_new(fx.iommu, fx.ioas);
	gm_pool_read(&before, GM_2M);
	/* A mapping that nobody touches has the promise of its pages, and none of them. */
	rest = (before.free - before.resv - 2) * GM_2M;
	other = gm_memfd_new(rest, GM_2M);
	promised = mmap(NULL, rest, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	GM_SETUP(promised != MAP_FAILED, "mmap of %lu MiB: %s", rest >> 20, gm_errno_name(errno));
	gm_pool_read(&pool, GM_2M);
	GM_SETUP(pool.free - pool.resv == 2, "somebody else uses the pool");
	fx.fd = gm_memfd_new(fx.size, GM_2M);
	GM_EXPECT_ERRNO(ENOMEM, __gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, fx.size, &at, GM_RW),
			"three of two");
	GM_EXPECT(gm_memfd_unpinned(fx.fd), "the refused map holds pages");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the refused map, pages");
	gm_pool_read(&pool, GM_2M);
	GM_EXPECT_EQ(pool.resv, before.resv + (long)(rest / GM_2M), "pages promised to others");
	GM_SETUP_OK(ftruncate(fx.fd, 0));
	GM_SETUP_OK(ftruncate(fx.fd, fx.size));
	gm_control(!__gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, 2 * GM_2M, &at, GM_RW),
		   "two of two");
	gm_unmap(fx.iommu, fx.ioas, IOVA, 2 * GM_2M);
	munmap(promised, rest);
	close(other);
	fx_free(&fx);
	gm_pool_read(&pool, GM_2M);
	GM_EXPECT(pool.free == before.free && pool.resv == before.resv,
		  "%ld free, %ld promised at the end, %ld and %ld before", pool.free, pool.resv,
		  before.free, before.resv);
}
