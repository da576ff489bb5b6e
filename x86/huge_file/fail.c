// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation of a call failing, alone and with all later ones: the pool and the file are as
 * before, and the next call succeeds.
 */
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fail_nth.h"
#include "huge_file.h"

#define HUGE 2UL /* huge pages of the file */
/* The second one: to remember the first one takes no memory. */
#define AT GM_2M

GM_FILE(.clause = "huge_file.no_memory", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = GM_NEEDS(GMEM_HUGE, FAIL_NTH, DEBUGFS), .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_MODULE | GM_TOKEN_HUGE, .timeout = 120, .huge_2m = HUGE)

struct sweep {
	struct gm_fixture *w;
	struct gm_pool pool; /* before the file was made */
	struct gm_exit exit;
	int fd;
};

/* A huge page that the file got before the failure stays: in st_blocks, and out of the reservation. */
static void expect_pool(struct sweep *s, const char *when)
{
	struct stat st;
	long has;

	GM_SETUP(!fstat(s->w->gmem, &st), "fstat: %s", gm_errno_name(errno));
	has = st.st_blocks * 512 / GM_2M;
	GM_EXPECT(has <= 1, "%s: the file has %ld huge pages of one", when, has);
	gm_pool_expect(&s->pool, has, HUGE - has, when);
}

static void give_back(struct sweep *s)
{
	gm_fixture_punch(s->w, GFN(s->w->gpa + AT), GM_2M / PG);
	gm_pool_expect(&s->pool, 0, HUGE, "after a hole");
}

static struct sweep sweep_new(void)
{
	struct sweep s = { 0 };

	gm_pool_read(&s.pool, GM_2M);
	s.w = GM_FIXTURE(.size = HUGE * GM_2M, .file_page = GM_2M, .starts_private = true,
			 .uaddr = GM_UADDR_NONE);
	gm_vm_warm(s.w->vm);
	gm_fail_nth_open();
	return s;
}

static void sweep_free(struct sweep *s)
{
	gm_fixture_free(s->w);
	gm_pool_expect(&s->pool, 0, 0, "the VM and its file are gone");
}

static int create(void *arg)
{
	struct sweep *s = arg;

	s->fd = __gm_gmem_new(s->w->vm, HUGE * GM_2M, gm_gmem_huge_flags(GM_2M));
	return s->fd < 0 ? -1 : 0;
}

static void not_created(void *arg, unsigned int n, int err)
{
	struct sweep *s = arg;

	GM_EXPECT_EQ(err, ENOMEM, "step %u: errno of KVM_CREATE_GUEST_MEMFD", n);
	gm_pool_expect(&s->pool, 0, HUGE, "a file was refused");
}

static void uncreate(void *arg)
{
	struct sweep *s = arg;

	gm_pool_expect(&s->pool, 0, 2 * HUGE, "a second file");
	close(s->fd);
	gm_pool_expect(&s->pool, 0, HUGE, "the second file is closed");
}

GM_CASE(no_memory_create, .name = "huge_file.no_memory.create",
	.text = "a file of huge pages is made with each allocation failing: ENOMEM, and nothing stays reserved",
	.huge_2m = 2 * HUGE)
{
	struct sweep s = sweep_new();

	gm_fail_nth_sweeps(create, not_created, uncreate, &s);
	uncreate(&s);
	sweep_free(&s);
}

static int allocate(void *arg)
{
	struct sweep *s = arg;

	return __gm_gmem_allocate(s->w->gmem, AT, GM_2M);
}

static void not_allocated(void *arg, unsigned int n, int err)
{
	GM_EXPECT_EQ(err, ENOMEM, "step %u: errno of fallocate", n);
	expect_pool(arg, "fallocate was refused");
}

static void unallocate(void *arg)
{
	give_back(arg);
}

GM_CASE(no_memory_allocate, .name = "huge_file.no_memory.fallocate",
	.text = "fallocate of a huge page with each allocation failing: ENOMEM, and the pool has the page")
{
	struct sweep s = sweep_new();

	gm_fail_nth_sweeps(allocate, not_allocated, unallocate, &s);
	give_back(&s);
	sweep_free(&s);
}

static void post(struct sweep *s)
{
	struct gm_op op[2] = {
		{ .code = GM_OP_CHECK_ZERO, .addr = s->w->gpa + AT, .nr = 1 },
		{ .code = GM_OP_FILL,
		  .addr = s->w->gpa + AT,
		  .nr = 1,
		  .writer = GM_WRITER_PRIVATE },
	};

	op[1].gen = gm_fixture_gen(s->w);
	gm_post(s->w->vm, 0, op, 2);
}

static int run(void *arg)
{
	struct sweep *s = arg;

	return gm_enter(s->w->vm, 0, &s->exit);
}

static void not_run(void *arg, unsigned int n, int err)
{
	GM_EXPECT_EQ(err, ENOMEM, "step %u: errno of KVM_RUN", n);
	expect_pool(arg, "KVM_RUN was refused");
}

static void expect_done(struct sweep *s)
{
	struct gm_mbox *box = &s->w->vm->mbox[0];

	GM_EXPECT_EQ(box->done, 2, "operations done");
	GM_EXPECT(!box->op[0].bad, "the guest reads %#lx, expected zero", box->op[0].observed);
}

static void ran(void *arg)
{
	expect_done(arg);
	give_back(arg);
	post(arg);
}

GM_CASE(no_memory_run, .name = "huge_file.no_memory.run",
	.text = "the guest's first touch with each allocation failing: ENOMEM, and the next KVM_RUN goes on")
{
	struct sweep s = sweep_new();

	post(&s);
	gm_fail_nth_sweeps(run, not_run, ran, &s);
	expect_done(&s);
	give_back(&s);
	sweep_free(&s);
}

static int populate(void *arg)
{
	struct sweep *s = arg;

	return madvise(s->w->hva + AT, PG, MADV_POPULATE_READ);
}

static void not_populated(void *arg, unsigned int n, int err)
{
	/* A fault that finds no huge page is a SIGBUS, one without a page table is out of memory. */
	GM_EXPECT(err == ENOMEM || err == EFAULT, "step %u: errno of MADV_POPULATE_READ: %s", n,
		  gm_errno_name(err));
	expect_pool(arg, "MADV_POPULATE_READ was refused");
}

GM_CASE(no_memory_host, .name = "huge_file.no_memory.host", .needs = GM_NEEDS(GMEM_GUP),
	.text = "the host's first touch of a shared page with each allocation failing: refused, and then zero")
{
	struct sweep s = sweep_new();

	gm_fixture_convert(s.w, GFN(s.w->gpa + AT), 1, false);
	gm_fail_nth_sweeps(populate, not_populated, unallocate, &s);
	gm_host_check_zero(s.w->hva + AT, 1, "the page");
	give_back(&s);
	sweep_free(&s);
}

static int prefault(void *arg)
{
	struct sweep *s = arg;
	uint64_t gpa = s->w->gpa + AT, size = 8 * PG;

	return gm_prefault(s->w->vm, 0, &gpa, &size, 0);
}

static void not_prefaulted(void *arg, unsigned int n, int err)
{
	GM_EXPECT_EQ(err, ENOMEM, "step %u: errno of KVM_PRE_FAULT_MEMORY", n);
	expect_pool(arg, "KVM_PRE_FAULT_MEMORY was refused");
}

GM_CASE(no_memory_prefault, .name = "huge_file.no_memory.prefault",
	.text = "KVM_PRE_FAULT_MEMORY of an empty huge page with each allocation failing: ENOMEM, and the guest reads zero after the call that succeeds",
	.needs = GM_NEEDS(GMEM_HUGE, FAIL_NTH, DEBUGFS, PREFAULT))
{
	struct sweep s = sweep_new();

	gm_fail_nth_sweeps(prefault, not_prefaulted, unallocate, &s);
	post(&s);
	GM_EXPECT(!run(&s), "KVM_RUN: %s", gm_exit_str(&s.exit));
	expect_done(&s);
	give_back(&s);
	sweep_free(&s);
}
