// SPDX-License-Identifier: GPL-2.0-only
/* A map moves its pages out of ZONE_MOVABLE, since its pins are long-term. */
#include "dma_memory.h"
#include "frames.h"

GM_FILE(.clause = "iommu.lifetime", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.needs = GM_NEEDS(ROOT), .caps = GM_CAPS_ALL, .flags = GM_FULL_ONLY)

#define PG GM_PAGE_SIZE
#define PAGES 64

/* The frames of ZONE_MOVABLE, [first, last); false: there are none. */
static bool movable_zone(uint64_t *first, uint64_t *last)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	unsigned long n, spanned = 0;
	bool in = false, found = false;
	char line[256];

	GM_SETUP(f, "/proc/zoneinfo: %s", gm_errno_name(errno));
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Node", 4))
			in = strstr(line, "Movable");
		if (in && sscanf(line, " spanned %lu", &n) == 1)
			spanned = n;
		if (in && sscanf(line, " start_pfn: %lu", &n) == 1 && spanned && !found) {
			*first = n;
			*last = n + spanned;
			found = true;
		}
	}
	fclose(f);
	return found;
}

static unsigned int in_zone(const uint8_t *mem, uint64_t first, uint64_t last)
{
	uint64_t pfn[PAGES];
	unsigned int n = 0;

	GM_SETUP(gm_frames_read(mem, PAGES, pfn), "/proc/self/pagemap has no frames");
	for (int i = 0; i < PAGES; i++)
		n += pfn[i] >= first && pfn[i] < last;
	return n;
}

/* SKIPs unless some of the memory at mem is in ZONE_MOVABLE. */
static void require_movable(const uint8_t *mem, uint64_t *first, uint64_t *last)
{
	if (!movable_zone(first, last) || !in_zone(mem, *first, *last))
		gm_skip("the memory is not in ZONE_MOVABLE",
			"boot with movablecore=1G (make lab KCMD=movablecore=1G)");
}

GM_CASE(file, .name = "iommu.lifetime.movable_file",
	.text = "pages of ZONE_MOVABLE move out of it before a map by fd pins them, with their content")
{
	struct dma_memory m = dma_memory_new(self->iommu, PAGES * PG, 0);
	uint64_t first, last;

	require_movable(m.hva, &first, &last);
	gm_map_file(m.iommu, m.ioas, m.fd, 0, m.size, IOVA, GM_RW);
	dma_memory_check(&m, 0, m.size, "moved");
	GM_EXPECT_EQ(in_zone(m.hva, first, last), 0, "pinned pages in ZONE_MOVABLE");
	dma_memory_mapped(&m, 0, m.size, IOVA);
	dma_memory_free(&m);
}

GM_CASE(hva, .name = "iommu.lifetime.movable_hva", .text = "the same for memory by address")
{
	struct dma_memory m = dma_memory_new(self->iommu, PG, 0);
	uint8_t *mem =
		mmap(NULL, PAGES * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t first, last, at = IOVA;

	GM_SETUP(mem != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_host_fill(mem, 0, PAGES, GM_WRITER_HOST, 2);
	require_movable(mem, &first, &last);
	GM_EXPECT_OK(__gm_map_hva(m.iommu, m.ioas, mem, PAGES * PG, &at, GM_RW));
	gm_host_check(mem, 0, PAGES, GM_WRITER_HOST, 2, "moved");
	GM_EXPECT_EQ(in_zone(mem, first, last), 0, "pinned pages in ZONE_MOVABLE");
	GM_EXPECT(!__gm_mock_maps(m.iommu, m.dev->hwpt, IOVA, mem, PAGES * PG),
		  "the page table does not map the host's pages");
	gm_unmap(m.iommu, m.ioas, IOVA, PAGES * PG);
	munmap(mem, PAGES * PG);
	dma_memory_free(&m);
}
