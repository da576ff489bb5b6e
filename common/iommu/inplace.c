// SPDX-License-Identifier: GPL-2.0-only
/* In-place conversion of guest memory that devices have mapped: iommu.convert_pinned. */
#include <signal.h>
#include <sys/wait.h>

#include "fixture.h"
#include "dma_memory.h"

GM_FILE(.clause = "iommu.convert_pinned", .providers = GM_PROVIDERS(INPLACE),
	.iommus = GM_IOMMUS(MOCK, VFIO), .caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE
#define NR 64UL

/* A guest with NR shared pages, which it has written, and a device with an empty address space. */
struct held {
	struct gm_fixture *w;
	struct gm_iommu *iommu;
	uint32_t ioas;
	struct gm_iodev *dev;
};

static struct held held_new(const struct gm_case *self)
{
	struct held h = { .w = GM_FIXTURE(.size = NR * PG) };

	gm_guest_fill(h.w->vm, 0, GM_BASE, NR, GM_WRITER_SHARED, 1);
	h.iommu = gm_iommu_new(self->iommu);
	h.ioas = gm_ioas_new(h.iommu);
	h.dev = gm_iodev_new(h.iommu, h.ioas);
	return h;
}

static void held_free(struct held *h)
{
	if (h->dev)
		gm_iodev_free(h->dev);
	if (h->iommu)
		gm_iommu_free(h->iommu);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	gm_fixture_free(h->w);
}

static uint8_t *hva(const struct held *h, uint64_t page)
{
	return h->w->hva + page * PG;
}

static int __map(struct held *h, uint64_t first, uint64_t n, uint64_t iova, uint32_t prot)
{
	return __gm_map_hva(h->iommu, h->ioas, hva(h, first), n * PG, &iova, prot);
}

static void map(struct held *h, uint64_t first, uint64_t n, uint64_t iova, uint32_t prot)
{
	GM_GRANTED(!__map(h, first, n, iova, prot), "map of the address of shared pages: %s",
		   gm_errno_name(errno));
}

/* Without a retry: only the IOMMU uses the pages. */
static int __convert(struct held *h, uint64_t first, uint64_t n, bool to_private)
{
	return __gm_gmem_convert(h->w->gmem, first * PG, n * PG, to_private, NULL);
}

static void convert(struct held *h, uint64_t first, uint64_t n, bool to_private)
{
	gm_gmem_convert(h->w->gmem, first * PG, n * PG, to_private);
}

/* Expects EAGAIN for the first pinned page. The caller checks that nothing changed. */
static void expect_held(struct held *h, uint64_t first, uint64_t n, uint64_t page, const char *when)
{
	uint64_t at;
	int ret = __gm_gmem_convert(h->w->gmem, first * PG, n * PG, true, &at);

	GM_EXPECT_AT(
		GM_PAGE(.off = GM_AT(page * PG)), ret && errno == EAGAIN && at == page * PG,
		"%s: pages [%lu, +%lu) to private: expected EAGAIN at %#lx, observed %s at %#lx",
		when, first, n, page * PG, ret ? gm_errno_name(errno) : "success", at);
}

/* Guest and host see the words of generation 1 in [first, first + n), which is shared. */
static void expect_shared(struct held *h, uint64_t first, uint64_t n, const char *when)
{
	gm_guest_check(h->w->vm, 0, GM_BASE + first * PG, n, GM_WRITER_SHARED, 1, when);
	gm_host_check(hva(h, first), GM_BASE / PG + first, n, GM_WRITER_SHARED, 1, when);
}

/* The guest's view of word 9 of the page. */
static uint64_t guest_word(struct held *h, uint64_t page)
{
	struct gm_op op = { .code = GM_OP_READ, .addr = GM_BASE + page * PG + 72 };

	gm_run(h->w->vm, 0, &op, 1);
	return op.val;
}

GM_CASE(hva_held, .name = "iommu.convert_pinned.hva", .needs = GM_NEEDS(GMEM_GUP),
	.text = "a map of the address of shared pages: their conversion is EAGAIN, all or nothing; that of other pages works")
{
	static const struct {
		uint64_t first, n, at;
	} range[] = { { 5, 1, 5 },  { 8, 1, 8 }, { 4, 2, 5 }, { 6, 20, 6 },
		      { 8, 56, 8 }, { 0, 6, 5 }, { 0, NR, 5 } };
	uint64_t word = gm_word(GM_BASE / PG + 6, GM_WRITER_DEVICE, 3, 9);
	struct held h = held_new(self);

	map(&h, 5, 4, IOVA, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 4, "VmPin, pages");
	for (size_t i = 0; i < sizeof(range) / sizeof(range[0]); i++)
		expect_held(&h, range[i].first, range[i].n, range[i].at, "mapped");
	expect_shared(&h, 0, NR, "after the refusals");
	gm_dma_expect_maps(h.dev, IOVA, hva(&h, 5), 4 * PG, "after the refusals");
	GM_EXPECT_OK(__convert(&h, 0, NR, false), "shared pages to shared");

	/*
	 * The pages around the map become private; a range of both kinds is then refused at the
	 * same page.
	 */
	convert(&h, 0, 5, true);
	convert(&h, 9, NR - 9, true);
	gm_guest_check(h.w->vm, 0, GM_BASE, NR, GM_WRITER_SHARED, 1, "converted beside the map");
	gm_guest_fill(h.w->vm, 0, GM_BASE + 4 * PG, 1, GM_WRITER_PRIVATE, 2);
	gm_guest_fill(h.w->vm, 0, GM_BASE + 9 * PG, 1, GM_WRITER_PRIVATE, 2);
	expect_held(&h, 0, NR, 5, "private pages around");
	expect_shared(&h, 5, 4, "the map between private pages");
	gm_dma_prove_same_page(h.dev, IOVA + 3 * PG, hva(&h, 8), "between private pages");
	GM_EXPECT_OK(__gm_dma_write(h.dev, IOVA + PG + 72, &word, 8));

	gm_unmap(h.iommu, h.ioas, IOVA, 4 * PG);
	GM_EXPECT_OK(__convert(&h, 0, NR, true), "all of it, unmapped");
	gm_guest_check(h.w->vm, 0, GM_BASE + 4 * PG, 1, GM_WRITER_PRIVATE, 2, "below the map");
	gm_guest_check(h.w->vm, 0, GM_BASE + 9 * PG, 1, GM_WRITER_PRIVATE, 2, "above the map");
	gm_guest_check(h.w->vm, 0, GM_BASE + 5 * PG, 1, GM_WRITER_SHARED, 1, "converted");
	GM_EXPECT_EQ(guest_word(&h, 6), word, "what the device wrote before");
	GM_EXPECT_ERRNO(EFAULT, __map(&h, 5, 4, IOVA, GM_RW), "private pages");

	gm_guest_fill(h.w->vm, 0, GM_BASE + 5 * PG, 4, GM_WRITER_SHARED, 4);
	convert(&h, 5, 4, false);
	map(&h, 5, 4, IOVA, GM_RO);
	gm_dma_expect_same(h.dev, IOVA, hva(&h, 5), 4 * PG, "shared again");
	gm_host_check(hva(&h, 5), GM_BASE / PG + 5, 4, GM_WRITER_SHARED, 4, "shared again");
	expect_held(&h, 4, 3, 5, "mapped again, read-only");
	gm_unmap(h.iommu, h.ioas, IOVA, 4 * PG);
	held_free(&h);
}

GM_CASE(several, .name = "iommu.convert_pinned.several", .needs = GM_NEEDS(GMEM_GUP),
	.dma_flags = GM_FULL_ONLY,
	.text = "several maps of one page, one of them a copy: the page is held until the last is unmapped")
{
	struct held h = held_new(self);
	uint64_t copy = IOVA + 48 * PG;

	map(&h, 5, 4, IOVA, GM_RW);
	map(&h, 6, 1, IOVA + 16 * PG, GM_RO);
	map(&h, 7, 4, IOVA + 32 * PG, GM_RW);
	GM_EXPECT_OK(__gm_ioas_copy(h.iommu, h.ioas, h.ioas, IOVA + 2 * PG, PG, &copy, GM_RW));
	expect_held(&h, 0, NR, 5, "four maps");
	gm_unmap(h.iommu, h.ioas, IOVA, 4 * PG);
	expect_held(&h, 0, NR, 6, "the first is unmapped");
	GM_EXPECT_OK(__convert(&h, 0, 6, true), "pages that only the first had");
	gm_unmap(h.iommu, h.ioas, IOVA + 16 * PG, PG);
	expect_held(&h, 0, NR, 7, "two are unmapped");
	gm_unmap(h.iommu, h.ioas, IOVA + 32 * PG, 4 * PG);
	expect_held(&h, 6, NR - 6, 7, "only the copy is mapped");
	GM_EXPECT_OK(__convert(&h, 8, NR - 8, true), "beside the copy");
	expect_shared(&h, 6, 2, "only the copy is mapped");
	gm_dma_prove_same_page(h.dev, copy, hva(&h, 7), "the copy");
	gm_unmap(h.iommu, h.ioas, copy, PG);
	GM_EXPECT_OK(__convert(&h, 0, NR, true), "all are unmapped");
	gm_guest_check(h.w->vm, 0, GM_BASE, NR, GM_WRITER_SHARED, 1, "at the end");
	held_free(&h);
}

/* Conversion works on whole pages, so half a page at either end holds all of it. */
GM_CASE(subpage, .name = "iommu.convert_pinned.hva_subpage.mock", .needs = GM_NEEDS(GMEM_GUP),
	.iommu = GM_IOMMU_MOCK,
	.text = "half a page at either end of a map: the whole page is held, the adjacent page is not")
{
	struct held h = held_new(self);
	uint64_t at = IOVA + 2048, len = 3 * PG;

	GM_GRANTED(!__gm_map_hva(h.iommu, h.ioas, hva(&h, 5) + 2048, len, &at, GM_RW),
		   "map of the address of shared pages: %s", gm_errno_name(errno));
	expect_held(&h, 5, 1, 5, "the first page");
	expect_held(&h, 8, 1, 8, "the last page");
	expect_held(&h, 0, NR, 5, "all");
	GM_EXPECT_OK(__convert(&h, 0, 5, true), "the pages below");
	GM_EXPECT_OK(__convert(&h, 9, NR - 9, true), "the pages above");
	gm_unmap(h.iommu, h.ioas, at, len);
	GM_EXPECT_OK(__convert(&h, 5, 4, true), "unmapped");
	held_free(&h);
}

GM_CASE(user, .name = "iommu.convert_pinned.user.mock", .needs = GM_NEEDS(GMEM_GUP),
	.iommu = GM_IOMMU_MOCK,
	.text = "an in-kernel user pins part of a map without a device: that part is held until the unpin")
{
	struct held h = held_new(self);
	uint32_t ioas = gm_ioas_new(h.iommu);
	int user = gm_access_new(h.iommu, ioas, true), item[2];
	uint64_t at = IOVA, word = gm_word(GM_BASE / PG + 20, GM_WRITER_SHARED, 1, 0), got = 0;

	GM_GRANTED(!__gm_map_hva(h.iommu, ioas, hva(&h, 16), 16 * PG, &at, GM_RW), "map: %s",
		   gm_errno_name(errno));
	/* A copy keeps no pin after its return. */
	GM_EXPECT_OK(__gm_access_rw(h.iommu, user, IOVA + 4 * PG, &got, 8, false));
	GM_EXPECT_EQ(got, word, "what the user reads");
	GM_EXPECT_OK(__gm_access_rw(h.iommu, user, IOVA + 4 * PG, &word, 8, true));
	GM_EXPECT_OK(__convert(&h, 0, NR, true), "mapped, read and written, but not pinned");
	GM_EXPECT_ERRNO(EFAULT, __gm_access_pin(h.iommu, user, IOVA, PG, NULL, true),
			"a private page");
	GM_EXPECT_ERRNO(EFAULT, __gm_access_rw(h.iommu, user, IOVA + 4 * PG, &got, 8, false),
			"a private page");
	convert(&h, 18, NR - 18, false);
	GM_EXPECT_ERRNO(EFAULT, __gm_access_pin(h.iommu, user, IOVA + PG, 2 * PG, NULL, false),
			"a private page, then a shared one");
	GM_EXPECT_OK(__convert(&h, 18, 1, true), "after the refused pin");
	convert(&h, 0, NR, false);

	for (int i = 0; i < 2; i++)
		item[i] = GM_EXPECT_OK(__gm_access_pin(h.iommu, user, IOVA + (4 + i) * PG, 2 * PG,
						       hva(&h, 20 + i), i));
	expect_held(&h, 0, NR, 20, "pinned twice");
	GM_EXPECT_OK(__convert(&h, 0, 20, true), "below the pins");
	GM_EXPECT_OK(__gm_access_unpin(h.iommu, user, item[0]));
	expect_held(&h, 20, 3, 21, "pinned once");
	GM_EXPECT_OK(__gm_access_unpin(h.iommu, user, item[1]));
	GM_EXPECT_OK(__convert(&h, 0, NR, true), "unpinned");
	close(user);
	held_free(&h);
}

/*
 * A hole removes the page from the file, and its range can be converted. The device keeps the old
 * page: it must not reach the new one, nor the guest the old one.
 */
GM_CASE(hole, .name = "iommu.convert_pinned.hva_hole", .needs = GM_NEEDS(GMEM_GUP),
	.text = "a hole over a page that a device has mapped: the file's new page is converted, and the device does not reach it")
{
	uint64_t word = gm_word(3, GM_WRITER_DEVICE, 7, 9), got = 0;
	struct held h = held_new(self);

	map(&h, 5, 4, IOVA, GM_RW);
	gm_gmem_punch(h.w->gmem, 6 * PG, PG);
	GM_EXPECT_OK(__convert(&h, 6, 1, true), "the hole");
	gm_guest_check_zero(h.w->vm, 0, GM_BASE + 6 * PG, 1, "the hole, private");
	gm_guest_fill(h.w->vm, 0, GM_BASE + 6 * PG, 1, GM_WRITER_SECRET, 2);
	expect_held(&h, 0, NR, 5, "the rest of the map");
	expect_held(&h, 6, 4, 7, "above the hole");
	/* The mock copies by the process's address, where there is a private page now. */
	__gm_dma_read(h.dev, IOVA + PG + 72, &got, 8);
	GM_EXPECT(gm_word_writer(got) != GM_WRITER_SECRET || !gm_word_ok(got),
		  "the device reads a private word of the guest: %s", gm_word_str(got));
	__gm_dma_write(h.dev, IOVA + PG + 72, &word, 8);
	gm_guest_check(h.w->vm, 0, GM_BASE + 6 * PG, 1, GM_WRITER_SECRET, 2, "after the DMA");
	convert(&h, 6, 1, false);
	gm_dma_expect_other_page(h.dev, IOVA + PG, hva(&h, 6), "shared again");
	gm_dma_prove_same_page(h.dev, IOVA + 2 * PG, hva(&h, 7), "above the hole");
	gm_unmap(h.iommu, h.ioas, IOVA, 4 * PG);
	GM_EXPECT_OK(__convert(&h, 0, NR, true), "unmapped");
	held_free(&h);
}

GM_CASE(guest, .name = "iommu.convert_pinned.guest.mock", .iommu = GM_IOMMU_MOCK,
	.needs = GM_NEEDS(GMEM_GUP, HYPERCALL_EXIT),
	.text = "the guest requests the conversion: it gets EAGAIN, its shared pages do not change, and its request after the unmap works")
{
	struct held h = held_new(self);
	struct gm_op op = {
		.code = GM_OP_MAP_GPA, .addr = GM_BASE + 4 * PG, .nr = 3, .val = GM_MAP_PRIVATE
	};

	map(&h, 5, 4, IOVA, GM_RW);
	for (int i = 0; i < 3; i++) {
		gm_run(h.w->vm, 0, &op, 1);
		GM_EXPECT_EQ(op.ret, -EAGAIN, "the hypercall's result, attempt %d", i);
		expect_shared(&h, 0, NR, "after the refusal");
	}
	gm_unmap(h.iommu, h.ioas, IOVA, 4 * PG);
	gm_run(h.w->vm, 0, &op, 1);
	GM_EXPECT_EQ(op.ret, 0, "the hypercall's result after the unmap");
	gm_guest_check(h.w->vm, 0, GM_BASE, NR, GM_WRITER_SHARED, 1, "converted");
	held_free(&h);
}

GM_CASE(closed, .name = "iommu.convert_pinned.closed", .needs = GM_NEEDS(GMEM_GUP),
	.dma_flags = GM_FULL_ONLY,
	.text = "device and iommufd are closed with maps in place: no page is held after that")
{
	struct held h = held_new(self);

	map(&h, 5, 4, IOVA, GM_RW);
	map(&h, 40, 2, IOVA + 16 * PG, GM_RO);
	expect_held(&h, 6, NR - 6, 6, "mapped");
	gm_iodev_free(h.dev);
	gm_iommu_free(h.iommu);
	h.dev = NULL;
	h.iommu = NULL;
	GM_EXPECT_OK(__convert(&h, 0, NR, true), "closed");
	gm_guest_check(h.w->vm, 0, GM_BASE, NR, GM_WRITER_SHARED, 1, "converted");
	held_free(&h);
}

/* Only the child has the iommufd. It reports that it has mapped, and is killed. */
GM_CASE(killed, .name = "iommu.convert_pinned.killed.mock", .needs = GM_NEEDS(GMEM_GUP),
	.iommu = GM_IOMMU_MOCK,
	.text = "another process maps pages for a device and is killed: the pages are held as long as it lives")
{
	struct held h = { .w = GM_FIXTURE(.size = NR * PG) };
	int report[2], status;
	char result = 0;
	pid_t pid;

	gm_guest_fill(h.w->vm, 0, GM_BASE, NR, GM_WRITER_SHARED, 1);
	GM_SETUP_OK(pipe(report));
	pid = GM_SETUP_OK(fork());
	if (!pid) {
		h.iommu = gm_iommu_new(self->iommu);
		h.ioas = gm_ioas_new(h.iommu);
		h.dev = gm_iodev_new(h.iommu, h.ioas);
		result = __map(&h, 5, 4, IOVA, GM_RW) ? 'n' : 'y';
		GM_SETUP(write(report[1], &result, 1) == 1, "write to a pipe");
		for (;;)
			pause();
	}
	close(report[1]);
	GM_SETUP(read(report[0], &result, 1) == 1 && result == 'y', "the child could not map");
	close(report[0]);
	expect_held(&h, 0, NR, 5, "another process's map");
	expect_shared(&h, 0, NR, "after the refusal");
	GM_SETUP_OK(kill(pid, SIGKILL));
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_EXPECT_OK(__convert(&h, 0, NR, true), "the process was killed");
	held_free(&h);
}

GM_CASE(unheld, .name = "iommu.inplace_unheld.detached", .needs = GM_NEEDS(GMEM_GUP),
	.clause = "iommu.inplace_unheld",
	.text = "a map without a device holds nothing; the attach is EFAULT while a page of it is private")
{
	struct held h = held_new(self);

	map(&h, 5, 4, IOVA, GM_RW);
	expect_held(&h, 5, 4, 5, "attached");
	gm_iodev_free(h.dev);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin, detached, pages");
	GM_EXPECT_OK(__convert(&h, 7, 1, true), "detached");
	gm_guest_fill(h.w->vm, 0, GM_BASE + 7 * PG, 1, GM_WRITER_SECRET, 2);
	h.dev = __gm_iodev_new(h.iommu, h.ioas);
	GM_EXPECT(!h.dev && errno == EFAULT, "attach with a private page: expected EFAULT, got %s",
		  h.dev ? "success" : gm_errno_name(errno));
	if (h.dev)
		gm_end();
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the refused attach, pages");
	GM_EXPECT_OK(__convert(&h, 5, 4, true), "after the refused attach");
	gm_guest_check(h.w->vm, 0, GM_BASE + 7 * PG, 1, GM_WRITER_SECRET, 2, "still private");
	gm_guest_fill(h.w->vm, 0, GM_BASE + 7 * PG, 1, GM_WRITER_SHARED, 1);
	convert(&h, 5, 4, false);
	h.dev = gm_iodev_new(h.iommu, h.ioas);
	gm_dma_expect_maps(h.dev, IOVA, hva(&h, 5), 4 * PG, "shared again, attached");
	expect_held(&h, 0, NR, 5, "attached again");
	expect_shared(&h, 0, NR, "at the end");
	gm_unmap(h.iommu, h.ioas, IOVA, 4 * PG);
	held_free(&h);
}

GM_CASE(refused, .name = "iommu.gmem_hva.converted", .needs = GM_NEEDS(GMEM_GUP),
	.clause = "iommu.gmem_hva", .flags = GM_REFUSAL,
	.text = "a map of the address of converted pages, or from shared pages into them, is EFAULT and pins nothing")
{
	static const struct {
		uint64_t first, n;
		uint32_t prot;
	} range[] = { { 8, 1, GM_RO }, { 8, 4, GM_RW },	 { 7, 2, GM_RW },
		      { 0, 9, GM_RW }, { 11, 2, GM_WO }, { 0, NR, GM_RO } };
	struct held h = held_new(self);

	/* Fills the host's page tables, from which the conversion must unmap the pages. */
	expect_shared(&h, 0, NR, "before");
	convert(&h, 8, 4, true);
	for (size_t i = 0; i < sizeof(range) / sizeof(range[0]); i++)
		GM_EXPECT_ERRNO(EFAULT, __map(&h, range[i].first, range[i].n, IOVA, range[i].prot),
				"pages [%lu, +%lu)", range[i].first, range[i].n);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the refusals, pages");
	gm_promise(!__map(&h, 0, 8, IOVA, GM_RW), "the shared pages below at that IOVA");
	gm_promise(!__map(&h, 12, 4, IOVA + 16 * PG, GM_RW), "the shared pages above");
	gm_dma_prove_same_page(h.dev, IOVA + 7 * PG, hva(&h, 7), "the last shared page");
	gm_unmap(h.iommu, h.ioas, IOVA, 8 * PG);
	gm_unmap(h.iommu, h.ioas, IOVA + 16 * PG, 4 * PG);
	/* A refused map has unpinned the shared pages before the private one. */
	GM_EXPECT_OK(__convert(&h, 0, NR, true), "all of it");
	gm_guest_check(h.w->vm, 0, GM_BASE, NR, GM_WRITER_SHARED, 1, "converted");
	convert(&h, 0, NR, false);
	map(&h, 0, NR, IOVA, GM_RW);
	gm_dma_prove_same_page(h.dev, IOVA + 9 * PG, hva(&h, 9), "shared again");
	gm_unmap(h.iommu, h.ioas, IOVA, NR * PG);
	held_free(&h);
}

GM_CASE(type1, .name = "iommu.convert_pinned.type1.dma", .iommu = GM_IOMMU_TYPE1,
	.needs = GM_NEEDS(GMEM_GUP, ROOT), .caps = GM_CAPS_ALL, .flags = GM_FULL_ONLY,
	.text = "the same with a VFIO type 1 container: EAGAIN at its first page, until the unmap")
{
	struct held h = { .w = GM_FIXTURE(.size = NR * PG) };

	gm_guest_fill(h.w->vm, 0, GM_BASE, NR, GM_WRITER_SHARED, 1);
	h.iommu = gm_iommu_new(self->iommu);
	h.ioas = gm_ioas_new(h.iommu);
	GM_EXPECT_OK(__map(&h, 5, 4, IOVA, GM_RW));
	expect_held(&h, 0, NR, 5, "mapped");
	expect_held(&h, 7, 10, 7, "mapped");
	GM_EXPECT_OK(__convert(&h, 9, NR - 9, true), "beside the map");
	expect_shared(&h, 0, 9, "after the refusals");
	gm_unmap(h.iommu, h.ioas, IOVA, 4 * PG);
	GM_EXPECT_OK(__convert(&h, 0, NR, true), "unmapped");
	GM_EXPECT_ERRNO(EFAULT, __map(&h, 5, 4, IOVA, GM_RW), "private pages");
	held_free(&h);
}

struct race {
	struct held h;
	atomic_bool done;
	unsigned int mapped, refused;
};

#define RACE_ROUNDS 40
#define RACE_PAGES 4UL

/* Maps shared pages by address, reads and writes them by DMA, and unmaps. */
static void race_device(struct race *r)
{
	uint64_t buf[RACE_PAGES * PG / 8];
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed() ^ 0x646d61);
	for (unsigned int n = 0; !r->done || !r->mapped; n++) {
		uint64_t first = gm_rng_below(&rng, NR - RACE_PAGES);

		GM_ASSERT(n < 100 * RACE_ROUNDS * RACE_PAGES, "no map of shared pages succeeded");
		if (__map(&r->h, first, RACE_PAGES, IOVA, GM_RW)) {
			GM_ASSERT(errno == EFAULT, "map of pages under conversion: %s",
				  gm_errno_name(errno));
			r->refused++;
			continue;
		}
		r->mapped++;
		GM_EXPECT_OK(__gm_dma_read(r->h.dev, IOVA, buf, sizeof(buf)));
		for (size_t i = 0; i < sizeof(buf) / 8; i++)
			GM_ASSERT(!gm_word_ok(buf[i]) || gm_word_writer(buf[i]) != GM_WRITER_SECRET,
				  "the device read a private word of the guest: %s",
				  gm_word_str(buf[i]));
		GM_EXPECT(!__gm_mock_maps(r->h.iommu, r->h.dev->hwpt, IOVA, hva(&r->h, first),
					  RACE_PAGES * PG),
			  "mapped, and the host has other pages at that address");
		for (size_t i = 0; i < sizeof(buf) / 8; i++)
			buf[i] = gm_word(i, GM_WRITER_DEVICE, n, i);
		GM_EXPECT_OK(__gm_dma_write(r->h.dev, IOVA, buf, sizeof(buf)));
		gm_unmap(r->h.iommu, r->h.ioas, IOVA, RACE_PAGES * PG);
	}
}

static void race_guest(struct race *r)
{
	struct gm_vm *vm = r->h.w->vm;
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed() ^ 0x6775657374);
	for (unsigned int n = 1; n <= RACE_ROUNDS; n++) {
		uint64_t first = gm_rng_below(&rng, NR - 8), nr = 1 + gm_rng_below(&rng, 8);
		uint64_t gpa = GM_BASE + first * PG;

		gm_guest_convert(vm, 0, gpa, nr, true);
		gm_guest_fill(vm, 0, gpa, nr, GM_WRITER_SECRET, n);
		gm_guest_check(vm, 0, gpa, nr, GM_WRITER_SECRET, n,
			       "while a device maps and writes");
		gm_guest_fill(vm, 0, gpa, nr, GM_WRITER_SHARED, n);
		gm_guest_convert(vm, 0, gpa, nr, false);
		if (gm_failures())
			break;
	}
	r->done = true;
}

static void race_one(unsigned int i, void *arg)
{
	if (i)
		race_device(arg);
	else
		race_guest(arg);
}

GM_CASE(race, .name = "iommu.convert_pinned.race.mock", .iommu = GM_IOMMU_MOCK,
	.needs = GM_NEEDS(GMEM_GUP, HYPERCALL_EXIT), .timeout = 120,
	.text = "pages are mapped for a device and converted at the same time: the device never reaches private pages")
{
	struct race r = { .h.w = GM_FIXTURE(.size = NR * PG, .host_touches = true) };

	r.h.iommu = gm_iommu_new(self->iommu);
	r.h.ioas = gm_ioas_new(r.h.iommu);
	r.h.dev = gm_iodev_new(r.h.iommu, r.h.ioas);
	gm_parallel(2, race_one, &r);
	gm_note("%u maps, %u refused", r.mapped, r.refused);
	GM_EXPECT_OK(__convert(&r.h, 0, NR, true), "when the device is idle");
	held_free(&r.h);
}

static bool is_refusal(int ret)
{
	return ret && (errno == EACCES || errno == EPERM || errno == EINVAL || errno == EFAULT);
}

GM_CASE(by_fd, .name = "iommu.map_gmem.converted", .clause = "iommu.map_gmem",
	.needs = GM_NEEDS(MAP_GMEM),
	.text = "by fd: converted pages are refused, mapped pages are not converted, pages that are shared again can be mapped")
{
	struct held h = held_new(self);
	uint64_t at = IOVA;

	gm_map_file(h.iommu, h.ioas, h.w->gmem, 5 * PG, 4 * PG, IOVA, GM_RW);
	expect_held(&h, 0, NR, 5, "mapped by fd");
	expect_held(&h, 8, 8, 8, "mapped by fd");
	expect_shared(&h, 0, NR, "after the refusals");
	gm_dma_expect_maps(h.dev, IOVA, hva(&h, 5), 4 * PG, "after the refusals");
	GM_EXPECT_OK(__convert(&h, 9, 8, true), "beside the map");
	gm_unmap(h.iommu, h.ioas, IOVA, 4 * PG);
	GM_EXPECT_OK(__convert(&h, 6, 1, true), "unmapped");
	for (uint64_t n = 2; n <= 4; n++)
		GM_EXPECT(is_refusal(__gm_map_file(h.iommu, h.ioas, h.w->gmem, 5 * PG, n * PG, &at,
						   GM_RW)),
			  "%lu pages, the second of which is private, were mapped", n);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the refusals, pages");
	gm_promise(!__gm_map_file(h.iommu, h.ioas, h.w->gmem, 5 * PG, PG, &at, GM_RW),
		   "the shared page there");
	gm_unmap(h.iommu, h.ioas, IOVA, PG);
	GM_EXPECT_OK(__convert(&h, 0, NR, true), "after the refusals");
	gm_guest_check(h.w->vm, 0, GM_BASE, NR, GM_WRITER_SHARED, 1, "converted");
	convert(&h, 0, NR, false);
	gm_map_file(h.iommu, h.ioas, h.w->gmem, 5 * PG, 4 * PG, IOVA, GM_RW);
	gm_dma_expect_maps(h.dev, IOVA, hva(&h, 5), 4 * PG, "shared again");
	gm_unmap(h.iommu, h.ioas, IOVA, 4 * PG);
	held_free(&h);
}
