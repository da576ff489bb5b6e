// SPDX-License-Identifier: GPL-2.0-only
/*
 * mbind() on a mapping sets the policy of the file's pages: fd.mempolicy. The kernel counts
 * allocations by an interleaving policy, so cases can also count exactly what fallocate()
 * allocates: fd.fallocate_args.
 */
#include <linux/mempolicy.h>
#include <signal.h>
#include <sys/time.h>

#include "fd.h"
#include "node.h"
#include "quiet.h"
#include "text.h"

GM_FILE(.clause = "fd.mempolicy", .needs = GM_NEEDS(GMEM_FS, NUMA))

#define NPAGES 32

static int policy_of(const void *addr)
{
	int mode = -1;

	GM_SETUP_OK(syscall(SYS_get_mempolicy, &mode, NULL, 0, addr, MPOL_F_ADDR));
	return mode;
}

static int set_policy(void *addr, uint64_t len, int mode)
{
	unsigned long node0 = 1;

	return syscall(SYS_mbind, addr, len, mode, mode == MPOL_DEFAULT ? NULL : &node0,
		       mode == MPOL_DEFAULT ? 0 : 64, 0);
}

/* Expects that pages [from, to) of the mapping have `mode`, the others `other`. */
static void expect_policies(const uint8_t *map, unsigned int from, unsigned int to, int mode,
			    int other, const char *when)
{
	for (unsigned int p = 0; p < NPAGES; p++) {
		int want = p >= from && p < to ? mode : other, got = policy_of(map + p * PG);

		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(p * PG)), got == want,
			     "%s, page %u: expected policy %d, observed %d", when, p, want, got);
	}
}

GM_CASE(file, .name = "fd.mempolicy.of_the_file",
	.flavours = FD_FLAVOURS(FD_P1, FD_P1P, FD_INPLACE),
	.text = "mbind on some pages of a mapping: those pages have the policy, in every mapping of the file")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, NPAGES * PG), other = gm_flavour_gmem(vm, f, NPAGES * PG);
	uint8_t *map = fd_mmap(gmem, NPAGES * PG), *second,
		*other_map = fd_mmap(other, NPAGES * PG);

	expect_policies(map, 0, 0, 0, MPOL_DEFAULT, "nothing set");
	GM_EXPECT_OK(set_policy(map + 2 * PG, 20 * PG, MPOL_PREFERRED));
	expect_policies(map, 2, 22, MPOL_PREFERRED, MPOL_DEFAULT, "set on [2,22)");
	GM_EXPECT_OK(set_policy(map, NPAGES * PG, MPOL_DEFAULT));
	expect_policies(map, 0, 0, 0, MPOL_DEFAULT, "reset");
	GM_EXPECT_OK(set_policy(map + 4 * PG, 9 * PG, MPOL_BIND));
	expect_policies(map, 4, 13, MPOL_BIND, MPOL_DEFAULT, "set on [4,13)");
	/*
	 * The policy belongs to the file: it stays in a second mapping, and after the last munmap.
	 */
	second = fd_mmap(gmem, NPAGES * PG);
	expect_policies(second, 4, 13, MPOL_BIND, MPOL_DEFAULT, "a second mapping");
	munmap(map, NPAGES * PG);
	munmap(second, NPAGES * PG);
	map = fd_mmap(gmem, NPAGES * PG);
	expect_policies(map, 4, 13, MPOL_BIND, MPOL_DEFAULT, "mapped again");
	expect_policies(other_map, 0, 0, 0, MPOL_DEFAULT, "another file");
	munmap(map, NPAGES * PG);
	munmap(other_map, NPAGES * PG);
	close(gmem);
	close(other);
	gm_vm_free(vm);
}

/* Pages allocated on node 0 by an interleaving policy so far, by all programs. */
static long interleaved(void)
{
	long n;

	if (!gm_read_field("/sys/devices/system/node/node0/numastat", "interleave_hit", &n))
		gm_skip("no allocation statistics of nodes", "CONFIG_NUMA=y");
	return n;
}

/* Works with one node, since interleaving allocations are counted. */
GM_CASE(followed, .name = "fd.mempolicy.followed",
	.flavours = FD_FLAVOURS(FD_P1, FD_P1P, FD_INPLACE),
	.text = "a page is allocated by its own policy, not by that of an adjacent page")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, NPAGES * PG);
	uint8_t *map = fd_mmap(gmem, NPAGES * PG);
	long before, all = 0;

	GM_SETUP_OK(set_policy(map + 8 * PG, 8 * PG, MPOL_INTERLEAVE));
	for (unsigned int p = 0; p < NPAGES; p++) {
		long want = p >= 8 && p < 16, got = -1;

		/*
		 * The counter is system-wide: try three times, in case another program adds to it.
		 */
		for (int attempt = 0; attempt < 3 && got != want; attempt++) {
			gm_gmem_punch(gmem, p * PG, PG);
			before = interleaved();
			gm_gmem_allocate(gmem, p * PG, PG);
			got = interleaved() - before;
		}
		all += got;
		if (got != want)
			gm_require_quiet(interleaved, 1);
		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(p * PG)), got == want,
			     "page %u: expected %ld interleaved allocations, observed %ld", p, want,
			     got);
	}
	gm_note("%ld interleaved allocations", all);
	munmap(map, NPAGES * PG);
	close(gmem);
	gm_vm_free(vm);
}

/* Every other page is bound to another node, from which any allocation must take it. */
GM_CASE(placed, .name = "fd.mempolicy.placed.p1", .profile = "P1",
	.text = "pages bound to another node are there, those between them are not: allocated, touched by the host, by the guest",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP), .caps = GM_CAPS_ALL)
{
	struct gm_fixture *w;
	unsigned long mask;
	int here, there;
	uint8_t *map;

	if (gm_node_other(gm_node_other(-1)) < 0)
		gm_skip("one memory node only", "a machine with two NUMA nodes");
	w = FD_FIXTURE(&gm_p1, NPAGES * PG);
	map = w->hva;
	map[31 * PG] = 1;
	here = gm_node_of(map + 31 * PG);
	there = gm_node_other(here);
	mask = 1UL << there;
	for (unsigned int p = 0; p < 30; p += 2)
		GM_SETUP_OK(syscall(SYS_mbind, map + p * PG, PG, MPOL_BIND, &mask, 64, 0));
	gm_gmem_allocate(w->gmem, 0, 10 * PG);
	for (unsigned int p = 10; p < 20; p++)
		map[p * PG] = 1;
	gm_guest_touch(w->vm, 0, GM_BASE + 20 * PG, 10 * PG, PG);
	for (unsigned int p = 0; p < 30; p++) {
		int want = p % 2 ? here : there, got;

		/* move_pages() reports nodes of mapped pages only. */
		(void)*(volatile uint8_t *)(map + p * PG);
		got = gm_node_of(map + p * PG);
		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(p * PG)), got == want,
			     "page %u, %s: expected it on node %d, observed %d", p,
			     p < 10   ? "allocated"
			     : p < 20 ? "touched by the host"
				      : "touched by the guest",
			     want, got);
	}
	fd_fixture_free(w);
}

#define MANY 64UL

GM_CASE(every_page, .name = "fd.fallocate_args.every_page", .clause = "fd.fallocate_args",
	.flavours = FD_FLAVOURS(FD_P1, FD_P1P, FD_INPLACE_TWIN),
	.text = "allocation of every length up to 64 pages: each page once; holes free exactly their pages",
	.tokens = GM_TOKEN_ALONE)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, MANY * PG);
	uint8_t *map = fd_mmap(gmem, MANY * PG);

	GM_SETUP_OK(set_policy(map, MANY * PG, MPOL_INTERLEAVE));
	for (uint64_t len = 1; len <= MANY; len++) {
		uint64_t at = len * 7 % (MANY + 1 - len);
		long before = interleaved();

		GM_EXPECT_OK(__gm_gmem_allocate(gmem, at * PG, len * PG));
		GM_EXPECT_EQ(interleaved() - before, len,
			     "pages allocated by fallocate of %lu at page %lu", len, at);
		GM_EXPECT_OK(__gm_gmem_allocate(gmem, at * PG, len * PG));
		GM_EXPECT_EQ(interleaved() - before, len,
			     "pages allocated after the same call again");
		/* A hole without the first and the last page: two pages are left. */
		if (len > 2)
			gm_gmem_punch(gmem, (at + 1) * PG, (len - 2) * PG);
		before = interleaved();
		gm_gmem_allocate(gmem, 0, MANY * PG);
		GM_EXPECT_EQ(interleaved() - before, MANY - (len > 2 ? 2 : len),
			     "pages missing after a hole inside %lu at page %lu", len, at);
		gm_gmem_punch(gmem, 0, MANY * PG);
	}
	munmap(map, MANY * PG);
	close(gmem);
	gm_vm_free(vm);
}

static void ignore_signal(int sig __attribute__((unused))) {}

/* With signals at any time, 0 means all pages are allocated; EINTR may leave some out. */
GM_CASE(interrupted, .name = "fd.fallocate_args.interrupted", .clause = "fd.fallocate_args",
	.flavours = FD_FLAVOURS(FD_P1, FD_P1P, FD_INPLACE_TWIN),
	.text = "allocation under frequent signals: EINTR, or all pages are allocated",
	.tokens = GM_TOKEN_ALONE)
{
	const uint64_t pages = 2048;
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, pages * PG);
	uint8_t *map = fd_mmap(gmem, pages * PG);
	struct itimerval tick = { { 0, 700 }, { 0, 700 } }, off = { 0 };
	struct sigaction sa = { .sa_handler = ignore_signal };
	unsigned int interrupted = 0;

	GM_SETUP_OK(sigaction(SIGALRM, &sa, NULL));
	GM_SETUP_OK(set_policy(map, pages * PG, MPOL_INTERLEAVE));
	for (int i = 0; i < 12; i++) {
		long before = interleaved(), took;
		int r, err;

		GM_SETUP_OK(setitimer(ITIMER_REAL, &tick, NULL));
		r = __gm_gmem_allocate(gmem, 0, pages * PG);
		err = errno;
		GM_SETUP_OK(setitimer(ITIMER_REAL, &off, NULL));
		took = interleaved() - before;
		interrupted += r && err == EINTR;
		GM_EXPECT(r ? err == EINTR && took <= (long)pages : took == (long)pages,
			  "round %d: fallocate returned %s and allocated %ld of %lu pages", i,
			  r ? gm_errno_name(err) : "0", took, pages);
		gm_gmem_punch(gmem, 0, pages * PG);
	}
	gm_note("%u of 12 were interrupted", interrupted);
	munmap(map, pages * PG);
	close(gmem);
	gm_vm_free(vm);
}
