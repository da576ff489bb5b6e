// SPDX-License-Identifier: GPL-2.0-only
/* After a hole no guest and no mapping reaches the old page: fd.punch_unmaps. */
#include "fd.h"
#include "pagesize.h"

GM_FILE(.clause = "fd.punch_unmaps", .flavours = FD_EACH_TDP)

GM_CASE(unmap_hot, .name = "fd.punch_unmaps.hot_vcpus", .flavours = FD_EACH_TDP_QUICK,
	.text = "a page mapped by two vCPUs: after the hole both see zero, and then each other's writes")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 512 * PG, .vcpus = 2);
	static const int pages[] = { 511, 256, 1, 0 };

	gm_fixture_fill(w, 0, FIRST, 512);
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		uint64_t gpa = GM_BASE + pages[i] * PG, gfn = GFN(gpa);

		gm_fixture_check_guest(w, 0, gfn, 1, 1, "before the hole");
		gm_fixture_check_guest(w, 1, gfn, 1, 1, "before the hole");
		gm_fixture_punch(w, gfn, 1);
		gm_guest_check_zero(w->vm, 1, gpa, 1, "after the hole, vCPU 1");
		gm_guest_check_zero(w->vm, 0, gpa, 1, "after the hole, vCPU 0");
		gm_fixture_fill(w, 1, gfn, 1);
		gm_fixture_check_guest(w, 0, gfn, 1, 1, "what vCPU 1 wrote");
	}
	fd_fixture_free(w);
}

GM_CASE(unmap_only, .name = "fd.punch_unmaps.nothing_else", .flavours = FD_EACH_TDP_QUICK,
	.needs = GM_NEEDS(PAGE_STATS),
	.text = "a hole unmaps its pages and no others: the others are touched without a fault")
{
	static const struct {
		uint64_t first, pages;
	} holes[] = { { 200, 3 }, { 511, 2 }, { 0, 1 }, { 599, 1 } };
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 600 * PG);
	struct gm_page_counts start, change = {};

	gm_fixture_fill(w, 0, FIRST, 600);
	gm_page_counts_read(w->vm, &start);
	for (unsigned int i = 0; i < ARRAY_SIZE(holes); i++) {
		gm_fixture_punch(w, FIRST + holes[i].first, holes[i].pages);
		change.pages[GM_SIZE_4K] -= holes[i].pages;
		gm_page_counts_expect(w->vm, &start, &change, "after the hole");
	}
	gm_fixture_check_guest(w, 0, FIRST + 1, 199, 1, "below the holes");
	gm_fixture_check_guest(w, 0, FIRST + 203, 308, 1, "between the holes");
	gm_fixture_check_guest(w, 0, FIRST + 513, 86, 1, "above the holes");
	gm_page_counts_expect(w->vm, &start, &change, "after the guest has read the others");
	fd_fixture_free(w);
}

GM_CASE(unmap_goes_on, .name = "fd.punch_unmaps.guest_goes_on",
	.text = "holes over bound ranges, unbound ones and both: the guest faults new pages in")
{
	struct gm_fixture *w =
		FD_FIXTURE(self->flavour, 2 * GM_2M, .file_size = 32 * PG, .no_slot = true);
	struct gm_vm *vm = w->vm;

	gm_fixture_slot(w, GM_SLOT, GM_BASE, 8 * PG, 8 * PG);
	gm_fixture_slot(w, GM_SLOT + 1, GM_BASE + GM_2M, 8 * PG, 20 * PG);
	for (unsigned int s = 0; s < 32; s += 3) {
		for (unsigned int len = 1; len <= 32; len += 7) {
			gm_gmem_punch(w->gmem, s * PG, len * PG);
			gm_guest_touch(vm, 0, GM_BASE, 8 * PG, PG);
			gm_guest_touch(vm, 0, GM_BASE + GM_2M, 8 * PG, PG);
		}
	}
	gm_gmem_punch(w->gmem, 0, GM_1G);
	gm_guest_check_zero(vm, 0, GM_BASE, 8, "after all holes");
	gm_guest_check_zero(vm, 0, GM_BASE + GM_2M, 8, "after all holes");
	fd_fixture_free(w);
}

GM_CASE(unmap_write, .name = "fd.punch_unmaps.write_after",
	.text = "a vCPU that writes after the hole writes a new page: a second hole zeroes it again")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 8 * PG, .vcpus = 2);

	for (unsigned int gen = 1; gen < 20; gen++) {
		uint64_t p = gen % 8, gpa = GM_BASE + p * PG;

		gm_fixture_fill(w, gen % 2, FIRST + p, 1);
		gm_fixture_check_guest(w, !(gen % 2), FIRST + p, 1, 1, "the other vCPU");
		gm_gmem_punch(w->gmem, p * PG, PG);
		gm_guest_check_zero(w->vm, gen % 2, gpa, 1, "after the hole");
		gm_gmem_punch(w->gmem, p * PG, PG);
	}
	fd_fixture_free(w);
}

struct hole {
	int gmem;
	uint64_t off;
};

static void punch(void *arg)
{
	struct hole *h = arg;

	gm_gmem_punch(h->gmem, h->off, PG);
}

GM_CASE(unmap_running, .name = "fd.punch_unmaps.running_vcpu",
	.text = "a vCPU that reads the page in a loop, without an exit, sees zero after the hole")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 512 * PG);

	for (unsigned int gen = 1; gen < 5; gen++) {
		uint64_t gpa = GM_BASE + 100 * gen * PG, ret;
		struct hole h = { w->gmem, gpa - GM_BASE };

		gm_fixture_fill(w, 0, GFN(gpa) - 1, 3);
		ret = fd_running_read(w->vm, gpa, gm_fixture_word(w, GFN(gpa)), punch, &h);
		GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(gpa), .off = GM_AT(gpa - GM_BASE)), !ret,
			     "after the hole the running vCPU read %s, expected zero",
			     gm_word_str(ret));
		gm_fixture_check_guest(w, 0, GFN(gpa) - 1, 1, 1, "below");
		gm_fixture_check_guest(w, 0, GFN(gpa) + 1, 1, 1, "above");
	}
	fd_fixture_free(w);
}

GM_CASE(unmap_slots, .name = "fd.punch_unmaps.every_slot",
	.text = "one hole over four slots of one file, at separate gpas in reverse order")
{
	struct gm_fixture *w =
		FD_FIXTURE(self->flavour, 4 * GM_2M, .file_size = 32 * PG, .no_slot = true);
	/* Slot i has file pages [8i, 8i + 8); slot 0 has the highest gpa. */
	uint64_t gpa[4];

	for (int i = 0; i < 4; i++) {
		gpa[i] = GM_BASE + (3 - i) * GM_2M + 2 * PG;
		gm_fixture_slot(w, GM_SLOT + i, gpa[i], 8 * PG, i * 8 * PG);
		gm_fixture_fill(w, 0, GFN(gpa[i]), 8);
	}
	/* Pages 5 to 27: the tail of the first slot, two whole ones, the head of the last. */
	gm_fixture_punch_file(w, 5 * PG, 23 * PG);
	for (int p = 31; p >= 0; p--) {
		uint64_t at = gpa[p / 8] + p % 8 * PG;

		if (p >= 5 && p < 28)
			gm_guest_check_zero(w->vm, 0, at, 1, "inside the hole");
		else
			gm_fixture_check_guest(w, 0, GFN(at), 1, 1, "outside the hole");
	}
	fd_fixture_free(w);
}

/* A child that reads its mapping at each request of the parent. */
static int read_child(uint8_t *map, int in, int out)
{
	char go;

	for (int round = 0; round < 2; round++) {
		uint64_t seen;

		if (read(in, &go, 1) != 1)
			return 1;
		seen = *(volatile uint64_t *)(map + PG);
		if (write(out, &seen, sizeof(seen)) != sizeof(seen))
			return 1;
	}
	return 0;
}

GM_CASE(unmap_host, .name = "fd.punch_unmaps.host_mappings", .flavours = FD_HOST_SEES,
	.text = "two mappings here, one in a child: after the hole each has the new page")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 4 * PG);
	uint8_t *second = fd_mmap(w->gmem, 4 * PG), *one;
	int to[2], from[2], status;
	uint64_t seen = 0;
	pid_t pid;

	one = mmap(NULL, PG, PROT_READ, MAP_SHARED, w->gmem, PG);
	GM_SETUP(one != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_host_fill(w->hva, FIRST, 4, GM_WRITER_HOST, 1);
	gm_host_check(second, FIRST, 4, GM_WRITER_HOST, 1, "the second mapping, before the hole");
	gm_host_check(one, FIRST + 1, 1, GM_WRITER_HOST, 1,
		      "the read-only mapping, before the hole");
	GM_SETUP_OK(pipe(to));
	GM_SETUP_OK(pipe(from));
	pid = GM_SETUP_OK(fork());
	if (!pid)
		_exit(read_child(second, to[0], from[1]));
	GM_SETUP_OK(write(to[1], "", 1));
	GM_SETUP(read(from[0], &seen, 8) == 8, "the child did not answer");
	GM_EXPECT_EQ(seen, gm_word(FIRST + 1, GM_WRITER_HOST, 1, 0),
		     "the child's word, before the hole");
	gm_gmem_punch(w->gmem, PG, PG);
	gm_host_check_zero(one, 1, "the read-only mapping");
	gm_host_check_zero(w->hva + PG, 1, "the first mapping");
	gm_host_check_zero(second + PG, 1, "the second mapping");
	gm_host_check(w->hva, FIRST, 1, GM_WRITER_HOST, 1, "below the hole");
	gm_host_check(second + 2 * PG, FIRST + 2, 2, GM_WRITER_HOST, 1, "above the hole");
	gm_guest_check_zero(w->vm, 0, GM_BASE + PG, 1, "the guest");
	gm_guest_fill(w->vm, 0, GM_BASE + PG, 1, GM_WRITER_SHARED, 2);
	GM_SETUP_OK(write(to[1], "", 1));
	GM_SETUP(read(from[0], &seen, 8) == 8, "the child did not answer");
	GM_EXPECT_EQ(seen, gm_word(FIRST + 1, GM_WRITER_SHARED, 2, 0),
		     "what the guest wrote after the hole, in the child's mapping");
	gm_host_check(second + PG, FIRST + 1, 1, GM_WRITER_SHARED, 2, "what the guest wrote");
	GM_SETUP_OK(waitpid(pid, &status, 0));
	for (int i = 0; i < 2; i++) {
		close(to[i]);
		close(from[i]);
	}
	munmap(one, PG);
	munmap(second, 4 * PG);
	fd_fixture_free(w);
}

/*
 * The hole is larger than the slot's range of the file, on both sides. The adjacent gpas have
 * ordinary memory, which the hole must not unmap: no page of it faults again.
 */
GM_CASE(unmap_beyond, .name = "fd.punch_unmaps.beyond_the_slot", .profile = "P1",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, PAGE_STATS, TDP),
	.text = "a hole larger than the slot's part of the file does not unmap adjacent slots")
{
	struct gm_fixture *w = FD_FIXTURE(&gm_p1, 48 * PG, .file_size = 64 * PG, .no_slot = true);
	struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, 32 * PG);
	struct gm_page_counts before, after;

	gm_slot_set(w->vm, GM_SLOT, 0, GM_BASE, 16 * PG, mem->hva, -1, 0);
	gm_fixture_slot(w, GM_SLOT + 1, GM_BASE + 16 * PG, 16 * PG, 24 * PG);
	gm_slot_set(w->vm, GM_SLOT + 2, 0, GM_BASE + 32 * PG, 16 * PG, mem->hva + 16 * PG, -1, 0);
	gm_fixture_fill(w, 0, FIRST, 48);
	/* Also faults in the guest's own code. */
	gm_guest_touch(w->vm, 0, GM_BASE, 48 * PG, PG);
	gm_page_counts_read(w->vm, &before);
	gm_fixture_punch_file(w, 4 * PG, 56 * PG);
	gm_page_counts_read(w->vm, &after);
	GM_EXPECT_EQ(before.pages[GM_SIZE_4K] - after.pages[GM_SIZE_4K], 16,
		     "mappings removed by the hole");
	gm_guest_touch(w->vm, 0, GM_BASE, 16 * PG, PG);
	gm_guest_touch(w->vm, 0, GM_BASE + 32 * PG, 16 * PG, PG);
	gm_page_counts_read(w->vm, &before);
	GM_EXPECT_EQ(before.fixed, after.fixed,
		     "faults, before and after access to the adjacent slots");
	gm_fixture_check_guest(w, 0, FIRST, 16, 1, "below");
	gm_guest_check_zero(w->vm, 0, GM_BASE + 16 * PG, 16, "the hole");
	gm_fixture_check_guest(w, 0, FIRST + 32, 16, 1, "above");
	fd_fixture_free(w);
	gm_mem_free(mem);
}
