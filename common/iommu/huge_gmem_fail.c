// SPDX-License-Identifier: GPL-2.0-only
/* Each allocation of a map failing, alone and with all later ones, by file and offset, of a huge page that nobody has touched. */
#include <sys/stat.h>

#include "fail_nth.h"
#include "huge_gmem.h"

GM_FILE(.clause = "iommu.huge_file", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.iommus = GM_IOMMUS(MOCK), .needs = GM_NEEDS(MAP_GMEM, GMEM_HUGE, TDP, FAIL_NTH, DEBUGFS),
	.caps = GM_CAPS_ALL, .tokens = GM_TOKEN_MODULE | GM_TOKEN_HUGE, .timeout = 120)

#define AT 5UL
#define NR 4UL
#define HUGE 2L /* huge pages of the file */

static int map(void *arg)
{
	return __huge_gmem_map(arg, AT, NR, IOVA, GM_RW);
}

/* A huge page that the file got before the failure stays its page. */
static void give_back(struct huge_gmem *g, const char *when)
{
	struct stat st;
	long has;

	GM_SETUP(!fstat(g->w->gmem, &st), "fstat: %s", gm_errno_name(errno));
	has = st.st_blocks * 512 / (long)g->page;
	GM_EXPECT(has <= 1, "%s: the file has %ld huge pages of one", when, has);
	huge_gmem_pool(g, has, HUGE - has, when);
	/* Nobody holds the pages, so both succeed. */
	huge_gmem_convert(g, AT, NR, true);
	huge_gmem_convert(g, AT, NR, false);
	gm_fixture_punch(g->w, huge_gmem_gfn(g, 0), g->page / PG);
	huge_gmem_pool(g, 0, HUGE, when);
}

static void not_mapped(void *arg, unsigned int n, int err)
{
	bool own = gm_fail_nth_in_iommufd();
	struct huge_gmem *g = arg;

	/* iommufd has injected failures of its own: ENOENT of a lookup, EFAULT of a pin. */
	GM_EXPECT(err == ENOMEM || (own && (err == ENOENT || err == EFAULT)),
		  "step %u: errno of IOMMU_IOAS_MAP_FILE: %s%s", n, gm_errno_name(err),
		  own ? "" : ", and an allocation failed");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "step %u: VmPin, pages", n);
	gm_dma_expect_blocked(g->dev, IOVA, huge_gmem_hva(g, AT), "the map was refused");
	give_back(g, "the map was refused");
}

static void unmap(void *arg)
{
	struct huge_gmem *g = arg;

	gm_unmap(g->iommu, g->ioas, IOVA, NR * PG);
	give_back(g, "unmapped");
}

GM_CASE(no_memory, .name = "iommu.huge_file.no_memory", .huge_2m = HUGE,
	.text = "shared pages of an empty huge page are mapped with each allocation failing: ENOMEM, nothing is mapped or held, and the pool and the next map are right")
{
	struct huge_gmem g = huge_gmem_new(self->iommu, GM_2M, HUGE);

	huge_gmem_convert(&g, AT, NR, false);
	gm_fail_nth_open();
	gm_fail_nth_sweeps(map, not_mapped, unmap, &g);
	gm_dma_expect_maps(g.dev, IOVA, huge_gmem_hva(&g, AT), NR * PG, "mapped at last");
	unmap(&g);
	huge_gmem_free(&g);
}
