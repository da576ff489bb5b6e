// SPDX-License-Identifier: GPL-2.0-only
/* Reserved words, unknown options and flags, numbers of all ones, in every ioctl that has them. */
#include "dma_memory.h"

#define PG GM_PAGE_SIZE
#define ONES (~0ULL)

/* The call with one thing wrong; then, where `good` says so, the same call without it. */
#define BAD(err, nr, arg, field, value, what)                                                      \
	({                                                                                         \
		__auto_type __arg = arg;                                                           \
		__arg.field = value;                                                               \
		GM_EXPECT_ERRNO(err, ioctl(m.iommu->fd, nr, &__arg), "%s", what);                  \
	})

GM_MOCK_CASE(words, .name = "iommu.map_file_args.reserved", .clause = "iommu.map_file_args",
	     .flags = GM_REFUSAL,
	     .text = "reserved words and unknown flags that are not zero: EOPNOTSUPP")
{
	struct dma_memory m = dma_memory_new(self->val, 4 * PG, 0);
	struct iommu_iova_range range[8];
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct iommu_ioas_iova_ranges ranges = { .size = sizeof(ranges),
						 .ioas_id = m.ioas,
						 .num_iovas = 8,
						 .allowed_iovas = (uintptr_t)range };
	struct iommu_ioas_allow_iovas allow = { .size = sizeof(allow), .ioas_id = m.ioas };
	struct iommu_ioas_map map = { .size = sizeof(map),
				      .flags = GM_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
				      .ioas_id = m.ioas,
				      .user_va = (uintptr_t)m.hva,
				      .length = PG,
				      .iova = IOVA };
	struct iommu_ioas_copy copy = { .size = sizeof(copy),
					.flags = GM_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
					.src_ioas_id = m.ioas,
					.dst_ioas_id = m.ioas,
					.length = PG,
					.src_iova = IOVA,
					.dst_iova = IOVA + PG };
	struct iommu_option opt = { .size = sizeof(opt),
				    .option_id = IOMMU_OPTION_HUGE_PAGES,
				    .op = IOMMU_OPTION_OP_GET,
				    .object_id = m.ioas };
	struct iommu_hwpt_alloc hwpt = { .size = sizeof(hwpt),
					 .dev_id = m.dev->idev,
					 .pt_id = m.ioas };
	struct iommu_ioas_change_process change = { .size = sizeof(change) };

	BAD(EOPNOTSUPP, IOMMU_IOAS_ALLOC, alloc, flags, 1, "IOAS_ALLOC");
	BAD(EOPNOTSUPP, IOMMU_IOAS_IOVA_RANGES, ranges, __reserved, 1, "IOVA_RANGES");
	BAD(EOPNOTSUPP, IOMMU_IOAS_ALLOW_IOVAS, allow, __reserved, 1, "ALLOW_IOVAS");
	BAD(EOPNOTSUPP, IOMMU_IOAS_MAP, map, __reserved, 1, "IOAS_MAP");
	BAD(EOPNOTSUPP, IOMMU_IOAS_CHANGE_PROCESS, change, __reserved, 1, "CHANGE_PROCESS");
	BAD(EOPNOTSUPP, IOMMU_OPTION, opt, __reserved, 1, "OPTION");
	BAD(EOPNOTSUPP, IOMMU_OPTION, opt, op, 2, "OPTION, no such operation");
	BAD(EOPNOTSUPP, IOMMU_OPTION, opt, option_id, 2, "OPTION, no such option");
	opt.option_id = IOMMU_OPTION_RLIMIT_MODE;
	BAD(EOPNOTSUPP, IOMMU_OPTION, opt, object_id, m.ioas, "OPTION of the iommufd, with an id");
	opt.object_id = 0;
	BAD(EOPNOTSUPP, IOMMU_OPTION, opt, op, 2, "OPTION of the iommufd, no such operation");
	BAD(EOPNOTSUPP, IOMMU_HWPT_ALLOC, hwpt, __reserved, 1, "HWPT_ALLOC");
	BAD(EOPNOTSUPP, IOMMU_HWPT_ALLOC, hwpt, flags, 1 << 31, "HWPT_ALLOC, no such flag");
	BAD(EINVAL, IOMMU_HWPT_ALLOC, hwpt, data_len, 8, "HWPT_ALLOC, data of no type");
	BAD(EINVAL, IOMMU_HWPT_ALLOC, hwpt, data_type, 1, "HWPT_ALLOC, a type and no data");
	BAD(ENOENT, IOMMU_HWPT_ALLOC, hwpt, dev_id, m.ioas, "HWPT_ALLOC, a device that is none");
	BAD(EINVAL, IOMMU_HWPT_ALLOC, hwpt, pt_id, 4711, "HWPT_ALLOC on nothing");
	BAD(EINVAL, IOMMU_HWPT_ALLOC, hwpt, pt_id, m.dev->idev, "HWPT_ALLOC on a device");
	gm_control(!ioctl(m.iommu->fd, IOMMU_IOAS_MAP, &map), "IOAS_MAP");
	BAD(EOPNOTSUPP, IOMMU_IOAS_COPY, copy, flags, GM_RW | 8, "IOAS_COPY, no such flag");
	BAD(EINVAL, IOMMU_IOAS_COPY, copy, flags, IOMMU_IOAS_MAP_FIXED_IOVA,
	    "IOAS_COPY without a permission");
	BAD(ENOENT, IOMMU_IOAS_COPY, copy, src_ioas_id, 4711, "IOAS_COPY from nothing");
	BAD(ENOENT, IOMMU_IOAS_COPY, copy, dst_ioas_id, 4711, "IOAS_COPY to nothing");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, PG, 1), "refused copies changed the pins");
	gm_control(!ioctl(m.iommu->fd, IOMMU_IOAS_COPY, &copy), "IOAS_COPY");
	gm_control(!ioctl(m.iommu->fd, IOMMU_OPTION, &opt), "OPTION");
	dma_memory_free(&m);
}

GM_MOCK_CASE(ones, .name = "iommu.map_file_args.ones", .clause = "iommu.map_file_args",
	     .flags = GM_REFUSAL,
	     .text = "IOVAs and lengths of all ones: EOVERFLOW, and nothing happens")
{
	struct dma_memory m = dma_memory_new(self->val, 4 * PG, 0);
	struct iommu_ioas_map map = { .size = sizeof(map),
				      .flags = GM_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
				      .ioas_id = m.ioas,
				      .user_va = (uintptr_t)m.hva,
				      .length = PG,
				      .iova = IOVA };
	struct iommu_ioas_map_file file = { .size = sizeof(file),
					    .flags = GM_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
					    .ioas_id = m.ioas,
					    .fd = m.fd,
					    .length = PG,
					    .iova = IOVA + PG };
	struct iommu_ioas_copy copy = { .size = sizeof(copy),
					.flags = GM_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
					.src_ioas_id = m.ioas,
					.dst_ioas_id = m.ioas,
					.length = PG,
					.src_iova = IOVA,
					.dst_iova = IOVA + 2 * PG };
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = m.ioas, .iova = IOVA, .length = PG
	};

	BAD(EOVERFLOW, IOMMU_IOAS_MAP, map, iova, ONES, "IOAS_MAP at all ones");
	BAD(EOVERFLOW, IOMMU_IOAS_MAP, map, length, ONES, "IOAS_MAP of all ones");
	BAD(EOVERFLOW, IOMMU_IOAS_MAP_FILE, file, iova, ONES, "IOAS_MAP_FILE at all ones");
	BAD(EOVERFLOW, IOMMU_IOAS_MAP_FILE, file, length, ONES, "IOAS_MAP_FILE of all ones");
	gm_control(!ioctl(m.iommu->fd, IOMMU_IOAS_MAP, &map), "IOAS_MAP");
	gm_control(!ioctl(m.iommu->fd, IOMMU_IOAS_MAP_FILE, &file), "IOAS_MAP_FILE");
	BAD(EOVERFLOW, IOMMU_IOAS_COPY, copy, src_iova, ONES, "IOAS_COPY from all ones");
	BAD(EOVERFLOW, IOMMU_IOAS_COPY, copy, dst_iova, ONES, "IOAS_COPY to all ones");
	BAD(EOVERFLOW, IOMMU_IOAS_COPY, copy, length, ONES, "IOAS_COPY of all ones");
	gm_control(!ioctl(m.iommu->fd, IOMMU_IOAS_COPY, &copy), "IOAS_COPY");
	BAD(EOVERFLOW, IOMMU_IOAS_UNMAP, unmap, iova, ONES, "IOAS_UNMAP at all ones");
	BAD(EOVERFLOW, IOMMU_IOAS_UNMAP, unmap, length, ONES, "IOAS_UNMAP of all ones");
	dma_memory_mapped(&m, 0, PG, IOVA);
	dma_memory_mapped(&m, 0, PG, IOVA + PG);
	dma_memory_mapped(&m, 0, PG, IOVA + 2 * PG);
	gm_control(!ioctl(m.iommu->fd, IOMMU_IOAS_UNMAP, &unmap), "IOAS_UNMAP");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, PG, 2),
		  "the file's map and the copy are not two pins");
	dma_memory_free(&m);
}
