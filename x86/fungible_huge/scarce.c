// SPDX-License-Identifier: GPL-2.0-only
/* Pools that are too small, and pools that shrink under a file: fungible.huge_scarce. */
#include "fungible_huge.h"
#include "iommu.h"

GM_FILE(.clause = "fungible.huge_scarce", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = FH_NEEDS)

#define POOL_2M "/sys/kernel/mm/hugepages/hugepages-2048kB/"

/* A file takes all that is free, and no more; a refused one takes nothing. */
static void take_all(uint64_t page, uint64_t n)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);
	struct fh_rest rest = fh_rest_but(page, n);
	struct gm_pool before;
	int fd;

	gm_pool_read(&before, page);
	for (uint64_t more = 1; more < 1UL << 20; more *= 1024) {
		GM_EXPECT_ERRNO(ENOMEM, __fh_file(vm, page, n + more), "%lu more than free", more);
		gm_pool_expect(&before, 0, 0, "after the refusal");
	}
	fd = __fh_file(vm, page, n);
	gm_control(fd >= 0, "a file of all that is free: %s", gm_errno_name(errno));
	gm_pool_expect(&before, 0, n, "all reserved");
	fh_expect_none_left(vm, page, "all reserved");
	gm_gmem_allocate(fd, 0, page);
	gm_pool_expect(&before, 1, n - 1, "one of them allocated");
	fh_expect_none_left(vm, page, "one of them allocated");
	close(fd);
	fh_settle(&before, 0, 0, "the file is closed");
	fd = __fh_file(vm, page, n);
	gm_control(fd >= 0, "the same again: %s", gm_errno_name(errno));
	close(fd);
	fh_settle(&before, 0, 0, "the file is closed");
	fh_rest_end(&rest);
	gm_vm_free(vm);
}

GM_CASE(empty_2m, .name = "fungible.huge_scarce.create_2m", .huge_2m = 3, .flags = GM_REFUSAL,
	.text = "2 MiB pages: a file of more than are free and not reserved is ENOMEM and takes none; of exactly these it works")
{
	take_all(GM_2M, 3);
}

GM_CASE(empty_1g, .name = "fungible.huge_scarce.create_1g", .huge_1g = 2, .flags = GM_REFUSAL,
	.text = "1 GiB pages: a file of more than are free and not reserved is ENOMEM and takes none; of exactly these it works")
{
	take_all(GM_1G, 2);
}

GM_CASE(overcommit, .name = "fungible.huge_scarce.overcommit", .huge_2m = 3, .flags = GM_REFUSAL,
	.needs = GM_NEEDS(ROOT), .caps = GM_CAPS_ALL,
	.text = "with nr_overcommit_hugepages a file gets no surplus page, at its creation and later; hugetlbfs does")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);
	struct fh_rest rest = fh_rest_but(GM_2M, 3), more;
	struct gm_pool before, now;
	int fd;

	fh_journal_open();
	fh_set(POOL_2M "nr_overcommit_hugepages", "8");
	gm_pool_read(&before, GM_2M);
	GM_EXPECT_ERRNO(ENOMEM, __fh_file(vm, GM_2M, 4), "one more than free");
	gm_pool_expect(&before, 0, 0, "after the refusal");
	fd = __fh_file(vm, GM_2M, 3);
	gm_control(fd >= 0, "a file of all that is free: %s", gm_errno_name(errno));
	gm_gmem_allocate(fd, 0, 3 * GM_2M);
	gm_gmem_punch(fd, GM_2M, GM_2M);
	gm_pool_expect(&before, 2, 1, "allocated, and a hole");
	GM_EXPECT_ERRNO(ENOMEM, __fh_file(vm, GM_2M, 1), "nothing is free");
	gm_pool_expect(&before, 2, 1, "after the refusal");
	/* Control: hugetlbfs makes a page for its mapping. */
	more.fd = gm_memfd_new(GM_2M, GM_2M);
	more.map = mmap(NULL, GM_2M, PROT_READ | PROT_WRITE, MAP_SHARED, more.fd, 0);
	gm_pool_read(&now, GM_2M);
	gm_control(more.map != MAP_FAILED && now.surplus == before.surplus + 1,
		   "hugetlbfs has %ld surplus pages", now.surplus - before.surplus);
	munmap(more.map, GM_2M);
	close(more.fd);
	close(fd);
	fh_settle(&before, 0, 0, "the file is closed");
	fh_journal_restore();
	fh_rest_end(&rest);
	gm_vm_free(vm);
}

#define NR 7
#define TOUCHED 3

/* The pool has `nr` pages, of which these are free, reserved and surplus. */
static void expect_pool(long nr, long free, long resv, const char *when)
{
	struct gm_pool want = { GM_2M, nr, free, resv, nr };

	fh_settle(&want, 0, 0, when);
}

GM_CASE(shrunk, .name = "fungible.huge_scarce.shrunk", .huge_2m = NR, .needs = GM_NEEDS(ROOT),
	.caps = GM_CAPS_ALL,
	.text = "nr_hugepages goes to 0 under a file: its pages are surplus, used and reserved ones; what it gives back leaves the pool, and at close all of it")
{
	const uint64_t in_one = GM_2M / PG;
	struct gm_op op = { .code = GM_OP_READ };
	struct gm_pool start;
	struct gm_fixture *w;
	struct gm_exit ex;

	gm_pool_read(&start, GM_2M);
	if (start.free != start.nr || start.resv || start.surplus)
		gm_skip("another program uses the pool of 2 MiB pages",
			"a machine without other users, or the lab");
	fh_journal_open();
	w = fh_new(GM_2M, NR);
	for (uint64_t h = 0; h < TOUCHED; h++)
		gm_fixture_fill(w, 0, fh_gfn(w, h * in_one), in_one);
	gm_fixture_convert(w, fh_gfn(w, in_one + 7), 1, false);
	gm_fixture_host_write(w, fh_gfn(w, in_one + 7), 1);
	fh_set(POOL_2M "nr_hugepages", "0");
	expect_pool(NR, NR - TOUCHED, NR - TOUCHED, "shrunk to 0");
	gm_fixture_check_guest(w, 0, fh_gfn(w, 0), TOUCHED * in_one, 8, "shrunk to 0");
	for (uint64_t h = TOUCHED; h < NR; h++)
		gm_fixture_fill(w, 0, fh_gfn(w, h * in_one + h), 1);
	expect_pool(NR, 0, 0, "all reserved pages are allocated");

	/* A split huge page, and a whole one. */
	gm_fixture_punch(w, fh_gfn(w, in_one), in_one);
	expect_pool(NR - 1, 0, 0, "a hole over a split huge page");
	gm_fixture_punch(w, fh_gfn(w, 3 * in_one), in_one);
	expect_pool(NR - 2, 0, 0, "a hole over a whole huge page");
	/* Nothing is left for the holes. */
	op.addr = w->gpa + 3 * GM_2M;
	GM_EXPECT(!__gm_run(w->vm, 0, &op, 1, &ex, NULL) && ex.ret && ex.err == ENOMEM,
		  "the guest's access to the hole: expected ENOMEM, observed %s", gm_exit_str(&ex));
	GM_EXPECT_ERRNO(ENOMEM, __gm_gmem_allocate(w->gmem, GM_2M, GM_2M), "the hole");
	expect_pool(NR - 2, 0, 0, "after the refusals");
	gm_fixture_check_guest(w, 0, fh_gfn(w, 0), in_one, 8, "beside the holes");
	gm_fixture_free(w);
	expect_pool(0, 0, 0, "the file is gone");
	fh_journal_restore();
	fh_settle(&start, 0, 0, "grown again");
}
