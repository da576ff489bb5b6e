// SPDX-License-Identifier: GPL-2.0-only
/*
 * File and VM end while somebody has a reference to a single page: its huge page comes back when
 * the reference goes, the others at once: fungible.huge_pinned.
 */
#include <fcntl.h>
#include <sys/capability.h>
#include <sys/uio.h>

#include "fungible_huge.h"
#include "iommu.h"

#define NR 3

GM_FILE(.clause = "fungible.huge_pinned", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = FH_NEEDS, .huge_2m = NR + 1, .caps = GM_CAPS_ALL)

/* Has a reference to one page, by its address; the address may be unmapped after that. */
struct holder {
	int fd[2];
	struct gm_iommu *iommu;
	uint32_t ioas;
	struct gm_iodev *dev;
	uint64_t iova;
};

struct kind {
	void (*take)(struct holder *h, uint8_t *hva);
	/* The page's first word, by the reference; NULL: it cannot be read. */
	uint64_t (*word)(struct holder *h);
	void (*drop)(struct holder *h);
};

/* --- debugfs gup_test: the ABI of mm/gup_test.h, which is no exported header --- */

struct longterm {
	uint64_t addr, size;
	uint32_t flags;
};

#define HOLD_START _IOW('g', 7, struct longterm)
#define HOLD_STOP _IO('g', 8)
#define HOLD_READ _IOW('g', 9, uint64_t)
#define HOLD_WRITE 1

static void pin_take(struct holder *h, uint8_t *hva)
{
	struct longterm range = { (uintptr_t)hva, PG, HOLD_WRITE };

	h->fd[0] = GM_SETUP_OK(open("/sys/kernel/debug/gup_test", O_RDWR | O_CLOEXEC));
	GM_SETUP_OK(ioctl(h->fd[0], HOLD_START, &range));
}

static uint64_t pin_word(struct holder *h)
{
	static uint64_t page[PG / 8];
	uint64_t at = (uintptr_t)page;

	GM_SETUP_OK(ioctl(h->fd[0], HOLD_READ, &at));
	return page[0];
}

static void pin_drop(struct holder *h)
{
	GM_SETUP_OK(ioctl(h->fd[0], HOLD_STOP));
	close(h->fd[0]);
}

/* --- a pipe --- */

static void pipe_take(struct holder *h, uint8_t *hva)
{
	struct iovec v = { hva, PG };

	GM_SETUP_OK(pipe2(h->fd, O_CLOEXEC));
	GM_SETUP(vmsplice(h->fd[1], &v, 1, 0) == (ssize_t)PG, "vmsplice: %s", gm_errno_name(errno));
}

static void pipe_drop(struct holder *h)
{
	close(h->fd[0]);
	close(h->fd[1]);
}

/* --- a device, mapped by address --- */

static void device_take(struct holder *h, uint8_t *hva)
{
	h->iommu = gm_iommu_new(GM_IOMMU_MOCK);
	h->ioas = gm_ioas_new(h->iommu);
	h->dev = gm_iodev_new(h->iommu, h->ioas);
	h->iova = GM_ANY_IOVA;
	GM_SETUP(!__gm_map_hva(h->iommu, h->ioas, hva, PG, &h->iova, GM_RW),
		 "IOMMU_IOAS_MAP of a shared page: %s", gm_errno_name(errno));
}

static void device_drop(struct holder *h)
{
	gm_unmap(h->iommu, h->ioas, h->iova, PG);
	gm_iodev_free(h->dev);
	gm_iommu_free(h->iommu);
}

/* All free huge pages of the pool get other content, and are free again. */
static void soil(void)
{
	struct gm_pool now;
	struct gm_mem *mem;

	gm_pool_read(&now, GM_2M);
	if (now.free <= now.resv)
		return;
	mem = gm_mem_new(GM_MEM_HUGE_2M, (now.free - now.resv) * GM_2M);
	memset(mem->hva, 0x5a, mem->size);
	gm_mem_free(mem);
}

GM_CASES(pinned, struct kind, v)
{
	/* In the huge page: its first single page, its last, one in the middle. */
	static const uint64_t at[] = { 0, GM_2M / PG - 1, 200 };
	const uint64_t in_one = GM_2M / PG;
	struct gm_pool before;

	gm_pool_read(&before, GM_2M);
	for (size_t i = 0; i < ARRAY_SIZE(at) && !gm_failures(); i++) {
		struct gm_fixture *w = fh_new(GM_2M, NR);
		uint64_t p = in_one + at[i], word;
		struct holder h = { .fd = { -1, -1 } };

		gm_fixture_convert(w, fh_gfn(w, p), 1, false);
		gm_fixture_fill(w, 0, fh_gfn(w, 0), 2 * in_one);
		/* Not by the guest last: the host has it in its page tables. */
		gm_fixture_host_write(w, fh_gfn(w, p), 1);
		word = gm_fixture_word(w, fh_gfn(w, p));
		fh_need_gup(w, p);
		v->take(&h, w->hva + p * PG);
		gm_pool_expect(&before, 2, NR - 2, "held");
		gm_fixture_free(w);
		/* The huge page beside it is back at once, and nothing is reserved any more. */
		fh_settle(&before, 1, 0, "file and VM are gone, the page is held");
		if (v->word) {
			soil();
			gm_pool_expect(&before, 1, 0, "others used the pool");
			GM_EXPECT_EQ(v->word(&h), word, "the held page's first word");
		}
		v->drop(&h);
		fh_settle(&before, 0, 0, "released");
	}
	/* They are huge pages like all others. */
	soil();
	gm_pool_expect(&before, 0, 0, "others used all of the pool");
}

GM_ROW(pinned, pinned_gup, .name = "fungible.huge_pinned.gup", .needs = GM_NEEDS(GUP_TEST),
       .text = "a long-term pin of one shared page outlives file and VM: one huge page is missing until the unpin, then it is back") = {
	.take = pin_take, .word = pin_word, .drop = pin_drop
};
GM_ROW(pinned, pinned_pipe, .name = "fungible.huge_pinned.pipe",
       .text = "the same with a page in a pipe") = { .take = pipe_take, .drop = pipe_drop };
GM_ROW(pinned, pinned_device, .name = "fungible.huge_pinned.device",
       .needs = GM_NEEDS(IOMMUFD_TEST), .tokens = GM_TOKEN_IOMMU,
       .text = "the same with a page that a device has by its address") = { .take = device_take,
									    .drop = device_drop };

GM_CASE(several, .name = "fungible.huge_pinned.several", .needs = GM_NEEDS(GUP_TEST),
	.text = "pins in every huge page, released in another order after the end: each huge page comes back with its own")
{
	static const unsigned int order[] = { 1, 2, 0 };
	const uint64_t in_one = GM_2M / PG;
	struct gm_fixture *w;
	struct gm_pool before;
	struct holder h[NR][2];

	gm_pool_read(&before, GM_2M);
	w = fh_new(GM_2M, NR);
	for (unsigned int i = 0; i < NR; i++) {
		uint64_t p = i * in_one + 3;

		gm_fixture_convert(w, fh_gfn(w, p), 2, false);
		gm_fixture_host_write(w, fh_gfn(w, p), 2);
		if (!i)
			fh_need_gup(w, p);
		pin_take(&h[i][0], w->hva + p * PG);
		pin_take(&h[i][1], w->hva + (p + 1) * PG);
	}
	gm_fixture_free(w);
	fh_settle(&before, NR, 0, "all held");
	for (unsigned int i = 0; i < NR; i++) {
		pin_drop(&h[order[i]][i & 1]);
		/* Time for a kernel that looks at one page only. */
		usleep(200 * 1000);
		gm_pool_expect(&before, NR - i, 0, "one of two pins released");
		pin_drop(&h[order[i]][!(i & 1)]);
		fh_settle(&before, NR - 1 - i, 0, "both pins released");
	}
}

/* The hole is refused while the page is held, with nothing removed; see the patch's message. */
GM_CASE(hole, .name = "fungible.huge_pinned.hole", .needs = GM_NEEDS(GUP_TEST), .flags = GM_REFUSAL,
	.text = "a hole over a held page is EAGAIN: no page is given back, and no content lost; the retry after the unpin works")
{
	const uint64_t in_one = GM_2M / PG;
	struct gm_pool before;
	struct gm_fixture *w;
	struct holder h;

	gm_pool_read(&before, GM_2M);
	w = fh_new(GM_2M, NR);
	gm_fixture_fill(w, 0, fh_gfn(w, 0), NR * in_one);
	gm_fixture_convert(w, fh_gfn(w, in_one + 9), 2, false);
	gm_fixture_host_write(w, fh_gfn(w, in_one + 9), 2);
	fh_need_gup(w, in_one + 9);
	pin_take(&h, w->hva + GM_2M + 9 * PG);
	GM_EXPECT_ERRNO(EAGAIN, __gm_gmem_punch(w->gmem, GM_2M, GM_2M), "the huge page");
	GM_EXPECT_ERRNO(EAGAIN, __gm_gmem_punch(w->gmem, 0, NR * GM_2M), "all");
	gm_pool_expect(&before, NR, 0, "after the refusals");
	gm_fixture_check_guest(w, 0, fh_gfn(w, 0), NR * in_one, 8, "after the refusals");
	gm_control(!__gm_gmem_punch(w->gmem, 2 * GM_2M, GM_2M), "the huge page above: %s",
		   gm_errno_name(errno));
	gm_pool_expect(&before, NR - 1, 1, "a hole above");
	pin_drop(&h);
	GM_EXPECT_OK(__gm_gmem_punch(w->gmem, GM_2M, GM_2M), "unpinned");
	gm_pool_expect(&before, NR - 2, 2, "unpinned, and a hole");
	gm_fixture_free(w);
	fh_settle(&before, 0, 0, "the VM and the file are gone");
}
