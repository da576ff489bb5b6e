// SPDX-License-Identifier: GPL-2.0-only
/* Ranges of chosen shapes, over several slots, and without effect: conv.any_range. */
#include "conv.h"

GM_FILE(.clause = "conv.any_range", .providers = GM_PROVIDERS_HUGE)

GM_CASE(every_short, .name = "conv.any_range.every_short",
	.text = "all ranges within twelve pages over a 2 MiB border")
{
	struct gm_fixture *w = GM_FIXTURE(.size = 2 * GM_2M, .mem = GM_MEM_THP);
	uint64_t base = GFN(w->gpa) + 506, n = 12;
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, GFN(w->gpa), PAGES(w->size), 1);
	for (uint64_t a = 0; a < n; a++) {
		for (uint64_t b = a + 1; b <= n; b++) {
			gm_batch_convert(&s, base + a, b - a, true, (a ^ b) & 1);
			gm_batch_check(&s, base - 1, n + 2, 8);
			gm_batch_fill(&s, base + a, b - a, 8);
			gm_batch_convert(&s, base + a, b - a, false, a & 1);
			gm_batch_check(&s, base - 1, n + 2, 8);
		}
	}
	gm_batch_flush(&s);
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}

GM_CASE(every_512th, .name = "conv.any_range.every_512th",
	.text = "long ranges: the first, the last and every 512th page are converted")
{
	struct gm_fixture *w = GM_FIXTURE(.size = 4 * GM_2M);
	uint64_t first = GFN(w->gpa);
	static const struct {
		uint64_t at, n;
	} range[] = {
		{ 512, 2 * 512 },     { 511, 2 * 512 },	    { 513, 2 * 512 },
		{ 512, 2 * 512 - 1 }, { 512, 2 * 512 + 1 }, { 1, 3 * 512 + 7 },
	};
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, PAGES(w->size), 64);
	for (size_t i = 0; i < sizeof(range) / sizeof(range[0]); i++) {
		for (int to_private = 1; to_private >= 0; to_private--) {
			gm_batch_convert(&s, first + range[i].at, range[i].n, to_private, i & 1);
			gm_batch_check(&s, first, PAGES(w->size), 512);
			gm_batch_check_suspects(&s, first + range[i].at, range[i].n);
		}
	}
	/* Converts each 512th page alone: no page between changes. */
	for (int to_private = 1; to_private >= 0; to_private--) {
		for (uint64_t p = 0; p < PAGES(w->size); p += 512)
			gm_batch_convert(&s, first + p, 1, to_private, false);
		gm_batch_check(&s, first, PAGES(w->size), 512);
	}
	gm_batch_flush(&s);
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}

GM_CASE(half_done, .name = "conv.any_range.half_done",
	.text = "ranges of which a part was converted before: after it all of the range is")
{
	static const struct {
		uint64_t at, n;
	} done[] = {
		{ 0, 32 }, { 32, 32 }, { 16, 32 }, { 0, 63 }, { 1, 63 },
		{ 0, 1 },  { 63, 1 },  { 31, 1 },  { 1, 62 },
	};
	static const uint64_t odd[] = { 0, 1, 30, 31, 32, 33, 62, 63 };
	struct gm_fixture *w = GM_FIXTURE(.size = 2 * GM_2M);
	uint64_t from = GFN(w->gpa) + 480, n = 64;
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, GFN(w->gpa), PAGES(w->size), 1);
	for (int away = 1; away >= 0; away--) {
		gm_batch_convert(&s, from - 2, n + 4, !away, true);
		for (size_t i = 0; i < sizeof(done) / sizeof(done[0]); i++) {
			gm_batch_convert(&s, from + done[i].at, done[i].n, away, i & 1);
			gm_batch_check(&s, from - 2, n + 4, 8);
			gm_batch_fill(&s, from - 2, n + 4, 8);
			gm_batch_convert(&s, from, n, away, !(i & 1));
			gm_batch_check(&s, from - 2, n + 4, 8);
			gm_batch_fill(&s, from - 2, n + 4, 8);
			gm_batch_convert(&s, from, n, !away, i & 1);
			gm_batch_check(&s, from - 2, n + 4, 8);
		}
		/*
		 * Only one page of the range differs: at its ends, and on either side of the 2 MiB
		 * border.
		 */
		gm_batch_convert(&s, from, n, away, true);
		for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
			gm_batch_convert(&s, from + odd[i], 1, !away, i & 1);
			gm_batch_check(&s, from - 2, n + 4, 8);
			gm_batch_convert(&s, from, n, away, !(i & 1));
			gm_batch_check(&s, from - 2, n + 4, 8);
			gm_batch_fill(&s, from - 2, n + 4, 8);
		}
	}
	gm_batch_flush(&s);
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}

static uint64_t faults(struct gm_fixture *w)
{
	return touch_faults(w->vm, 0, w->gpa, w->size);
}

GM_CASE(noop, .name = "conv.any_range.repeat_is_noop",
	.text = "setting the current state unmaps nothing, with any state of adjacent pages",
	.needs = GM_NEEDS(PAGE_STATS, TDP))
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	static const uint64_t alone[] = { 0, 1, 99, 100, 149, 150, 255, 256, 299, 510, 511 };
	uint64_t first = GFN(w->gpa), mapped, again;

	gm_fixture_convert(w, first + 100, 50, true);
	gm_fixture_convert(w, first + 300, 1, true);
	/* The first touch also counts faults on the guest's own code, stack and tables. */
	GM_EXPECT(faults(w) >= 512, "fewer faults than pages at the first touch");
	GM_EXPECT_EQ(faults(w), 0, "pages faulted in at the second touch");
	mapped = gm_vm_stat(w->vm, "pages_4k");
	/* Ranges with neighbours of the other state on one side, on both, on none. */
	gm_fixture_convert(w, first, 100, false);
	gm_fixture_convert(w, first + 150, 150, false);
	gm_fixture_convert(w, first + 400, 64, false);
	gm_fixture_convert(w, first + 301, 1, false);
	gm_fixture_convert(w, first + 100, 50, true);
	gm_fixture_convert(w, first + 120, 10, true);
	gm_fixture_convert(w, first + 300, 1, true);
	/* Single pages at the ends of the 2 MiB and of private ranges. */
	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
		gm_fixture_convert(w, first + alone[i], 1,
				   gm_model_private(w->model, first + alone[i]));
	GM_EXPECT_EQ(gm_vm_stat(w->vm, "pages_4k"), mapped,
		     "pages_4k after conversions to the current state");
	GM_EXPECT_EQ(faults(w), 0, "pages faulted in after conversions to the current state");
	/* Control: the count changes if a page changes. */
	gm_fixture_convert(w, first + 299, 2, true);
	again = faults(w);
	/* Setting attributes of the VM unmaps the whole range. */
	GM_EXPECT(again == 2 || (again == 1 && w->provider->file_serves_shared),
		  "%lu pages faulted in after a range of two of which one changed", again);
	gm_fixture_convert(w, first + 299, 1, false);
	GM_EXPECT_EQ(faults(w), 1, "pages faulted in after one page changed");
	gm_fixture_free(w);
}

GM_CASE(slots_and_hole, .name = "conv.any_range.two_slots_and_hole",
	.text = "a range over two slots and the gap between them; the gap keeps its attributes")
{
	/* Slots of 1 MiB with a gap of 1 MiB between them, in reverse order in the file. */
	struct gm_fixture *w =
		GM_FIXTURE(.size = 3 * GM_2M / 2, .file_size = 4 * GM_2M, .no_slot = true);
	uint64_t first = GFN(w->gpa), part = 256;
	uint64_t in_file[3] = { 2 * part + 7, part, 0 };
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	for (int i = 0; i < 3; i += 2)
		gm_slot_set(w->vm, GM_SLOT + i, 0, GPA(first + i * part), GPA(part),
			    w->uaddr + GPA(i * part), w->gmem, GPA(in_file[i]));
	gm_batch_fill(&s, first, part, 1);
	gm_batch_fill(&s, first + 2 * part, part, 1);
	for (int to_private = 1; to_private >= 0; to_private--) {
		gm_batch_convert(&s, first + 10, 3 * part - 20, to_private, true);
		gm_batch_check(&s, first, part, 1);
		gm_batch_check(&s, first + 2 * part, part, 1);
		if (!to_private)
			break;
		gm_batch_fill(&s, first, part, 1);
		gm_batch_fill(&s, first + 2 * part, part, 1);
	}
	/* Again, and then a slot in the gap: the pages of the range are private. */
	gm_batch_convert(&s, first + part - 1, part + 1, true, true);
	gm_batch_convert(&s, first + part + 3, 1, false, true);
	gm_slot_set(w->vm, GM_SLOT + 1, 0, GPA(first + part), GPA(part), w->uaddr + GPA(part),
		    w->gmem, GPA(in_file[1]));
	gm_batch_check(&s, first, 3 * part, 1);
	gm_batch_fill(&s, first, 3 * part, 1);
	gm_batch_flush(&s);
	gm_fixture_check_all(w, 0, "with a slot in the gap");
	gm_fixture_free(w);
}

/* Not in place, where only pages of files have a state. */
GM_CASE(far, .name = "conv.any_range.far_gfns",
	.text = "gfns that no guest can reach, up to the last: no page of the guest changes",
	.providers = GM_PROVIDERS(ATTRIBUTES))
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t first = GFN(w->gpa);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, 512, 1);
	gm_batch_convert(&s, first + 7, 1, true, true);
	gm_batch_fill(&s, first, 512, 1);
	gm_batch_flush(&s);
	/* The guest's gpa with one high bit changed. */
	for (int bit = 33; bit < 64; bit++) {
		gm_convert(w->vm, w->gpa ^ 1UL << bit, 16 * GM_PAGE_SIZE, true);
		gm_batch_check(&s, first, 20, 1);
	}
	/* Address and size may add up to 2^64 - 4096: the last gfn but one. */
	gm_convert(w->vm, -3 * GM_PAGE_SIZE, 2 * GM_PAGE_SIZE, true);
	gm_convert(w->vm, -3 * GM_PAGE_SIZE, 2 * GM_PAGE_SIZE, false);
	for (int bit = 33; bit < 64; bit++)
		gm_convert(w->vm, w->gpa ^ 1UL << bit, 16 * GM_PAGE_SIZE, false);
	gm_batch_check(&s, first, 512, 1);
	gm_batch_flush(&s);
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}

/* Not in place, where gfn 0 has no special role. */
GM_CASE(gfn0, .name = "conv.any_range.gfn_0",
	.text = "the first page of the address space is converted, and the range from it",
	.providers = GM_PROVIDERS(ATTRIBUTES))
{
	static const uint64_t len[] = { 1, 2, 512 };
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 0);
	struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, GM_2M);
	struct kvm_vcpu *vcpu = __vm_vcpu_add(vm->kvm, 0);
	struct kvm_pre_fault_memory range;

	/* No guest runs here: prefault of a slot without guest_memfd fails at a private page. */
	gm_slot_set(vm, GM_SLOT, 0, 0, GM_2M, mem->hva, -1, 0);
	for (size_t i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		gm_convert(vm, 0, len[i] * GM_PAGE_SIZE, true);
		for (uint64_t gfn = 0; gfn < 512; gfn++) {
			int ret, err;

			range = (struct kvm_pre_fault_memory){ .gpa = GPA(gfn),
							       .size = GM_PAGE_SIZE };
			errno = 0;
			ret = __vcpu_ioctl(vcpu, KVM_PRE_FAULT_MEMORY, &range);
			err = errno;
			GM_EXPECT_AT(
				GM_PAGE(.gpa = GM_AT(GPA(gfn))),
				gfn < len[i] ? ret == -1 && err == EFAULT : !ret,
				"%lu pages from gfn 0 private: prefault of gfn %#lx gave %d %s, expected %s",
				len[i], gfn, ret, ret ? gm_errno_name(err) : "",
				gfn < len[i] ? "-1 EFAULT" : "0");
		}
		gm_convert(vm, 0, len[i] * GM_PAGE_SIZE, false);
		range = (struct kvm_pre_fault_memory){ .gpa = 0, .size = GM_2M };
		GM_EXPECT_OK(__vcpu_ioctl(vcpu, KVM_PRE_FAULT_MEMORY, &range),
			     "after converting back");
		GM_EXPECT_EQ(range.size, 0, "bytes that the prefault left");
	}
	gm_vm_free(vm);
	gm_mem_free(mem);
}

GM_CASE(other_vm, .name = "conv.any_range.other_vm",
	.text = "attributes of one VM do not affect another")
{
	struct gm_fixture *a = GM_FIXTURE(.size = GM_2M), *b = GM_FIXTURE(.size = GM_2M);
	uint64_t first = GFN(a->gpa);
	struct gm_batch sa, sb;

	gm_batch_init(&sa, a, 0);
	gm_batch_init(&sb, b, 0);
	gm_batch_fill(&sa, first, 512, 1);
	/* The generations of the two differ, so that a page of the other VM is recognized. */
	b->gen = 1000;
	gm_batch_fill(&sb, first, 512, 1);
	gm_batch_convert(&sa, first + 3, 300, true, false);
	gm_batch_fill(&sa, first, 512, 1);
	gm_batch_convert(&sb, first + 200, 200, true, false);
	gm_batch_fill(&sb, first, 512, 1);
	gm_batch_check(&sa, first, 512, 1);
	gm_batch_flush(&sa);
	gm_batch_check(&sb, first, 512, 1);
	gm_batch_flush(&sb);
	gm_batch_convert(&sa, first, 512, false, false);
	gm_batch_check(&sa, first, 512, 1);
	gm_batch_flush(&sa);
	gm_batch_check(&sb, first, 512, 1);
	gm_batch_flush(&sb);
	gm_fixture_check_all(a, 0, "the first VM at the end");
	gm_fixture_check_all(b, 0, "the second VM at the end");
	gm_fixture_free(a);
	gm_fixture_free(b);
}
