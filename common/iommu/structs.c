// SPDX-License-Identifier: GPL-2.0-only
/* Every ioctl used, with its struct too short, too long, and too long with a zero tail. */
#include "dma_memory.h"

#define PG GM_PAGE_SIZE

/* A call with a good argument; what it takes with it when it succeeds, `undo` gives back. */
struct call {
	const char *name;
	unsigned long nr;
	uint32_t size, min; /* of the struct of 7.3; the shortest that is accepted */
	void (*fill)(struct dma_memory *m, void *arg);
	void (*undo)(struct dma_memory *m, void *arg);
};

static void fill_alloc(struct dma_memory *m, void *arg) {}

static void undo_alloc(struct dma_memory *m, void *arg)
{
	gm_iommu_destroy(m->iommu, ((struct iommu_ioas_alloc *)arg)->out_ioas_id);
}

static void fill_ranges(struct dma_memory *m, void *arg)
{
	static struct iommu_iova_range range[16];
	struct iommu_ioas_iova_ranges *a = arg;

	a->ioas_id = m->ioas;
	a->num_iovas = 16;
	a->allowed_iovas = (uintptr_t)range;
}

static void fill_allow(struct dma_memory *m, void *arg)
{
	((struct iommu_ioas_allow_iovas *)arg)->ioas_id = m->ioas;
}

static void fill_map(struct dma_memory *m, void *arg)
{
	struct iommu_ioas_map *a = arg;

	a->flags = GM_RW | IOMMU_IOAS_MAP_FIXED_IOVA;
	a->ioas_id = m->ioas;
	a->user_va = (uintptr_t)m->hva;
	a->length = PG;
	a->iova = IOVA;
}

static void fill_map_file(struct dma_memory *m, void *arg)
{
	struct iommu_ioas_map_file *a = arg;

	a->flags = GM_RW | IOMMU_IOAS_MAP_FIXED_IOVA;
	a->ioas_id = m->ioas;
	a->fd = m->fd;
	a->length = PG;
	a->iova = IOVA;
}

static void undo_map(struct dma_memory *m, void *arg)
{
	gm_unmap(m->iommu, m->ioas, IOVA, PG);
}

/* dma_memory_new() of this case has a map at IOVA + 2 MiB for copies and unmaps. */
static void fill_copy(struct dma_memory *m, void *arg)
{
	struct iommu_ioas_copy *a = arg;

	a->flags = GM_RW | IOMMU_IOAS_MAP_FIXED_IOVA;
	a->dst_ioas_id = m->ioas;
	a->src_ioas_id = m->ioas;
	a->length = PG;
	a->dst_iova = IOVA;
	a->src_iova = IOVA + GM_2M;
}

static void fill_unmap(struct dma_memory *m, void *arg)
{
	struct iommu_ioas_unmap *a = arg;

	a->ioas_id = m->ioas;
	a->iova = IOVA + GM_2M;
	a->length = PG;
}

static void undo_unmap(struct dma_memory *m, void *arg)
{
	gm_map_file(m->iommu, m->ioas, m->fd, 0, PG, IOVA + GM_2M, GM_RW);
}

static void fill_option(struct dma_memory *m, void *arg)
{
	struct iommu_option *a = arg;

	a->option_id = IOMMU_OPTION_HUGE_PAGES;
	a->op = IOMMU_OPTION_OP_GET;
	a->object_id = m->ioas;
}

static void fill_hwpt(struct dma_memory *m, void *arg)
{
	struct iommu_hwpt_alloc *a = arg;

	a->dev_id = m->dev->idev;
	a->pt_id = m->ioas;
}

static void undo_hwpt(struct dma_memory *m, void *arg)
{
	gm_iommu_destroy(m->iommu, ((struct iommu_hwpt_alloc *)arg)->out_hwpt_id);
}

static void fill_destroy(struct dma_memory *m, void *arg)
{
	((struct iommu_destroy *)arg)->id = gm_ioas_new(m->iommu);
}

#define END(type, field) (offsetof(struct type, field) + sizeof(((struct type *)0)->field))
#define CALL(nr, type, last, fill, undo)                                                           \
	{                                                                                          \
#nr, nr, sizeof(struct type), END(type, last), fill, undo                          \
	}

/* The last field that each must have: drivers/iommu/iommufd/main.c, iommufd_ioctl_ops[]. */
static const struct call calls[] = {
	CALL(IOMMU_IOAS_ALLOC, iommu_ioas_alloc, out_ioas_id, fill_alloc, undo_alloc),
	CALL(IOMMU_IOAS_IOVA_RANGES, iommu_ioas_iova_ranges, out_iova_alignment, fill_ranges, NULL),
	CALL(IOMMU_IOAS_ALLOW_IOVAS, iommu_ioas_allow_iovas, allowed_iovas, fill_allow, NULL),
	CALL(IOMMU_IOAS_MAP, iommu_ioas_map, iova, fill_map, undo_map),
	CALL(IOMMU_IOAS_MAP_FILE, iommu_ioas_map_file, iova, fill_map_file, undo_map),
	CALL(IOMMU_IOAS_COPY, iommu_ioas_copy, src_iova, fill_copy, undo_map),
	CALL(IOMMU_IOAS_UNMAP, iommu_ioas_unmap, length, fill_unmap, undo_unmap),
	CALL(IOMMU_OPTION, iommu_option, val64, fill_option, NULL),
	CALL(IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, __reserved, fill_hwpt, undo_hwpt),
	CALL(IOMMU_DESTROY, iommu_destroy, id, fill_destroy, NULL),
};

static void sizes(const struct gm_case *self)
{
	const struct call *c = self->arg;
	struct dma_memory m = dma_memory_new(GM_IOMMU_MOCK, 4 * PG, 0);
	uint64_t buf[64];
	uint32_t *size = (uint32_t *)buf;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, IOVA + GM_2M, GM_RW);
#define TRY(bytes, tail)                                                                           \
	({                                                                                         \
		memset(buf, 0, sizeof(buf));                                                       \
		c->fill(&m, buf);                                                                  \
		*size = bytes;                                                                     \
		if (tail)                                                                          \
			((uint8_t *)buf)[*size - 1] = tail;                                        \
		ioctl(m.iommu->fd, c->nr, buf);                                                    \
	})
#define GOOD(bytes, what)                                                                          \
	({                                                                                         \
		int __r = TRY(bytes, 0);                                                           \
		gm_control(!__r, "%s: " what ": %s", c->name, gm_errno_name(errno));               \
		if (!__r && c->undo)                                                               \
			c->undo(&m, buf);                                                          \
	})

	GOOD(c->size, "a struct of the right size");
	GM_EXPECT_ERRNO(EINVAL, TRY(c->min - 1, 0), "%s: one byte too short", c->name);
	GM_EXPECT_ERRNO(EINVAL, TRY(4, 0), "%s: nothing but the size", c->name);
	GM_EXPECT_ERRNO(EINVAL, TRY(0, 0), "%s: size 0", c->name);
	GM_EXPECT_ERRNO(E2BIG, TRY(c->size + 1, 1), "%s: one byte too long, not zero", c->name);
	GM_EXPECT_ERRNO(E2BIG, TRY(c->size + 64, 0x80), "%s: 64 bytes too long, the last not zero",
			c->name);
	GOOD(c->size + 1, "one byte too long, zero");
	GOOD(c->size + 64, "64 bytes too long, all zero");
	if (c->min < c->size)
		GOOD(c->min, "the shortest");
	dma_memory_free(&m);
}

static void generate(void)
{
	static struct gm_case cases[sizeof(calls) / sizeof(calls[0])];
	static char names[sizeof(calls) / sizeof(calls[0])][64];

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		snprintf(names[i], sizeof(names[i]), "iommu.map_file_args.struct.%s",
			 calls[i].name + strlen("IOMMU_"));
		for (char *p = names[i]; *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p += 'a' - 'A';
		cases[i] = (struct gm_case){
			.name = names[i],
			.clause = "iommu.map_file_args",
			.profile = "IO",
			.text = "a struct too short, too long, and too long with zeros",
			.needs = GM_IOMMU_NEEDS_MOCK,
			.tokens = GM_TOKEN_IOMMU,
			.flags = GM_REFUSAL,
			.run = sizes,
			.arg = &calls[i],
		};
		gm_case_add(&cases[i]);
	}
}
GM_GENERATE(generate)

/* --- fields that must be zero, or go with another --- */

#define FIELD(call, fill, type, field, val, err)                                                   \
	{                                                                                          \
#call " " #field " " #val, call, sizeof(struct type), fill,                        \
			offsetof(struct type, field), sizeof(((struct type *)0)->field), val, err  \
	}

static const struct {
	const char *name;
	unsigned long nr;
	uint32_t size;
	void (*fill)(struct dma_memory *m, void *arg);
	size_t at, len;
	uint64_t val;
	int err;
} fields[] = {
	FIELD(IOMMU_OPTION, fill_option, iommu_option, __reserved, 1, EOPNOTSUPP),
	FIELD(IOMMU_OPTION, fill_option, iommu_option, __reserved, 1U << 15, EOPNOTSUPP),
	FIELD(IOMMU_IOAS_IOVA_RANGES, fill_ranges, iommu_ioas_iova_ranges, __reserved, 1,
	      EOPNOTSUPP),
	FIELD(IOMMU_IOAS_ALLOW_IOVAS, fill_allow, iommu_ioas_allow_iovas, __reserved, 1,
	      EOPNOTSUPP),
	FIELD(IOMMU_HWPT_ALLOC, fill_hwpt, iommu_hwpt_alloc, __reserved, 1, EOPNOTSUPP),
	FIELD(IOMMU_HWPT_ALLOC, fill_hwpt, iommu_hwpt_alloc, flags, 1U << 4, EOPNOTSUPP),
	FIELD(IOMMU_HWPT_ALLOC, fill_hwpt, iommu_hwpt_alloc, flags, 1U << 31, EOPNOTSUPP),
	/* Data and its type go together. */
	FIELD(IOMMU_HWPT_ALLOC, fill_hwpt, iommu_hwpt_alloc, data_len, 8, EINVAL),
	FIELD(IOMMU_HWPT_ALLOC, fill_hwpt, iommu_hwpt_alloc, data_type, 1, EINVAL),
};

GM_MOCK_CASE(field_values, .name = "iommu.map_file_args.fields", .clause = "iommu.map_file_args",
	     .flags = GM_REFUSAL,
	     .text = "reserved fields, unknown flags, data without a type and a type without data")
{
	struct dma_memory m = dma_memory_new(self->val, 4 * PG, 0);
	uint64_t buf[32];

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		memset(buf, 0, sizeof(buf));
		*(uint32_t *)buf = fields[i].size;
		fields[i].fill(&m, buf);
		gm_control(!ioctl(m.iommu->fd, fields[i].nr, buf), "%s: without it: %s",
			   fields[i].name, gm_errno_name(errno));
		if (fields[i].fill == fill_hwpt)
			undo_hwpt(&m, buf);
		memset(buf, 0, sizeof(buf));
		*(uint32_t *)buf = fields[i].size;
		fields[i].fill(&m, buf);
		memcpy((uint8_t *)buf + fields[i].at, &fields[i].val, fields[i].len);
		GM_EXPECT_ERRNO(fields[i].err, ioctl(m.iommu->fd, fields[i].nr, buf), "%s",
				fields[i].name);
	}
	dma_memory_free(&m);
}
