// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_PRE_FAULT_MEMORY maps exactly its range, private or shared by the attribute: conv.prefault.
 */
#include "conv.h"

GM_FILE(.clause = "conv.prefault", .providers = GM_PROVIDERS_HUGE,
	.needs = GM_NEEDS(PREFAULT, PAGE_STATS, TDP))

/* Prefaults. Expects that `left` bytes remain, and `pages` more 4 KiB mappings. */
static void expect_mapped(struct gm_fixture *w, uint64_t gfn, uint64_t n, uint64_t left,
			  int64_t pages, const char *when)
{
	uint64_t gpa = GPA(gfn), size = GPA(n), before = gm_vm_stat(w->vm, "pages_4k");
	int ret = gm_prefault(w->vm, 0, &gpa, &size, 0);

	GM_EXPECT(!ret, "%s: %lu pages from gfn %#lx: %s, expected 0", when, n, gfn,
		  gm_errno_name(errno));
	GM_EXPECT_EQ(size, left, "%s: bytes left of %lu pages from gfn %#lx", when, n, gfn);
	GM_EXPECT_EQ(gpa, GPA(gfn + n) - left, "%s: gpa after it", when);
	GM_EXPECT_EQ(gm_vm_stat(w->vm, "pages_4k") - before, pages, "%s: mappings of 4 KiB made",
		     when);
}

static uint64_t faults(struct gm_fixture *w, uint64_t gfn, uint64_t n)
{
	return touch_faults(w->vm, 0, GPA(gfn), GPA(n));
}

/* Faults in the guest's own code and tables, so that only faults of the slot are counted. */
static void warm_up(struct gm_fixture *w)
{
	struct gm_op op = { .code = GM_OP_NOP };

	for (int i = 0; i < 2; i++)
		gm_run(w->vm, 0, &op, 1);
	gm_guest_touch(w->vm, 0, w->gpa + w->size - 8, 8, 8);
}

GM_CASE(exact, .name = "conv.prefault.exact", .providers = GM_PROVIDERS_X86,
	.text = "exactly the range, and nothing when it is mapped already")
{
	static const struct {
		uint64_t at, n;
	} range[] = {
		{ 0, 1 }, { 2, 1 }, { 5, 3 }, { 511, 2 }, { 600, 300 }, { 100, 56 }, { 1022, 2 },
	};
	struct gm_fixture *w = GM_FIXTURE(.size = 3 * GM_2M);
	uint64_t first = GFN(w->gpa);

	warm_up(w);
	for (int private = 0; private <= 1; private ++) {
		gm_fixture_convert(w, first, PAGES(w->size), !private);
		gm_fixture_convert(w, first, PAGES(w->size), private);
		for (size_t i = 0; i < sizeof(range) / sizeof(range[0]); i++) {
			uint64_t gfn = first + range[i].at, n = range[i].n;

			expect_mapped(w, gfn, n, 0, n, private ? "private" : "shared");
			expect_mapped(w, gfn, n, 0, 0, "the second time");
			GM_EXPECT_EQ(faults(w, gfn, n), 0, "faults on prefaulted pages");
		}
		/* The other pages are not mapped yet: one fault each. */
		GM_EXPECT_EQ(faults(w, first + 1, 1), 1, "faults on other pages");
		GM_EXPECT_EQ(faults(w, first + 3, 2), 2, "faults on other pages");
		GM_EXPECT_EQ(faults(w, first + 8, 92), 92, "faults on other pages");
		GM_EXPECT_EQ(faults(w, first + 513, 87), 87, "faults on other pages");
		GM_EXPECT_EQ(faults(w, first + 1024, 1), 1, "faults on other pages");
	}
	gm_fixture_free(w);
}

GM_CASE(follows, .name = "conv.prefault.follows_attributes",
	.text = "each page is private or shared by its attribute, with its data")
{
	struct gm_fixture *w = GM_FIXTURE(.size = 2 * GM_2M, .mem = GM_MEM_ANON);
	uint64_t first = GFN(w->gpa), n = PAGES(w->size);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, n, 1);
	for (uint64_t i = 0; i < n; i += 5)
		gm_batch_convert(&s, first + i, 1 + i % 3, true, true);
	gm_batch_fill(&s, first, n, 1);
	gm_batch_flush(&s);
	/* Deleting and creating the slot unmaps all; the data stays. */
	gm_slot_delete(w->vm, GM_SLOT);
	gm_fixture_slot(w, GM_SLOT, w->gpa, w->size, 0);
	warm_up(w);
	expect_mapped(w, first, n - 1, 0, n - 1, "a mixture");
	GM_EXPECT_EQ(faults(w, first, n), 0, "faults after the prefault");
	gm_fixture_check_guest(w, 0, first, n, 1, "after the prefault");
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}

GM_CASE(unmapped, .name = "conv.prefault.unmapped_by_conversion",
	.text = "a conversion unmaps exactly its prefaulted pages")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t first = GFN(w->gpa), all, gone;

	warm_up(w);
	gm_fixture_convert(w, first + 100, 100, true);
	expect_mapped(w, first, 511, 0, 511, "a mixture");
	all = gm_vm_stat(w->vm, "pages_4k");
	gm_fixture_convert(w, first + 50, 1, true);
	GM_EXPECT_EQ(all - gm_vm_stat(w->vm, "pages_4k"), 1,
		     "mappings removed by the conversion of a page");
	gm_fixture_convert(w, first + 150, 100, false);
	gone = all - gm_vm_stat(w->vm, "pages_4k");
	/* Half of the range was shared already; setting attributes of the VM unmaps that, too. */
	GM_EXPECT(gone == 101 || (w->provider->file_serves_shared && gone == 51),
		  "%lu mappings removed by both conversions", gone);
	GM_EXPECT_EQ(faults(w, first, 512), gone, "faults after the conversions");
	gm_fixture_free(w);
}

GM_CASE(partial, .name = "conv.prefault.partial",
	.text = "it stops at the first page without memory, and returns its gpa",
	.providers = GM_PROVIDERS(ATTRIBUTES))
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .no_slot = true);
	uint64_t first = GFN(w->gpa), gpa, size;

	/* [0, 128) with guest_memfd; [128, 256) without; no slot from 256. */
	gm_slot_set(w->vm, GM_SLOT, 0, w->gpa, GPA(128), w->uaddr, w->gmem, 0);
	gm_slot_set(w->vm, GM_SLOT + 1, 0, w->gpa + GPA(128), GPA(128), w->uaddr + GPA(128), -1, 0);
	gm_guest_touch(w->vm, 0, w->gpa, 8, 8);
	gm_guest_touch(w->vm, 0, w->gpa, 8, 8);
	gm_fixture_convert(w, first + 200, 1, true);
	expect_mapped(w, first + 100, 156, GPA(56), 100, "a private page without guest_memfd");
	gpa = GPA(first + 200);
	size = GPA(10);
	GM_EXPECT_ERRNO(EFAULT, gm_prefault(w->vm, 0, &gpa, &size, 0), "from that page on");
	GM_EXPECT(gpa == GPA(first + 200) && size == GPA(10),
		  "%#lx bytes left at %#lx, expected all", size, gpa);
	expect_mapped(w, first + 250, 10, GPA(4), 6, "the end of the slot");
	gpa = GPA(first + 256);
	size = GM_PAGE_SIZE;
	GM_EXPECT_ERRNO(ENOENT, gm_prefault(w->vm, 0, &gpa, &size, 0), "shared, no slot");
	GM_EXPECT(gpa == GPA(first + 256) && size == GM_PAGE_SIZE,
		  "%#lx bytes left at %#lx, expected all", size, gpa);
	gm_fixture_convert(w, first + 300, 1, true);
	gpa = GPA(first + 300);
	GM_EXPECT_ERRNO(EFAULT, gm_prefault(w->vm, 0, &gpa, &size, 0), "private, no slot");
	gm_fixture_free(w);
}

/* In place private and shared pages both have memory: it stops only at the end of the slot. */
GM_CASE(end, .name = "conv.prefault.partial",
	.text = "it stops at the end of the slot, and returns its gpa",
	.providers = GM_PROVIDERS(INPLACE))
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .no_slot = true);
	uint64_t first = GFN(w->gpa), gpa = w->gpa + GPA(128), size = GM_PAGE_SIZE;

	gm_fixture_slot(w, GM_SLOT, w->gpa, GPA(128), 0);
	for (int i = 0; i < 2; i++)
		gm_guest_touch(w->vm, 0, w->gpa, 8, 8);
	gm_fixture_convert(w, first + 110, 10, true);
	/* Converting pages without a slot makes no difference. */
	gm_fixture_convert(w, first + 130, 10, true);
	expect_mapped(w, first + 100, 40, GPA(12), 28, "the end of the slot");
	GM_EXPECT_ERRNO(ENOENT, gm_prefault(w->vm, 0, &gpa, &size, 0), "no slot");
	GM_EXPECT(gpa == GPA(first + 128) && size == GM_PAGE_SIZE,
		  "%#lx bytes left at %#lx, expected all", size, gpa);
	gm_fixture_free(w);
}

GM_CASE(refused, .name = "conv.prefault.bad_args",
	.text = "flags, unaligned size or size 0, unaligned gpa, wrap: EINVAL, nothing is mapped",
	.flags = GM_REFUSAL)
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t gpa, size, mapped;

#define REFUSED(g, s, f, ...)                                                                      \
	do {                                                                                       \
		gpa = (g);                                                                         \
		size = (s);                                                                        \
		GM_EXPECT_ERRNO(EINVAL, gm_prefault(w->vm, 0, &gpa, &size, f), __VA_ARGS__);       \
		GM_EXPECT(gpa == (g) && size == (s), "%#lx bytes left at %#lx", size, gpa);        \
	} while (0)
	warm_up(w);
	mapped = gm_vm_stat(w->vm, "pages_4k");
	for (int bit = 0; bit < 64; bit++)
		REFUSED(w->gpa, GM_2M, 1UL << bit, "flags bit %d", bit);
	for (int bit = 0; bit < 12; bit++) {
		REFUSED(w->gpa | 1UL << bit, GM_PAGE_SIZE, 0, "gpa bit %d", bit);
		REFUSED(w->gpa, GM_PAGE_SIZE | 1UL << bit, 0, "size bit %d", bit);
		REFUSED(w->gpa, 1UL << bit, 0, "size bit %d alone", bit);
	}
	REFUSED(w->gpa, 0UL, 0, "size 0");
	REFUSED(0UL, 0UL, 0, "size 0 at 0");
	REFUSED(w->gpa, -w->gpa, 0, "to exactly 2^64");
	REFUSED(w->gpa, -GM_PAGE_SIZE, 0, "wrapping");
#undef REFUSED
	GM_EXPECT_EQ(gm_vm_stat(w->vm, "pages_4k"), mapped, "mappings of 4 KiB after the refusals");
	gpa = w->gpa;
	size = GM_2M - GM_PAGE_SIZE;
	gm_promise(!gm_prefault(w->vm, 0, &gpa, &size, 0) && !size &&
			   gm_vm_stat(w->vm, "pages_4k") == mapped + 511,
		   "a legal prefault: %lu bytes left, %lu pages mapped", size,
		   gm_vm_stat(w->vm, "pages_4k") - mapped);
	gm_fixture_free(w);
}

GM_CASE(huge, .name = "conv.prefault.thp",
	.text = "huge shared pages are mapped huge, except in the 2 MiB with a private page",
	.providers = GM_PROVIDERS(ATTRIBUTES), .huge_2m = 2)
{
	struct gm_fixture *w = GM_FIXTURE(.size = 2 * GM_2M, .mem = GM_MEM_HUGE_2M);
	uint64_t first = GFN(w->gpa), gpa = w->gpa, size = w->size, huge, small;
	struct gm_op op = { .code = GM_OP_NOP };

	gm_host_fill(w->hva, first, 1024, GM_WRITER_HOST, 7);
	gm_model_host_wrote(w->model, first, 1024, GM_WRITER_HOST, 7);
	gm_run(w->vm, 0, &op, 1);
	gm_fixture_convert(w, first + 700, 1, true);
	huge = gm_vm_stat(w->vm, "pages_2m");
	small = gm_vm_stat(w->vm, "pages_4k");
	GM_EXPECT_OK(gm_prefault(w->vm, 0, &gpa, &size, 0));
	GM_EXPECT_EQ(size, 0, "bytes left");
	GM_EXPECT_EQ(gpa, w->gpa + w->size, "gpa after it");
	GM_EXPECT_EQ(gm_vm_stat(w->vm, "pages_2m") - huge, 1, "mappings of 2 MiB made");
	GM_EXPECT_EQ(gm_vm_stat(w->vm, "pages_4k") - small, 512, "mappings of 4 KiB made");
	gm_fixture_check_guest(w, 0, first, 1024, 1, "after the prefault");
	/* A range of the last page of one huge page and the first of the next. */
	gm_fixture_convert(w, first + 700, 1, false);
	gm_slot_delete(w->vm, GM_SLOT);
	gm_fixture_slot(w, GM_SLOT, w->gpa, w->size, 0);
	gm_run(w->vm, 0, &op, 1);
	huge = gm_vm_stat(w->vm, "pages_2m");
	gpa = GPA(first + 511);
	size = 2 * GM_PAGE_SIZE;
	GM_EXPECT_OK(gm_prefault(w->vm, 0, &gpa, &size, 0));
	GM_EXPECT_EQ(size, 0, "bytes left of two pages in two huge ones");
	GM_EXPECT_EQ(gpa, GPA(first + 513), "gpa after it");
	GM_EXPECT_EQ(gm_vm_stat(w->vm, "pages_2m") - huge, 2, "mappings of 2 MiB made");
	gm_fixture_check_guest(w, 0, first, 1024, 1, "after the second prefault");
	gm_fixture_free(w);
}

GM_CASE(other_vcpu, .name = "conv.prefault.other_vcpu",
	.text = "one vCPU prefaults; another does not fault on the pages")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .vcpus = 2);
	uint64_t first = GFN(w->gpa), gpa = w->gpa, size = GPA(300), before;

	gm_fixture_convert(w, first + 10, 250, true);
	warm_up(w);
	gm_guest_touch(w->vm, 1, w->gpa + GPA(500), 8, 8);
	gm_guest_touch(w->vm, 1, w->gpa + GPA(500), 8, 8);
	GM_EXPECT_OK(gm_prefault(w->vm, 0, &gpa, &size, 0));
	before = gm_vcpu_stat(w->vm, 1, "pf_fixed");
	gm_guest_touch(w->vm, 1, w->gpa, GPA(300), GM_PAGE_SIZE);
	GM_EXPECT_EQ(gm_vcpu_stat(w->vm, 1, "pf_fixed") - before, 0, "faults of the other vCPU");
	gm_fixture_free(w);
}
