// SPDX-License-Identifier: GPL-2.0-only
/* What a map holds while it is there, and what is left when it is gone: iommu.lifetime. */
#include "fx.h"

#define PG GM_PAGE_SIZE

/* The words of page `gfn` as fx_new() wrote them, seen by the device at iova. */
static bool device_sees(struct gm_iodev *dev, uint64_t iova, uint64_t gfn, unsigned int gen,
			const char *when)
{
	uint64_t w[2], want = gm_word(gfn, GM_HALF_HOST, gen, 510);

	__gm_dma_read(dev, iova + 510 * 8, w, sizeof(w));
	return GM_EXPECT_AT(GM_PAGE(.iova = iova, .off = gfn * PG), w[0] == want,
			    "%s: the device reads %s, expected %s", when, gm_word_str(w[0]),
			    gm_word_str(want));
}

static bool device_writes(struct gm_iodev *dev, uint64_t iova)
{
	uint64_t w[2] = { 0x0123456789abcdef, ~0UL }, got[2];

	__gm_dma_write(dev, iova + 64, w, sizeof(w));
	__gm_dma_read(dev, iova + 64, got, sizeof(got));
	return GM_EXPECT_AT(GM_PAGE(.iova = iova), got[0] == w[0] && got[1] == w[1],
			    "the device does not read back what it wrote: %#lx, expected %#lx",
			    got[0], w[0]);
}

GM_IOMMU_CASES(close_fd, "iommu.lifetime.close", .clause = "iommu.lifetime",
	       .text = "the file is closed and unmapped: the device still has its pages")
{
	struct fx fx = fx_new(self, 4 * PG, 0);
	int again = GM_SETUP_OK(dup(fx.fd));

	gm_map_file(fx.iommu, fx.ioas, fx.fd, PG, 2 * PG, IOVA, GM_RW);
	munmap(fx.hva, fx.size);
	close(fx.fd);
	close(again);
	device_sees(fx.dev, IOVA, 1, 1, "after the last close");
	device_sees(fx.dev, IOVA + PG, 2, 1, "after the last close");
	device_writes(fx.dev, IOVA);
	gm_unmap(fx.iommu, fx.ioas, IOVA, 2 * PG);
	gm_iodev_free(fx.dev);
	gm_iommu_free(fx.iommu);
}

GM_IOMMU_CASES(
	punch, "iommu.lifetime.punch", .clause = "iommu.lifetime",
	.text = "a hole is punched under the map: the device keeps the old page, the file gets a new one")
{
	struct fx fx = fx_new(self, 6 * PG, 0);

	gm_map_file(fx.iommu, fx.ioas, fx.fd, PG, 4 * PG, IOVA, GM_RW);
	GM_SETUP_OK(fallocate(fx.fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 2 * PG, 2 * PG));
	device_sees(fx.dev, IOVA + PG, 2, 1, "after the hole");
	gm_host_check_zero(fx.hva + 2 * PG, 2, "the new pages of the file");
	gm_dma_expect_blocked(fx.dev, IOVA + PG, fx.hva + 2 * PG, "the new page of the file");
	device_writes(fx.dev, IOVA + PG);
	gm_host_check_zero(fx.hva + 2 * PG, 2, "the new pages of the file, after DMA to the old");
	gm_dma_prove_same_page(fx.dev, IOVA, fx.hva + PG, "the page before the hole");
	gm_dma_prove_same_page(fx.dev, IOVA + 3 * PG, fx.hva + 4 * PG, "the page after the hole");
	gm_unmap(fx.iommu, fx.ioas, IOVA, 4 * PG);
	/* A new map is of what the file has now. */
	gm_map_file(fx.iommu, fx.ioas, fx.fd, PG, 4 * PG, IOVA, GM_RW);
	gm_dma_prove_same_page(fx.dev, IOVA + PG, fx.hva + 2 * PG, "mapped again");
	fx_free(&fx);
}

GM_IOMMU_CASES_SLOW(
	truncated, "iommu.lifetime.truncate", .clause = "iommu.lifetime",
	.text = "the file is truncated under the map, and grows again: the device keeps the old page")
{
	struct fx fx = fx_new(self, 4 * PG, 0);

	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, 4 * PG, IOVA, GM_RW);
	GM_SETUP_OK(ftruncate(fx.fd, PG));
	device_sees(fx.dev, IOVA + 3 * PG, 3, 1, "after the truncate");
	GM_SETUP_OK(ftruncate(fx.fd, 4 * PG));
	gm_dma_expect_blocked(fx.dev, IOVA + 3 * PG, fx.hva + 3 * PG, "the new last page");
	gm_dma_prove_same_page(fx.dev, IOVA, fx.hva, "the page that stayed");
	gm_unmap(fx.iommu, fx.ioas, IOVA, 4 * PG);
	fx_free(&fx);
}

/* What was mapped goes back to the allocator and comes out as somebody else's page. */
GM_IOMMU_CASES(
	after_unmap, "iommu.lifetime.after_unmap", .clause = "iommu.lifetime",
	.text = "after an unmap the device reaches nothing, though it used the IOVA just before")
{
	struct fx fx = fx_new(self, 4 * PG, 0);

	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, 2 * PG, IOVA, GM_RW);
	/* Translations are in the IOTLB now. */
	gm_dma_prove_same_page(fx.dev, IOVA, fx.hva, "mapped");
	gm_dma_prove_same_page(fx.dev, IOVA + PG, fx.hva + PG, "mapped");
	gm_unmap(fx.iommu, fx.ioas, IOVA, 2 * PG);
	gm_dma_expect_blocked(fx.dev, IOVA, fx.hva, "unmapped");
	gm_dma_expect_blocked(fx.dev, IOVA + PG, fx.hva + PG, "unmapped");
	gm_map_file(fx.iommu, fx.ioas, fx.fd, 2 * PG, 2 * PG, IOVA, GM_RW);
	gm_dma_prove_same_page(fx.dev, IOVA, fx.hva + 2 * PG, "another page at that IOVA");
	fx_check(&fx, 0, fx.size, "after it all");
	fx_free(&fx);
}

static void no_vma_run(const struct gm_case *self, uint64_t huge)
{
	struct fx fx = { .size = huge ? GM_2M : 4 * PG };
	uint64_t len = huge ? GM_2M : 2 * PG;
	uint8_t data[16], got[16];
	uint64_t off = huge ? 0x155550 : PG + 0x550;

	fx.iommu = gm_iommu_new(self->val);
	fx.ioas = gm_ioas_new(fx.iommu);
	fx.dev = gm_iodev_new(fx.iommu, fx.ioas);
	fx.fd = gm_memfd_new(fx.size, huge);
	for (int i = 0; i < 16; i++)
		data[i] = 0x80 + i;
	GM_EXPECT_OK(gm_map_file(fx.iommu, fx.ioas, fx.fd, huge ? 0 : PG, len, IOVA, GM_RW));
	__gm_dma_write(fx.dev, IOVA + (huge ? off : off - PG), data, sizeof(data));
	GM_SETUP_OK(pread(fx.fd, got, sizeof(got), off));
	GM_EXPECT(!memcmp(got, data, sizeof(got)),
		  "the file does not hold what the device wrote at %#lx", off);
	if (!huge) {
		data[3] ^= 0xff;
		GM_SETUP_OK(pwrite(fx.fd, data, sizeof(data), off));
		__gm_dma_read(fx.dev, IOVA + off - PG, got, sizeof(got));
		GM_EXPECT(!memcmp(got, data, sizeof(got)),
			  "the device does not read what the file holds");
	}
	fx_free(&fx);
}

GM_IOMMU_CASES(no_vma, "iommu.no_vma.shmem", .clause = "iommu.no_vma",
	       .text = "a memfd that nothing ever mapped: device and read(), write() agree")
{
	no_vma_run(self, 0);
}

GM_IOMMU_CASES(
	no_vma_2m, "iommu.no_vma.hugetlb_2m", .clause = "iommu.no_vma", .huge_2m = 1,
	.text = "a hugetlb memfd that nothing ever mapped: what the device writes, read() reads")
{
	no_vma_run(self, GM_2M);
}

/* The map refers to the file, not to the mapping that was there when it was made. */
GM_IOMMU_CASES_SLOW(
	remap_vma, "iommu.no_vma.mapping_moved", .clause = "iommu.no_vma",
	.text = "the host's mapping goes and another memory comes to its address: the map is still the file's")
{
	struct fx fx = fx_new(self, 2 * PG, 0);
	uint8_t *other;

	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, 2 * PG, IOVA, GM_RW);
	other = mmap(fx.hva, fx.size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	GM_SETUP(other == fx.hva, "mmap: %s", gm_errno_name(errno));
	memset(other, 0xee, fx.size);
	gm_dma_expect_blocked(fx.dev, IOVA, other, "what lies at the old address");
	device_sees(fx.dev, IOVA + PG, 1, 1, "the file");
	fx_free(&fx);
}

GM_MOCK_CASE(refs, .name = "iommu.lifetime.refs", .clause = "iommu.lifetime",
	     .text = "one pin per page and domain-filled map; none after the unmap; VmPin exact")
{
	struct fx fx = fx_new(self, 8 * PG, 0);

	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin before, pages");
	gm_map_file(fx.iommu, fx.ioas, fx.fd, PG, 3 * PG, IOVA, GM_RW);
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, PG, 0), "the page below is pinned");
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva + PG, 3 * PG, 1), "not one pin per mapped page");
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva + 4 * PG, 4 * PG, 0), "a page above is pinned");
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin, pages");
	gm_map_file(fx.iommu, fx.ioas, fx.fd, 2 * PG, 4 * PG, IOVA + 0x10000, GM_RO);
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva + 2 * PG, 2 * PG, 2),
		  "two maps are not two pins");
	GM_EXPECT_EQ(gm_vm_pinned(), 7, "VmPin of two maps, pages");
	gm_unmap(fx.iommu, fx.ioas, IOVA, 3 * PG);
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva + PG, PG, 0), "a pin stays");
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva + 2 * PG, 4 * PG, 1),
		  "the other map lost its pins");
	GM_EXPECT_EQ(gm_vm_pinned(), 4, "VmPin of the other map, pages");
	fx_maps(&fx, 2 * PG, 4 * PG, IOVA + 0x10000);
	gm_unmap(fx.iommu, fx.ioas, IOVA + 0x10000, 4 * PG);
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, fx.size, 0), "a pin stays at the end");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	fx_free(&fx);
}

GM_MOCK_CASE(huge_refs, .name = "iommu.lifetime.huge_refs", .clause = "iommu.lifetime",
	     .huge_2m = 2,
	     .text = "parts of 2 MiB pages: VmPin counts 4 KiB, and the pages go back to the pool")
{
	struct fx fx = fx_new(self, 2 * GM_2M, GM_2M);
	char pool[64] = "", before[64] = "";
	int fd = open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
		      O_RDONLY | O_CLOEXEC);

	GM_SETUP(fd >= 0 && pread(fd, before, 63, 0) > 0, "free_hugepages");
	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0x1000, 3 * PG, IOVA, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin, pages");
	gm_map_file(fx.iommu, fx.ioas, fx.fd, GM_2M - PG, 2 * PG, IOVA + 0x10000, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 5, "VmPin of two maps, pages");
	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, 2 * GM_2M, IOVA + 0x400000, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 5 + 1024, "VmPin of all of it besides, pages");
	gm_unmap(fx.iommu, fx.ioas, IOVA + 0x10000, 2 * PG);
	gm_unmap(fx.iommu, fx.ioas, IOVA + 0x400000, 2 * GM_2M);
	gm_unmap(fx.iommu, fx.ioas, IOVA, 3 * PG);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	munmap(fx.hva, fx.size);
	fx.hva = NULL;
	GM_EXPECT(gm_memfd_unpinned(fx.fd), "nothing is mapped, and a 2 MiB page is still held");
	GM_SETUP_OK(pread(fd, pool, 63, 0));
	GM_EXPECT_EQ(atol(pool), atol(before), "free 2 MiB pages while the file has two");
	fx_free(&fx);
	GM_SETUP_OK(pread(fd, pool, 63, 0));
	GM_EXPECT_EQ(atol(pool), atol(before) + 2, "free 2 MiB pages after the last close");
	close(fd);
}

GM_MOCK_CASE(iommufd_close, .name = "iommu.lifetime.iommufd_close", .clause = "iommu.lifetime",
	     .text = "the iommufd is closed with maps, devices and users in it: every pin returns")
{
	struct fx fx = fx_new(self, 8 * PG, 0);
	struct gm_iommu *other = gm_iommu_new(self->val);
	uint32_t second = gm_ioas_new(fx.iommu);
	uint64_t at = IOVA;
	int user;

	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, 8 * PG, IOVA, GM_RW);
	GM_EXPECT_OK(__gm_ioas_copy(fx.iommu, second, fx.ioas, IOVA + PG, 2 * PG, &at, GM_RW));
	user = gm_access_new(fx.iommu, second, true);
	GM_EXPECT(__gm_access_pin(fx.iommu, user, IOVA, 2 * PG, fx.hva + PG, true) >= 0, "pin: %s",
		  gm_errno_name(errno));
	close(user);
	GM_EXPECT(!__gm_mock_refs(other, fx.hva, fx.size, 1),
		  "copy and map together are not one pin");
	close(fx.iommu->fd);
	free(fx.iommu);
	free(fx.dev);
	fx.dev = NULL;
	fx.iommu = other;
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, fx.size, 0), "a pin outlives the iommufd");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin, pages");
	fx_free(&fx);
}

GM_IOMMU_CASES(
	sealed, "iommu.lifetime.seal", .clause = "iommu.lifetime",
	.text = "a mapped page is in use: sealing against writes is EBUSY until it is unmapped")
{
	struct fx fx = fx_new(self, 2 * PG, 0);

	munmap(fx.hva, fx.size);
	fx.hva = NULL;
	gm_map_file(fx.iommu, fx.ioas, fx.fd, PG, PG, IOVA, GM_RW);
	GM_EXPECT(!gm_memfd_unpinned(fx.fd),
		  "the device can write the file, and it was sealed against writes");
	gm_unmap(fx.iommu, fx.ioas, IOVA, PG);
	GM_EXPECT(gm_memfd_unpinned(fx.fd), "nothing is mapped, and sealing is still EBUSY");
	fx_free(&fx);
}
