// SPDX-License-Identifier: GPL-2.0-only
/*
 * A conversion unmaps the pages that change their state, and none outside the range. It does not
 * unmap pages that have the state already. conv.inplace_zaps, conv.inplace_noop.
 */
#include <sched.h>
#include <stdatomic.h>

#include "inplace.h"

GM_FILE(.clause = "conv.inplace_zaps", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS | GM_NEEDS(PAGE_STATS, TDP))

#define NPAGES 384UL
#define SIZE (NPAGES * PG)

/* 4 KiB mappings of the guest, and the faults of vCPU 0 that made one. */
struct counts {
	uint64_t mapped, faults, host;
};

static struct counts count_mapped(struct gm_fixture *w)
{
	return (struct counts){ gm_vm_stat(w->vm, "pages_4k"), gm_vcpu_stat(w->vm, 0, "pf_fixed"),
				ip_nr_present(w, 0, PAGES(w->size)) };
}

/* Maps all pages in the guest, and all shared pages in the host. */
static void map_all(struct gm_fixture *w)
{
	uint64_t word;

	gm_guest_touch(w->vm, 0, w->gpa, w->size, PG);
	for (uint64_t i = 0; i < PAGES(w->size); i++)
		if (!gm_model_private(w->model, ip_gfn(w, i)))
			GM_SETUP(ip_load(w->hva + i * PG, &word), "page %lu is not shared", i);
	/* Also maps the memory that the guest's next run needs. */
	gm_guest_touch(w->vm, 0, w->gpa, w->size, PG);
}

/* Number of private or shared pages in the range. */
static uint64_t count(struct gm_fixture *w, uint64_t page, uint64_t n, bool private)
{
	uint64_t nr = 0;

	for (uint64_t i = page; i < page + n; i++)
		nr += gm_model_private(w->model, ip_gfn(w, i)) == private;
	return nr;
}

/*
 * The guest may lose the pages that change, or the whole range: an MMU with one root for private
 * and shared pages cannot tell them apart (kvm_gfn_range_filter_to_root_types()). Nothing between.
 */
static bool lost_is_right(uint64_t lost, uint64_t change, uint64_t n)
{
	return lost == change || (change && lost == n);
}

/* Converts. Expects that the pages that change are unmapped, and none outside the range. */
static void expect_zap(struct gm_fixture *w, uint64_t page, uint64_t n, bool to_private,
		       const char *when)
{
	uint64_t change = count(w, page, n, !to_private);
	const char *to = to_private ? "private" : "shared";
	struct counts before, after, again;
	uint64_t lost;

	map_all(w);
	before = count_mapped(w);
	if (!ip_convert(w, page, n, to_private, when))
		gm_end();
	after = count_mapped(w);
	lost = before.mapped - after.mapped;
	GM_EXPECT(
		lost_is_right(lost, change, n),
		"%s: %lu+%lu to %s: expected the guest to lose %lu pages or all %lu, observed %lu",
		when, page, n, to, change, n, lost);
	GM_EXPECT_EQ(before.host - after.host, to_private ? change : 0,
		     "%s: pages that the host lost, %lu+%lu to %s", when, page, n, to);
	gm_guest_touch(w->vm, 0, w->gpa, w->size, PG);
	again = count_mapped(w);
	GM_EXPECT_EQ(again.faults - before.faults, lost,
		     "%s: faults of a touch of every page, %lu+%lu to %s before it", when, page, n,
		     to);
}

static const struct {
	uint64_t page, n;
} ranges[] = {
	{ 5, 1 }, { 4, 2 }, { 0, 1 }, { NPAGES - 1, 1 }, { 63, 66 }, { 100, 200 }, { 0, NPAGES },
};

#define NRANGES (sizeof(ranges) / sizeof(ranges[0]))

struct mixed {
	bool private_first;
	bool uaddr_is_file; /* userspace_addr is the mapping of the file */
};

GM_CASES(mixed, struct mixed, v)
{
	struct gm_fixture *w =
		IP_FIXTURE(v->private_first, .size = SIZE,
			   .uaddr = v->uaddr_is_file ? GM_UADDR_SHARED : GM_UADDR_MEM);

	for (size_t i = 0; i < NRANGES; i++) {
		ip_striped(w);
		expect_zap(w, ranges[i].page, ranges[i].n, true, "mixed");
		ip_striped(w);
		expect_zap(w, ranges[i].page, ranges[i].n, false, "mixed");
	}
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}
GM_ROW(mixed, mixed_shared, .name = "conv.inplace_zaps.mixed",
       .text = "a mixed range: the guest loses the pages that change their state, and none outside the range") = {
	.private_first = false,
};
GM_ROW(mixed, mixed_private, .name = "conv.inplace_zaps.mixed.private_first",
       .text = "the same in a file that started private") = { .private_first = true };
/* As in VMMs: the MMU notifier unmaps from the guest what is unmapped from the host. */
GM_ROW(mixed, mixed_uaddr, .name = "conv.inplace_zaps.mixed.uaddr_is_file",
       .text = "the same with userspace_addr a mapping of the file") = {
	.uaddr_is_file = true,
};
GM_ROW(mixed, mixed_uaddr_private, .name = "conv.inplace_zaps.mixed.uaddr_is_file.private_first",
       .text = "the same in a file that started private") = {
	.private_first = true,
	.uaddr_is_file = true,
};

GM_CASE(uniform, .name = "conv.inplace_zaps.uniform",
	.text = "a range of one state: all of it is unmapped, and its neighbours stay")
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);

	ip_all_shared(w);
	for (size_t i = 0; i < NRANGES; i++) {
		expect_zap(w, ranges[i].page, ranges[i].n, true, "shared");
		expect_zap(w, ranges[i].page, ranges[i].n, false, "private");
	}
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}

GM_CASE(two_slots, .name = "conv.inplace_zaps.two_slots",
	.text = "a range over two slots of the file at distant gpas: both lose their part")
{
	struct gm_fixture *w =
		IP_FIXTURE(false, .size = SIZE, .no_slot = true, .no_map = true, .extra_pages = 16);
	/* The upper half of the file is at the lower gpa. */
	uint64_t half = SIZE / 2, at[2] = { w->gpa + GM_1G, w->gpa }, word;
	struct gm_vm *vm = w->vm;
	struct counts before;

	for (int i = 0; i < 2; i++) {
		gm_fixture_slot(w, GM_SLOT + i, at[i], half, i * half);
		gm_vm_map(vm, at[i], GM_2M, PG);
	}
	for (int turn = 0; turn < 4; turn++) {
		bool private = !(turn & 1);

		for (int i = 0; i < 2; i++)
			gm_guest_touch(vm, 0, at[i], half, PG);
		before = count_mapped(w);
		ip_convert(w, NPAGES / 2 - 20, 50, private, "over both slots");
		GM_EXPECT_EQ(before.mapped - count_mapped(w).mapped, 50,
			     "pages that the guest lost");
		gm_guest_touch(vm, 0, at[0] + half - 20 * PG, 20 * PG, PG);
		GM_EXPECT_EQ(count_mapped(w).faults - before.faults, 20,
			     "faults in the first slot");
		gm_guest_touch(vm, 0, at[1], 30 * PG, PG);
		GM_EXPECT_EQ(count_mapped(w).faults - before.faults, 50, "faults in both slots");
	}
	for (int i = 0; i < 2; i++) {
		struct gm_op op = { .code = GM_OP_WRITE, .addr = at[i], .val = 77 + i };

		gm_run(vm, 0, &op, 1);
		GM_EXPECT(ip_load(w->hva + i * half, &word) && word == 77 + (uint64_t)i,
			  "slot %d is another part of the file", i);
	}
	gm_fixture_free(w);
}

/* --- ranges of many runs --- */

struct long_run {
	struct gm_fixture *w;
	atomic_bool stop;
	cpu_set_t cpus; /* all threads share one, so that the conversion must reschedule */
};

static void every_second(struct gm_fixture *w, bool to_private)
{
	uint64_t n = PAGES(w->size);

	for (uint64_t i = 1; i < n; i += 2)
		if (!ip_convert(w, i, 1, to_private, "every second page"))
			gm_end();
}

static void long_runs(unsigned int i, void *arg)
{
	struct long_run *r = arg;
	uint64_t n = PAGES(r->w->size);

	GM_SETUP_OK(sched_setaffinity(0, sizeof(r->cpus), &r->cpus));
	if (i) {
		while (!atomic_load(&r->stop))
			;
		return;
	}
	for (int to_private = 1; to_private >= 0; to_private--) {
		ip_convert(r->w, 0, n, !to_private, "all");
		every_second(r->w, to_private);
		expect_zap(r->w, 0, n, to_private, "every second page");
	}
	atomic_store(&r->stop, true);
}

struct run {
	bool private_first;
	bool contended; /* others compete for the CPU that unmaps */
};

GM_CASES(long_run, struct run, v)
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = 4096 * PG);
	struct long_run r = { .w = w };
	unsigned int cpu;

	getcpu(&cpu, NULL);
	CPU_ZERO(&r.cpus);
	CPU_SET(cpu, &r.cpus);
	ip_all_shared(w);
	gm_parallel(v->contended ? 3 : 1, long_runs, &r);
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}
GM_ROW(long_run, long_run_shared, .name = "conv.inplace_zaps.long_run",
       .text = "4096 pages of alternating state, one call: all that change are unmapped") = {
	.private_first = false,
};
GM_ROW(long_run, long_run_private, .name = "conv.inplace_zaps.long_run.private_first",
       .text = "the same in a file that started private") = { .private_first = true };
GM_ROW(long_run, long_run_contended, .name = "conv.inplace_zaps.long_run.contended",
       .text = "the same while others compete for the CPU that unmaps") = { .contended = true };

/* --- conv.inplace_noop --- */

static void expect_noop(struct gm_fixture *w, uint64_t page, uint64_t n, bool to_private,
			const char *when)
{
	struct counts before = count_mapped(w), after;

	if (!ip_convert(w, page, n, to_private, when))
		gm_end();
	after = count_mapped(w);
	GM_EXPECT_EQ(after.mapped, before.mapped, "%s: pages that the guest has mapped", when);
	GM_EXPECT_EQ(after.host, before.host, "%s: pages that the host has mapped", when);
	gm_guest_touch(w->vm, 0, w->gpa, SIZE, PG);
	GM_EXPECT_EQ(count_mapped(w).faults, before.faults, "%s: faults of the guest", when);
}

IP_CASES(kept, v, "conv.inplace_noop.mappings",
	 "a range that has the state already: guest and host keep every mapping",
	 .clause = "conv.inplace_noop")
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);

	ip_all_shared(w);
	ip_convert(w, 100, 150, true, "the middle");
	map_all(w);
	expect_noop(w, 0, 100, false, "shared below");
	expect_noop(w, 99, 1, false, "the last shared page below");
	expect_noop(w, 250, NPAGES - 250, false, "shared above");
	expect_noop(w, 100, 150, true, "private");
	expect_noop(w, 100, 1, true, "the first private page");
	expect_noop(w, 249, 1, true, "the last private page");
	expect_noop(w, 130, 64, true, "private, in the middle");
	ip_convert(w, 0, NPAGES, true, "all");
	map_all(w);
	expect_noop(w, 0, NPAGES, true, "all private");
	ip_convert(w, 0, NPAGES, false, "all");
	map_all(w);
	expect_noop(w, 0, NPAGES, false, "all shared");
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}

GM_CASE(held, .name = "conv.inplace_noop.held", .clause = "conv.inplace_noop",
	.text = "a shared range with pages in use to shared: success, and no page is unmapped",
	.needs = GM_NEEDS(GUP_TEST))
{
	static const uint64_t page[] = { 0, 70, NPAGES - 1 };
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct ip_hold h;

	ip_all_shared(w);
	ip_take(&h, &ip_gup_write, w, page, 3);
	map_all(w);
	expect_noop(w, 0, NPAGES, false, "three pages in use");
	expect_noop(w, 70, 1, false, "the page in use");
	ip_expect_busy(w, 60, 20, 70, "and to private");
	ip_drop(&h);
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}
