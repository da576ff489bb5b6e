// SPDX-License-Identifier: GPL-2.0-only
/* Every ioctl with its struct too short, too long, and too long with a zero tail. */
#include "calls.h"

static void sizes(const struct gm_case *self)
{
	const struct iommu_call *c = self->arg;
	struct dma_memory m = iommu_calls_memory();
	union iommu_call_arg arg;

#define TRY(nr_bytes, tail)                                                                        \
	({                                                                                         \
		iommu_call_fill(c, &m, &arg);                                                      \
		arg.size = nr_bytes;                                                               \
		if (tail)                                                                          \
			arg.bytes[arg.size - 1] = tail;                                            \
		ioctl(m.iommu->fd, c->nr, &arg);                                                   \
	})
#define GOOD(bytes, what)                                                                          \
	({                                                                                         \
		int __r = TRY(bytes, 0);                                                           \
		gm_promise(!__r, "%s: " what ": %s", c->name, gm_errno_name(errno));               \
		if (!__r && c->undo)                                                               \
			c->undo(&m, &arg);                                                         \
	})

	GOOD(c->size, "a struct of the right size");
	GM_EXPECT_ERRNO(EINVAL, TRY(c->min - 1, 0), "%s: one byte too short", c->name);
	GM_EXPECT_ERRNO(EINVAL, TRY(4, 0), "%s: only the size", c->name);
	GM_EXPECT_ERRNO(EINVAL, TRY(0, 0), "%s: size 0", c->name);
	GM_EXPECT_ERRNO(E2BIG, TRY(c->size + 1, 1), "%s: one byte too long, not zero", c->name);
	GM_EXPECT_ERRNO(E2BIG, TRY(c->size + 64, 0x80), "%s: 64 bytes too long, the last not zero",
			c->name);
	GOOD(c->size + 1, "one byte too long, zero");
	GOOD(c->size + 64, "64 bytes too long, all zero");
	if (c->min < c->size)
		GOOD(c->min, "the shortest accepted struct");
	dma_memory_free(&m);
}

static void generate(void)
{
	static struct gm_case cases[32];
	static char names[32][64];

	for (unsigned int i = 0; i < iommu_calls_nr; i++) {
		const struct iommu_call *c = &iommu_calls[i];

		if (!c->min)
			continue;
		snprintf(names[i], sizeof(names[i]), "iommu.map_file_args.struct.%s",
			 c->name + strlen("IOMMU_"));
		for (char *p = names[i]; *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p += 'a' - 'A';
		cases[i] = (struct gm_case){
			.name = names[i],
			.clause = "iommu.map_file_args",
			.profile = "IO",
			.text = "a struct too short, too long, and too long with zeros",
			.iommu = GM_IOMMU_MOCK,
			.flags = GM_REFUSAL,
			.run = sizes,
			.arg = c,
		};
		gm_case_add(&cases[i]);
	}
}
GM_GENERATE(generate)
