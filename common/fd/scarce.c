// SPDX-License-Identifier: GPL-2.0-only
/* A page that there is no memory for is asked for again, and comes then: fd.no_memory. */
#include <linux/mempolicy.h>

#include "fail_nth.h"
#include "fd.h"

#define NPAGES 200UL
#define SIZE (NPAGES * PG)
/* Neither the first page of a node of the file's pages nor the last. */
#define PAGE 70UL
#define MOST 200 /* steps: far above what one access has */

#define FAIL(...) .caps = GM_CAPS_ALL, .tokens = GM_TOKEN_MODULE, .needs = GM_NEEDS(__VA_ARGS__)

#define SCARCE(fn, stem, ...)                                                                      \
	FD_DECLARE(fn);                                                                            \
	FD_P1(fn, stem, FAIL(GMEM_MMAP, INIT_SHARED, FAIL_NTH, DEBUGFS), __VA_ARGS__)              \
	FD_P0(fn, stem, FAIL(ATTRIBUTES, FAIL_NTH, DEBUGFS), __VA_ARGS__)                          \
	FD_INPLACE(fn, stem, FAIL(FAIL_NTH, DEBUGFS), __VA_ARGS__)                                 \
	FD_INPLACE_BACK_TWIN(fn, stem, FAIL(FAIL_NTH, DEBUGFS), __VA_ARGS__)                       \
	FD_BODY(fn)

/* The host's own touch, and policy: what it can reach. */
#define SCARCE_HOST(fn, id, ...)                                                                   \
	FD_DECLARE(fn);                                                                            \
	GM_VARIANT(fn, fn##_p1, .name = id, .profile = "P1", .arg = &gm_p1, __VA_ARGS__)           \
	FD_INPLACE_BACK_TWIN(fn, id, __VA_ARGS__)                                                  \
	FD_BODY(fn)

static int allocate(void *arg)
{
	struct gm_fixture *w = arg;

	return __gm_gmem_allocate(w->gmem, PAGE * PG, 3 * PG);
}

static void allocated_not(void *arg, unsigned int n, int err)
{
	struct gm_fixture *w = arg;

	GM_EXPECT_EQ(err, ENOMEM, "errno, step %u failed", n);
	gm_gmem_punch(w->gmem, PAGE * PG, 3 * PG);
}

static void allocated(void *arg)
{
	struct gm_fixture *w = arg;

	gm_gmem_punch(w->gmem, PAGE * PG, 3 * PG);
}

SCARCE(allocation, "fd.no_memory.fallocate", .clause = "fd.no_memory",
       .text = "each allocation of an fallocate() failing once: ENOMEM")
{
	struct gm_fixture *w = FD_FIXTURE(self->arg, SIZE);
	unsigned int failed;

	gm_fail_nth_open();
	gm_fail_nth_user_pages();
	failed = gm_fail_nth_sweep(allocate, allocated_not, allocated, w);
	/* Each of the three pages is such a step: none is left out without a word. */
	GM_EXPECT(failed >= 3,
		  "%u steps make an allocation of three pages fail, expected 3 or more", failed);
	fd_fixture_free(w);
}

SCARCE_HOST(host_touch, "fd.no_memory.host", .clause = "fd.no_memory",
	    FAIL(GMEM_MMAP, INIT_SHARED, FAIL_NTH, DEBUGFS),
	    .text = "each allocation of a host's first touch failing once: it waits, no signal")
{
	struct gm_fixture *w = FD_FIXTURE(self->arg, SIZE);
	bool reached = true;
	unsigned int n;

	gm_fail_nth_open();
	gm_fail_nth_user_pages();
	/* The page table stays when the page goes: else it would be the first step, and only then. */
	GM_SETUP(!gm_touch(w->hva + PAGE * PG, true, NULL), "the page cannot be touched");
	for (n = 1; n < MOST && reached && !gm_failures(); n++) {
		uint8_t *addr = w->hva + PAGE * PG;
		int sig, code = 0;

		gm_gmem_punch(w->gmem, PAGE * PG, PG);
		gm_fail_nth(n);
		sig = gm_touch(addr, n & 1, &code);
		reached = gm_fail_nth_reached();
		GM_EXPECT_AT(GM_PAGE(.off = PAGE * PG, .hva = (uintptr_t)addr), !sig,
			     "step %u failed: signal %d code %d, expected none", n, sig, code);
	}
	GM_SETUP(n > 2 || gm_failures(), "fail-nth made nothing fail");
	gm_note("%u steps", n - 2);
	fd_fixture_free(w);
}

/* The policy of the first page that was asked for: -1 without an answer. */
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

static void policy_set_not(void *arg, unsigned int n, int err)
{
	struct gm_fixture *w = arg;

	GM_EXPECT_EQ(err, ENOMEM, "errno of mbind(), step %u failed", n);
	GM_EXPECT_EQ(policy_of(w->hva + 2 * PG), MPOL_DEFAULT, "the policy, step %u failed", n);
}

static void policy_set(void *arg)
{
	struct gm_fixture *w = arg;

	GM_EXPECT_EQ(policy_of(w->hva + 2 * PG), MPOL_BIND, "the policy that mbind() said is set");
	GM_SETUP_OK(syscall(SYS_mbind, w->hva + PG, 3 * PG, MPOL_DEFAULT, NULL, 0, 0));
}

SCARCE_HOST(
	policy, "fd.no_memory.mbind", .clause = "fd.no_memory",
	FAIL(GMEM_MMAP, INIT_SHARED, NUMA, FAIL_NTH, DEBUGFS),
	.text = "each allocation of an mbind() failing once: ENOMEM and no policy, or the policy")
{
	struct gm_fixture *w = FD_FIXTURE(self->arg, SIZE);

	gm_fail_nth_open();
	gm_fail_nth_sweep(set_policy, policy_set_not, policy_set, w);
	GM_EXPECT_EQ(policy_of(w->hva + 2 * PG), MPOL_BIND, "the policy in the end");
	fd_fixture_free(w);
}
