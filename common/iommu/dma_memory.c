// SPDX-License-Identifier: GPL-2.0-only
/* An IOMMU with a device on it, and a memfd with known content: the fixture of iommu.* cases. */
#include "dma_memory.h"
#include "frames.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

int dma_iova_ranges(struct gm_iommu *iommu, uint32_t ioas, struct iommu_iova_range *range,
		    uint32_t *num, uint64_t *align)
{
	struct iommu_ioas_iova_ranges arg = {
		.size = sizeof(arg),
		.ioas_id = ioas,
		.num_iovas = *num,
		.allowed_iovas = (uintptr_t)range,
	};
	int ret = ioctl(iommu->fd, IOMMU_IOAS_IOVA_RANGES, &arg);

	*num = arg.num_iovas;
	*align = arg.out_iova_alignment;
	return ret;
}

uint8_t *dma_memory_mmap(int fd, uint64_t size, uint64_t align)
{
	uint8_t *area = mmap(NULL, size + align, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *hva;

	GM_SETUP(area != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	hva = (uint8_t *)(((uintptr_t)area + align - 1) & ~(align - 1));
	munmap(area, size + align);
	hva = mmap(hva, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	GM_SETUP(hva != MAP_FAILED, "mmap of the memfd: %s", gm_errno_name(errno));
	return hva;
}

struct dma_memory dma_memory_new_empty(enum gm_iommu_kind kind, uint64_t size, uint64_t huge)
{
	struct dma_memory m = { .iommu = gm_iommu_new(kind), .size = size };

	m.ioas = gm_ioas_new(m.iommu);
	m.fd = gm_memfd_new(size, huge);
	m.hva = dma_memory_mmap(m.fd, size, huge == GM_1G ? GM_1G : GM_2M);
	return m;
}

struct dma_memory dma_memory_new_unattached(enum gm_iommu_kind kind, uint64_t size, uint64_t huge)
{
	struct dma_memory m = dma_memory_new_empty(kind, size, huge);
	uint64_t step = huge == GM_1G ? GM_2M : GM_PAGE_SIZE;

	for (uint64_t off = 0; off < size; off += step)
		gm_host_fill(m.hva + off, off / GM_PAGE_SIZE, 1, GM_WRITER_HOST, 1);
	return m;
}

struct dma_memory dma_memory_new(enum gm_iommu_kind kind, uint64_t size, uint64_t huge)
{
	struct dma_memory m = dma_memory_new_unattached(kind, size, huge);

	m.dev = gm_iodev_new(m.iommu, m.ioas);
	return m;
}

void dma_memory_free(struct dma_memory *m)
{
	if (m->dev)
		gm_iodev_free(m->dev);
	gm_iommu_free(m->iommu);
	if (m->hva)
		munmap(m->hva, m->size);
	GM_EXPECT(gm_memfd_unpinned(m->fd),
		  "iommufd is closed, and a page of the file is still pinned");
	close(m->fd);
}

bool dma_memory_check(struct dma_memory *m, uint64_t off, uint64_t len, const char *when)
{
	return gm_host_check(m->hva + off, off / GM_PAGE_SIZE, len / GM_PAGE_SIZE, GM_WRITER_HOST,
			     1, when);
}

bool dma_memory_mapped(struct dma_memory *m, uint64_t off, uint64_t len, uint64_t iova)
{
	int ret = __gm_mock_maps(m->iommu, m->dev->hwpt, iova, m->hva + off, len);

	return GM_EXPECT_AT(GM_PAGE(.off = GM_AT(off), .iova = GM_AT(iova),
				    .hva = GM_AT((uintptr_t)m->hva + off)),
			    !ret,
			    "[%#lx, +%#lx) of the file at iova %#lx: not the host's pages: %s", off,
			    len, iova, gm_errno_name(errno));
}

void dma_memory_collapse(uint8_t *hva, uint64_t off)
{
	if (!madvise(hva + off, GM_2M, MADV_COLLAPSE))
		return;
	gm_skip("no huge folios in shmem",
		"CONFIG_TRANSPARENT_HUGEPAGE, and memory that is not fragmented (MADV_COLLAPSE: %s)",
		gm_errno_name(errno));
}

void dma_memory_contiguous(struct dma_memory *m, uint64_t off)
{
	int fd = open("/sys/kernel/debug/split_huge_pages", O_WRONLY | O_CLOEXEC);
	uint8_t *hva = m->hva + off;
	uint64_t pfn[2];
	char ask[96];
	int n;

	if (fd < 0)
		gm_skip("folios cannot be split on demand",
			"CONFIG_TRANSPARENT_HUGEPAGE, and debugfs mounted (split_huge_pages: %s)",
			gm_errno_name(errno));
	dma_memory_collapse(m->hva, off);
	n = snprintf(ask, sizeof(ask), "%d,0x%lx,0x%lx,0", getpid(), (unsigned long)hva,
		     (unsigned long)(hva + GM_2M));
	GM_SETUP(write(fd, ask, n) == n, "split_huge_pages: %s", gm_errno_name(errno));
	close(fd);
	(void)*(volatile uint8_t *)hva;
	(void)*(volatile uint8_t *)(hva + GM_PAGE_SIZE);
	GM_SETUP(gm_frames_read(hva, 2, pfn) && pfn[1] == pfn[0] + 1,
		 "the pages of a folio that was split are not contiguous");
}

/* Are two adjacent pages of the file also adjacent in memory? -1: pagemap has no frames. */
static int has_contiguous(const struct dma_memory *m)
{
	size_t n = m->size / GM_PAGE_SIZE;
	uint64_t *pfn = calloc(n, sizeof(*pfn));
	int found = 0;

	GM_SETUP(pfn, "out of memory");
	if (!gm_frames_read(m->hva, n, pfn))
		found = -1;
	for (size_t p = 1; p < n && !found; p++)
		found = pfn[p] == pfn[p - 1] + 1;
	free(pfn);
	return found;
}

void dma_memory_scattered(struct dma_memory *m)
{
	enum { TRIES = 16 };
	uint8_t *between = mmap(NULL, TRIES * m->size, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int found = 1;

	GM_SETUP(between != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	for (int i = 0; i < TRIES && found == 1; i++) {
		/* Allocates a frame for `between` after each frame of the file. */
		GM_SETUP_OK(madvise(m->hva, m->size, MADV_REMOVE));
		for (uint64_t off = 0; off < m->size; off += GM_PAGE_SIZE) {
			gm_host_fill(m->hva + off, off / GM_PAGE_SIZE, 1, GM_WRITER_HOST, 1);
			between[i * m->size + off] = 1;
		}
		found = has_contiguous(m);
	}
	munmap(between, TRIES * m->size);
	GM_SETUP(found >= 0, "/proc/self/pagemap has no frames: CAP_SYS_ADMIN");
	GM_SETUP(!found, "the file has contiguous pages after %d attempts", TRIES);
}
