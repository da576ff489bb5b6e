// SPDX-License-Identifier: GPL-2.0-only
/* In-kernel users that access missing or read-only memory, or exceed a limit: iommu.map_hva. */
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "dma_memory.h"

GM_FILE(.clause = "iommu.map_hva", .profile = "IO", .iommu = GM_IOMMU_MOCK, .flags = GM_REFUSAL)

#define PG GM_PAGE_SIZE

typedef int rw_fn(struct gm_iommu *iommu, int access, uint64_t iova, void *buf, uint64_t len,
		  bool write);

/* Maps 16 pages by address into the IOAS; then unmaps the last 4 from the process. */
static uint8_t *map_truncated(struct dma_memory *m, uint32_t ioas)
{
	uint8_t *mem =
		mmap(NULL, 16 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = IOVA;

	GM_SETUP(mem != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	GM_SETUP_OK(__gm_map_hva(m->iommu, ioas, mem, 16 * PG, &at, GM_RW));
	for (int i = 0; i < 16; i++)
		*(volatile uint64_t *)(mem + i * PG) = gm_word(i, GM_WRITER_HOST, 1, 0);
	GM_SETUP_OK(munmap(mem + 12 * PG, 4 * PG));
	return mem;
}

GM_CASE(pins, .name = "iommu.map_hva.access_pin_fails", .caps = GM_CAPS(CAP_IPC_LOCK),
	.text = "an in-kernel user pins a range whose end is not mapped, with and without a device on its start: EFAULT, no page stays pinned")
{
	struct dma_memory m = dma_memory_new(self->iommu, PG, 0);
	uint32_t bare = gm_ioas_new(m.iommu);
	uint8_t *mem = map_truncated(&m, bare);
	int user = gm_access_new(m.iommu, bare, true), item;
	uint64_t at = IOVA;

	for (int held = 0; held <= 8; held += 8) {
		if (held)
			GM_SETUP_OK(
				__gm_ioas_copy(m.iommu, m.ioas, bare, IOVA, held * PG, &at, GM_RW));
		GM_EXPECT_ERRNO(EFAULT, __gm_access_pin(m.iommu, user, IOVA, 16 * PG, NULL, true),
				"all 16 pages, %d of them mapped for a device", held);
		GM_EXPECT_ERRNO(EFAULT,
				__gm_access_pin(m.iommu, user, IOVA + 12 * PG, PG, NULL, false),
				"the unmapped memory");
		GM_EXPECT(!__gm_mock_refs(m.iommu, mem + held * PG, (12 - held) * PG, 0),
			  "a refused pin left pins");
		GM_EXPECT_EQ(gm_vm_pinned(), held, "VmPin, pages");
		item = __gm_access_pin(m.iommu, user, IOVA + 2 * PG, 10 * PG, mem + 2 * PG, true);
		gm_promise(item >= 0, "the ten pages before the end");
		GM_EXPECT_OK(__gm_access_unpin(m.iommu, user, item));
	}
	close(user);
	gm_unmap(m.iommu, bare, IOVA, 16 * PG);
	munmap(mem, 12 * PG);
	dma_memory_free(&m);
}

GM_CASE(copies, .name = "iommu.map_hva.access_rw_fails", .caps = GM_CAPS(CAP_IPC_LOCK),
	.text = "an in-kernel user copies from and to unmapped memory, by both paths: EFAULT")
{
	static rw_fn *const rw[] = { __gm_access_rw_user, __gm_access_rw };
	struct dma_memory m = dma_memory_new_unattached(self->iommu, PG, 0);
	uint8_t *mem = map_truncated(&m, m.ioas);
	int user = gm_access_new(m.iommu, m.ioas, false);
	uint64_t *buf = calloc(2, PG);

	GM_SETUP(buf, "out of memory");
	for (int k = 0; k < 2; k++) {
		gm_promise(!rw[k](m.iommu, user, IOVA + 10 * PG, buf, 2 * PG, false) &&
				   !memcmp(buf, mem + 10 * PG, 2 * PG),
			   "read of the last two mapped pages");
		gm_promise(!rw[k](m.iommu, user, IOVA + 10 * PG, buf, 2 * PG, true),
			   "write of the last two mapped pages");
		GM_EXPECT_ERRNO(EFAULT, rw[k](m.iommu, user, IOVA + 11 * PG, buf, 2 * PG, false),
				"read across the end, path %d", k);
		GM_EXPECT_ERRNO(EFAULT, rw[k](m.iommu, user, IOVA + 11 * PG, buf, 2 * PG, true),
				"write across the end, path %d", k);
		GM_EXPECT_ERRNO(EFAULT, rw[k](m.iommu, user, IOVA + 13 * PG, buf, 8, false),
				"read of unmapped memory, path %d", k);
		GM_EXPECT_ERRNO(EFAULT, rw[k](m.iommu, user, IOVA + 13 * PG, buf, 8, true),
				"write to unmapped memory, path %d", k);
	}
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin, pages");
	free(buf);
	close(user);
	gm_unmap(m.iommu, m.ioas, IOVA, 16 * PG);
	munmap(mem, 12 * PG);
	dma_memory_free(&m);
}

GM_CASE(limit, .name = "iommu.lifetime.access_memlock", .clause = "iommu.lifetime",
	.text = "RLIMIT_MEMLOCK of 8 pages also limits an in-kernel user without a device: the 9th is ENOMEM and pins nothing")
{
	struct rlimit r = { .rlim_cur = 8 * PG, .rlim_max = 8 * PG };
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 16 * PG, 0);
	int user, item;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 16 * PG, IOVA, GM_RW);
	user = gm_access_new(m.iommu, m.ioas, true);
	GM_SETUP_OK(setrlimit(RLIMIT_MEMLOCK, &r));
	GM_EXPECT_ERRNO(ENOMEM, __gm_access_pin(m.iommu, user, IOVA, 9 * PG, NULL, true),
			"9 pages at once");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "the refused pin left pins");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the refused pin, pages");
	item = __gm_access_pin(m.iommu, user, IOVA, 8 * PG, m.hva, true);
	gm_promise(item >= 0, "8 pages");
	GM_EXPECT_ERRNO(ENOMEM, __gm_access_pin(m.iommu, user, IOVA + 8 * PG, PG, NULL, true),
			"the 9th");
	GM_EXPECT_OK(__gm_access_unpin(m.iommu, user, item));
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	close(user);
	dma_memory_free(&m);
}
