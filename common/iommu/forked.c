// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private memory shared with a child after fork(): a device gets the pages of the mapping process.
 */
#include <sys/wait.h>

#include "dma_memory.h"

GM_FILE(.clause = "iommu.map_hva", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE
#define PAGES 4

static uint64_t word(unsigned int page, unsigned int gen)
{
	return gm_word(page, GM_WRITER_HOST, gen, 7);
}

/* The word under test of page i. */
static volatile uint64_t *at(uint8_t *mem, uint64_t step, unsigned int i)
{
	return (volatile uint64_t *)(mem + i / 2 * step + i % 2 * PG) + 7;
}

/* The child's exit status: 0, or 1 plus the first page that changed since the fork. */
static int child(uint8_t *mem, uint64_t step, int begin)
{
	char c;

	if (read(begin, &c, 1) < 0)
		return 100;
	for (unsigned int i = 0; i < PAGES; i++)
		if (*at(mem, step, i) != word(i, 1))
			return i + 1;
	return 0;
}

/*
 * Maps two pages at mem read-only, and two at mem + step writable. All are read-only in the page
 * tables and shared with the child: pinning must break COW, so that device and process have the
 * same page.
 */
static void run(struct dma_memory *m, uint8_t *mem, uint64_t step)
{
	uint64_t iova = IOVA, got = 0, sent = word(2, 3);
	int begin[2], status;
	pid_t pid;

	for (unsigned int i = 0; i < PAGES; i++)
		*at(mem, step, i) = word(i, 1);
	GM_SETUP_OK(pipe(begin));
	pid = GM_SETUP_OK(fork());
	if (!pid) {
		close(begin[1]);
		_exit(child(mem, step, begin[0]));
	}
	GM_EXPECT_OK(__gm_map_hva(m->iommu, m->ioas, mem, 2 * PG, &iova, GM_RO));
	iova = IOVA + 2 * PG;
	GM_EXPECT_OK(__gm_map_hva(m->iommu, m->ioas, mem + step, 2 * PG, &iova, GM_RW));
	/* After the map a write of the host must not copy the page. */
	for (unsigned int i = 0; i < PAGES; i++)
		*at(mem, step, i) = word(i, 2);
	for (unsigned int i = 0; i < PAGES && !gm_failures(); i++) {
		GM_EXPECT_OK(__gm_dma_read(m->dev, IOVA + i * PG + 7 * 8, &got, 8));
		GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(IOVA + i * PG)), got == word(i, 2),
			     "page %u, written after the map: the device reads %s", i,
			     gm_word_str(got));
	}
	GM_EXPECT(
		!__gm_mock_maps(m->iommu, m->dev->hwpt, IOVA, mem, 2 * PG) &&
			!__gm_mock_maps(m->iommu, m->dev->hwpt, IOVA + 2 * PG, mem + step, 2 * PG),
		"the device does not have the pages of the mapping process");
	GM_EXPECT_OK(__gm_dma_write(m->dev, IOVA + 2 * PG + 7 * 8, &sent, 8));
	GM_EXPECT_EQ(*at(mem, step, 2), sent, "what the device wrote");
	close(begin[1]);
	GM_SETUP_OK(waitpid(pid, &status, 0));
	close(begin[0]);
	GM_EXPECT(WIFEXITED(status) && !WEXITSTATUS(status),
		  "the child's page %d is not as at the fork (status %#x)", WEXITSTATUS(status) - 1,
		  status);
	gm_unmap(m->iommu, m->ioas, IOVA, 2 * PG);
	gm_unmap(m->iommu, m->ioas, IOVA + 2 * PG, 2 * PG);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
}

GM_CASE(small, .name = "iommu.map_hva.forked",
	.text = "private memory after fork(): device and host have the same pages, and the child's do not change")
{
	struct dma_memory m = dma_memory_new(self->iommu, PG, 0);
	struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, PAGES * PG);

	run(&m, mem->hva, 2 * PG);
	gm_mem_free(mem);
	dma_memory_free(&m);
}

GM_CASE(thp, .name = "iommu.map_hva.forked_thp", .needs = GM_NEEDS(THP),
	.text = "the same in the middle of two transparent huge pages")
{
	struct dma_memory m = dma_memory_new(self->iommu, PG, 0);
	struct gm_mem *mem = gm_mem_new(GM_MEM_THP, 2 * GM_2M);

	run(&m, mem->hva + 37 * PG, GM_2M);
	gm_mem_free(mem);
	dma_memory_free(&m);
}
