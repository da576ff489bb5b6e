// SPDX-License-Identifier: GPL-2.0-only
/* A page whose allocation fails is allocated at the next attempt: fd.no_memory. */
#include <linux/mempolicy.h>

#include "fail_nth.h"
#include "fd.h"

GM_FILE(.clause = "fd.no_memory", .flavours = FD_HOST_SEES, .needs = GM_NEEDS(FAIL_NTH, DEBUGFS),
	.caps = GM_CAPS_ALL, .tokens = GM_TOKEN_MODULE)

#define NPAGES 200UL
#define SIZE (NPAGES * PG)
/* Neither the first nor the last page of an XArray node. */
#define PAGE 70UL
#define MOST 200 /* steps: far more than one access has */

/* fallocate(), a host access and mbind(), each with failing allocations. */

static int allocate(void *arg)
{
	struct gm_fixture *w = arg;

	return __gm_gmem_allocate(w->gmem, PAGE * PG, 3 * PG);
}

static void expect_not_allocated(void *arg, unsigned int n, int err)
{
	struct gm_fixture *w = arg;

	GM_EXPECT_EQ(err, ENOMEM, "errno, step %u failed", n);
	gm_gmem_punch(w->gmem, PAGE * PG, 3 * PG);
}

static void undo_allocate(void *arg)
{
	struct gm_fixture *w = arg;

	gm_gmem_punch(w->gmem, PAGE * PG, 3 * PG);
}

GM_CASE(allocation, .name = "fd.no_memory.fallocate",
	.flavours = FD_FLAVOURS(FD_P1, FD_P0, FD_INPLACE, FD_BACK_TWIN),
	.text = "each allocation of an fallocate() failing once: ENOMEM")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);
	unsigned int failed;

	gm_fail_nth_open();
	gm_fail_nth_user_pages();
	failed = gm_fail_nth_sweep(allocate, expect_not_allocated, undo_allocate, w);
	/* Each of the three pages is a step: if its failure were ignored, there would be fewer. */
	GM_EXPECT(failed >= 3,
		  "%u steps make an allocation of three pages fail, expected 3 or more", failed);
	fd_fixture_free(w);
}

GM_CASE(host_touch, .name = "fd.no_memory.host",
	.text = "each allocation of the host's first access failing once: it retries, no signal",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED))
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);
	bool reached = true;
	unsigned int n;

	gm_fail_nth_open();
	gm_fail_nth_user_pages();
	/*
	 * Allocates the page table, which stays: else it would be a step of the first round only.
	 */
	GM_SETUP(!gm_touch(w->hva + PAGE * PG, true, NULL), "the page cannot be touched");
	for (n = 1; n < MOST && reached && !gm_failures(); n++) {
		uint8_t *addr = w->hva + PAGE * PG;
		int sig, code = 0;

		gm_gmem_punch(w->gmem, PAGE * PG, PG);
		gm_fail_nth(n);
		sig = gm_touch(addr, n & 1, &code);
		reached = gm_fail_nth_reached();
		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(PAGE * PG), .hva = GM_AT((uintptr_t)addr)), !sig,
			     "step %u failed: signal %d code %d, expected none", n, sig, code);
	}
	GM_SETUP(n > 2 || gm_failures(), "fail-nth made nothing fail");
	gm_note("%u steps", n - 2);
	fd_fixture_free(w);
}

/* The policy of the page at addr. */
static int policy_of(const void *addr)
{
	int mode = -1;

	GM_SETUP_OK(syscall(SYS_get_mempolicy, &mode, NULL, 0, addr, MPOL_F_ADDR));
	return mode;
}

static int set_policy(void *arg)
{
	struct gm_fixture *w = arg;
	unsigned long node0 = 1;

	return syscall(SYS_mbind, w->hva + PG, 3 * PG, MPOL_BIND, &node0, 64, 0);
}

static void expect_no_policy(void *arg, unsigned int n, int err)
{
	struct gm_fixture *w = arg;

	GM_EXPECT_EQ(err, ENOMEM, "errno of mbind(), step %u failed", n);
	GM_EXPECT_EQ(policy_of(w->hva + 2 * PG), MPOL_DEFAULT, "the policy, step %u failed", n);
}

static void undo_policy(void *arg)
{
	struct gm_fixture *w = arg;

	GM_EXPECT_EQ(policy_of(w->hva + 2 * PG), MPOL_BIND,
		     "the policy after a successful mbind()");
	GM_SETUP_OK(syscall(SYS_mbind, w->hva + PG, 3 * PG, MPOL_DEFAULT, NULL, 0, 0));
}

GM_CASE(policy, .name = "fd.no_memory.mbind",
	.text = "each allocation of an mbind() failing once: ENOMEM without a policy, or success with it",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, NUMA))
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);

	gm_fail_nth_open();
	gm_fail_nth_sweep(set_policy, expect_no_policy, undo_policy, w);
	GM_EXPECT_EQ(policy_of(w->hva + 2 * PG), MPOL_BIND, "the policy at the end");
	fd_fixture_free(w);
}
