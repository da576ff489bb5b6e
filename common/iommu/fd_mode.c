// SPDX-License-Identifier: GPL-2.0-only
/* A device may not write what the file descriptor may not: iommu.map_file_fd_mode. */
#include <fcntl.h>

#include "fx.h"

#define PG GM_PAGE_SIZE

/* The map is refused; where it is not, what a device does with it is told. */
static void refused(struct fx *fx, int fd, const char *what)
{
	uint64_t at = IOVA, word = gm_word(1, GM_HALF_DEVICE, 1, 0), is = 0;
	int ret = __gm_map_file(fx->iommu, fx->ioas, fd, PG, PG, &at, GM_RW);

	if (ret) {
		GM_EXPECT(errno == EBADF || errno == EACCES || errno == EPERM || errno == EINVAL,
			  "%s: expected EBADF, EACCES, EPERM or EINVAL, observed %s", what,
			  gm_errno_name(errno));
	} else {
		__gm_dma_write(fx->dev, IOVA, &word, 8);
		GM_SETUP_OK(pread(fd, &is, 8, PG));
		GM_FAIL("%s: mapped WRITEABLE, and a device write %s", what,
			is == word ? "changes the file" : "does not reach it");
		gm_unmap(fx->iommu, fx->ioas, IOVA, PG);
	}
	at = IOVA;
	__gm_control(!__gm_map_file(fx->iommu, fx->ioas, fd, PG, PG, &at, GM_RO), __FILE__,
		     __LINE__, "%s: for reading", what);
	gm_unmap(fx->iommu, fx->ioas, IOVA, PG);
}

GM_IOMMU_CASES_FULL(read_only, "iommu.map_file_fd_mode.read_only",
		    .clause = "iommu.map_file_fd_mode",
		    .text = "a memfd opened for reading only is not mapped for writing")
{
	struct fx fx = fx_new(self, 2 * PG, 0);
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fx.fd);
	fd = GM_SETUP_OK(open(path, O_RDONLY | O_CLOEXEC));
	refused(&fx, fd, "a read-only fd");
	close(fd);
	fx_free(&fx);
}

GM_IOMMU_CASES_FULL(sealed, "iommu.map_file_fd_mode.sealed", .clause = "iommu.map_file_fd_mode",
		    .text = "a memfd sealed against writing is not mapped for writing")
{
	struct fx fx = fx_new(self, 2 * PG, 0);

	munmap(fx.hva, fx.size);
	fx.hva = NULL;
	GM_SETUP_OK(fcntl(fx.fd, F_ADD_SEALS, F_SEAL_WRITE));
	refused(&fx, fx.fd, "a sealed memfd");
	fx_free(&fx);
}
