// SPDX-License-Identifier: GPL-2.0-only
/* A guest on a guest_memfd of huge pages, and a device. */
#include "huge_gmem.h"

struct huge_gmem huge_gmem_new(enum gm_iommu_kind kind, uint64_t page, uint64_t n)
{
	struct huge_gmem g = { .page = page };

	gm_pool_read(&g.pool, page);
	/* First of all: it may SKIP. */
	g.iommu = gm_iommu_new(kind);
	g.ioas = gm_ioas_new(g.iommu);
	g.dev = gm_iodev_new(g.iommu, g.ioas);
	g.w = GM_FIXTURE(.size = n * page, .file_page = page, .starts_private = true,
			 .guest_page = GM_1G, .uaddr = GM_UADDR_NONE);
	return g;
}

void huge_gmem_pool(struct huge_gmem *g, long taken, long resv, const char *when)
{
	struct gm_pool now;

	for (int i = 0; i < 100; i++) {
		gm_pool_read(&now, g->page);
		if (now.free == g->pool.free - taken && now.resv == g->pool.resv + resv)
			break;
		usleep(50 * 1000);
	}
	gm_pool_expect(&g->pool, taken, resv, when);
}

void huge_gmem_free(struct huge_gmem *g)
{
	if (g->dev)
		gm_iodev_free(g->dev);
	gm_iommu_free(g->iommu);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	if (g->w)
		gm_fixture_free(g->w);
	huge_gmem_pool(g, 0, 0, "all are gone");
}

void huge_gmem_convert(struct huge_gmem *g, uint64_t p, uint64_t n, bool to_private)
{
	gm_fixture_convert(g->w, huge_gmem_gfn(g, p), n, to_private);
}

void huge_gmem_expect_held(struct huge_gmem *g, uint64_t p, uint64_t n, uint64_t held,
			   const char *when)
{
	uint64_t at;
	int ret = __gm_gmem_convert(g->w->gmem, p * PG, n * PG, true, &at);

	GM_EXPECT_AT(GM_PAGE(.off = GM_AT(held * PG)), ret && errno == EAGAIN && at == held * PG,
		     "%s: pages %lu+%lu to private: expected EAGAIN at %#lx, observed %s at %#lx",
		     when, p, n, held * PG, ret ? gm_errno_name(errno) : "success", at);
}

int __huge_gmem_map(struct huge_gmem *g, uint64_t p, uint64_t n, uint64_t iova, uint32_t prot)
{
	return __gm_map_file(g->iommu, g->ioas, g->w->gmem, p * PG, n * PG, &iova, prot);
}

void huge_gmem_map(struct huge_gmem *g, uint64_t p, uint64_t n, uint64_t iova, uint32_t prot)
{
	gm_map_file(g->iommu, g->ioas, g->w->gmem, p * PG, n * PG, iova, prot);
}

void huge_gmem_device_writes(struct huge_gmem *g, uint64_t iova, uint64_t p)
{
	uint64_t gfn = huge_gmem_gfn(g, p), at = 9 * 8, before, got;
	uint64_t word = gm_word(gfn, GM_WRITER_DEVICE, 3, 9);
	struct gm_op op = { .code = GM_OP_READ, .addr = GPA(gfn) + at };
	struct gm_page page = gm_vm_page(g->w->vm, GPA(gfn));

	page.iova = GM_AT(iova);
	gm_run(g->w->vm, 0, &op, 1);
	before = op.val;
	__gm_dma_read(g->dev, iova + at, &got, 8);
	GM_EXPECT_AT(&page, got == before, "the guest reads %s, the device %s", gm_word_str(before),
		     gm_word_str(got));
	__gm_dma_write(g->dev, iova + at, &word, 8);
	gm_run(g->w->vm, 0, &op, 1);
	GM_EXPECT_AT(&page, op.val == word, "the device wrote %s, the guest reads %s",
		     gm_word_str(word), gm_word_str(op.val));
	__gm_dma_write(g->dev, iova + at, &before, 8);
}
