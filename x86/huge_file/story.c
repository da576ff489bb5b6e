// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contract as one story: a guest with 3 GiB of memory, of which the host can reach exactly those
 * 4 KiB pages that the guest shares at the moment. contract.folio_mmapped; make contract runs it.
 */
#include <sys/uio.h>
#include <unistd.h>

#include "huge_file.h"
#include "iommu.h"
#include "map_picture.h"
#include "touch.h"

#define GIBS 3UL
#define STEPS 6U  /* pages that become shared, in each of two GiBs */
#define AHEAD 16U /* bytes that a device moves at the begin of a page */

struct story {
	struct hf_vm *h;
	struct gm_iommu *iommu;
	struct gm_iodev *dev;
	uint32_t ioas;
	bool gup; /* GUP takes shared pages (not P5) */
	uint64_t shared[2 * STEPS];
	unsigned int nr;
};

static uint8_t *host(struct story *s, uint64_t p)
{
	return s->h->w->hva + p * PG;
}

/* The host's two ways to a page: a load, and GUP. 0 or an errno; a load ends in SIGBUS. */
static int load(struct story *s, uint64_t p)
{
	return gm_touch(host(s, p), false, NULL);
}

static int gup(struct story *s, uint64_t p)
{
	uint64_t word;
	struct iovec mine = { &word, 8 }, page = { host(s, p), 8 };

	return process_vm_readv(getpid(), &mine, 1, &page, 1, 0) == 8 ? 0 : errno;
}

/* The device's way: by the file and an offset. False, and errno, if it gets no mapping. */
static bool map(struct story *s, uint64_t p, uint64_t n, uint64_t *iova)
{
	*iova = 64UL << 20;
	return !__gm_map_file(s->iommu, s->ioas, s->h->w->gmem, p * PG, n * PG, iova, GM_RW);
}

static void expect_private(struct story *s, uint64_t p)
{
	const struct gm_page *page = GM_PAGE(.off = GM_AT(p * PG), .gpa = GM_AT(hf_gpa(s->h, p)));
	uint64_t iova;
	bool mapped;
	int err;

	GM_EXPECT_AT(page, load(s, p) == SIGBUS, "the host's load of a private page: no SIGBUS");
	err = gup(s, p);
	GM_EXPECT_AT(page, err == EFAULT, "GUP of a private page: expected EFAULT, observed %s",
		     gm_errno_name(err));
	mapped = map(s, p, 1, &iova);
	GM_EXPECT_AT(page, !mapped && errno == EACCES,
		     "a device's map of a private page: expected EACCES, observed %s",
		     mapped ? "a map" : gm_errno_name(errno));
	if (mapped)
		gm_unmap(s->iommu, s->ioas, iova, PG);
}

/* The guest, the host and the device see the same bytes. */
static void expect_shared(struct story *s, uint64_t p)
{
	struct hf_vm *h = s->h;
	const struct gm_page *page = GM_PAGE(.off = GM_AT(p * PG), .gpa = GM_AT(hf_gpa(h, p)));
	uint64_t iova, word[AHEAD / 8], want;
	int err;

	hf_write(h, 0, p, 1);
	want = gm_fixture_word(h->w, hf_gfn(h, p));
	GM_EXPECT_AT(page, !load(s, p) && *(volatile uint64_t *)host(s, p) == want,
		     "the host does not read what the guest wrote");
	err = gup(s, p);
	GM_EXPECT_AT(page, err == (s->gup ? 0 : EFAULT), "GUP of a shared page: %s",
		     gm_errno_name(err));

	GM_ASSERT(map(s, p, 1, &iova), "a device's map of a shared page: %s", gm_errno_name(errno));
	memset(word, 0, sizeof(word));
	GM_EXPECT_AT(page, !__gm_dma_read(s->dev, iova, word, sizeof(word)) && word[0] == want,
		     "the device reads %s, the guest wrote %s", gm_word_str(word[0]),
		     gm_word_str(want));
	/* A generation that the guest has not written. */
	for (unsigned int i = 0; i < AHEAD / 8; i++)
		word[i] = gm_word(hf_gfn(h, p), GM_WRITER_SHARED, 60000, i);
	GM_EXPECT_AT(page, !__gm_dma_write(s->dev, iova, word, sizeof(word)), "the device writes");
	GM_EXPECT_AT(page, *(volatile uint64_t *)host(s, p) == word[0],
		     "the host does not read what the device wrote");
	/* While the device has it, nobody takes it away. */
	GM_EXPECT_ERRNO(EAGAIN, __gm_convert(h->w->vm, hf_gpa(h, p), PG, true),
			"a page that a device has mapped");
	gm_unmap(s->iommu, s->ioas, iova, PG);
	hf_write(h, 0, p, 1);
	hf_check(h, p, 1, "the shared page");
}

/* The pages on both sides of it are private, and so is a map from one into the other. */
static void expect_beside(struct story *s, uint64_t p)
{
	uint64_t iova, last = s->h->n * s->h->in_one - 1;
	bool mapped;

	if (p && s->h->private[p - 1])
		expect_private(s, p - 1);
	if (p == last || !s->h->private[p + 1])
		return;
	expect_private(s, p + 1);
	mapped = map(s, p, 2, &iova);
	GM_EXPECT_AT(
		GM_PAGE(.off = GM_AT(p * PG)), !mapped && errno == EACCES,
		"a device's map from a shared page into a private one: expected EACCES, observed %s",
		mapped ? "a map" : gm_errno_name(errno));
	if (mapped)
		gm_unmap(s->iommu, s->ioas, iova, 2 * PG);
}

/* What the guest's page tables look like now, in the results. */
static void picture(struct story *s, const char *title)
{
	struct gm_shape *shape = gm_shape_new(s->h->w->gpa, GIBS * GM_1G);

	memcpy(shape->mapped, s->h->mapped, GIBS * s->h->in_one);
	for (uint64_t p = 0; p < GIBS * s->h->in_one; p++)
		shape->private[p] = s->h->private[p];
	gm_map_note(shape, title);
	gm_shape_free(shape);
}

static void begin(struct story *s, enum gm_iommu_kind kind)
{
	struct hf_vm *h = s->h = hf_new(GM_1G, GIBS, 1);

	s->iommu = gm_iommu_new(kind);
	s->ioas = gm_ioas_new(s->iommu);
	s->dev = gm_iodev_new(s->iommu, s->ioas);
	hf_expect_pool(h, 0, "three GiB are reserved");
	for (uint64_t gib = 0; gib < GIBS; gib++)
		hf_write(h, 0, gib * h->in_one, 1);
	hf_expect_pool(h, 3, "the guest has touched each");
	hf_expect(h, "three GiB, each one mapping");
	for (uint64_t gib = 0; gib < GIBS; gib++)
		expect_private(s, gib * h->in_one);
	picture(s, "all private");
}

/* The guest shares one page. Its GiB is split, and the others have no fault. */
static void share_one(struct story *s, uint64_t gib)
{
	struct hf_vm *h = s->h;
	uint64_t p;

	do {
		p = gib * h->in_one + gm_fixture_random(h->w, h->in_one);
	} while (!h->private[p]);
	hf_guest_convert(h, 0, p, 1, false);
	s->shared[s->nr++] = p;
	hf_expect(h, "page %#lx became shared", p);
	expect_shared(s, p);
	expect_beside(s, p);
	for (uint64_t other = 0; other < GIBS; other++)
		hf_check(h, other * h->in_one, 1, "the first page of each GiB");
	hf_expect(h, "page %#lx is shared: every other GiB is as it was", p);
}

/* The guest takes one back, in another order than it gave them. */
static void take_one_back(struct story *s)
{
	struct hf_vm *h = s->h;
	unsigned int i = gm_fixture_random(h->w, s->nr);
	uint64_t p = s->shared[i];

	s->shared[i] = s->shared[--s->nr];
	hf_guest_convert(h, 0, p, 1, true);
	hf_expect(h, "page %#lx became private again", p);
	expect_private(s, p);
	hf_check(h, p, 1, "what was written while it was shared");
	for (uint64_t other = 0; other < GIBS; other++)
		hf_check(h, other * h->in_one, 1, "the first page of each GiB");
	hf_expect(h, "page %#lx is private again: every other GiB is as it was", p);
}

static void end(struct story *s)
{
	gm_iodev_free(s->dev);
	gm_iommu_free(s->iommu);
	hf_free(s->h);
}

static bool gup_takes_shared_pages(struct story *s)
{
	return !gup(s, s->shared[0]);
}

GM_CASE(folio_mmapped, .name = "contract.folio_mmapped", .clause = "contract.folio_mmapped",
	.provider = GM_PROVIDER_HUGE_FILE, .profile = "P4", .iommus = GM_IOMMUS(MOCK, VFIO),
	.needs = HF_NEEDS | GM_NEEDS(GMEM_HUGE, MAP_GMEM, HYPERCALL_EXIT), .huge_1g = 3,
	.timeout = 180,
	.text = "3 GiB, each one mapping; seeded pages become shared: host and device reach these and no others, every other GiB stays one mapping; all goes back, and the pool is whole")
{
	struct story s = {};
	struct hf_vm *h;

	begin(&s, self->iommu);
	h = s.h;

	/* The guest shares pages of the last GiB, then of the first; never of the middle one. */
	hf_guest_convert(h, 0, 2 * h->in_one + 512, 1, false);
	s.shared[s.nr++] = 2 * h->in_one + 512;
	s.gup = gup_takes_shared_pages(&s);
	expect_shared(&s, s.shared[0]);
	while (s.nr < STEPS && !gm_failures())
		share_one(&s, 2);
	picture(&s, "pages of the last GiB are shared");
	while (s.nr < 2 * STEPS && !gm_failures())
		share_one(&s, 0);
	picture(&s, "pages of two GiB are shared");

	while (s.nr && !gm_failures())
		take_one_back(&s);
	for (uint64_t gib = 0; gib < GIBS; gib++)
		hf_write(h, 0, gib * h->in_one + h->in_one / 2, 1);
	hf_expect(h, "each GiB is one mapping again");
	hf_expect_pool(h, 3, "the file has the same three");
	picture(&s, "all private again");

	end(&s);
}
