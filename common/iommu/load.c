// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device writes while a guest converts other pages: all data stays, and large mappings
 * (huge.dma).
 */
#include <stdatomic.h>

#include "fixture.h"
#include "dma_memory.h"
#include "pagesize.h"

GM_FILE(.iommus = GM_IOMMUS(MOCK, VFIO), .caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

#define DEV_PAGES 16UL

struct load {
	struct gm_fixture *w;
	struct gm_vm *vm; /* w's */
	struct gm_iodev *dev;
	uint64_t dma_off;	     /* of the device's pages, in the memory */
	unsigned int rounds;	     /* of the device */
	unsigned int gen[DEV_PAGES]; /* that the device wrote last, by page */
	uint64_t convert_off, convert_pages;
	unsigned int converted;
	atomic_bool done;
};

/* The device writes the words of (page, generation), one page after the other. */
static void device_thread(struct load *l)
{
	uint64_t page[PG / 8];

	for (unsigned int n = 0; n < l->rounds; n++) {
		unsigned int p = n * 7 % DEV_PAGES;
		uint64_t off = l->dma_off + p * PG;

		l->gen[p] = n + 2;
		for (unsigned int i = 0; i < PG / 8; i++)
			page[i] = gm_word((GM_BASE + off) / PG, GM_WRITER_SHARED, l->gen[p], i);
		GM_EXPECT(!__gm_dma_write(l->dev, IOVA + p * PG, page, PG), "round %u: %s", n,
			  gm_errno_name(errno));
	}
	atomic_store(&l->done, true);
}

/* Maps the shared memory for the device: a memfd by fd, a guest_memfd by address. */
static void map_shared(struct load *l, struct gm_iommu *iommu, uint32_t ioas)
{
	uint64_t at = IOVA;

	if (l->w->provider->file_serves_shared) {
		gm_need(GM_NEED_GMEM_GUP);
		GM_GRANTED(!__gm_map_hva(iommu, ioas, l->w->hva + l->dma_off, DEV_PAGES * PG, &at,
					 GM_RW),
			   "map of the address of shared pages: %s", gm_errno_name(errno));
	} else {
		gm_map_file(iommu, ioas, l->w->mem->fd, l->dma_off, DEV_PAGES * PG, IOVA, GM_RW);
	}
}

/* In place: a conversion keeps the content, a hole drops it. */
static void one_memory(struct load *l, uint64_t off, uint64_t n, unsigned int gen)
{
	uint64_t gpa = GM_BASE + off;

	gm_guest_check(l->vm, 0, gpa, n, GM_WRITER_SHARED, 1, "converted");
	gm_guest_fill(l->vm, 0, gpa, n, GM_WRITER_PRIVATE, gen);
	gm_guest_check(l->vm, 0, gpa, n, GM_WRITER_PRIVATE, gen, "private");
	gm_guest_convert(l->vm, 0, gpa, n, false);
	gm_guest_check(l->vm, 0, gpa, n, GM_WRITER_PRIVATE, gen, "shared again");
	gm_gmem_punch(l->w->gmem, off, n * PG);
	gm_guest_check_zero(l->vm, 0, gpa, n, "punched");
	gm_guest_fill(l->vm, 0, gpa, n, GM_WRITER_SHARED, 1);
}

static void two_memories(struct load *l, uint64_t off, uint64_t n, unsigned int gen)
{
	uint64_t gpa = GM_BASE + off;

	gm_guest_fill(l->vm, 0, gpa, n, GM_WRITER_PRIVATE, gen);
	gm_guest_check(l->vm, 0, gpa, n, GM_WRITER_PRIVATE, gen, "private");
	gm_guest_convert(l->vm, 0, gpa, n, false);
	gm_gmem_punch(l->w->gmem, off, n * PG);
	gm_guest_check(l->vm, 0, gpa, n, GM_WRITER_SHARED, 1, "shared again");
}

/* The guest converts back and forth; the host punches the private memory. */
static void guest_thread(struct load *l)
{
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed());
	while (!atomic_load(&l->done) || l->converted < 16) {
		uint64_t n = 1 + gm_rng_below(&rng, 5);
		uint64_t first = gm_rng_below(&rng, l->convert_pages - n);
		uint64_t off = l->convert_off + first * PG;
		unsigned int gen = 1000 + l->converted;

		gm_guest_convert(l->vm, 0, GM_BASE + off, n, true);
		if (gm_fixture_one_memory(l->w))
			one_memory(l, off, n, gen);
		else
			two_memories(l, off, n, gen);
		l->converted++;
		if (gm_failures())
			break;
	}
}

static void thread(unsigned int i, void *arg)
{
	if (i)
		device_thread(arg);
	else
		guest_thread(arg);
}

static void check_device_pages(struct load *l, const char *when)
{
	for (unsigned int p = 0; p < DEV_PAGES; p++) {
		uint64_t off = l->dma_off + p * PG;
		unsigned int gen = l->gen[p] ?: 1;

		gm_host_check(l->w->hva + off, (GM_BASE + off) / PG, 1, GM_WRITER_SHARED, gen,
			      when);
		gm_guest_check(l->vm, 0, GM_BASE + off, 1, GM_WRITER_SHARED, gen, when);
	}
}

/* With separate shared memory the device keeps it; in place a pinned page is not converted. */
static void convert_held(struct load *l)
{
	uint64_t gpa = GM_BASE + l->dma_off, done;

	if (gm_fixture_one_memory(l->w)) {
		GM_EXPECT_ERRNO(EAGAIN,
				__gm_convert_to(l->vm, gpa, GM_2M - l->dma_off, true, &done));
		GM_EXPECT_EQ(done, 0, "bytes before the pinned page");
		check_device_pages(l, "after the refused conversion");
	} else {
		gm_guest_convert(l->vm, 0, gpa, 1, true);
		gm_guest_fill(l->vm, 0, gpa, 1, GM_WRITER_PRIVATE, 7);
	}
	gm_dma_prove_same_page(l->dev, IOVA, l->w->hva + l->dma_off, "the shared page");
	if (!gm_fixture_one_memory(l->w))
		gm_guest_check(l->vm, 0, gpa, 1, GM_WRITER_PRIVATE, 7,
			       "the private memory, after DMA");
}

GM_CASE(beside, .name = "iommu.lifetime.load", .clause = "iommu.lifetime",
	.providers = GM_PROVIDERS_X86, .timeout = 120,
	.text = "a device writes while a guest converts and the host punches other pages: every word as expected")
{
	struct load l = { .convert_off = 64 * PG, .convert_pages = 448, .dma_off = 40 * PG };
	struct gm_iommu *iommu = gm_iommu_new(self->iommu);
	uint32_t ioas = gm_ioas_new(iommu);

	l.w = GM_FIXTURE(.size = GM_2M, .mem = GM_MEM_SHMEM);
	l.vm = l.w->vm;
	gm_guest_fill(l.vm, 0, GM_BASE, 512, GM_WRITER_SHARED, 1);
	l.dev = gm_iodev_new(iommu, ioas);
	l.rounds = gm_dma_cost_ms(l.dev) ? 3 : 400;
	map_shared(&l, iommu, ioas);

	gm_parallel(2, thread, &l);

	gm_note("%u conversions to private and back", l.converted);
	check_device_pages(&l, "at the end");
	gm_guest_check(l.vm, 0, GM_BASE, 40, GM_WRITER_SHARED, 1, "below the device's pages");
	gm_guest_check(l.vm, 0, GM_BASE + 56 * PG, 456, GM_WRITER_SHARED, 1,
		       "above the device's pages");
	convert_held(&l);
	GM_EXPECT_EQ(gm_vm_pinned(), DEV_PAGES, "VmPin, pages");
	gm_iodev_free(l.dev);
	gm_iommu_free(iommu);
	gm_convert(l.vm, GM_BASE, GM_2M, true);
	gm_fixture_free(l.w);
}

/*
 * Two GiB, both mapped by 1 GiB pages; the device has pages of the second one (the mock all of it,
 * as one entry). Conversions in the first must not change the second, in either table.
 */

GM_CASE(huge, .name = "huge.dma.next_door", .clause = "huge.dma", .dma_flags = GM_FULL_ONLY,
	.needs = GM_NEEDS(PAGE_STATS, TDP), .providers = GM_PROVIDERS(ATTRIBUTES), .huge_1g = 2,
	.timeout = 180,
	.text = "conversions in one GiB while another is DMA-mapped and written: its 1 GiB mapping and its data stay")
{
	struct load l = { .convert_off = 100 * GM_2M - 16 * PG,
			  .convert_pages = 32,
			  .dma_off = GM_1G + 300 * GM_2M - 8 * PG };
	struct gm_iommu *iommu = gm_iommu_new(self->iommu);
	uint32_t ioas = gm_ioas_new(iommu);
	struct gm_page_counts start, touched;
	bool whole; /* the device reaches all of the second GiB */

	l.w = GM_FIXTURE(.size = 2 * GM_1G, .mem = GM_MEM_HUGE_1G);
	l.vm = l.w->vm;
	gm_page_counts_read(l.vm, &start);
	l.dev = gm_iodev_new(iommu, ioas);
	l.rounds = gm_dma_cost_ms(l.dev) ? 2 : 64;
	whole = gm_dma_iova_end(l.dev) >= 2 * GM_1G;
	map_shared(&l, iommu, ioas);
	if (whole)
		gm_map_file(iommu, ioas, l.w->mem->fd, GM_1G, GM_1G, GM_1G, GM_RW);
	gm_guest_fill(l.vm, 0, GM_BASE + l.convert_off, l.convert_pages, GM_WRITER_SHARED, 1);
	gm_guest_fill(l.vm, 0, GM_BASE + l.dma_off, DEV_PAGES, GM_WRITER_SHARED, 1);
	gm_page_counts_read(l.vm, &touched);
	GM_EXPECT_EQ(touched.pages[GM_SIZE_1G] - start.pages[GM_SIZE_1G], 2,
		     "1 GiB pages, both touched");

	/* A conversion splits one 1 GiB page; the guest does not fault on the device's. */
	gm_guest_convert(l.vm, 0, GM_BASE + l.convert_off, 1, true);
	gm_page_counts_read(l.vm, &touched);
	GM_EXPECT_EQ(touched.pages[GM_SIZE_1G] - start.pages[GM_SIZE_1G], 1,
		     "1 GiB pages, one page converted");
	gm_guest_touch(l.vm, 0, GM_BASE + GM_1G, GM_1G, GM_2M);
	gm_page_counts_expect(l.vm, &touched, &(struct gm_page_counts){ .fixed = 0 },
			      "the second GiB touched");
	gm_guest_convert(l.vm, 0, GM_BASE + l.convert_off, 1, false);
	gm_guest_touch(l.vm, 0, GM_BASE + l.convert_off, PG, PG);
	gm_page_counts_read(l.vm, &touched);
	GM_EXPECT_EQ(touched.pages[GM_SIZE_1G] - start.pages[GM_SIZE_1G], 2,
		     "1 GiB pages after converting back");

	gm_parallel(2, thread, &l);

	gm_note("%u conversions to private and back", l.converted);
	check_device_pages(&l, "at the end");
	gm_guest_touch(l.vm, 0, GM_BASE, 2 * GM_1G, GM_2M);
	gm_page_counts_read(l.vm, &touched);
	GM_EXPECT_EQ(touched.pages[GM_SIZE_1G] - start.pages[GM_SIZE_1G], 2,
		     "1 GiB pages at the end");
	GM_EXPECT_EQ(gm_vm_pinned(), DEV_PAGES + (whole ? GM_1G / PG : 0), "VmPin, pages");
	gm_dma_prove_same_page(l.dev, IOVA, l.w->hva + l.dma_off, "at the end");
	gm_iodev_free(l.dev);
	gm_iommu_free(iommu);
	gm_fixture_free(l.w);
}
