// SPDX-License-Identifier: GPL-2.0-only
/* Maps by address, for devices and in-kernel users: iommu.map_hva. */
#include <sys/wait.h>

#include "dma_memory.h"
#include "frames.h"
#include "platform.h"

GM_FILE(.clause = "iommu.map_hva", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

static uint8_t *map_anon(uint64_t len, int prot)
{
	uint8_t *p = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	GM_SETUP(p != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	return p;
}

static bool maps(struct dma_memory *m, uint64_t iova, void *hva, uint64_t len, const char *when)
{
	return GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(iova), .hva = GM_AT((uintptr_t)hva)),
			    !__gm_mock_maps(m->iommu, m->dev->hwpt, iova, hva, len),
			    "%s: the page table does not map the host's pages: %s", when,
			    gm_errno_name(errno));
}

GM_CASE(fresh, .name = "iommu.map_hva.fresh",
	.text = "private memory not touched before: the map allocates its pages, and the host finds the same")
{
	struct dma_memory m = dma_memory_new(self->iommu, PG, 0);
	uint8_t *mem = map_anon(8 * PG, PROT_READ | PROT_WRITE), *other;
	uint64_t at = IOVA, word = gm_word(3, GM_WRITER_DEVICE, 1, 0), got = 1;

	GM_EXPECT_OK(__gm_map_hva(m.iommu, m.ioas, mem, 8 * PG, &at, GM_RW));
	GM_EXPECT_EQ(gm_vm_pinned(), 8, "VmPin, pages");
	/* The host's first access must find the device's pages, not allocate others. */
	for (int i = 0; i < 8; i++)
		((volatile uint64_t *)(mem + i * PG))[0] = i + 1;
	if (!maps(&m, IOVA, mem, 8 * PG, "after the host's first touch"))
		gm_end();
	GM_EXPECT_OK(__gm_dma_write(m.dev, IOVA + 3 * PG, &word, 8));
	GM_EXPECT_EQ(*(volatile uint64_t *)(mem + 3 * PG), word, "what the device wrote");
	GM_EXPECT_OK(__gm_dma_read(m.dev, IOVA + 7 * PG, &got, 8));
	GM_EXPECT_EQ(got, 8, "what the host wrote");
	gm_unmap(m.iommu, m.ioas, IOVA, 8 * PG);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	other = map_anon(PG, PROT_READ);
	GM_EXPECT_EQ(*(volatile uint64_t *)other, 0, "the zero page");
	munmap(other, PG);
	munmap(mem, 8 * PG);
	dma_memory_free(&m);
}

GM_CASE(prot, .name = "iommu.map_hva.prot", .flags = GM_REFUSAL,
	.text = "read-only, inaccessible or unmapped memory: EFAULT; nothing is pinned")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	uint8_t *ro = mmap(NULL, 4 * PG, PROT_READ, MAP_SHARED, m.fd, 0);
	uint8_t *none = map_anon(4 * PG, PROT_NONE),
		*gap = map_anon(3 * PG, PROT_READ | PROT_WRITE);
	uint64_t at = IOVA;

	GM_SETUP(ro != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	munmap(gap + PG, PG);
	/* Map the pages, so that GUP-fast is tested, too. */
	for (int i = 0; i < 4; i++)
		(void)*(volatile uint8_t *)(ro + i * PG);
#define HVA(p, n, prot) (at = IOVA, __gm_map_hva(m.iommu, m.ioas, p, (n)*PG, &at, prot))
	GM_EXPECT_ERRNO(EFAULT, HVA(ro, 4, GM_RW), "read-only memory, writable");
	GM_EXPECT_ERRNO(EFAULT, HVA(ro, 1, GM_WO), "read-only memory, write-only");
	GM_EXPECT_ERRNO(EFAULT, HVA(none, 1, GM_RO), "memory without access");
	GM_EXPECT_ERRNO(EFAULT, HVA(none, 4, GM_RW), "memory without access, writable");
	GM_EXPECT_ERRNO(EFAULT, HVA(gap, 3, GM_RW), "over a gap");
	GM_EXPECT_ERRNO(EFAULT, HVA(gap + PG, 1, GM_RO), "unmapped memory");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 4 * PG, 0), "a refused map left pins");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the refusals, pages");
	gm_promise(!HVA(ro, 4, GM_RO), "read-only memory, for reading");
	maps(&m, IOVA, m.hva, 4 * PG, "read-only");
	gm_unmap(m.iommu, m.ioas, IOVA, 4 * PG);
	munmap(ro, 4 * PG);
	munmap(none, 4 * PG);
	munmap(gap, PG);
	munmap(gap + 2 * PG, PG);
	dma_memory_free(&m);
}

/* The file system needs dirty tracking: long-term pins for writing are refused (mm/gup.c). */
GM_CASE(tracked, .name = "iommu.map_hva.tracked_file", .flags = GM_REFUSAL,
	.needs = GM_NEEDS(DISK_DIO),
	.text = "a shared mapping of a file on disk: EFAULT for writing, since pins are long-term")
{
	struct dma_memory m = dma_memory_new(self->iommu, PG, 0);
	int fd = open(gm_platform_dio_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	uint64_t at = IOVA;
	uint8_t *mem;

	GM_SETUP(fd >= 0, "O_TMPFILE: %s", gm_errno_name(errno));
	GM_SETUP_OK(ftruncate(fd, 2 * PG));
	mem = mmap(NULL, 2 * PG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	GM_SETUP(mem != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	memset(mem, 1, 2 * PG);
	GM_EXPECT_ERRNO(EFAULT, __gm_map_hva(m.iommu, m.ioas, mem, 2 * PG, &at, GM_RW), "writable");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the refusal, pages");
	gm_promise(!__gm_map_hva(m.iommu, m.ioas, mem, 2 * PG, &at, GM_RO), "for reading");
	gm_unmap(m.iommu, m.ioas, IOVA, 2 * PG);
	munmap(mem, 2 * PG);
	close(fd);
	dma_memory_free(&m);
}

GM_CASE(args, .name = "iommu.map_hva.args", .flags = GM_REFUSAL,
	.text = "length 0, an address that wraps, no permission, unknown flags: named errno")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 4 * PG, 0);
	uint64_t at = IOVA;

#define TRY(p, n, prot) (at = IOVA, __gm_map_hva(m.iommu, m.ioas, (void *)(p), n, &at, prot))
	GM_EXPECT_ERRNO(EINVAL, TRY(m.hva, 0, GM_RW), "length 0");
	GM_EXPECT_ERRNO(EOVERFLOW, TRY(~0UL - PG + 1, 2 * PG, GM_RW), "wrapping");
	GM_EXPECT_ERRNO(EOVERFLOW, TRY(~0UL - PG + 1, PG, GM_RW), "to the very end");
	GM_EXPECT_ERRNO(EOVERFLOW, TRY(m.hva, ~0UL, GM_RW), "a length of all ones");
	GM_EXPECT_ERRNO(EINVAL, TRY(m.hva, PG, 0), "no permission");
	GM_EXPECT_ERRNO(EOPNOTSUPP, TRY(m.hva, PG, GM_RW | 8), "an unknown flag");
	gm_promise(!TRY(m.hva, PG, GM_RW), "the good call");
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	maps(&m, IOVA, m.hva, PG, "the device");
	GM_EXPECT_ERRNO(
		EINVAL,
		(at = IOVA + 2 * PG, __gm_map_hva(m.iommu, m.ioas, m.hva + 1024, PG, &at, GM_RW)),
		"an address below the IOMMU's page size");
	dma_memory_free(&m);
}

/* Attaches a device in a child; the parent gets a copy of its struct. */
static void attach_in_child(struct dma_memory *m)
{
	struct gm_iodev *shared =
		mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = GM_SETUP_OK(fork());
	int status;

	if (!pid) {
		struct gm_iodev *dev = __gm_iodev_new(m->iommu, m->ioas);

		if (!dev)
			_exit(1);
		*shared = *dev;
		_exit(0);
	}
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_ASSERT(!status, "the attach by another process failed: status %#x", status);
	m->dev = malloc(sizeof(*m->dev));
	GM_SETUP(m->dev, "out of memory");
	*m->dev = *shared;
	munmap(shared, PG);
}

GM_CASE(other, .name = "iommu.map_hva.other_process",
	.text = "this process maps, another attaches the device: it gets the pages of this process")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, PG, 0);
	uint8_t *mem = map_anon(16 * PG, PROT_READ | PROT_WRITE);
	uint64_t at = IOVA + 32 * PG, word = gm_word(6, GM_WRITER_DEVICE, 1, 3);

	for (int i = 0; i < 16; i++)
		((uint64_t *)(mem + i * PG))[0] = i + 1;
	/* After these calls only a copy of the middle is mapped. */
	gm_mock_memory_limit(m.iommu, 40);
	GM_EXPECT_OK((at = IOVA, __gm_map_hva(m.iommu, m.ioas, mem, 16 * PG, &at, GM_RW)));
	at = IOVA + 32 * PG;
	GM_EXPECT_OK(__gm_ioas_copy(m.iommu, m.ioas, m.ioas, IOVA + 5 * PG, 9 * PG, &at, GM_RW));
	gm_unmap(m.iommu, m.ioas, IOVA, 16 * PG);
	attach_in_child(&m);
	GM_EXPECT_EQ(gm_vm_pinned(), 9, "VmPin of the mapping process, pages");
	/* The child has exited; the maps must stay. */
	if (maps(&m, at, mem + 5 * PG, 9 * PG, "attached by another process")) {
		__gm_dma_write(m.dev, at + PG - 4, &word, 8);
		GM_EXPECT(!memcmp(mem + 6 * PG - 4, &word, 8),
			  "the host does not see what the device wrote over two pages");
	}
	gm_iodev_free(m.dev);
	m.dev = NULL;
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin when the device is gone, pages");
	munmap(mem, 16 * PG);
	dma_memory_free(&m);
}

typedef int rw_fn(struct gm_iommu *iommu, int access, uint64_t iova, void *buf, uint64_t len,
		  bool write);

/*
 * In-kernel users without a device access single pages through the owner's address space, several
 * by pinning, or copy to and from user space. In a private mapping of a file writes must not reach
 * the file.
 */
GM_CASE(users, .name = "iommu.map_hva.users",
	.text = "in-kernel users read and write memory mapped by address, by each path: exact bytes, copied on write")
{
	const struct {
		uint32_t at, len;
	} io[] = { { 8, 8 },	      { PG - 3, 7 },	  { 3 * PG - 1, 1 }, { 2 * PG + 5, 3 * PG },
		   { 0x7ff, 6 * PG }, { 7 * PG - 16, 16 } };
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 8 * PG, 0);
	uint8_t *mem = mmap(NULL, 8 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE, m.fd, 0);
	int user = gm_access_new(m.iommu, m.ioas, false);
	uint8_t model[8 * PG], data[8 * PG], got[8 * PG];
	uint64_t at = IOVA;

	GM_SETUP(mem != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	memcpy(model, mem, sizeof(model));
	gm_mock_memory_limit(m.iommu, 24);
	GM_EXPECT_OK(__gm_map_hva(m.iommu, m.ioas, mem, 8 * PG, &at, GM_RW));
	for (unsigned int i = 0; i < sizeof(io) / sizeof(io[0]) * 2; i++) {
		uint32_t off = io[i / 2].at, len = io[i / 2].len;
		rw_fn *rw = i % 2 ? __gm_access_rw_user : __gm_access_rw;

		for (unsigned int b = 0; b < len; b++)
			data[b] = b * 31 + i * 7 + 1;
		GM_EXPECT_OK(rw(m.iommu, user, IOVA + off, got, len, false));
		GM_EXPECT(!memcmp(got, mem + off, len), "read of %u bytes at %#x", len, off);
		GM_EXPECT_OK(rw(m.iommu, user, IOVA + off, data, len, true));
		memcpy(model + off, data, len);
		if (!GM_EXPECT(!memcmp(model, mem, sizeof(model)),
			       "write of %u bytes at %#x: the memory differs", len, off))
			break;
	}
	dma_memory_check(&m, 0, m.size, "the file behind the private mapping");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin, pages");
	close(user);
	munmap(mem, 8 * PG);
	dma_memory_free(&m);
}

#define KPF_DIRTY 4 /* include/uapi/linux/kernel-page-flags.h */

static int frame_is_dirty(void *hva)
{
	uint64_t pfn;
	int dirty = gm_frames_read(hva, 1, &pfn) ? gm_frames_flag(pfn, KPF_DIRTY) : -1;

	GM_SETUP(dirty >= 0, "/proc/kpageflags cannot be read: CONFIG_PROC_PAGE_MONITOR");
	return dirty;
}

#define DIRTY_PAGES 6

/*
 * Memory that no pin has to move. A pin moves a page out of ZONE_MOVABLE or CMA, and the move alone
 * makes it dirty: the dirty bit of the page-table entry becomes the folio's (mm/rmap.c:2639). But
 * what a long-term pin allocates is not there (mm/gup.c:2474), so a map for reading is the first
 * to touch this memory. That leaves it clean.
 */
static uint8_t *map_anon_settled(struct gm_iommu *iommu, uint32_t ioas, uint64_t len)
{
	uint8_t *mem = map_anon(len, PROT_READ | PROT_WRITE);
	uint64_t at = IOVA;

	madvise(mem, len, MADV_NOHUGEPAGE);
	GM_SETUP_OK(__gm_map_hva(iommu, ioas, mem, len, &at, GM_RO));
	gm_unmap(iommu, ioas, IOVA, len);
	return mem;
}

GM_CASE(dirty, .name = "iommu.map_hva.dirty", .flags = GM_REFUSAL, .needs = GM_NEEDS(ROOT),
	.caps = GM_CAPS_ALL,
	.text = "pages that a map need not move are dirty after the unmap if the device could write them, else they are not")
{
	struct gm_iommu *iommu = gm_iommu_new(self->iommu);
	uint32_t ioas = gm_ioas_new(iommu);
	struct gm_iodev *dev = gm_iodev_new(iommu, ioas);
	uint8_t *mem = map_anon_settled(iommu, ioas, DIRTY_PAGES * PG);
	int user = gm_access_new(iommu, ioas, false);
	uint64_t at = IOVA, word, before[DIRTY_PAGES], after[DIRTY_PAGES];

	memset(mem, 1, DIRTY_PAGES * PG);
	GM_SETUP(gm_frames_read(mem, DIRTY_PAGES, before), "/proc/self/pagemap has no frames");
	for (int i = 0; i < DIRTY_PAGES; i++)
		gm_control(!frame_is_dirty(mem + i * PG),
			   "page %d, which only its process wrote, is clean", i);
	GM_EXPECT_OK(__gm_map_hva(iommu, ioas, mem, 2 * PG, &at, GM_RO));
	gm_unmap(iommu, ioas, IOVA, 2 * PG);
	GM_EXPECT_OK(__gm_map_hva(iommu, ioas, mem + 2 * PG, 2 * PG, &at, GM_RW));
	gm_unmap(iommu, ioas, IOVA, 2 * PG);
	/* An in-kernel user dirties only the pages that it writes. */
	GM_EXPECT_OK(__gm_map_hva(iommu, ioas, mem + 4 * PG, 2 * PG, &at, GM_RW));
	GM_EXPECT_OK(__gm_access_rw(iommu, user, IOVA, &word, 8, false));
	GM_EXPECT_OK(__gm_access_rw(iommu, user, IOVA + PG, &word, 8, true));
	GM_SETUP(gm_frames_read(mem, DIRTY_PAGES, after), "/proc/self/pagemap has no frames");
	if (memcmp(before, after, sizeof(before)))
		gm_skip("the kernel moved a page of the test, which makes it dirty",
			"run it again: compaction or NUMA balancing moved it");
	GM_EXPECT(!frame_is_dirty(mem), "mapped read-only, and it became dirty");
	GM_EXPECT(!frame_is_dirty(mem + 1 * PG), "mapped read-only, and it became dirty");
	for (int i = 2; i < 4; i++)
		GM_EXPECT(frame_is_dirty(mem + i * PG),
			  "page %d was mapped writable, and it is not dirty", i);
	GM_EXPECT(!frame_is_dirty(mem + 4 * PG), "a user read it, and it became dirty");
	GM_EXPECT(frame_is_dirty(mem + 5 * PG), "a user wrote it, and it is not dirty");
	gm_unmap(iommu, ioas, IOVA, 2 * PG);
	close(user);
	gm_iodev_free(dev);
	gm_iommu_free(iommu);
	munmap(mem, DIRTY_PAGES * PG);
}
