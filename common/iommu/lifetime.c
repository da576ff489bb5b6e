// SPDX-License-Identifier: GPL-2.0-only
/* What a map pins, and for how long: iommu.lifetime. */
#include "dma_memory.h"

GM_FILE(.clause = "iommu.lifetime", .profile = "IO", .iommus = GM_IOMMUS(MOCK, VFIO),
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

/* Expects that the device reads at iova the words that dma_memory_new() wrote to page `gfn`. */
static bool device_sees(struct gm_iodev *dev, uint64_t iova, uint64_t gfn, unsigned int gen,
			const char *when)
{
	uint64_t w[2], want = gm_word(gfn, GM_WRITER_HOST, gen, 510);

	__gm_dma_read(dev, iova + 510 * 8, w, sizeof(w));
	return GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(iova), .off = GM_AT(gfn * PG)), w[0] == want,
			    "%s: the device reads %s, expected %s", when, gm_word_str(w[0]),
			    gm_word_str(want));
}

static bool device_writes(struct gm_iodev *dev, uint64_t iova)
{
	uint64_t w[2] = { 0x0123456789abcdef, ~0UL }, got[2];

	__gm_dma_write(dev, iova + 64, w, sizeof(w));
	__gm_dma_read(dev, iova + 64, got, sizeof(got));
	return GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(iova)), got[0] == w[0] && got[1] == w[1],
			    "the device does not read back what it wrote: %#lx, expected %#lx",
			    got[0], w[0]);
}

GM_CASE(close_fd, .name = "iommu.lifetime.close",
	.text = "the file is closed and unmapped: the device still has its pages")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	int again = GM_SETUP_OK(dup(m.fd));

	gm_map_file(m.iommu, m.ioas, m.fd, PG, 2 * PG, IOVA, GM_RW);
	munmap(m.hva, m.size);
	close(m.fd);
	close(again);
	device_sees(m.dev, IOVA, 1, 1, "after the last close");
	device_sees(m.dev, IOVA + PG, 2, 1, "after the last close");
	device_writes(m.dev, IOVA);
	gm_unmap(m.iommu, m.ioas, IOVA, 2 * PG);
	gm_iodev_free(m.dev);
	gm_iommu_free(m.iommu);
}

GM_CASE(punch, .name = "iommu.lifetime.punch",
	.text = "a hole is punched under the map: the device keeps the old page, the file gets a new one")
{
	struct dma_memory m = dma_memory_new(self->iommu, 6 * PG, 0);

	gm_map_file(m.iommu, m.ioas, m.fd, PG, 4 * PG, IOVA, GM_RW);
	GM_SETUP_OK(fallocate(m.fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 2 * PG, 2 * PG));
	device_sees(m.dev, IOVA + PG, 2, 1, "after the hole");
	gm_host_check_zero(m.hva + 2 * PG, 2, "the new pages of the file");
	gm_dma_expect_blocked(m.dev, IOVA + PG, m.hva + 2 * PG, "the new page of the file");
	device_writes(m.dev, IOVA + PG);
	gm_host_check_zero(m.hva + 2 * PG, 2, "the new pages of the file, after DMA to the old");
	gm_dma_prove_same_page(m.dev, IOVA, m.hva + PG, "the page before the hole");
	gm_dma_prove_same_page(m.dev, IOVA + 3 * PG, m.hva + 4 * PG, "the page after the hole");
	gm_unmap(m.iommu, m.ioas, IOVA, 4 * PG);
	/* A new map has the file's current pages. */
	gm_map_file(m.iommu, m.ioas, m.fd, PG, 4 * PG, IOVA, GM_RW);
	gm_dma_prove_same_page(m.dev, IOVA + PG, m.hva + 2 * PG, "mapped again");
	dma_memory_free(&m);
}

GM_CASE(truncated, .name = "iommu.lifetime.truncate", .dma_flags = GM_FULL_ONLY,
	.text = "the file is truncated under the map, and grows again: the device keeps the old page")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 4 * PG, IOVA, GM_RW);
	GM_SETUP_OK(ftruncate(m.fd, PG));
	device_sees(m.dev, IOVA + 3 * PG, 3, 1, "after the truncate");
	GM_SETUP_OK(ftruncate(m.fd, 4 * PG));
	gm_dma_expect_blocked(m.dev, IOVA + 3 * PG, m.hva + 3 * PG, "the new last page");
	gm_dma_prove_same_page(m.dev, IOVA, m.hva, "the page that stayed");
	gm_unmap(m.iommu, m.ioas, IOVA, 4 * PG);
	dma_memory_free(&m);
}

/* The unmapped pages can be reused by others, so the device must not reach them. */
GM_CASE(after_unmap, .name = "iommu.lifetime.after_unmap",
	.text = "after an unmap the device reaches nothing, also if it used the IOVA just before")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 2 * PG, IOVA, GM_RW);
	/* Fills the IOTLB. */
	gm_dma_prove_same_page(m.dev, IOVA, m.hva, "mapped");
	gm_dma_prove_same_page(m.dev, IOVA + PG, m.hva + PG, "mapped");
	gm_unmap(m.iommu, m.ioas, IOVA, 2 * PG);
	gm_dma_expect_blocked(m.dev, IOVA, m.hva, "unmapped");
	gm_dma_expect_blocked(m.dev, IOVA + PG, m.hva + PG, "unmapped");
	gm_map_file(m.iommu, m.ioas, m.fd, 2 * PG, 2 * PG, IOVA, GM_RW);
	gm_dma_prove_same_page(m.dev, IOVA, m.hva + 2 * PG, "another page at the same IOVA");
	dma_memory_check(&m, 0, m.size, "at the end");
	dma_memory_free(&m);
}

static void no_vma_run(const struct gm_case *self, uint64_t huge)
{
	struct dma_memory m = { .size = huge ? GM_2M : 4 * PG };
	uint64_t len = huge ? GM_2M : 2 * PG;
	uint8_t data[16], got[16];
	uint64_t off = huge ? 0x155550 : PG + 0x550;

	m.iommu = gm_iommu_new(self->iommu);
	m.ioas = gm_ioas_new(m.iommu);
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	m.fd = gm_memfd_new(m.size, huge);
	for (int i = 0; i < 16; i++)
		data[i] = 0x80 + i;
	GM_EXPECT_OK(gm_map_file(m.iommu, m.ioas, m.fd, huge ? 0 : PG, len, IOVA, GM_RW));
	__gm_dma_write(m.dev, IOVA + (huge ? off : off - PG), data, sizeof(data));
	GM_SETUP_OK(pread(m.fd, got, sizeof(got), off));
	GM_EXPECT(!memcmp(got, data, sizeof(got)),
		  "the file does not hold what the device wrote at %#lx", off);
	if (!huge) {
		data[3] ^= 0xff;
		GM_SETUP_OK(pwrite(m.fd, data, sizeof(data), off));
		__gm_dma_read(m.dev, IOVA + off - PG, got, sizeof(got));
		GM_EXPECT(!memcmp(got, data, sizeof(got)),
			  "the device does not read what the file holds");
	}
	dma_memory_free(&m);
}

GM_CASE(no_vma, .name = "iommu.no_vma.shmem", .clause = "iommu.no_vma",
	.text = "a memfd that was never mapped: device and read(), write() access the same memory")
{
	no_vma_run(self, 0);
}

GM_CASE(no_vma_2m, .name = "iommu.no_vma.hugetlb_2m", .clause = "iommu.no_vma", .huge_2m = 1,
	.text = "a hugetlb memfd that was never mapped: what the device writes, read() reads")
{
	no_vma_run(self, GM_2M);
}

/* The map refers to the file, not to the process's mapping of it. */
GM_CASE(remap_vma, .name = "iommu.no_vma.mapping_moved", .clause = "iommu.no_vma",
	.dma_flags = GM_FULL_ONLY,
	.text = "the host's mapping is replaced by other memory: the map still has the file's pages")
{
	struct dma_memory m = dma_memory_new(self->iommu, 2 * PG, 0);
	uint8_t *other;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 2 * PG, IOVA, GM_RW);
	other = mmap(m.hva, m.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		     -1, 0);
	GM_SETUP(other == m.hva, "mmap: %s", gm_errno_name(errno));
	memset(other, 0xee, m.size);
	gm_dma_expect_blocked(m.dev, IOVA, other, "the memory at the old address");
	device_sees(m.dev, IOVA + PG, 1, 1, "the file");
	dma_memory_free(&m);
}

GM_CASE(refs, .name = "iommu.lifetime.refs", .iommu = GM_IOMMU_MOCK,
	.text = "one pin per page and domain-filled map; none after the unmap; VmPin exact")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);

	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin before, pages");
	gm_map_file(m.iommu, m.ioas, m.fd, PG, 3 * PG, IOVA, GM_RW);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, PG, 0), "the page below is pinned");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + PG, 3 * PG, 1),
		  "expected one pin per mapped page");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 4 * PG, 4 * PG, 0), "a page above is pinned");
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin, pages");
	gm_map_file(m.iommu, m.ioas, m.fd, 2 * PG, 4 * PG, IOVA + 0x10000, GM_RO);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 2 * PG, 2 * PG, 2),
		  "expected two pins per page of two maps");
	GM_EXPECT_EQ(gm_vm_pinned(), 7, "VmPin of two maps, pages");
	gm_unmap(m.iommu, m.ioas, IOVA, 3 * PG);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + PG, PG, 0), "a page stays pinned");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 2 * PG, 4 * PG, 1),
		  "the other map lost its pins");
	GM_EXPECT_EQ(gm_vm_pinned(), 4, "VmPin of the other map, pages");
	dma_memory_mapped(&m, 2 * PG, 4 * PG, IOVA + 0x10000);
	gm_unmap(m.iommu, m.ioas, IOVA + 0x10000, 4 * PG);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "a page stays pinned at the end");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	dma_memory_free(&m);
}

GM_CASE(huge_refs, .name = "iommu.lifetime.huge_refs", .iommu = GM_IOMMU_MOCK, .huge_2m = 2,
	.text = "parts of 2 MiB pages: VmPin counts 4 KiB, and the pages go back to the pool")
{
	struct dma_memory m = dma_memory_new(self->iommu, 2 * GM_2M, GM_2M);
	char pool[64] = "", before[64] = "";
	int fd = open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
		      O_RDONLY | O_CLOEXEC);

	GM_SETUP(fd >= 0 && pread(fd, before, 63, 0) > 0, "free_hugepages");
	gm_map_file(m.iommu, m.ioas, m.fd, 0x1000, 3 * PG, IOVA, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin, pages");
	gm_map_file(m.iommu, m.ioas, m.fd, GM_2M - PG, 2 * PG, IOVA + 0x10000, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 5, "VmPin of two maps, pages");
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 2 * GM_2M, IOVA + 0x400000, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 5 + 1024, "VmPin with a map of the whole file, pages");
	gm_unmap(m.iommu, m.ioas, IOVA + 0x10000, 2 * PG);
	gm_unmap(m.iommu, m.ioas, IOVA + 0x400000, 2 * GM_2M);
	gm_unmap(m.iommu, m.ioas, IOVA, 3 * PG);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	munmap(m.hva, m.size);
	m.hva = NULL;
	GM_EXPECT(gm_memfd_unpinned(m.fd), "nothing is mapped, and a 2 MiB page is still held");
	GM_SETUP_OK(pread(fd, pool, 63, 0));
	GM_EXPECT_EQ(atol(pool), atol(before), "free 2 MiB pages while the file has two");
	dma_memory_free(&m);
	GM_SETUP_OK(pread(fd, pool, 63, 0));
	GM_EXPECT_EQ(atol(pool), atol(before) + 2, "free 2 MiB pages after the last close");
	close(fd);
}

GM_CASE(iommufd_close, .name = "iommu.lifetime.iommufd_close", .iommu = GM_IOMMU_MOCK,
	.text = "the iommufd is closed with maps, devices and in-kernel users: no page stays pinned")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	struct gm_iommu *other = gm_iommu_new(self->iommu);
	uint32_t second = gm_ioas_new(m.iommu);
	uint64_t at = IOVA;
	int user;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 8 * PG, IOVA, GM_RW);
	GM_EXPECT_OK(__gm_ioas_copy(m.iommu, second, m.ioas, IOVA + PG, 2 * PG, &at, GM_RW));
	user = gm_access_new(m.iommu, second, true);
	GM_EXPECT(__gm_access_pin(m.iommu, user, IOVA, 2 * PG, m.hva + PG, true) >= 0, "pin: %s",
		  gm_errno_name(errno));
	close(user);
	GM_EXPECT(!__gm_mock_refs(other, m.hva, m.size, 1),
		  "expected one pin per page of map and copy");
	close(m.iommu->fd);
	free(m.iommu);
	free(m.dev);
	m.dev = NULL;
	m.iommu = other;
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "a pin outlives the iommufd");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin, pages");
	dma_memory_free(&m);
}

GM_CASE(sealed, .name = "iommu.lifetime.seal",
	.text = "a mapped page is in use: sealing against writes is EBUSY until it is unmapped")
{
	struct dma_memory m = dma_memory_new(self->iommu, 2 * PG, 0);

	munmap(m.hva, m.size);
	m.hva = NULL;
	gm_map_file(m.iommu, m.ioas, m.fd, PG, PG, IOVA, GM_RW);
	GM_EXPECT(!gm_memfd_unpinned(m.fd),
		  "the device can write the file, and it was sealed against writes");
	gm_unmap(m.iommu, m.ioas, IOVA, PG);
	GM_EXPECT(gm_memfd_unpinned(m.fd), "nothing is mapped, and sealing is still EBUSY");
	dma_memory_free(&m);
}
