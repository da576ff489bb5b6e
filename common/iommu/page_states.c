// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table: memory that is poisoned, shared, swapped out or held elsewhere just then, and every way to
 * pin or map it: iommu.page_states.
 *
 * Rows are states of a page, columns the ways. A page in a good state gives the same memory to the
 * device as to the host, and no pin is left; a poisoned page is refused, and the page beside it is
 * not.
 *
 * No cell: conversions, which the rooms of conv ask in each of these states (conv.inplace_poison,
 * conv.inplace_busy); a guest on a poisoned page of ordinary memory, which gets a signal
 * (fd.hwpoison); states of anonymous memory for ways by file.
 */
#include <linux/udmabuf.h>
#include <liburing.h>
#include <sched.h>
#include <sys/swap.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "dma_memory.h"
#include "frames.h"
#include "platform.h"
#include "poison.h"

GM_FILE(.clause = "iommu.page_states", .profile = "IO", .iommu = GM_IOMMU_MOCK, .flags = GM_REFUSAL,
	.caps = GM_CAPS_ALL, .needs = GM_NEEDS(KVM, ROOT, UDMABUF, IO_URING))

#define PG GM_PAGE_SIZE
#define NPAGES 4UL
#define AT 1 /* the page that is in the state; the others are as they are */

struct place {
	struct dma_memory m; /* the memory of ways by file */
	uint8_t *mem;	     /* the memory of ways by address: m.hva, or anonymous */
	bool anon;
	int udmabuf;
	uint64_t pfn; /* of the poisoned page */
	pid_t other;  /* a process that shares the page */
};

struct state {
	bool anon, poisoned;
	void (*make)(struct place *p);
	void (*undo)(struct place *p);
};

static void fill(uint8_t *mem)
{
	gm_host_fill(mem, 0, NPAGES, GM_WRITER_HOST, 3);
}

static uint64_t word_at(struct place *p, unsigned int page)
{
	return ((volatile uint64_t *)(p->mem + page * PG))[0];
}

/* --- ways: 0, or the errno. `page` is the only page used --- */

static int iommufd_way(struct place *p, unsigned int page, bool by_file, uint32_t prot)
{
	uint64_t at = IOVA, got = 0, want;
	int ret;

	if (by_file)
		ret = __gm_map_file(p->m.iommu, p->m.ioas, p->m.fd, page * PG, PG, &at, prot);
	else
		ret = __gm_map_hva(p->m.iommu, p->m.ioas, p->mem + page * PG, PG, &at, prot);
	if (ret)
		return errno;
	want = word_at(p, page);
	GM_EXPECT(!__gm_mock_maps(p->m.iommu, p->m.dev->hwpt, at, p->mem + page * PG, PG),
		  "page %u: the page table does not map the host's page", page);
	GM_EXPECT_OK(__gm_dma_read(p->m.dev, at, &got, 8));
	GM_EXPECT_EQ(got, want, "page %u: the device's word", page);
	gm_unmap(p->m.iommu, p->m.ioas, at, PG);
	return 0;
}

static int way_hva_rw(struct place *p, unsigned int page)
{
	return iommufd_way(p, page, false, GM_RW);
}

static int way_hva_ro(struct place *p, unsigned int page)
{
	return iommufd_way(p, page, false, GM_RO);
}

static int way_file(struct place *p, unsigned int page)
{
	return iommufd_way(p, page, true, GM_RW);
}

static int way_udmabuf(struct place *p, unsigned int page)
{
	struct udmabuf_create arg = {
		.memfd = p->m.fd, .flags = UDMABUF_FLAGS_CLOEXEC, .offset = page * PG, .size = PG
	};
	volatile uint64_t *map;
	int buf;

	buf = ioctl(p->udmabuf, UDMABUF_CREATE, &arg);
	if (buf < 0)
		return errno;
	map = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);
	GM_SETUP(map != MAP_FAILED, "mmap of a udmabuf: %s", gm_errno_name(errno));
	GM_EXPECT_EQ(*map, word_at(p, page), "page %u: the word in the udmabuf", page);
	munmap((void *)map, PG);
	close(buf);
	return 0;
}

static int way_uring(struct place *p, unsigned int page)
{
	struct iovec iov = { p->mem + page * PG, PG };
	struct io_uring ring;
	int ret = io_uring_queue_init(4, &ring, 0);

	GM_SETUP(!ret, "io_uring_queue_init: %s", gm_errno_name(-ret));
	ret = -io_uring_register_buffers(&ring, &iov, 1);
	if (!ret)
		io_uring_unregister_buffers(&ring);
	io_uring_queue_exit(&ring);
	return ret;
}

static int way_readv(struct place *p, unsigned int page)
{
	uint64_t got = 0;
	struct iovec to = { &got, 8 }, from = { p->mem + page * PG, 8 };

	if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) < 0)
		return errno;
	GM_EXPECT_EQ(got, word_at(p, page), "page %u: the word by process_vm_readv", page);
	return 0;
}

static int way_access(struct place *p, unsigned int page)
{
	int user, item, err = 0;
	uint64_t at = IOVA;
	uint32_t ioas = gm_ioas_new(p->m.iommu);

	/* In an address space without a device only the in-kernel user pins. */
	if (__gm_map_hva(p->m.iommu, ioas, p->mem + page * PG, PG, &at, GM_RW))
		return errno;
	user = gm_access_new(p->m.iommu, ioas, true);
	item = __gm_access_pin(p->m.iommu, user, at, PG, p->mem + page * PG, true);
	if (item < 0)
		err = errno;
	close(user);
	gm_iommu_destroy(p->m.iommu, ioas);
	return err;
}

static int way_guest(struct place *p, unsigned int page)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1, .extra_pages = 64);
	struct gm_op op = { .code = GM_OP_READ, .addr = GM_BASE + page * PG };

	gm_vm_map(vm, GM_BASE, GM_2M, GM_2M);
	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, NPAGES * PG, p->mem, -1, 0);
	gm_run(vm, 0, &op, 1);
	GM_EXPECT_EQ(op.val, word_at(p, page), "page %u: the guest's word", page);
	gm_vm_free(vm);
	return 0;
}

static const struct way {
	const char *name;
	int (*use)(struct place *p, unsigned int page);
	int poisoned; /* the errno for a poisoned page; -1: no cell */
	bool by_file;
} ways[] = {
	{ "a map by address", way_hva_rw, EFAULT },
	{ "a read-only map by address", way_hva_ro, EFAULT },
	{ "a pin by an in-kernel user", way_access, EFAULT },
	{ "a buffer of io_uring", way_uring, EFAULT },
	{ "process_vm_readv", way_readv, EFAULT },
	/* No cell: memfd_pin_folios() of 7.3 does not look; its case is full only. */
	{ "a map by file", way_file, -1, true },
	{ "udmabuf", way_udmabuf, -1, true },
	{ "a guest", way_guest, -1 },
};

/* --- states --- */

static void make_nothing(struct place *p __attribute__((unused))) {}

/* Pages that another CPU has just written are in that CPU's batch for the LRU lists. */
static void make_batch(struct place *p)
{
	pid_t pid;
	int status;

	/* New pages: the child allocates them. */
	GM_SETUP_OK(fallocate(p->m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, NPAGES * PG));
	pid = GM_SETUP_OK(fork());
	if (!pid) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(sched_getcpu() ? 0 : 1, &set);
		sched_setaffinity(0, sizeof(set), &set);
		fill(p->mem);
		_exit(0);
	}
	GM_SETUP_OK(waitpid(pid, &status, 0));
}

static void make_mlocked(struct place *p)
{
	GM_SETUP_OK(mlock(p->mem + AT * PG, PG));
}

static void undo_mlocked(struct place *p)
{
	munlock(p->mem + AT * PG, PG);
}

/* A child has the pages of private memory, too: a map for writing breaks that. */
static void make_shared(struct place *p)
{
	p->other = GM_SETUP_OK(fork());
	if (!p->other) {
		pause();
		_exit(0);
	}
}

static void undo_shared(struct place *p)
{
	kill(p->other, SIGKILL);
	waitpid(p->other, NULL, 0);
}

static void make_zero(struct place *p)
{
	GM_SETUP_OK(madvise(p->mem, NPAGES * PG, MADV_DONTNEED));
	for (unsigned int i = 0; i < NPAGES; i++)
		(void)word_at(p, i);
}

/* Another process moves the page to and fro. */
static void make_moving(struct place *p)
{
	p->other = GM_SETUP_OK(fork());
	if (!p->other) {
		/* Collapses or splits need no other node: reclaim and read in again. */
		for (;;) {
			madvise(p->mem, NPAGES * PG, MADV_COLD);
			madvise(p->mem, NPAGES * PG, MADV_PAGEOUT);
			for (unsigned int i = 0; i < NPAGES; i++)
				(void)word_at(p, i);
		}
	}
}

static char swap_path[256];

static void end_swap(void *arg __attribute__((unused)))
{
	swapoff(swap_path);
	unlink(swap_path);
}

#define SWAP_PAGES 1024U

static void begin_swap(void)
{
	uint8_t *page = calloc(1, PG);
	uint32_t *info = (uint32_t *)(page + 1024);
	int fd;

	GM_SETUP(page, "out of memory");
	snprintf(swap_path, sizeof(swap_path), "%s/gm_swap.%d", gm_platform_dio_dir(), getpid());
	fd = GM_SETUP_OK(open(swap_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	gm_cleanup(end_swap, NULL);
	for (unsigned int i = 0; i < SWAP_PAGES; i++)
		GM_SETUP(pwrite(fd, page, PG, i * PG) == (ssize_t)PG, "writing a swap file: %s",
			 gm_errno_name(errno));
	info[0] = 1;
	info[1] = SWAP_PAGES - 1;
	memcpy(page + PG - 10, "SWAPSPACE2", 10);
	GM_SETUP(pwrite(fd, page, PG, 0) == (ssize_t)PG, "writing a swap file");
	GM_SETUP_OK(fsync(fd));
	close(fd);
	free(page);
	if (swapon(swap_path, 0))
		gm_skip("no swap file can be used",
			"CONFIG_SWAP=y, and a file system that has them");
}

/* Is the page gone from the page table? An entry of shmem does not say that it is in swap. */
static bool paged_out(const void *hva)
{
	int fd = GM_SETUP_OK(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	uint64_t e = 0;

	GM_SETUP(pread(fd, &e, 8, (uintptr_t)hva / PG * 8) == 8, "/proc/self/pagemap");
	close(fd);
	return !(e >> 63);
}

static void make_swapped(struct place *p)
{
	if (!swap_path[0])
		begin_swap();
	for (int i = 0; i < 20; i++) {
		GM_SETUP_OK(madvise(p->mem, NPAGES * PG, MADV_PAGEOUT));
		if (paged_out(p->mem + AT * PG))
			return;
		usleep(5000);
	}
	gm_note("the page is not swapped out: used as it is");
}

/* Read in again, and still in the swap cache. */
static void make_swap_cache(struct place *p)
{
	make_swapped(p);
	(void)word_at(p, AT);
}

static void make_poisoned(struct place *p)
{
	int err;

	GM_SETUP(gm_frames_read(p->mem + AT * PG, 1, &p->pfn), "/proc/self/pagemap has no frames");
	err = gm_poison(p->mem + AT * PG, NULL);
	GM_SETUP(!err || err == EBUSY, "MADV_HWPOISON: %s", gm_errno_name(err));
}

static void place_open(struct place *p, const struct state *s, const struct gm_case *self)
{
	p->m = dma_memory_new(self->iommu, NPAGES * PG, 0);
	p->udmabuf = GM_SETUP_OK(open("/dev/udmabuf", O_RDWR | O_CLOEXEC));
	p->anon = s->anon;
	p->mem = p->m.hva;
	GM_SETUP_OK(fcntl(p->m.fd, F_ADD_SEALS, F_SEAL_SHRINK));
	if (s->anon) {
		p->mem = mmap(NULL, NPAGES * PG, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		GM_SETUP(p->mem != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	}
	fill(p->mem);
}

static void place_close(struct place *p)
{
	close(p->udmabuf);
	if (p->anon)
		munmap(p->mem, NPAGES * PG);
	/* memory_failure() keeps a reference to the page, which would count as a pin. */
	if (p->pfn && !p->anon)
		GM_SETUP_OK(fallocate(p->m.fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, AT * PG,
				      PG));
	dma_memory_free(&p->m);
}

static void one_way(const struct way *w, const struct state *s, const struct gm_case *self)
{
	struct place p = { 0 };
	int err;

	place_open(&p, s, self);
	s->make(&p);
	if (s->poisoned)
		GM_EXPECT_EQ(w->use(&p, AT), w->poisoned, "%s of the poisoned page, errno",
			     w->name);
	else
		gm_control(!(err = w->use(&p, AT)), "%s", w->name);
	err = w->use(&p, AT + 1);
	GM_EXPECT(!err, "%s of the page beside it: %s", w->name, gm_errno_name(err));
	if (s->poisoned)
		gm_control(!err, "the page beside the poisoned one");
	if (!s->poisoned && s->make != make_zero)
		gm_host_check(p.mem, 0, NPAGES, GM_WRITER_HOST, 3, w->name);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "%s: VmPin at the end, pages", w->name);
	if (!s->poisoned && !s->anon)
		GM_EXPECT(!__gm_mock_refs(p.m.iommu, p.mem, NPAGES * PG, 0), "%s: pins are left",
			  w->name);
	if (s->undo)
		s->undo(&p);
	place_close(&p);
}

GM_CASES(states, struct state, s)
{
	for (unsigned int i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if ((s->poisoned && ways[i].poisoned < 0) || (s->anon && ways[i].by_file))
			continue;
		one_way(&ways[i], s, self);
	}
}

/* One line for each state. */
#define ROW(id, row_name, what, ...)                                                               \
	GM_ROW(states, id, .name = "iommu.page_states." row_name,                                  \
	       .text = what ": every way to pin or map it", __VA_ARGS__)

ROW(plain, "shmem", "a page of shmem", .flags = GM_SAMPLED) = { .make = make_nothing };
ROW(anon, "anon", "private memory", .flags = GM_SAMPLED) = { .anon = true, .make = make_nothing };
ROW(batch, "other_cpu", "pages that another CPU has just allocated") = { .make = make_batch };
ROW(locked, "mlocked", "mlocked memory", .flags = GM_SAMPLED) = { .make = make_mlocked,
								  .undo = undo_mlocked };
ROW(locked_anon, "mlocked_anon", "mlocked private memory",
    .flags = GM_SAMPLED) = { .anon = true, .make = make_mlocked, .undo = undo_mlocked };
ROW(forked, "forked", "private memory that a child shares",
    .flags = GM_SAMPLED) = { .anon = true, .make = make_shared, .undo = undo_shared };
ROW(zero, "zero", "the zero page", .flags = GM_SAMPLED) = { .anon = true, .make = make_zero };
ROW(swap, "swapped", "pages of shmem that are swapped out", .flags = GM_SAMPLED,
    .needs = GM_NEEDS(SWAP, DISK_DIO)) = { .make = make_swapped };
ROW(swap_anon, "swapped_anon", "private memory that is swapped out", .flags = GM_SAMPLED,
    .needs = GM_NEEDS(SWAP, DISK_DIO)) = { .anon = true, .make = make_swapped };
ROW(cache, "swap_cache", "pages of shmem in the swap cache", .flags = GM_SAMPLED,
    .needs = GM_NEEDS(SWAP, DISK_DIO)) = { .make = make_swap_cache };
ROW(cache_anon, "swap_cache_anon", "private memory in the swap cache", .flags = GM_SAMPLED,
    .needs = GM_NEEDS(SWAP, DISK_DIO)) = { .anon = true, .make = make_swap_cache };
ROW(moving, "reclaimed", "pages of shmem that another process reclaims all the time",
    .flags = GM_SAMPLED) = { .make = make_moving, .undo = undo_shared };
ROW(bad, "poisoned", "a poisoned page of shmem",
    .needs = GM_NEEDS(HWPOISON)) = { .poisoned = true, .make = make_poisoned };
ROW(bad_anon, "poisoned_anon", "a poisoned page of private memory",
    .needs = GM_NEEDS(HWPOISON)) = { .poisoned = true, .anon = true, .make = make_poisoned };

/*
 * Linux 7.3.4 maps a poisoned page by file: memfd_pin_folios() (mm/gup.c:3495) takes what is in the
 * page cache, where shmem keeps poisoned pages so that nobody reads zeroes instead.
 */
GM_CASE(bad_file, .name = "iommu.page_states.poisoned_file", .flags = GM_FULL_ONLY,
	.needs = GM_NEEDS(HWPOISON),
	.text = "a poisoned page of a memfd: no map by file, no udmabuf")
{
	static const struct state bad = { .poisoned = true, .make = make_poisoned };
	struct place p = { 0 };
	uint64_t at = IOVA;
	int ret;

	place_open(&p, &bad, self);
	make_poisoned(&p);
	ret = __gm_map_file(p.m.iommu, p.m.ioas, p.m.fd, AT * PG, PG, &at, GM_RW);
	GM_EXPECT(ret, "a map by file of a poisoned page: expected a refusal, observed success");
	if (!ret)
		gm_unmap(p.m.iommu, p.m.ioas, at, PG);
	gm_control(!way_file(&p, AT + 1), "the page beside it");
	place_close(&p);
}
