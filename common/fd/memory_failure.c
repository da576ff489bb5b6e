// SPDX-License-Identifier: GPL-2.0-only
/*
 * memory_failure() on a page of the file, from outside: by the frame's number, with processes that map
 * it and want to be told early, late or never wrote it, and under an IOMMU: fd.memory_failure.
 */
#include <signal.h>
#include <sys/prctl.h>

#include "fd.h"
#include "iommu.h"
#include "poison.h"
#include "pool.h"

GM_FILE(.clause = "fd.memory_failure", .profile = "P1",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP, HARD_OFFLINE), .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_MODULE)

#define NPAGES 8
#define BAD 5
#define IOVA 0x2000000UL

/* The page goes bad; gives its frame. EBUSY: it is bad, and stays in its file. */
static uint64_t offline(struct gm_fixture *w)
{
	uint64_t pfn = gm_pfn_of(w->hva + BAD * PG);
	int err;

	GM_SETUP(pfn, "/proc/self/pagemap does not tell the page frame");
	err = gm_hard_offline(pfn);
	GM_SETUP(!err || err == EBUSY, "hard_offline_page: %s", gm_errno_name(err));
	return pfn;
}

static void expect_bad(struct gm_fixture *w, const char *when)
{
	for (int write = 0; write < 2; write++) {
		struct gm_op op = { .code = write ? GM_OP_WRITE : GM_OP_READ,
				    .addr = GM_BASE + BAD * PG };
		struct gm_exit ex;
		bool through = __gm_run(w->vm, 0, &op, 1, &ex, NULL);

		GM_EXPECT(
			!through && ex.ret == -1 && ex.err == EHWPOISON &&
				ex.reason == KVM_EXIT_MEMORY_FAULT && ex.fault.gpa == op.addr &&
				ex.fault.size == PG && !ex.fault.flags,
			"%s, a %s of the bad page: expected KVM_EXIT_MEMORY_FAULT and EHWPOISON, observed %s",
			when, write ? "write" : "read",
			through ? gm_word_str(op.val) : gm_exit_str(&ex));
	}
	gm_fixture_check_guest(w, 0, FIRST, BAD, 1, when);
	gm_fixture_check_guest(w, 0, FIRST + BAD + 1, NPAGES - BAD - 1, 1, when);
}

static void expect_lost(const void *hva, const char *when)
{
	int code, sig = gm_touch(hva, false, &code);

	GM_EXPECT(sig == SIGBUS && code == BUS_MCEERR_AR,
		  "%s: expected SIGBUS/BUS_MCEERR_AR, observed signal %d code %d", when, sig, code);
}

/* The page is given up: zeroes, and the neighbours as they were. */
static void heal(struct gm_fixture *w)
{
	gm_fixture_punch(w, FIRST + BAD, 1);
	gm_guest_check_zero(w->vm, 0, GM_BASE + BAD * PG, 1, "after PUNCH_HOLE");
	gm_fixture_fill(w, 0, FIRST + BAD, 1);
	gm_fixture_check_guest(w, 0, FIRST, NPAGES, 1, "healed");
}

GM_CASE(by_frame, .name = "fd.memory_failure.by_frame.p1",
	.text = "a hot page offline by its frame: EHWPOISON, a hole heals it, nobody gets the frame again")
{
	struct gm_fixture *w = FD_FIXTURE(&gm_p1, NPAGES * PG);
	uint64_t pfn;

	gm_fixture_fill(w, 0, FIRST, NPAGES);
	gm_fixture_check_host(w, FIRST, NPAGES, 1, "before");
	pfn = offline(w);
	expect_bad(w, "offline");
	expect_lost(w->hva + BAD * PG, "the host's load");
	GM_EXPECT_EQ(gm_hard_offline(pfn), EHWPOISON, "offline once more");
	heal(w);
	gm_poison_expect_retired(pfn, "after PUNCH_HOLE");
	fd_fixture_free(w);
	gm_poison_expect_retired(pfn, "the file gone");
}

/* --- processes that have the file mapped --- */

enum touched { NOT_TOUCHED, READ_ONLY, WRITTEN };

static const struct mapper {
	int policy; /* of prctl(PR_MCE_KILL) */
	enum touched touched;
} mapper[] = {
	{ PR_MCE_KILL_EARLY, WRITTEN },	    { PR_MCE_KILL_EARLY, READ_ONLY },
	{ PR_MCE_KILL_EARLY, NOT_TOUCHED }, { PR_MCE_KILL_LATE, WRITTEN },
	{ PR_MCE_KILL_LATE, READ_ONLY },
};
#define MAPPERS ARRAY_SIZE(mapper)

static const char *name_of(const struct mapper *m)
{
	static const char *const name[][3] = {
		{ "late, never touched it", "late, read it", "late, wrote it" },
		{ "early, never touched it", "early, read it", "early, wrote it" },
	};

	return name[m->policy == PR_MCE_KILL_EARLY][m->touched];
}

/* What a mapper was told: by a signal, and when it then touched the page. */
struct told {
	int sig, code;
	bool there; /* the signal names the page's address in this process */
	int touch, touch_code;
};

/* A process, and the two ends that are left of its pipes. */
struct child {
	pid_t pid;
	int to, from;
};

static void mapper_runs(const struct mapper *m, struct gm_fixture *w, int from, int to)
{
	const struct timespec none = { 0 };
	struct told told = { 0 };
	siginfo_t info = { 0 };
	uint8_t *map;
	sigset_t set;
	char go = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	/* The address must be its own mapping's. */
	munmap(w->hva, NPAGES * PG);
	map = mmap(NULL, NPAGES * PG, PROT_READ | PROT_WRITE, MAP_SHARED, w->gmem, 0);
	if (map == MAP_FAILED || sigprocmask(SIG_BLOCK, &set, NULL) ||
	    prctl(PR_MCE_KILL, PR_MCE_KILL_SET, m->policy, 0, 0))
		_exit(1);
	if (m->touched == WRITTEN)
		*(volatile uint64_t *)(map + BAD * PG) |= 0;
	else if (m->touched != NOT_TOUCHED)
		(void)*(volatile uint64_t *)(map + BAD * PG);
	if (write(to, &go, 1) != 1 || read(from, &go, 1) != 1)
		_exit(1);
	if (sigtimedwait(&set, &info, &none) == SIGBUS) {
		told.sig = SIGBUS;
		told.code = info.si_code;
		told.there = info.si_addr == map + BAD * PG;
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	told.touch = gm_touch(map + BAD * PG, false, &told.touch_code);
	_exit(write(to, &told, sizeof(told)) != sizeof(told));
}

static struct child start(const struct mapper *m, struct gm_fixture *w)
{
	int to[2], from[2];
	struct child c;
	char ready;

	GM_SETUP_OK(pipe(to));
	GM_SETUP_OK(pipe(from));
	c = (struct child){ GM_SETUP_OK(fork()), to[1], from[0] };
	if (!c.pid) {
		close(to[1]);
		close(from[0]);
		mapper_runs(m, w, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	GM_SETUP(read(c.from, &ready, 1) == 1, "a child (%s) did not start", name_of(m));
	return c;
}

static struct told result(const struct mapper *m, struct child *c)
{
	struct told told;
	int status;

	GM_SETUP(write(c->to, "g", 1) == 1 && read(c->from, &told, sizeof(told)) == sizeof(told),
		 "a child (%s) did not report", name_of(m));
	GM_SETUP_OK(waitpid(c->pid, &status, 0));
	GM_SETUP(!status, "a child (%s) ended with status %#x", name_of(m), status);
	close(c->to);
	close(c->from);
	return told;
}

/* All of them map the page, it goes bad, and each is asked. Unless `written`, they read it at most. */
static void mappers(struct gm_fixture *w, bool written)
{
	struct mapper as[MAPPERS];
	struct child child[MAPPERS];

	for (unsigned int i = 0; i < MAPPERS; i++) {
		as[i] = mapper[i];
		if (as[i].touched == WRITTEN && !written)
			as[i].touched = READ_ONLY;
		child[i] = start(&as[i], w);
	}
	offline(w);
	for (unsigned int i = 0; i < MAPPERS; i++) {
		const struct mapper *m = &as[i];
		struct told told = result(m, &child[i]);

		if (written && m->policy == PR_MCE_KILL_EARLY)
			GM_EXPECT(
				told.sig == SIGBUS && told.code == BUS_MCEERR_AO && told.there,
				"%s: expected SIGBUS/BUS_MCEERR_AO at its address, observed signal %d code %d%s",
				name_of(m), told.sig, told.code,
				told.sig && !told.there ? " elsewhere" : "");
		else
			GM_EXPECT(!told.sig, "%s: expected no signal, observed %d code %d",
				  name_of(m), told.sig, told.code);
		GM_EXPECT(told.touch == SIGBUS && told.touch_code == BUS_MCEERR_AR,
			  "%s, then touches it: expected SIGBUS/BUS_MCEERR_AR, observed %d code %d",
			  name_of(m), told.touch, told.touch_code);
	}
}

GM_CASE(early, .name = "fd.memory_failure.told.p1",
	.text = "a written page: SIGBUS/BUS_MCEERR_AO at its address to each early process, nothing to a late one")
{
	struct gm_fixture *w = FD_FIXTURE(&gm_p1, NPAGES * PG);

	gm_fixture_fill(w, 0, FIRST, NPAGES);
	gm_fixture_check_host(w, FIRST, NPAGES, 1, "before");
	mappers(w, true);
	expect_bad(w, "with mappers");
	expect_lost(w->hva + BAD * PG, "the VMM, which asked for nothing");
	heal(w);
	fd_fixture_free(w);
}

GM_CASE(unwritten, .name = "fd.memory_failure.unwritten.p1",
	.text = "a page that everybody only read: no signal to anybody before he touches it")
{
	struct gm_fixture *w = FD_FIXTURE(&gm_p1, NPAGES * PG);

	gm_host_check_zero(w->hva, NPAGES, "before");
	mappers(w, false);
	expect_bad(w, "with mappers that only read");
	heal(w);
	fd_fixture_free(w);
}

/*
 * What the device reads over the border to the bad page: by its page table. Within one page the mock would
 * ask for the page by its address (drivers/iommu/iommufd/pages.c:2379).
 */
static void expect_device(struct gm_iodev *dev, const uint64_t *want, const char *when)
{
	uint64_t got[2];

	GM_EXPECT_OK(__gm_dma_read(dev, IOVA + BAD * PG - 8, got, sizeof(got)));
	GM_EXPECT_EQ(got[0], want[0], "%s, the device: the last word below", when);
	GM_EXPECT_EQ(got[1], want[1], "%s, the device: the first word", when);
}

GM_CASE(under_iommu, .name = "fd.memory_failure.under_iommu.p1",
	.needs = GM_NEEDS(IOMMUFD, IOAS_MAP_FILE, IOMMUFD_TEST), .tokens = GM_TOKEN_IOMMU,
	.text = "a page that a device has mapped: the map stays, a new one is refused; unmapped, nobody gets the frame")
{
	struct gm_fixture *w = FD_FIXTURE(&gm_p1, NPAGES * PG);
	struct gm_iommu *iommu = gm_iommu_new(GM_IOMMU_MOCK);
	uint32_t ioas = gm_ioas_new(iommu);
	struct gm_iodev *dev = gm_iodev_new(iommu, ioas);
	uint64_t iova = IOVA, border[2], pfn;

	gm_fixture_fill(w, 0, FIRST, NPAGES);
	gm_fixture_check_host(w, FIRST, NPAGES, 1, "before");
	gm_promise(!__gm_map_hva(iommu, ioas, w->hva, NPAGES * PG, &iova, GM_RW),
		   "the good pages are mapped");
	memcpy(border, w->hva + BAD * PG - 8, sizeof(border));
	pfn = offline(w);
	expect_bad(w, "under an IOMMU");
	for (uint64_t p = 0; p < NPAGES; p++)
		if (p != BAD)
			gm_dma_expect_same(dev, IOVA + p * PG, w->hva + p * PG, PG, "beside it");
	expect_device(dev, border, "bad");
	iova = IOVA + GM_2M;
	GM_EXPECT_ERRNO(EFAULT, __gm_map_hva(iommu, ioas, w->hva + BAD * PG, PG, &iova, GM_RW),
			"the bad page mapped once more");
	heal(w);
	expect_device(dev, border, "after PUNCH_HOLE");
	gm_unmap(iommu, ioas, IOVA, NPAGES * PG);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	gm_poison_expect_retired(pfn, "unmapped");
	gm_iodev_free(dev);
	gm_iommu_free(iommu);
	fd_fixture_free(w);
}
