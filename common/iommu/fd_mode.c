// SPDX-License-Identifier: GPL-2.0-only
/*
 * A map must not give a device write access that the file descriptor lacks: iommu.map_file_fd_mode.
 */
#include <fcntl.h>

#include "dma_memory.h"

GM_FILE(.clause = "iommu.map_file_fd_mode", .profile = "IO", .iommus = GM_IOMMUS(MOCK, VFIO),
	.caps = GM_CAPS(CAP_IPC_LOCK), .flags = GM_FULL_ONLY | GM_REFUSAL)

#define PG GM_PAGE_SIZE

/* Expects that a writable map is refused; if not, the message says what a device can do with it. */
static void refused(struct dma_memory *m, int fd, const char *what)
{
	uint64_t at = IOVA, word = gm_word(1, GM_WRITER_DEVICE, 1, 0), is = 0;
	int ret = __gm_map_file(m->iommu, m->ioas, fd, PG, PG, &at, GM_RW);

	if (ret) {
		GM_EXPECT(errno == EBADF || errno == EACCES || errno == EPERM || errno == EINVAL,
			  "%s: expected EBADF, EACCES, EPERM or EINVAL, observed %s", what,
			  gm_errno_name(errno));
	} else {
		__gm_dma_write(m->dev, IOVA, &word, 8);
		GM_SETUP_OK(pread(fd, &is, 8, PG));
		GM_FAIL("%s: mapped WRITEABLE, and a device write %s", what,
			is == word ? "changes the file" : "does not reach it");
		gm_unmap(m->iommu, m->ioas, IOVA, PG);
	}
	at = IOVA;
	gm_promise(!__gm_map_file(m->iommu, m->ioas, fd, PG, PG, &at, GM_RO), "%s: for reading",
		   what);
	gm_unmap(m->iommu, m->ioas, IOVA, PG);
}

GM_CASE(read_only, .name = "iommu.map_file_fd_mode.read_only",
	.text = "a memfd opened for reading only is not mapped for writing")
{
	struct dma_memory m = dma_memory_new(self->iommu, 2 * PG, 0);
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", m.fd);
	fd = GM_SETUP_OK(open(path, O_RDONLY | O_CLOEXEC));
	refused(&m, fd, "a read-only fd");
	close(fd);
	dma_memory_free(&m);
}

GM_CASE(sealed, .name = "iommu.map_file_fd_mode.sealed",
	.text = "a memfd sealed against writing is not mapped for writing")
{
	struct dma_memory m = dma_memory_new(self->iommu, 2 * PG, 0);

	munmap(m.hva, m.size);
	m.hva = NULL;
	GM_SETUP_OK(fcntl(m.fd, F_ADD_SEALS, F_SEAL_WRITE));
	refused(&m, m.fd, "a sealed memfd");
	dma_memory_free(&m);
}
