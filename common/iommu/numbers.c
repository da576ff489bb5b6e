// SPDX-License-Identifier: GPL-2.0-only
/*
 * Boundary values of addresses, lengths and page sizes, in all pairs, for each call that has them:
 * the errno is that of the first broken rule, and a refused call changes nothing:
 * iommu.map_file_args.
 */
#include "calls.h"
#include "dirty.h"

GM_FILE(.clause = "iommu.map_file_args", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.needs = GM_NEEDS(PAGES_4K), .caps = GM_CAPS(CAP_IPC_LOCK))

/* Constant, for the tables: the case needs a kernel with such pages. */
#define PG 4096UL
#define WRAP(x) (0 - (uint64_t)(x))
/* The range of the mock's page tables: drivers/iommu/iommufd/iommufd_test.h, MOCK_APERTURE_*. */
#define APERTURE (1UL << 24)
#define APERTURE_LAST ((1UL << 31) - 1)

static const uint64_t bounds[] = {
	0,
	1,
	PG - 1,
	PG,
	PG + 1,
	4 * PG,
	GM_2M,
	APERTURE - PG,
	APERTURE,
	IOVA,
	IOVA + 1,
	MAPPED - PG,
	MAPPED,
	MAPPED + PG,
	APERTURE_LAST + 1 - PG,
	APERTURE_LAST,
	1UL << 31,
	(1UL << 31) + PG,
	(1UL << 32) - PG,
	1UL << 32,
	(1UL << 32) + PG,
	1UL << 47,
	1UL << 52,
	1UL << 61,
	(1UL << 61) + PG,
	(1UL << 63) - PG,
	1UL << 63,
	(1UL << 63) + PG,
	WRAP(MAPPED),
	WRAP(2 * PG),
	WRAP(PG),
	WRAP(PG) + 1,
	WRAP(2),
	WRAP(1),
};

/* Results of a rule, besides -errno: success, any errno, any result. */
enum { GRANTED = 0, REFUSED = 1, ANY = 2 };

struct number_call {
	const char *name;
	unsigned int nr;     /* numbers, at most 3 */
	const char *what[3]; /* their names */
	uint64_t good[3];
	int (*call)(struct dma_memory *m, const uint64_t v[3]);
	int (*rule)(const struct dma_memory *m, const uint64_t v[3]); /* -errno, or as above */
	void (*undo)(struct dma_memory *m, const uint64_t v[3]);
};

static bool wraps(uint64_t begin, uint64_t len)
{
	return begin + len - 1 < begin;
}

/* May the range be mapped? See iopt_check_iova(). */
static int iova_rule(uint64_t iova, uint64_t len)
{
	if (len % PG || !len || iova % PG)
		return -EINVAL;
	if (wraps(iova, len))
		return -EOVERFLOW;
	if (iova < APERTURE || iova + len - 1 > APERTURE_LAST)
		return -EINVAL;
	return iova < MAPPED + PG && iova + len > MAPPED ? -EEXIST : GRANTED;
}

/* --- maps: by file and by address --- */

static int map_file(struct dma_memory *m, const uint64_t v[3])
{
	struct iommu_ioas_map_file arg = { .size = sizeof(arg),
					   .flags = GM_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
					   .ioas_id = m->ioas,
					   .fd = m->fd,
					   .start = v[2],
					   .length = v[1],
					   .iova = v[0] };

	return ioctl(m->iommu->fd, IOMMU_IOAS_MAP_FILE, &arg);
}

static int map_file_rule(const struct dma_memory *m, const uint64_t v[3])
{
	int err;

	if (v[0] == ~0UL || v[1] == ~0UL)
		return -EOVERFLOW;
	if (!v[1])
		return -EINVAL;
	if (wraps(v[2], v[1]))
		return -EOVERFLOW;
	err = iova_rule(v[0], v[1]);
	/* Offsets inside a page: see iommu.map_file_args.alignment. */
	if (err || v[2] % PG)
		return err ? REFUSED : ANY;
	return v[2] < m->size && v[2] + v[1] <= m->size ? GRANTED : REFUSED;
}

static void unmap(struct dma_memory *m, const uint64_t v[3])
{
	gm_unmap(m->iommu, m->ioas, v[0], v[1]);
}

static int map_hva(struct dma_memory *m, const uint64_t v[3])
{
	struct iommu_ioas_map arg = { .size = sizeof(arg),
				      .flags = GM_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
				      .ioas_id = m->ioas,
				      .user_va = (uintptr_t)m->hva + v[2],
				      .length = v[1],
				      .iova = v[0] };

	return ioctl(m->iommu->fd, IOMMU_IOAS_MAP, &arg);
}

static int map_hva_rule(const struct dma_memory *m, const uint64_t v[3])
{
	int err;

	if (v[0] == ~0UL || v[1] == ~0UL)
		return -EOVERFLOW;
	err = iova_rule(v[0], v[1]);
	if (!err && v[2] >> 56 && gm_platform_top_byte_ignored())
		return ANY;
	if (err || v[2] % PG)
		return err ? REFUSED : ANY;
	return v[2] < m->size && v[2] + v[1] <= m->size ? GRANTED : REFUSED;
}

/* --- copy --- */

static int copy(struct dma_memory *m, const uint64_t v[3])
{
	struct iommu_ioas_copy arg = { .size = sizeof(arg),
				       .flags = GM_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
				       .dst_ioas_id = m->ioas,
				       .src_ioas_id = m->ioas,
				       .dst_iova = v[0],
				       .length = v[1],
				       .src_iova = v[2] };

	return ioctl(m->iommu->fd, IOMMU_IOAS_COPY, &arg);
}

static int copy_rule(const struct dma_memory *m, const uint64_t v[3])
{
	if (v[0] == ~0UL || v[1] == ~0UL || v[2] == ~0UL)
		return -EOVERFLOW;
	if (!v[1])
		return -EINVAL;
	if (wraps(v[2], v[1]))
		return -EOVERFLOW;
	if (v[2] < MAPPED || v[2] + v[1] - 1 > MAPPED + PG - 1)
		return -ENOENT;
	return iova_rule(v[0], v[1]) || v[2] % PG ? REFUSED : GRANTED;
}

/* --- unmap: a range that contains the whole map --- */

static int unmap_range(struct dma_memory *m, const uint64_t v[3])
{
	uint64_t len = v[1];
	int ret = __gm_unmap(m->iommu, m->ioas, v[0], &len);

	if (!ret)
		GM_EXPECT_EQ(len, PG, "bytes unmapped");
	return ret;
}

static int unmap_rule(const struct dma_memory *m, const uint64_t v[3])
{
	if (!v[0] && v[1] == ~0UL)
		return GRANTED;
	if (v[0] == ~0UL || v[1] == ~0UL)
		return -EOVERFLOW;
	if (!v[1])
		return -EINVAL;
	if (wraps(v[0], v[1]))
		return -EOVERFLOW;
	return v[0] <= MAPPED && v[0] + v[1] - 1 >= MAPPED + PG - 1 ? GRANTED : -ENOENT;
}

static void map_again(struct dma_memory *m, const uint64_t v[3])
{
	gm_map_file(m->iommu, m->ioas, m->fd, 0, PG, MAPPED, GM_RW);
}

/* --- dirty bitmaps: iova, length, bytes of one bit --- */

static uint64_t bits[64];

static int get_dirty(struct dma_memory *m, const uint64_t v[3])
{
	return dirty_get(m, m->dev->hwpt, v[0], v[1], v[2], bits, 0);
}

/* See iommufd_check_iova_range(). A bitmap longer than the buffer is not tested. */
static int get_dirty_rule(const struct dma_memory *m, const uint64_t v[3])
{
	uint64_t end = v[0] + v[1];

	if (!v[1])
		return -EINVAL;
	if (wraps(v[0], v[1]))
		return -EOVERFLOW;
	if (v[0] % PG || end % PG || !v[2] || v[0] & (v[2] - 1) || end & (v[2] - 1))
		return -EINVAL;
	/* The kernel rounds sizes below a page and sizes that are no power of two. */
	return v[2] & (v[2] - 1) || v[2] < PG || v[1] / v[2] > 64 * 64 ? ANY : GRANTED;
}

static const struct number_call calls[] = {
	{ .name = "MAP_FILE",
	  .nr = 3,
	  .what = { "iova", "length", "start" },
	  .good = { IOVA, PG, PG },
	  .call = map_file,
	  .rule = map_file_rule,
	  .undo = unmap },
	{ .name = "MAP",
	  .nr = 3,
	  .what = { "iova", "length", "user_va - its start" },
	  .good = { IOVA, PG, PG },
	  .call = map_hva,
	  .rule = map_hva_rule,
	  .undo = unmap },
	{ .name = "COPY",
	  .nr = 3,
	  .what = { "dst_iova", "length", "src_iova" },
	  .good = { IOVA, PG, MAPPED },
	  .call = copy,
	  .rule = copy_rule,
	  .undo = unmap },
	{ .name = "UNMAP",
	  .nr = 2,
	  .what = { "iova", "length" },
	  .good = { MAPPED, PG },
	  .call = unmap_range,
	  .rule = unmap_rule,
	  .undo = map_again },
	{ .name = "GET_DIRTY_BITMAP",
	  .nr = 3,
	  .what = { "iova", "length", "page_size" },
	  .good = { IOVA, GM_2M, PG },
	  .call = get_dirty,
	  .rule = get_dirty_rule },
};

static void expect_unchanged(struct dma_memory *m, unsigned long pinned, const char *call)
{
	GM_EXPECT(!__gm_mock_maps(m->iommu, m->dev->hwpt, MAPPED, m->hva, PG),
		  "%s: the existing map is gone", call);
	GM_EXPECT_EQ(gm_vm_pinned(), pinned, "%s: VmPin, pages", call);
}

static void try(struct dma_memory *m, const struct number_call *c, const uint64_t v[3],
		unsigned long pinned)
{
	int want = c->rule(m, v), ret, err;

	/* The bitmap could be longer than the buffer, and overwrite other memory. */
	if (c->call == get_dirty && want == ANY)
		return;
	errno = 0;
	ret = c->call(m, v);
	err = errno;
	if (ret)
		GM_EXPECT(want != GRANTED && (want > 0 || -want == err),
			  "%s: %s %#lx, %s %#lx, %s %#lx: %s, expected %s", c->name, c->what[0],
			  v[0], c->what[1], v[1], c->what[2] ?: "-", v[2], gm_errno_name(err),
			  want == GRANTED ? "0" : gm_errno_name(-want));
	else
		GM_EXPECT(want == GRANTED || want == ANY,
			  "%s: %s %#lx, %s %#lx, %s %#lx: 0, expected %s", c->name, c->what[0],
			  v[0], c->what[1], v[1], c->what[2] ?: "-", v[2],
			  want < 0 ? gm_errno_name(-want) : "a refusal");
	if (!ret && c->undo)
		c->undo(m, v);
	else if (ret)
		expect_unchanged(m, pinned, c->name);
}

/* All pairs of bounds for two of the numbers; the third one is valid. */
static void sweep(struct dma_memory *m, const struct number_call *c)
{
	unsigned long pinned = gm_vm_pinned();

	for (unsigned int a = 0; a < c->nr; a++)
		for (unsigned int b = a + 1; b < c->nr; b++)
			for (unsigned int i = 0; i < ARRAY_SIZE(bounds) && !gm_failures(); i++)
				for (unsigned int j = 0; j < ARRAY_SIZE(bounds); j++) {
					uint64_t v[3] = { c->good[0], c->good[1], c->good[2] };

					v[a] = bounds[i];
					v[b] = bounds[j];
					try(m, c, v, pinned);
				}
}

GM_CASE(numbers, .name = "iommu.map_file_args.numbers",
	.text = "boundary values of addresses, lengths and page sizes, in all pairs")
{
	struct dma_memory m = iommu_calls_memory();
	uint64_t all = ~0UL;

	dirty_hwpt_new(&m, false);
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		GM_EXPECT(calls[i].rule(&m, calls[i].good) == GRANTED, "%s: the valid numbers",
			  calls[i].name);
		sweep(&m, &calls[i]);
	}
	/* Only the one map exists: no refused call left another. */
	GM_EXPECT_OK(__gm_unmap(m.iommu, m.ioas, 0, &all), "unmap of everything");
	GM_EXPECT_EQ(all, PG, "bytes unmapped at the end");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	dma_memory_free(&m);
}
