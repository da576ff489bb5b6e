// SPDX-License-Identifier: GPL-2.0-only
/* What IOMMU_IOAS_MAP_FILE, COPY and UNMAP refuse, each with its errno: iommu.map_file_args. */
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "dma_memory.h"

GM_FILE(.clause = "iommu.map_file_args", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK), .flags = GM_REFUSAL)

#define PG GM_PAGE_SIZE

/* Expects that a map at iova is refused. Control: a good map at IOVA works after that. */
static void refused(struct dma_memory *m, int err, int fd, uint64_t start, uint64_t len,
		    uint64_t iova, uint32_t prot, const char *what)
{
	uint64_t at = iova, good = IOVA;

	GM_EXPECT_ERRNO(err, __gm_map_file(m->iommu, m->ioas, fd, start, len, &at, prot), "%s",
			what);
	gm_promise(!__gm_map_file(m->iommu, m->ioas, m->fd, PG, PG, &good, GM_RW),
		   "%s: IOVA %#lx is free for a good map", what, IOVA);
	gm_unmap(m->iommu, m->ioas, IOVA, PG);
	GM_EXPECT(!__gm_mock_refs(m->iommu, m->hva, m->size, 0), "%s: a page stays pinned", what);
}

GM_CASE(lengths, .name = "iommu.map_file_args.lengths",
	.text = "length 0, wrapping ranges, ranges past the end of the file, with a device attached")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);

	refused(&m, EINVAL, m.fd, 0, 0, IOVA, GM_RW, "length 0");
	refused(&m, EINVAL, m.fd, 0, 5 * PG, IOVA, GM_RW, "one page past the end");
	refused(&m, EINVAL, m.fd, 4 * PG, PG, IOVA, GM_RW, "the page past the end");
	refused(&m, EINVAL, m.fd, 3 * PG, 2 * PG, IOVA, GM_RW, "the second page past the end");
	refused(&m, EINVAL, m.fd, 64 * GM_1G, PG, IOVA, GM_RW, "far past the end");
	refused(&m, EOVERFLOW, m.fd, ~0UL - PG + 1, 2 * PG, IOVA, GM_RW, "offset + length wraps");
	refused(&m, EOVERFLOW, m.fd, 0, ~0UL, IOVA, GM_RW, "length of all ones");
	refused(&m, EINVAL, m.fd, 1UL << 63, PG, IOVA, GM_RW,
		"an offset that is negative as loff_t");
	dma_memory_free(&m);
}

GM_CASE(lengths_2m, .name = "iommu.map_file_args.lengths_2m", .huge_2m = 3,
	.text = "past the end of a hugetlb file: EINVAL, and the file gets no page")
{
	struct dma_memory m = dma_memory_new(self->iommu, GM_2M, GM_2M);
	uint64_t at = IOVA;
	struct stat st;

	GM_EXPECT_ERRNO(EINVAL, __gm_map_file(m.iommu, m.ioas, m.fd, 0, GM_2M + PG, &at, GM_RW),
			"a page more than the file");
	GM_EXPECT_ERRNO(EINVAL, __gm_map_file(m.iommu, m.ioas, m.fd, GM_2M, PG, &at, GM_RW),
			"the page past the end");
	GM_EXPECT_ERRNO(EINVAL,
			__gm_map_file(m.iommu, m.ioas, m.fd, GM_2M - PG, 2 * PG, &at, GM_RW),
			"across the end");
	GM_EXPECT_ERRNO(EINVAL, __gm_map_file(m.iommu, m.ioas, m.fd, 2 * GM_2M, PG, &at, GM_RW),
			"far past the end");
	GM_SETUP_OK(fstat(m.fd, &st));
	GM_EXPECT_EQ(st.st_blocks * 512, GM_2M, "bytes allocated to the file");
	gm_promise(!__gm_map_file(m.iommu, m.ioas, m.fd, GM_2M - PG, PG, &at, GM_RW),
		   "the last page");
	dma_memory_free(&m);
}

GM_CASE(alignment, .name = "iommu.map_file_args.alignment",
	.text = "offset, length and IOVA not aligned to the IOMMU's page size")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);

	/* The mock has entries of 2 KiB: 1 KiB is too small, 2 KiB is not. */
	refused(&m, EINVAL, m.fd, 1024, PG, IOVA, GM_RW, "offset");
	refused(&m, EINVAL, m.fd, 0, 1024, IOVA, GM_RW, "length");
	refused(&m, EINVAL, m.fd, 0, PG, IOVA + 1024, GM_RW, "IOVA");
	refused(&m, EINVAL, m.fd, 0, PG + 1, IOVA, GM_RW, "length, by a byte");
	refused(&m, EINVAL, m.fd, 1, PG, IOVA, GM_RW, "offset, by a byte");
	dma_memory_free(&m);
}

GM_CASE(flags, .name = "iommu.map_file_args.flags",
	.text = "no permission flag, and each of the 29 unknown flags")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	const uint32_t known = GM_RW | IOMMU_IOAS_MAP_FIXED_IOVA;

	refused(&m, EINVAL, m.fd, 0, PG, IOVA, 0, "no permission");
	for (int bit = 0; bit < 32; bit++)
		if (!(known & (1U << bit)))
			refused(&m, EOPNOTSUPP, m.fd, 0, PG, IOVA, GM_RW | 1U << bit,
				"an unknown flag");
	dma_memory_free(&m);
}

GM_CASE(fds, .name = "iommu.map_file_args.fds",
	.text = "fds without memory: not open, O_PATH, eventfd, directory, /dev/zero, the iommufd itself")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	int event = GM_SETUP_OK(eventfd(0, EFD_CLOEXEC));
	int dir = GM_SETUP_OK(open("/proc", O_RDONLY | O_CLOEXEC));
	int exe = GM_SETUP_OK(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	int path = GM_SETUP_OK(open("/proc/self/exe", O_PATH | O_CLOEXEC));
	int zero = GM_SETUP_OK(open("/dev/zero", O_RDWR | O_CLOEXEC));

	refused(&m, EBADF, -1, 0, PG, IOVA, GM_RW, "fd -1");
	refused(&m, EBADF, 1000000, 0, PG, IOVA, GM_RW, "an fd that is not open");
	refused(&m, EBADF, path, 0, PG, IOVA, GM_RW, "an O_PATH fd");
	refused(&m, EINVAL, event, 0, PG, IOVA, GM_RW, "an eventfd");
	refused(&m, EINVAL, dir, 0, PG, IOVA, GM_RW, "a directory");
	refused(&m, EINVAL, zero, 0, PG, IOVA, GM_RW, "/dev/zero");
	refused(&m, EINVAL, m.iommu->fd, 0, PG, IOVA, GM_RW, "the iommufd itself");
	close(event);
	close(dir);
	close(exe);
	close(path);
	close(zero);
	dma_memory_free(&m);
}

GM_CASE(iova, .name = "iommu.map_file_args.iova",
	.text = "IOVAs in use, reserved, outside the aperture or wrapping, also by one page at either end")
{
	const struct {
		uint64_t at, len;
		int err;
		const char *what;
	} bad[] = {
		{ IOVA + 4 * PG, 4 * PG, EEXIST, "exactly in use" },
		{ IOVA + 3 * PG, 2 * PG, EEXIST, "the last page in use" },
		{ IOVA + 7 * PG, 2 * PG, EEXIST, "the first page in use" },
		{ IOVA + 5 * PG, PG, EEXIST, "inside one in use" },
		{ 0, PG, EINVAL, "below the aperture" },
		{ (1UL << 24) - PG, 2 * PG, EINVAL, "across the start of the aperture" },
		{ (1UL << 31) - PG, 2 * PG, EINVAL, "across the end of the aperture" },
		{ 1UL << 31, PG, EINVAL, "above the aperture" },
		{ ~0UL - PG + 1, 2 * PG, EOVERFLOW, "wrapping" },
		{ 0x3000000 + PG, PG, EINVAL, "inside a reserved range" },
		{ 0x3000000 - PG, 2 * PG, EINVAL, "the first page reserved" },
		{ 0x3000000 + 3 * PG, 2 * PG, EINVAL, "the last page reserved" },
	};
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	uint64_t at;

	GM_SETUP_OK(__gm_mock_reserve(m.iommu, m.ioas, 0x3000000, 4 * PG));
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 4 * PG, IOVA + 4 * PG, GM_RW);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		at = bad[i].at;
		GM_EXPECT_ERRNO(bad[i].err,
				__gm_map_file(m.iommu, m.ioas, m.fd, 0, bad[i].len, &at, GM_RW),
				"%s", bad[i].what);
	}
	/* The pages beside these ranges are free. */
	for (unsigned int i = 0; i < 4; i++) {
		const uint64_t good[] = {
			IOVA + 3 * PG,
			IOVA + 8 * PG,
			0x3000000 - PG,
			0x3000000 + 4 * PG,
		};

		at = good[i];
		gm_promise(!__gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, &at, GM_RW),
			   "IOVA %#lx, beside a used or reserved range, is free", good[i]);
	}
	at = 1UL << 24;
	GM_EXPECT_OK(__gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, &at, GM_RW),
		     "first page of the aperture");
	at = (1UL << 31) - PG;
	GM_EXPECT_OK(__gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, &at, GM_RW),
		     "last page of the aperture");
	GM_EXPECT(!__gm_mock_maps(m.iommu, m.dev->hwpt, IOVA + 4 * PG, m.hva, 4 * PG),
		  "the first map is damaged");
	dma_memory_free(&m);
}

GM_CASE(objects, .name = "iommu.map_file_args.objects",
	.text = "no such IOAS, an object of another kind, an IOAS in use destroyed")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	uint64_t at = IOVA;

	GM_EXPECT_ERRNO(ENOENT, __gm_map_file(m.iommu, 4711, m.fd, 0, PG, &at, GM_RW),
			"no such IOAS");
	GM_EXPECT_ERRNO(ENOENT, __gm_map_file(m.iommu, 0, m.fd, 0, PG, &at, GM_RW), "IOAS 0");
	GM_EXPECT_ERRNO(ENOENT, __gm_map_file(m.iommu, m.dev->hwpt, m.fd, 0, PG, &at, GM_RW),
			"a HWPT");
	GM_EXPECT_ERRNO(ENOENT, __gm_map_file(m.iommu, m.dev->idev, m.fd, 0, PG, &at, GM_RW),
			"a device");
	GM_EXPECT_ERRNO(EBUSY, __gm_iommu_destroy(m.iommu, m.ioas), "a device is attached");
	GM_EXPECT_ERRNO(ENOENT, __gm_iommu_destroy(m.iommu, 4711), "no such object");
	gm_promise(!__gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, &at, GM_RW), "the IOAS itself");
	gm_iodev_free(m.dev);
	m.dev = NULL;
	/* Maps do not keep an IOAS busy: destroying it unmaps them. */
	GM_EXPECT_OK(__gm_iommu_destroy(m.iommu, m.ioas), "with no device attached");
	GM_EXPECT_ERRNO(ENOENT, __gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, &at, GM_RW),
			"destroyed");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "a page stays pinned");
	dma_memory_free(&m);
}

/*
 * Without a domain a map checks its arguments, but neither reads the file nor pins pages. Errors of
 * the file are found when a device is attached: then the attach fails.
 */
GM_CASE(late, .name = "iommu.map_file_args.late",
	.text = "a range past the end, mapped with nothing attached: the attach is EINVAL")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 4 * PG, 0);
	struct gm_iodev *dev;
	uint64_t at = IOVA, unmap = 5 * PG;

	GM_EXPECT_ERRNO(EINVAL, __gm_map_file(m.iommu, m.ioas, m.fd, 0, 0, &at, GM_RW), "length 0");
	GM_EXPECT_ERRNO(EOVERFLOW,
			__gm_map_file(m.iommu, m.ioas, m.fd, ~0UL - PG + 1, 2 * PG, &at, GM_RW),
			"wrap");
	/* The attach has to undo a good map below when the bad one fails. */
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 4 * PG, IOVA - 16 * PG, GM_RW);
	GM_EXPECT_OK(__gm_map_file(m.iommu, m.ioas, m.fd, 0, 5 * PG, &at, GM_RW),
		     "a map past the end, nothing attached");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0),
		  "nothing is attached, and a page is pinned");
	dev = __gm_iodev_new(m.iommu, m.ioas);
	GM_EXPECT(!dev && errno == EINVAL,
		  "attach over the bad range: expected EINVAL, observed %s",
		  dev ? "success" : gm_errno_name(errno));
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "the failed attach left pins");
	GM_EXPECT_OK(__gm_unmap(m.iommu, m.ioas, IOVA, &unmap));
	if (!dev)
		dev = __gm_iodev_new(m.iommu, m.ioas);
	gm_promise(dev, "the attach succeeds without the bad map");
	m.dev = dev;
	dma_memory_mapped(&m, 0, 4 * PG, IOVA - 16 * PG);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 1), "expected one pin per page");
	dma_memory_free(&m);
}

GM_CASE(unmap, .name = "iommu.map_file_args.unmap",
	.text = "unmaps of parts, of nothing and of wrapping ranges are refused; one of several areas works")
{
	const struct {
		uint64_t at, len;
		int err;
		const char *what;
	} bad[] = {
		{ IOVA, PG, ENOENT, "the first page of an area" },
		{ IOVA + 3 * PG, PG, ENOENT, "the last page of an area" },
		{ IOVA + PG, 2 * PG, ENOENT, "the middle of an area" },
		{ IOVA - PG, 3 * PG, ENOENT, "the first two pages and the page below" },
		{ IOVA + 2 * PG, 4 * PG, ENOENT, "the last two pages and two above" },
		{ IOVA - 8 * PG, 9 * PG, ENOENT, "from far below into the first page" },
		{ IOVA + 64 * PG, PG, ENOENT, "nothing" },
		{ IOVA, 0, EINVAL, "length 0" },
		{ IOVA, ~0UL, EOVERFLOW, "length of all ones, but not from IOVA 0" },
		{ ~0UL - PG + 1, 2 * PG, EOVERFLOW, "wrapping" },
	};
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	uint64_t len;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 4 * PG, IOVA, GM_RW);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		len = bad[i].len;
		GM_EXPECT_ERRNO(bad[i].err, __gm_unmap(m.iommu, m.ioas, bad[i].at, &len), "%s",
				bad[i].what);
		dma_memory_mapped(&m, 0, 4 * PG, IOVA);
	}
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 4 * PG, 1), "refused unmaps changed the pins");
	/* A larger range unmaps both areas and returns their size. */
	gm_map_file(m.iommu, m.ioas, m.fd, 4 * PG, 2 * PG, IOVA + 8 * PG, GM_RW);
	gm_map_file(m.iommu, m.ioas, m.fd, 6 * PG, 2 * PG, IOVA + 20 * PG, GM_RW);
	len = 12 * PG;
	gm_promise(!__gm_unmap(m.iommu, m.ioas, IOVA - PG, &len), "a range around two areas");
	GM_EXPECT_EQ(len, 6 * PG, "bytes of the two areas");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 6 * PG, 0), "pages stay pinned");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 6 * PG, 2 * PG, 1),
		  "the third area lost its pins");
	dma_memory_mapped(&m, 6 * PG, 2 * PG, IOVA + 20 * PG);
	len = ~0UL;
	GM_EXPECT_OK(__gm_unmap(m.iommu, m.ioas, 0, &len), "everything");
	GM_EXPECT_EQ(len, 2 * PG, "bytes unmapped");
	len = ~0UL;
	GM_EXPECT_OK(__gm_unmap(m.iommu, m.ioas, 0, &len), "everything, with no area left");
	GM_EXPECT_EQ(len, 0, "bytes unmapped, with no area left");
	dma_memory_free(&m);
}
