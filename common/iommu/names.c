// SPDX-License-Identifier: GPL-2.0-only
/* Ids that name nothing, arguments that cannot be read, a process that is gone. */
#include <linux/vfio.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "dma_memory.h"

#define PG GM_PAGE_SIZE

union any {
	struct iommu_ioas_iova_ranges ranges;
	struct iommu_ioas_allow_iovas allow;
	struct iommu_ioas_map map;
	struct iommu_ioas_copy copy;
	struct iommu_ioas_unmap unmap;
	struct iommu_option option;
	struct iommu_hwpt_alloc alloc;
	struct iommu_vfio_ioas vfio;
};

struct call {
	const char *what;
	unsigned long cmd;
	size_t id; /* where in the argument */
};

/* In this order each succeeds when its ids are right. */
static const struct call calls[] = {
	{ "IOVA_RANGES", IOMMU_IOAS_IOVA_RANGES, offsetof(union any, ranges.ioas_id) },
	{ "ALLOW_IOVAS", IOMMU_IOAS_ALLOW_IOVAS, offsetof(union any, allow.ioas_id) },
	{ "MAP", IOMMU_IOAS_MAP, offsetof(union any, map.ioas_id) },
	{ "COPY, source", IOMMU_IOAS_COPY, offsetof(union any, copy.src_ioas_id) },
	{ "COPY, destination", IOMMU_IOAS_COPY, offsetof(union any, copy.dst_ioas_id) },
	{ "UNMAP", IOMMU_IOAS_UNMAP, offsetof(union any, unmap.ioas_id) },
	{ "OPTION", IOMMU_OPTION, offsetof(union any, option.object_id) },
	{ "HWPT_ALLOC, device", IOMMU_HWPT_ALLOC, offsetof(union any, alloc.dev_id) },
	{ "VFIO_IOAS", IOMMU_VFIO_IOAS, offsetof(union any, vfio.ioas_id) },
};

#define FIXED IOMMU_IOAS_MAP_FIXED_IOVA

/* The argument of calls[i] with everything right; its length. */
static size_t right(struct dma_memory *m, unsigned int i, union any *a)
{
	static struct iommu_iova_range got[16];

	*a = (union any){};
	switch (calls[i].cmd) {
	case IOMMU_IOAS_IOVA_RANGES:
		a->ranges = (struct iommu_ioas_iova_ranges){ .ioas_id = m->ioas,
							     .num_iovas = 16,
							     .allowed_iovas = (uintptr_t)got };
		return a->ranges.size = sizeof(a->ranges);
	case IOMMU_IOAS_ALLOW_IOVAS:
		a->allow.ioas_id = m->ioas;
		return a->allow.size = sizeof(a->allow);
	case IOMMU_IOAS_MAP:
		a->map = (struct iommu_ioas_map){ .flags = FIXED | GM_RW,
						  .ioas_id = m->ioas,
						  .user_va = (uintptr_t)m->hva,
						  .length = PG,
						  .iova = IOVA };
		return a->map.size = sizeof(a->map);
	case IOMMU_IOAS_COPY:
		a->copy = (struct iommu_ioas_copy){ .flags = FIXED | GM_RW,
						    .src_ioas_id = m->ioas,
						    .dst_ioas_id = m->ioas,
						    .length = PG,
						    .src_iova = IOVA,
						    .dst_iova = IOVA + i * PG };
		return a->copy.size = sizeof(a->copy);
	case IOMMU_IOAS_UNMAP:
		a->unmap =
			(struct iommu_ioas_unmap){ .ioas_id = m->ioas, .iova = IOVA, .length = PG };
		return a->unmap.size = sizeof(a->unmap);
	case IOMMU_OPTION:
		a->option = (struct iommu_option){ .option_id = IOMMU_OPTION_HUGE_PAGES,
						   .op = IOMMU_OPTION_OP_GET,
						   .object_id = m->ioas };
		return a->option.size = sizeof(a->option);
	case IOMMU_HWPT_ALLOC:
		a->alloc = (struct iommu_hwpt_alloc){ .dev_id = m->dev->idev, .pt_id = m->ioas };
		return a->alloc.size = sizeof(a->alloc);
	default:
		a->vfio = (struct iommu_vfio_ioas){ .ioas_id = m->ioas, .op = IOMMU_VFIO_IOAS_SET };
		return a->vfio.size = sizeof(a->vfio);
	}
}

GM_MOCK_CASE(ids, .name = "iommu.map_file_args.ids", .clause = "iommu.map_file_args",
	     .flags = GM_REFUSAL,
	     .text = "every call with an id of nothing, of 0 and of another kind of object: ENOENT")
{
	struct dma_memory m = dma_memory_new(self->val, 4 * PG, 0);
	union any a;

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		bool device = calls[i].cmd == IOMMU_HWPT_ALLOC;
		const uint32_t wrong[] = { 4711, 0, device ? m.ioas : m.dev->idev, m.dev->hwpt };

		for (unsigned int k = 0; k < ARRAY_SIZE(wrong); k++) {
			right(&m, i, &a);
			memcpy((uint8_t *)&a + calls[i].id, &wrong[k], sizeof(wrong[k]));
			GM_EXPECT_ERRNO(ENOENT, ioctl(m.iommu->fd, calls[i].cmd, &a), "%s: id %u",
					calls[i].what, wrong[k]);
		}
		right(&m, i, &a);
		gm_control(!ioctl(m.iommu->fd, calls[i].cmd, &a), "%s with its own ids",
			   calls[i].what);
	}
	dma_memory_free(&m);
}

GM_MOCK_CASE(
	unreadable, .name = "iommu.map_file_args.unreadable", .clause = "iommu.map_file_args",
	.flags = GM_REFUSAL,
	.text = "an argument, or a list that it points to, that ends where memory ends: EFAULT")
{
	struct dma_memory m = dma_memory_new(self->val, 4 * PG, 0);
	uint8_t *area =
		mmap(NULL, 2 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *end = area + PG;
	union any a;

	GM_SETUP(area != MAP_FAILED && !munmap(end, PG), "mmap: %s", gm_errno_name(errno));
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		size_t len = right(&m, i, &a);

		memcpy(end - len + 8, &a, len - 8);
		GM_EXPECT_ERRNO(EFAULT, ioctl(m.iommu->fd, calls[i].cmd, end - len + 8),
				"%s: its last 8 bytes", calls[i].what);
		memcpy(end - len, &a, len);
		gm_control(!ioctl(m.iommu->fd, calls[i].cmd, end - len), "%s: all of it",
			   calls[i].what);
	}
	right(&m, 0, &a);
	a.ranges.allowed_iovas = (uintptr_t)end - 8;
	GM_EXPECT_ERRNO(EFAULT, ioctl(m.iommu->fd, IOMMU_IOAS_IOVA_RANGES, &a),
			"ranges to where only 8 bytes are");
	right(&m, 1, &a);
	a.allow.num_iovas = 1;
	a.allow.allowed_iovas = (uintptr_t)end - 8;
	GM_EXPECT_ERRNO(EFAULT, ioctl(m.iommu->fd, IOMMU_IOAS_ALLOW_IOVAS, &a),
			"a range of which 8 bytes are there");
	munmap(area, PG);
	dma_memory_free(&m);
}

GM_MOCK_CASE(
	gone, .name = "iommu.map_hva.process_gone", .clause = "iommu.map_hva", .flags = GM_REFUSAL,
	.text = "memory of a process that has ended: no device, no user gets it, and it unmaps")
{
	struct dma_memory m = dma_memory_new_unattached(self->val, PG, 0);
	uint64_t at = IOVA, len = 4 * PG, word;
	int begin[2], end[2], status, user, pins;
	char c = 0;
	void *mem;
	pid_t pid;

	GM_SETUP_OK(pipe2(begin, O_CLOEXEC));
	GM_SETUP_OK(pipe2(end, O_CLOEXEC));
	/* This process has memory there, too: it must not stand in for what is gone. */
	mem = mmap(NULL, 4 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	GM_SETUP(mem != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	pid = GM_SETUP_OK(fork());
	if (!pid) {
		close(end[1]);
		if (__gm_map_hva(m.iommu, m.ioas, mem, 4 * PG, &at, GM_RW) ||
		    write(begin[1], &c, 1) != 1)
			_exit(1);
		_exit(read(end[0], &c, 1) != 0);
	}
	close(end[0]);
	GM_SETUP(read(begin[0], &c, 1) == 1, "the child did not map its memory");
	user = gm_access_new(m.iommu, m.ioas, false);
	pins = gm_access_new(m.iommu, m.ioas, true);
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	gm_control(!__gm_dma_read(m.dev, IOVA, &word, 8), "attached while it lives");
	gm_iodev_free(m.dev);
	m.dev = NULL;
	close(end[1]);
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_SETUP(!status, "the child's status: %#x", status);
	GM_EXPECT_ERRNO(EFAULT, (m.dev = __gm_iodev_new(m.iommu, m.ioas)) ? 0 : -1,
			"attached when it is gone");
	GM_EXPECT_ERRNO(EFAULT, __gm_access_rw(m.iommu, user, IOVA, &word, 8, false), "a user");
	GM_EXPECT_ERRNO(EFAULT, __gm_access_pin(m.iommu, pins, IOVA, PG, NULL, false), "a pin");
	GM_EXPECT_OK(__gm_unmap(m.iommu, m.ioas, IOVA, &len));
	GM_EXPECT_EQ(len, 4 * PG, "bytes unmapped");
	close(user);
	close(pins);
	close(begin[0]);
	close(begin[1]);
	munmap(mem, 4 * PG);
	dma_memory_free(&m);
}
