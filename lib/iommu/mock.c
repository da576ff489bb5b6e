// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock device of iommufd: it has real page tables, and the kernel walks them for DMA.
 *
 * An in-kernel user of the IOAS copies the bytes (slow path: it gets the pages from the page table
 * of the first attached domain, pages.c pfn_reader_fill_span()). MD_CHECK_MAP checks which pages a
 * page table maps. The structures come from the kernel tree KSRC.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <iommufd_test.h>

#include "ops.h"
#include "underway.h"

#define TEST(iommu, cmd) GM_CALL("IOMMU_TEST_CMD", ioctl((iommu)->fd, IOMMU_TEST_CMD, cmd))

static int new_access(struct gm_iommu *iommu, uint32_t ioas, uint32_t flags)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_CREATE_ACCESS,
		.id = ioas,
		.create_access = { .flags = flags },
	};

	return TEST(iommu, &cmd) ? -1 : (int)cmd.create_access.out_access_fd;
}

static int attach_flags(struct gm_iodev *dev, uint32_t pt, uint32_t flags)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MOCK_DOMAIN,
		.id = pt,
	};

	if (flags) {
		cmd.op = IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS;
		cmd.mock_domain_flags.dev_flags = flags;
	}
	if (TEST(dev->iommu, &cmd))
		return -1;
	dev->priv_id = cmd.mock_domain.out_stdev_id;
	dev->hwpt = cmd.mock_domain.out_hwpt_id;
	dev->idev = cmd.mock_domain.out_idev_id;
	return 0;
}

static int mock_attach(struct gm_iodev *dev, uint32_t pt)
{
	return attach_flags(dev, pt, 0);
}

struct gm_iodev *gm_mock_nodirty_dev(struct gm_iommu *iommu, uint32_t pt)
{
	struct gm_iodev *dev = gm_iodev_alloc(iommu, pt);

	GM_SETUP_OK(attach_flags(dev, pt, MOCK_FLAGS_DEVICE_NO_DIRTY));
	return dev;
}

static void mock_detach(struct gm_iodev *dev)
{
	gm_iommu_destroy(dev->iommu, dev->priv_id);
}

static int mock_replace(struct gm_iodev *dev, uint32_t pt, uint32_t ioas)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
		.id = dev->priv_id,
		.mock_domain_replace = { .pt_id = pt },
	};

	if (TEST(dev->iommu, &cmd))
		return -1;
	dev->hwpt = cmd.mock_domain_replace.pt_id;
	dev->ioas = ioas;
	return 0;
}

static int mock_rw(struct gm_iodev *dev, uint64_t iova, void *buf, uint64_t len, bool write)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_ACCESS_RW,
		.access_rw = {
			.iova = iova, .length = len, .uptr = (uintptr_t)buf,
			.flags = MOCK_ACCESS_RW_SLOW_PATH | (write ? MOCK_ACCESS_RW_WRITE : 0),
		},
	};
	int access, ret, err;

	/* Only for this call: a further user of the IOAS would change its alignment. */
	access = GM_SETUP_OK(new_access(dev->iommu, dev->ioas, 0));
	cmd.id = access;
	ret = TEST(dev->iommu, &cmd);
	err = errno;
	close(access);
	errno = err;
	return ret;
}

static int mock_read(struct gm_iodev *dev, uint64_t iova, void *buf, uint64_t len)
{
	return mock_rw(dev, iova, buf, len, false);
}

static int mock_write(struct gm_iodev *dev, uint64_t iova, const void *buf, uint64_t len)
{
	return mock_rw(dev, iova, (void *)buf, len, true);
}

int __gm_mock_maps(struct gm_iommu *iommu, uint32_t hwpt, uint64_t iova, const void *hva,
		   uint64_t len)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MD_CHECK_MAP,
		.id = hwpt,
		.check_map = { .iova = iova, .length = len, .uptr = (uintptr_t)hva },
	};

	return TEST(iommu, &cmd);
}

int __gm_mock_refs(struct gm_iommu *iommu, const void *hva, uint64_t len, unsigned int pins)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MD_CHECK_REFS,
		.check_refs = { .length = len, .uptr = (uintptr_t)hva, .refs = pins },
	};

	return TEST(iommu, &cmd);
}

int __gm_mock_reserve(struct gm_iommu *iommu, uint32_t ioas, uint64_t start, uint64_t len)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_ADD_RESERVED,
		.id = ioas,
		.add_reserved = { .start = start, .length = len },
	};

	return TEST(iommu, &cmd);
}

static int set_limit(struct gm_iommu *iommu, uint32_t bytes)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT,
		.memory_limit = { .limit = bytes },
	};

	return TEST(iommu, &cmd);
}

static void reset_limit(void *arg __attribute__((unused)))
{
	struct gm_iommu iommu = { .fd = open("/dev/iommu", O_RDWR | O_CLOEXEC) };

	if (set_limit(&iommu, 65536))
		gm_note("the memory limit of iommufd is not restored: %s", gm_errno_name(errno));
	close(iommu.fd);
}

void gm_mock_memory_limit(struct gm_iommu *iommu, uint32_t bytes)
{
	static bool once;

	if (!once)
		gm_cleanup(reset_limit, NULL);
	once = true;
	GM_SETUP_OK(set_limit(iommu, bytes));
}

/* Sets the default limit: a case that died may have left a small one. */
static void mock_open(struct gm_iommu *iommu)
{
	gm_iommufd_open(iommu);
	GM_SETUP_OK(set_limit(iommu, 65536));
}

const struct gm_iommu_ops gm_iommu_mock_ops = {
	.open = mock_open,
	.close = gm_iommufd_close,
	.ioas_new = gm_iommufd_ioas_new,
	.map_hva = gm_iommufd_map_hva,
	.unmap = gm_iommufd_unmap,
	.attach = mock_attach,
	.detach = mock_detach,
	.replace = mock_replace,
	.read = mock_read,
	.write = mock_write,
	.iova_end = UINT64_MAX,
	.can_check_map = true,
};

int __gm_mock_dirty(struct gm_iommu *iommu, uint32_t hwpt, uint64_t iova, uint64_t len,
		    uint64_t pgsize, const void *bitmap)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_DIRTY,
		.id = hwpt,
		.dirty = { .iova = iova,
			   .length = len,
			   .page_size = pgsize,
			   .uptr = (uintptr_t)bitmap },
	};

	return TEST(iommu, &cmd) ? -1 : (int)cmd.dirty.out_nr_dirty;
}

int gm_mock_dmabuf_new(struct gm_iommu *iommu, uint64_t len)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_DMABUF_GET,
		.dmabuf_get = { .length = len, .open_flags = O_CLOEXEC },
	};
	/* Linux 7.3 returns 0, and not the file descriptor: it is the lowest that is free. */
	int lowest = GM_SETUP_OK(fcntl(iommu->fd, F_DUPFD_CLOEXEC, 0)), ret;

	close(lowest);
	ret = TEST(iommu, &cmd);
	if (ret == -1 && errno == EOPNOTSUPP)
		gm_skip("the mock exports no dma-buf",
			"CONFIG_DMA_SHARED_BUFFER, Linux 7.0 or later");
	GM_SETUP(ret != -1, "IOMMU_TEST_OP_DMABUF_GET: %s", gm_errno_name(errno));
	return ret ?: lowest;
}

void gm_mock_dmabuf_revoke(struct gm_iommu *iommu, int dmabuf, bool revoked)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_DMABUF_REVOKE,
		.dmabuf_revoke = { .dmabuf_fd = dmabuf, .revoked = revoked },
	};

	GM_SETUP_OK(TEST(iommu, &cmd));
}

uint32_t gm_mock_huge_hwpt(struct gm_iodev *dev, uint32_t ioas, uint32_t flags)
{
	struct iommu_hwpt_selftest data = { .pagetable_type = MOCK_IOMMUPT_HUGE };
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.flags = flags,
		.dev_id = dev->idev,
		.pt_id = ioas,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	GM_SETUP_OK(ioctl(dev->iommu->fd, IOMMU_HWPT_ALLOC, &arg));
	return arg.out_hwpt_id;
}

int __gm_access_new(struct gm_iommu *iommu, uint32_t ioas, bool pin)
{
	return new_access(iommu, ioas, pin ? MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES : 0);
}

int gm_access_new(struct gm_iommu *iommu, uint32_t ioas, bool pin)
{
	return GM_SETUP_OK(__gm_access_new(iommu, ioas, pin));
}

int __gm_access_replace(struct gm_iommu *iommu, int access, uint32_t ioas)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_ACCESS_REPLACE_IOAS,
		.id = access,
		.access_replace_ioas = { .ioas_id = ioas },
	};

	return TEST(iommu, &cmd);
}

int __gm_access_pin(struct gm_iommu *iommu, int access, uint64_t iova, uint64_t len, void *hva,
		    bool write)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_ACCESS_PAGES, .id = access,
		.access_pages = {
			.flags = write ? MOCK_FLAGS_ACCESS_WRITE : 0,
			.iova = iova, .length = len, .uptr = (uintptr_t)hva,
		},
	};

	return TEST(iommu, &cmd) ? -1 : (int)cmd.access_pages.out_access_pages_id;
}

int __gm_access_unpin(struct gm_iommu *iommu, int access, uint32_t item)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_DESTROY_ACCESS_PAGES,
		.id = access,
		.destroy_access_pages = { .access_pages_id = item },
	};

	return TEST(iommu, &cmd);
}

static int access_rw(struct gm_iommu *iommu, int access, uint64_t iova, void *buf, uint64_t len,
		     uint32_t flags)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_ACCESS_RW, .id = access,
		.access_rw = {
			.iova = iova, .length = len, .uptr = (uintptr_t)buf, .flags = flags,
		},
	};

	return TEST(iommu, &cmd);
}

int __gm_access_rw(struct gm_iommu *iommu, int access, uint64_t iova, void *buf, uint64_t len,
		   bool write)
{
	return access_rw(iommu, access, iova, buf, len,
			 MOCK_ACCESS_RW_SLOW_PATH | (write ? MOCK_ACCESS_RW_WRITE : 0));
}

int __gm_access_rw_user(struct gm_iommu *iommu, int access, uint64_t iova, void *buf, uint64_t len,
			bool write)
{
	return access_rw(iommu, access, iova, buf, len, write ? MOCK_ACCESS_RW_WRITE : 0);
}
