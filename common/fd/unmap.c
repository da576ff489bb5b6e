// SPDX-License-Identifier: GPL-2.0-only
/* After a hole the old page is out of reach for every guest and every mapping: fd.punch_unmaps. */
#include "fd.h"
#include "pagesize.h"

#define FIRST (GM_BASE / PG)

FD_EACH_TDP_QUICK(
	unmap_hot, "fd.punch_unmaps.hot_vcpus", .clause = "fd.punch_unmaps",
	.text = "a page hot in two vCPUs: after the hole both see zero, and then each other's writes")
{
	struct fd_box *b = fd_box_new(self->arg, 2, 512 * PG);
	static const int pages[] = { 511, 256, 1, 0 };

	fd_fill(b->vm, 0, b->f, GM_BASE, 512, FIRST, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		uint64_t gpa = GM_BASE + pages[i] * PG, id = FIRST + pages[i];

		fd_check(b->vm, 0, b->f, gpa, 1, id, 1, "before the hole");
		fd_check(b->vm, 1, b->f, gpa, 1, id, 1, "before the hole");
		gm_gmem_punch(b->gmem, pages[i] * PG, PG);
		gm_guest_check_zero(b->vm, 1, gpa, 1, "after the hole, vCPU 1");
		gm_guest_check_zero(b->vm, 0, gpa, 1, "after the hole, vCPU 0");
		fd_fill(b->vm, 1, b->f, gpa, 1, id, 2);
		fd_check(b->vm, 0, b->f, gpa, 1, id, 2, "what vCPU 1 wrote");
	}
	fd_box_free(b);
}

FD_EACH_TDP(unmap_goes_on, "fd.punch_unmaps.guest_goes_on", .clause = "fd.punch_unmaps",
	    .text = "holes over bound ranges, unbound ones and both: the guest faults in again")
{
	const struct fd_flavour *f = self->arg;
	struct gm_vm *vm = fd_vm_new(f, 1, 2 * GM_2M);
	int gmem = fd_gmem_new(vm, f, 32 * PG);

	fd_slot_set(vm, f, GM_SLOT, GM_BASE, 8 * PG, gmem, 8 * PG, NULL);
	fd_slot_set(vm, f, GM_SLOT + 1, GM_BASE + GM_2M, 8 * PG, gmem, 20 * PG, NULL);
	for (unsigned int s = 0; s < 32; s += 3) {
		for (unsigned int len = 1; len <= 32; len += 7) {
			gm_gmem_punch(gmem, s * PG, len * PG);
			gm_guest_touch(vm, 0, GM_BASE, 8 * PG, PG);
			gm_guest_touch(vm, 0, GM_BASE + GM_2M, 8 * PG, PG);
		}
	}
	gm_gmem_punch(gmem, 0, GM_1G);
	gm_guest_check_zero(vm, 0, GM_BASE, 8, "after all holes");
	gm_guest_check_zero(vm, 0, GM_BASE + GM_2M, 8, "after all holes");
	gm_vm_free(vm);
	close(gmem);
}

FD_EACH_TDP(
	unmap_write, "fd.punch_unmaps.write_after", .clause = "fd.punch_unmaps",
	.text = "a vCPU that writes after the hole writes a new page: a second hole zeroes it again")
{
	struct fd_box *b = fd_box_new(self->arg, 2, 8 * PG);

	for (unsigned int gen = 1; gen < 20; gen++) {
		uint64_t p = gen % 8, gpa = GM_BASE + p * PG;

		fd_fill(b->vm, gen % 2, b->f, gpa, 1, FIRST + p, gen);
		fd_check(b->vm, !(gen % 2), b->f, gpa, 1, FIRST + p, gen, "the other vCPU");
		gm_gmem_punch(b->gmem, p * PG, PG);
		gm_guest_check_zero(b->vm, gen % 2, gpa, 1, "after the hole");
		gm_gmem_punch(b->gmem, p * PG, PG);
	}
	fd_box_free(b);
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

FD_EACH_TDP(
	unmap_running, "fd.punch_unmaps.running_vcpu", .clause = "fd.punch_unmaps",
	.text = "a vCPU that reads the page in a loop, without an exit, sees zero after the hole")
{
	struct fd_box *b = fd_box_new(self->arg, 1, 512 * PG);

	for (unsigned int gen = 1; gen < 5; gen++) {
		uint64_t gpa = GM_BASE + 100 * gen * PG, ret;
		struct hole h = { b->gmem, gpa - GM_BASE };

		fd_fill(b->vm, 0, b->f, gpa - PG, 3, gpa / PG - 1, gen);
		ret = fd_running_read(b->vm, gpa, gm_word(gpa / PG, b->f->half, gen, 0), punch, &h);
		GM_EXPECT_AT(GM_PAGE(.gpa = gpa, .off = gpa - GM_BASE), !ret,
			     "after the hole the running vCPU read %s, expected zero",
			     gm_word_str(ret));
		fd_check(b->vm, 0, b->f, gpa - PG, 1, gpa / PG - 1, gen, "below");
		fd_check(b->vm, 0, b->f, gpa + PG, 1, gpa / PG + 1, gen, "above");
	}
	fd_box_free(b);
}

FD_EACH_TDP(
	unmap_slots, "fd.punch_unmaps.every_slot", .clause = "fd.punch_unmaps",
	.text = "one hole over four slots of one file, which lie apart and backwards in the guest")
{
	const struct fd_flavour *f = self->arg;
	struct gm_vm *vm = fd_vm_new(f, 1, 4 * GM_2M);
	int gmem = fd_gmem_new(vm, f, 32 * PG);
	uint8_t *map = f->host ? fd_mmap(gmem, 32 * PG) : NULL;
	/* Slot i holds file pages [8i, 8i + 8), slot 0 highest, two pages up in its 2 MiB. */
	uint64_t gpa[4];

	for (int i = 0; i < 4; i++) {
		gpa[i] = GM_BASE + (3 - i) * GM_2M + 2 * PG;
		fd_slot_set(vm, f, GM_SLOT + i, gpa[i], 8 * PG, gmem, i * 8 * PG, map);
		fd_fill(vm, 0, f, gpa[i], 8, i * 8, 1);
	}
	/* Pages 5 to 27: the tail of the first slot, two whole ones, the head of the last. */
	gm_gmem_punch(gmem, 5 * PG, 23 * PG);
	for (int p = 31; p >= 0; p--) {
		uint64_t at = gpa[p / 8] + p % 8 * PG;

		if (p >= 5 && p < 28)
			gm_guest_check_zero(vm, 0, at, 1, "inside the hole");
		else
			fd_check(vm, 0, f, at, 1, p, 1, "outside the hole");
	}
	if (map)
		munmap(map, 32 * PG);
	gm_vm_free(vm);
	close(gmem);
}

/* A child of the test that keeps the mapping, and looks when it is told. */
static int look_child(uint8_t *map, int in, int out)
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

FD_HOST_SEES(unmap_host, "fd.punch_unmaps.host_mappings", .clause = "fd.punch_unmaps",
	     .text = "two mappings here, one in a child: after the hole each shows the new page")
{
	struct fd_box *b = fd_box_new(self->arg, 1, 4 * PG);
	uint8_t *second = fd_mmap(b->gmem, 4 * PG), *one;
	int to[2], from[2], status;
	uint64_t seen = 0;
	pid_t pid;

	one = mmap(NULL, PG, PROT_READ, MAP_SHARED, b->gmem, PG);
	GM_SETUP(one != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_host_fill(b->hva, FIRST, 4, GM_HALF_HOST, 1);
	gm_host_check(second, FIRST, 4, GM_HALF_HOST, 1, "the second mapping, hot");
	gm_host_check(one, FIRST + 1, 1, GM_HALF_HOST, 1, "the read-only mapping, hot");
	GM_SETUP_OK(pipe(to));
	GM_SETUP_OK(pipe(from));
	pid = GM_SETUP_OK(fork());
	if (!pid)
		_exit(look_child(second, to[0], from[1]));
	GM_SETUP_OK(write(to[1], "", 1));
	GM_SETUP(read(from[0], &seen, 8) == 8, "no word from the child");
	GM_EXPECT_EQ(seen, gm_word(FIRST + 1, GM_HALF_HOST, 1, 0), "the child's word, hot");
	gm_gmem_punch(b->gmem, PG, PG);
	gm_host_check_zero(one, 1, "the read-only mapping");
	gm_host_check_zero(b->hva + PG, 1, "the first mapping");
	gm_host_check_zero(second + PG, 1, "the second mapping");
	gm_host_check(b->hva, FIRST, 1, GM_HALF_HOST, 1, "below the hole");
	gm_host_check(second + 2 * PG, FIRST + 2, 2, GM_HALF_HOST, 1, "above the hole");
	gm_guest_check_zero(b->vm, 0, GM_BASE + PG, 1, "the guest");
	gm_guest_fill(b->vm, 0, GM_BASE + PG, 1, GM_HALF_SHARED, 2);
	GM_SETUP_OK(write(to[1], "", 1));
	GM_SETUP(read(from[0], &seen, 8) == 8, "no word from the child");
	GM_EXPECT_EQ(seen, gm_word(FIRST + 1, GM_HALF_SHARED, 2, 0),
		     "what the guest wrote after the hole, in the child's mapping");
	gm_host_check(second + PG, FIRST + 1, 1, GM_HALF_SHARED, 2, "what the guest wrote");
	GM_SETUP_OK(waitpid(pid, &status, 0));
	for (int i = 0; i < 2; i++) {
		close(to[i]);
		close(from[i]);
	}
	munmap(one, PG);
	munmap(second, 4 * PG);
	fd_box_free(b);
}

/*
 * The hole reaches beyond what the slot binds of the file, on both sides; beside the slot, in the guest,
 * lies ordinary memory. That is no business of the hole's: not one page of it is faulted in again.
 */
GM_CASE(unmap_beyond, .name = "fd.punch_unmaps.beyond_the_slot", .clause = "fd.punch_unmaps",
	.profile = "P1", .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, PAGE_STATS, TDP),
	.text = "a hole larger than the slot's part of the file leaves its neighbours in the guest mapped")
{
	struct gm_vm *vm = fd_vm_new(&fd_p1, 1, GM_2M);
	struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, 32 * PG);
	int gmem = gm_gmem_new(vm, 64 * PG, fd_p1.flags);
	struct gm_ledger before, after;

	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, 16 * PG, mem->hva, -1, 0);
	fd_slot_set(vm, &fd_p1, GM_SLOT + 1, GM_BASE + 16 * PG, 16 * PG, gmem, 24 * PG, NULL);
	gm_slot_set(vm, GM_SLOT + 2, 0, GM_BASE + 32 * PG, 16 * PG, mem->hva + 16 * PG, -1, 0);
	fd_fill(vm, 0, &fd_p1, GM_BASE, 48, FIRST, 1);
	/* The guest's own code is faulted in, too. */
	gm_guest_touch(vm, 0, GM_BASE, 48 * PG, PG);
	gm_ledger_read(vm, &before);
	gm_gmem_punch(gmem, 4 * PG, 56 * PG);
	gm_ledger_read(vm, &after);
	GM_EXPECT_EQ(before.pages[GM_SIZE_4K] - after.pages[GM_SIZE_4K], 16,
		     "mappings that the hole cost");
	gm_guest_touch(vm, 0, GM_BASE, 16 * PG, PG);
	gm_guest_touch(vm, 0, GM_BASE + 32 * PG, 16 * PG, PG);
	gm_ledger_read(vm, &before);
	GM_EXPECT_EQ(before.fixed, after.fixed, "faults of the neighbours, before and after");
	fd_check(vm, 0, &fd_p1, GM_BASE, 16, FIRST, 1, "below");
	gm_guest_check_zero(vm, 0, GM_BASE + 16 * PG, 16, "the hole");
	fd_check(vm, 0, &fd_p1, GM_BASE + 32 * PG, 16, FIRST + 32, 1, "above");
	gm_vm_free(vm);
	close(gmem);
	gm_mem_free(mem);
}
