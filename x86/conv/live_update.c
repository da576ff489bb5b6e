// SPDX-License-Identifier: GPL-2.0-only
/* The shared memory is a memfd that a live update preserves: conv.live_update. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "conv.h"
#include "iommu.h"
#include "liveupdate.h"

GM_FILE(.clause = "conv.live_update", .providers = GM_PROVIDERS(ATTRIBUTES),
	.needs = GM_NEEDS(LIVEUPDATE, TDP), .tokens = GM_TOKEN_MODULE)

#define PG GM_PAGE_SIZE
/*
 * The first pages are shared and written, those from PRIVATE are private. Those from EMPTY are
 * shared: UNUSED pages are allocated and nobody has used them, the rest is not in the memfd.
 */
#define PRIVATE 32UL
#define EMPTY 48UL
#define UNUSED 4UL
#define NPAGES 64UL
#define SIZE (NPAGES * PG)
#define IOVA 0x2000000UL

struct preserved {
	struct gm_fixture *w;
	int fd;	      /* the memfd of the slot */
	uint8_t *hva; /* its mapping */
};

static uint64_t gpa_of(struct preserved *p, uint64_t page)
{
	return p->w->gpa + page * PG;
}

static void fill_shared(struct preserved *p, uint64_t page, uint64_t n, unsigned int gen)
{
	gm_host_fill(p->hva + page * PG, GFN(p->w->gpa) + page, n, GM_WRITER_SHARED, gen);
}

/* --- the calls that take pages from the file or change its size --- */

static int punch(struct preserved *p)
{
	return fallocate(p->fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 8 * PG, PG);
}

static int allocate(struct preserved *p)
{
	return fallocate(p->fd, 0, 8 * PG, PG);
}

static int madv_remove(struct preserved *p)
{
	return madvise(p->hva + 8 * PG, PG, MADV_REMOVE);
}

static int shrink(struct preserved *p)
{
	return ftruncate(p->fd, SIZE - PG);
}

static int grow(struct preserved *p)
{
	return ftruncate(p->fd, SIZE + PG);
}

static int write_past_end(struct preserved *p)
{
	return pwrite(p->fd, "", 1, SIZE) == 1 ? 0 : -1;
}

static const struct {
	const char *name;
	int (*call)(struct preserved *p);
} frozen[] = {
	{ "PUNCH_HOLE", punch },	{ "fallocate", allocate },
	{ "MADV_REMOVE", madv_remove }, { "a smaller size", shrink },
	{ "a larger size", grow },	{ "a write past the end", write_past_end },
};

static void expect_frozen(struct preserved *p, const char *when)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(frozen); i++)
		GM_EXPECT_ERRNO(EPERM, frozen[i].call(p), "%s: %s", when, frozen[i].name);
}

/* Every call works; afterwards the file has its old size, and page 8 its words. */
static void expect_free(struct preserved *p, const char *when)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(frozen); i++) {
		gm_promise(!frozen[i].call(p), "%s: %s: %s", when, frozen[i].name,
			   gm_errno_name(errno));
		GM_SETUP_OK(ftruncate(p->fd, SIZE));
	}
	fill_shared(p, 8, 1, 1);
}

/* Nobody else uses pages of the file any more. The last call for p->fd: it seals the file. */
static void expect_unpinned(struct preserved *p)
{
	munmap(p->hva, SIZE);
	p->hva = NULL;
	GM_EXPECT(gm_memfd_unpinned(p->fd), "a page of the memfd is still pinned");
}

/* Such a page has what the memory held before, until its first use. */
static void allocate_unused(struct preserved *p)
{
	const int hole = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;

	fill_shared(p, EMPTY, 2 * UNUSED, 1);
	GM_SETUP_OK(fallocate(p->fd, hole, EMPTY * PG, 2 * UNUSED * PG));
	GM_SETUP_OK(fallocate(p->fd, 0, EMPTY * PG, UNUSED * PG));
}

static struct preserved preserved_new(void)
{
	struct preserved p = { .w = GM_FIXTURE(.size = SIZE, .mem = GM_MEM_SHMEM, .no_slot = true),
			       .fd = gm_memfd_new(SIZE, 0) };

	p.hva = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, p.fd, 0);
	GM_SETUP(p.hva != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_slot_set(p.w->vm, GM_SLOT, 0, p.w->gpa, SIZE, p.hva, p.w->gmem, 0);
	expect_free(&p, "before");
	fill_shared(&p, 0, PRIVATE, 1);
	allocate_unused(&p);
	gm_convert(p.w->vm, gpa_of(&p, PRIVATE), (EMPTY - PRIVATE) * PG, true);
	gm_guest_fill(p.w->vm, 0, gpa_of(&p, PRIVATE), EMPTY - PRIVATE, GM_WRITER_PRIVATE, 1);
	return p;
}

static void preserved_free(struct preserved *p)
{
	if (p->w->vm)
		gm_slot_delete(p->w->vm, GM_SLOT);
	if (p->hva)
		munmap(p->hva, SIZE);
	close(p->fd);
	gm_fixture_free(p->w);
}

static void preserve(struct preserved *p, int session)
{
	gm_promise(!__gm_liveupdate_preserve(session, p->fd, 1), "preserving the memfd: %s",
		   gm_errno_name(errno));
}

static void check_all(struct preserved *p, const char *when)
{
	struct gm_vm *vm = p->w->vm;

	gm_guest_check(vm, 0, gpa_of(p, 0), PRIVATE, GM_WRITER_SHARED, 1, when);
	gm_guest_check(vm, 0, gpa_of(p, PRIVATE), EMPTY - PRIVATE, GM_WRITER_PRIVATE, 1, when);
	gm_guest_check_zero(vm, 0, gpa_of(p, EMPTY), NPAGES - EMPTY, when);
	gm_host_check(p->hva, GFN(p->w->gpa), PRIVATE, GM_WRITER_SHARED, 1, when);
}

/* Conversions both ways, and accesses of guest and host; afterwards all is as before. */
static void use(struct preserved *p, const char *when)
{
	struct gm_vm *vm = p->w->vm;
	uint64_t a = gpa_of(p, 4), b = gpa_of(p, PRIVATE + 4);

	gm_convert(vm, a, PG, true);
	gm_guest_fill(vm, 0, a, 1, GM_WRITER_PRIVATE, 3);
	gm_host_check(p->hva + 4 * PG, GFN(a), 1, GM_WRITER_SHARED, 1, when);
	gm_convert(vm, b, PG, false);
	gm_guest_check_zero(vm, 0, b, 1, when);
	gm_guest_fill(vm, 0, b, 1, GM_WRITER_SHARED, 3);
	gm_host_check(p->hva + (PRIVATE + 4) * PG, GFN(b), 1, GM_WRITER_SHARED, 3, when);
	memset(p->hva + (PRIVATE + 4) * PG, 0, PG);
	gm_guest_check_zero(vm, 0, b, 1, when);
	gm_convert(vm, b, PG, true);
	gm_convert(vm, a, PG, false);
	check_all(p, when);
}

GM_CASE(memfd, .name = "conv.live_update.memfd", .flags = GM_REFUSAL,
	.text = "a preserved memfd has all its pages; holes, MADV_REMOVE and another size are EPERM until the session closes; the guest, the host and conversions go on")
{
	struct preserved p = preserved_new();
	int session = gm_liveupdate_session(), other = gm_liveupdate_session();

	GM_EXPECT(gm_gmem_cached(p.fd, 0, SIZE) < (int64_t)NPAGES, "the memfd has no hole");
	preserve(&p, session);
	GM_EXPECT_ERRNO(EEXIST, __gm_liveupdate_preserve(session, p.fd, 1), "the same token");
	GM_EXPECT_ERRNO(EBUSY, __gm_liveupdate_preserve(session, p.fd, 2), "another token");
	GM_EXPECT_ERRNO(EBUSY, __gm_liveupdate_preserve(other, p.fd, 1), "another session");
	close(other);
	GM_EXPECT_EQ(gm_gmem_cached(p.fd, 0, SIZE), NPAGES, "pages of the preserved memfd");
	GM_EXPECT_EQ(gm_vm_pinned() + gm_vm_locked(), 0, "VmPin and VmLck, pages");
	expect_frozen(&p, "preserved");
	check_all(&p, "preserved");
	use(&p, "preserved");
	close(session);
	expect_free(&p, "the session is closed");
	use(&p, "the session is closed");
	/* It can be preserved again. */
	session = gm_liveupdate_session();
	preserve(&p, session);
	expect_frozen(&p, "preserved again");
	close(session);
	expect_unpinned(&p);
	preserved_free(&p);
}

GM_CASE(killed, .name = "conv.live_update.killed", .flags = GM_REFUSAL,
	.text = "the process with the session is killed: the memfd is as before, and nothing is pinned")
{
	struct preserved p = preserved_new();
	int session = gm_liveupdate_session(), status;
	pid_t pid;

	preserve(&p, session);
	pid = GM_SETUP_OK(fork());
	if (!pid)
		for (;;)
			pause();
	close(session);
	expect_frozen(&p, "another process has the session");
	use(&p, "another process has the session");
	kill(pid, SIGKILL);
	GM_SETUP_OK(waitpid(pid, &status, 0));
	expect_free(&p, "the process is killed");
	use(&p, "the process is killed");
	expect_unpinned(&p);
	preserved_free(&p);
}

GM_CASE(vm_first, .name = "conv.live_update.vm_first", .flags = GM_REFUSAL,
	.text = "the VM ends while its memfd is preserved: the memory keeps its words, and is free once the session closes")
{
	struct preserved p = preserved_new();
	int session = gm_liveupdate_session();

	preserve(&p, session);
	gm_vm_free(p.w->vm);
	p.w->vm = NULL;
	expect_frozen(&p, "the VM is gone");
	gm_host_check(p.hva, GFN(p.w->gpa), PRIVATE, GM_WRITER_SHARED, 1, "the VM is gone");
	gm_host_check_zero(p.hva + EMPTY * PG, NPAGES - EMPTY, "the VM is gone");
	close(session);
	expect_free(&p, "the session is closed");
	expect_unpinned(&p);
	preserved_free(&p);
}

GM_CASE(device, .name = "conv.live_update.iommu", .iommu = GM_IOMMU_MOCK,
	.needs = GM_NEEDS(IOAS_MAP_FILE), .caps = GM_CAPS(CAP_IPC_LOCK),
	.text = "a preserved memfd stays mapped in an IOMMU, can be mapped and unmapped, and a device reads and writes it")
{
	struct preserved p = preserved_new();
	int session = gm_liveupdate_session();
	struct gm_iommu *iommu = gm_iommu_new(self->iommu);
	uint32_t ioas = gm_ioas_new(iommu);
	struct gm_iodev *dev = gm_iodev_new(iommu, ioas);
	const uint64_t later = IOVA + GM_2M;

	gm_map_file(iommu, ioas, p.fd, 0, SIZE, IOVA, GM_RW);
	preserve(&p, session);
	gm_dma_expect_maps(dev, IOVA, p.hva, SIZE, "mapped before");
	gm_dma_prove_same_page(dev, IOVA, p.hva, "mapped before");
	gm_map_file(iommu, ioas, p.fd, 0, SIZE, later, GM_RW);
	gm_dma_expect_maps(dev, later, p.hva, SIZE, "mapped while it is preserved");
	use(&p, "preserved");
	gm_unmap(iommu, ioas, IOVA, SIZE);
	expect_frozen(&p, "unmapped");
	close(session);
	gm_dma_expect_maps(dev, later, p.hva, SIZE, "the session is closed");
	gm_dma_prove_same_page(dev, later, p.hva, "the session is closed");
	gm_unmap(iommu, ioas, later, SIZE);
	expect_free(&p, "the session is closed");
	gm_iodev_free(dev);
	gm_iommu_free(iommu);
	expect_unpinned(&p);
	preserved_free(&p);
}
