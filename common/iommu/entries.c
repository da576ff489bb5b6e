// SPDX-License-Identifier: GPL-2.0-only
/* The IOMMU's own page tables, as VT-d shows them in debugfs: entries as large as the pages. */
#include <linux/iommufd.h>

#include "dma_memory.h"
#include "platform.h"

GM_FILE(.clause = "iommu.huge_iopte", .profile = "IO", .iommu = GM_IOMMU_VFIO,
	.needs = GM_NEEDS(DEBUGFS), .caps = GM_CAPS_ALL)

#define PG GM_PAGE_SIZE
#define VTD_SLLPS                                                                                  \
	34 /* in the capability register: 2 MiB, then 1 GiB (VT-d specification, 11.4.2) */

/* SKIPs unless the device is behind a VT-d that has second-stage entries of this size. */
static void require_size(struct dma_memory *m, uint64_t size)
{
	struct iommu_hw_info_vtd vtd = { 0 };
	struct iommu_hw_info arg = { .size = sizeof(arg),
				     .dev_id = m->dev->idev,
				     .data_len = sizeof(vtd),
				     .data_uptr = (uintptr_t)&vtd };
	bool can = !ioctl(m->iommu->fd, IOMMU_GET_HW_INFO, &arg) &&
		   arg.out_data_type == IOMMU_HW_INFO_TYPE_INTEL_VTD &&
		   vtd.cap_reg >> (VTD_SLLPS + (size == GM_1G)) & 1;

	if (can)
		return;
	gm_iodev_free(m->dev);
	gm_iommu_free(m->iommu);
	munmap(m->hva, m->size);
	close(m->fd);
	gm_skip("no VT-d with large pages in front of the device", "make lab IOMMU=intel");
}

/*
 * Bytes of the entry that maps iova; 0: none. A line of the table has the page frame number of the
 * IOVA, the entries of the three upper levels, then those of the lower levels, if any.
 */
static uint64_t entry_size(uint64_t iova)
{
	char path[160], line[256];
	uint64_t found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/debug/iommu/intel/%s/domain_translation_struct",
		 gm_platform_edu(0));
	f = fopen(path, "r");
	if (!f)
		gm_skip("the IOMMU's page tables cannot be read",
			"build the kernel with CONFIG_INTEL_IOMMU_DEBUGFS=y, mount debugfs");
	while (fgets(line, sizeof(line), f)) {
		uint64_t word[8], size = PG, start;
		char *p = line;
		int n = 0;

		while (n < 8 && (p = strstr(p, "0x"))) {
			char *end;

			word[n++] = strtoull(p, &end, 16);
			p = end;
		}
		/* The frame number, three levels that always exist, and up to two lower levels. */
		if (n < 4 || n > 6 || strncmp(line, "0x", 2))
			continue;
		for (; n < 6; n++)
			size *= 512;
		start = word[0] * PG;
		if (iova >= start && iova < start + size)
			found = size;
	}
	fclose(f);
	return found;
}

static void entries(const struct gm_case *self, uint64_t huge, uint64_t n, uint64_t at)
{
	struct dma_memory m = dma_memory_new(self->iommu, n * huge, huge);

	require_size(&m, huge);
	/* In reverse order, so that no two maps are adjacent in both file and IOVA. */
	for (uint64_t i = 0; i < n; i++)
		gm_map_file(m.iommu, m.ioas, m.fd, (n - 1 - i) * huge, huge, at + i * huge, GM_RW);
	gm_map_file(m.iommu, m.ioas, m.fd, PG, PG, IOVA, GM_RO);
	for (uint64_t i = 0; i < n; i++)
		GM_EXPECT_EQ(entry_size(at + i * huge + 0x5000), huge,
			     "bytes of the entry of map %lu", i);
	GM_EXPECT_EQ(entry_size(IOVA), PG, "bytes of the entry of one page");
	GM_EXPECT_EQ(entry_size(IOVA + PG), 0, "bytes of the entry beside it");
	/* An unmap does not change the adjacent entries. */
	gm_unmap(m.iommu, m.ioas, IOVA, PG);
	if (n > 1)
		gm_unmap(m.iommu, m.ioas, at + huge, huge);
	GM_EXPECT_EQ(entry_size(at), huge, "bytes of the entry, after the unmap of its neighbours");
	GM_EXPECT_EQ(entry_size(IOVA), 0, "bytes of the entry of the unmapped page");
	if (n > 1)
		GM_EXPECT_EQ(entry_size(at + huge), 0, "bytes of the unmapped entry");
	dma_memory_free(&m);
}

GM_CASE(size_2m, .name = "iommu.huge_iopte.debugfs_2m", .huge_2m = 3,
	.text = "2 MiB pages in the tables of a real IOMMU: one entry each")
{
	entries(self, GM_2M, 3, 2 * IOVA);
}

GM_CASE(size_1g, .name = "iommu.huge_iopte.debugfs_1g", .huge_1g = 1, .flags = GM_FULL_ONLY,
	.timeout = 120, .text = "a 1 GiB page in the tables of a real IOMMU: one entry")
{
	entries(self, GM_1G, 1, GM_1G);
}
