// SPDX-License-Identifier: GPL-2.0-only
/* Reserved fields, unknown options and flags, values of all ones, in every ioctl that has them. */
#include "calls.h"

GM_FILE(.clause = "iommu.map_file_args", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK), .flags = GM_REFUSAL)

#define ONES (~0ULL)

static void expect_reserved(const struct iommu_call *c, struct dma_memory *m, uint64_t val)
{
	GM_EXPECT_ERRNO(EOPNOTSUPP, iommu_call_with(c, m, c->reserved.at, c->reserved.len, val),
			"%s: reserved field %#lx", c->name, val);
}

GM_CASE(field_values, .name = "iommu.map_file_args.fields",
	.text = "reserved fields, unknown flags, data without a type and a type without data")
{
	struct dma_memory m = iommu_calls_memory();

	for (unsigned int i = 0; i < iommu_calls_nr; i++) {
		const struct iommu_call *c = &iommu_calls[i];

		iommu_call_good(c, &m);
		if (!c->reserved.len)
			continue;
		expect_reserved(c, &m, 1);
		expect_reserved(c, &m, 1ULL << (8 * c->reserved.len - 1));
	}
	BAD(&m, EOPNOTSUPP, IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, flags, 1U << 4, "flag 4");
	BAD(&m, EOPNOTSUPP, IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, flags, 1U << 31, "flag 31");
	BAD(&m, EINVAL, IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, data_len, 8, "data without a type");
	BAD(&m, EINVAL, IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, data_type, 1, "a type without data");
	dma_memory_free(&m);
}

GM_CASE(words, .name = "iommu.map_file_args.reserved",
	.text = "reserved fields that are not zero, unknown flags and options: named errno")
{
	struct dma_memory m = iommu_calls_memory();
	/* An option of the iommufd, not of an object. */
	struct iommu_option opt = { .size = sizeof(opt),
				    .option_id = IOMMU_OPTION_RLIMIT_MODE,
				    .op = IOMMU_OPTION_OP_GET };

	for (unsigned int i = 0; i < iommu_calls_nr; i++)
		if (iommu_calls[i].reserved.len)
			expect_reserved(&iommu_calls[i], &m, 1);
	BAD(&m, EOPNOTSUPP, IOMMU_OPTION, iommu_option, op, 2, "OPTION, no such operation");
	BAD(&m, EOPNOTSUPP, IOMMU_OPTION, iommu_option, option_id, 2, "OPTION, no such option");
	opt.object_id = m.ioas;
	GM_EXPECT_ERRNO(EOPNOTSUPP, ioctl(m.iommu->fd, IOMMU_OPTION, &opt),
			"OPTION of the iommufd, with an id");
	opt.object_id = 0;
	opt.op = 2;
	GM_EXPECT_ERRNO(EOPNOTSUPP, ioctl(m.iommu->fd, IOMMU_OPTION, &opt),
			"OPTION of the iommufd, no such operation");
	BAD(&m, EOPNOTSUPP, IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, flags, 1U << 31,
	    "HWPT_ALLOC, no such flag");
	BAD(&m, EINVAL, IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, data_len, 8,
	    "HWPT_ALLOC, data without a type");
	BAD(&m, EINVAL, IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, data_type, 1,
	    "HWPT_ALLOC, a type without data");
	BAD(&m, ENOENT, IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, dev_id, m.ioas,
	    "HWPT_ALLOC, a device that is an IOAS");
	BAD(&m, EINVAL, IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, pt_id, 4711,
	    "HWPT_ALLOC, an unused id");
	BAD(&m, EINVAL, IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, pt_id, m.dev->idev,
	    "HWPT_ALLOC on a device");
	BAD(&m, EOPNOTSUPP, IOMMU_IOAS_COPY, iommu_ioas_copy, flags, GM_RW | 8,
	    "IOAS_COPY, no such flag");
	BAD(&m, EINVAL, IOMMU_IOAS_COPY, iommu_ioas_copy, flags, IOMMU_IOAS_MAP_FIXED_IOVA,
	    "IOAS_COPY without a permission");
	BAD(&m, ENOENT, IOMMU_IOAS_COPY, iommu_ioas_copy, src_ioas_id, 4711,
	    "IOAS_COPY from an unused id");
	BAD(&m, ENOENT, IOMMU_IOAS_COPY, iommu_ioas_copy, dst_ioas_id, 4711,
	    "IOAS_COPY to an unused id");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, GM_PAGE_SIZE, 1),
		  "refused copies changed the pins");
	opt.op = IOMMU_OPTION_OP_GET;
	gm_promise(!ioctl(m.iommu->fd, IOMMU_OPTION, &opt), "OPTION of the iommufd");
	for (unsigned int i = 0; i < iommu_calls_nr; i++)
		iommu_call_good(&iommu_calls[i], &m);
	dma_memory_free(&m);
}

GM_CASE(ones, .name = "iommu.map_file_args.ones",
	.text = "IOVAs and lengths of all ones: EOVERFLOW, and nothing happens")
{
	struct dma_memory m = iommu_calls_memory();
	uint64_t at = IOVA + GM_PAGE_SIZE, copy = at + GM_PAGE_SIZE;

	/* A map by address and a copy of it, beside the map by fd. */
	gm_promise(!__gm_map_hva(m.iommu, m.ioas, m.hva, GM_PAGE_SIZE, &at, GM_RW), "IOAS_MAP");
	gm_promise(!__gm_ioas_copy(m.iommu, m.ioas, m.ioas, at, GM_PAGE_SIZE, &copy, GM_RW),
		   "IOAS_COPY");
	BAD(&m, EOVERFLOW, IOMMU_IOAS_MAP, iommu_ioas_map, iova, ONES, "IOAS_MAP at all ones");
	BAD(&m, EOVERFLOW, IOMMU_IOAS_MAP, iommu_ioas_map, length, ONES, "IOAS_MAP of all ones");
	BAD(&m, EOVERFLOW, IOMMU_IOAS_MAP_FILE, iommu_ioas_map_file, iova, ONES,
	    "IOAS_MAP_FILE at all ones");
	BAD(&m, EOVERFLOW, IOMMU_IOAS_MAP_FILE, iommu_ioas_map_file, length, ONES,
	    "IOAS_MAP_FILE of all ones");
	BAD(&m, EOVERFLOW, IOMMU_IOAS_COPY, iommu_ioas_copy, src_iova, ONES,
	    "IOAS_COPY from all ones");
	BAD(&m, EOVERFLOW, IOMMU_IOAS_COPY, iommu_ioas_copy, dst_iova, ONES,
	    "IOAS_COPY to all ones");
	BAD(&m, EOVERFLOW, IOMMU_IOAS_COPY, iommu_ioas_copy, length, ONES, "IOAS_COPY of all ones");
	BAD(&m, EOVERFLOW, IOMMU_IOAS_UNMAP, iommu_ioas_unmap, iova, ONES,
	    "IOAS_UNMAP at all ones");
	BAD(&m, EOVERFLOW, IOMMU_IOAS_UNMAP, iommu_ioas_unmap, length, ONES,
	    "IOAS_UNMAP of all ones");
	dma_memory_mapped(&m, 0, GM_PAGE_SIZE, MAPPED);
	dma_memory_mapped(&m, 0, GM_PAGE_SIZE, at);
	dma_memory_mapped(&m, 0, GM_PAGE_SIZE, copy);
	gm_unmap(m.iommu, m.ioas, at, GM_PAGE_SIZE);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, GM_PAGE_SIZE, 2),
		  "expected two pins: of the map by file and of the copy");
	iommu_call_good(iommu_call(IOMMU_IOAS_MAP), &m);
	iommu_call_good(iommu_call(IOMMU_IOAS_MAP_FILE), &m);
	iommu_call_good(iommu_call(IOMMU_IOAS_COPY), &m);
	iommu_call_good(iommu_call(IOMMU_IOAS_UNMAP), &m);
	dma_memory_free(&m);
}
