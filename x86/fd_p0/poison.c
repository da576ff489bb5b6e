// SPDX-License-Identifier: GPL-2.0-only
/*
 * Poisoned pages: fd.hwpoison. Of shared memory: the VMM gets the address, private memory still works. Of
 * private memory: no process gets a signal, the guest's access ends in EHWPOISON.
 */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "fixture.h"
#include "frames.h"
#include "gm.h"
#include "poison.h"

#define PG GM_PAGE_SIZE
#define NPAGES 8
#define BAD 5
#define FIRST (GM_BASE / PG)

static volatile sig_atomic_t code, times;
static void *volatile addr;
static sigjmp_buf signalled;

static void note(int sig __attribute__((unused)), siginfo_t *info,
		 void *context __attribute__((unused)))
{
	code = info->si_code;
	addr = info->si_addr;
	/*
	 * KVM_RUN returns EINTR, gm_run() calls it again, and the signal comes again. Another error
	 * of KVM_RUN would end gm_run() after the first signal.
	 */
	if (++times == 2)
		siglongjmp(signalled, 1);
}

/* Reads the page at gpa in the guest. False: the VMM got SIGBUS instead. */
static bool guest_reads(struct gm_vm *vm, uint64_t gpa, struct gm_op *op, struct gm_exit *ex)
{
	*op = (struct gm_op){ .code = GM_OP_READ, .addr = gpa };
	*ex = (struct gm_exit){ 0 };
	times = code = 0;
	addr = NULL;
	if (!sigsetjmp(signalled, 1))
		return __gm_run(vm, 0, op, 1, ex, NULL);
	gm_underway_end();
	vm->stopped[0] = true;
	return false;
}

/* Costs 4 KiB until the next boot, as fd.hwpoison.mapped_page. */
GM_CASE(shared_half, .name = "fd.hwpoison.shared_half", .clause = "fd.hwpoison", .profile = "P0",
	.needs = GM_NEEDS(ATTRIBUTES, HWPOISON, TDP), .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_MODULE,
	.text = "a shared page of the guest is poisoned: SIGBUS with its address for the vCPU's thread; the rest still works")
{
	struct sigaction sa = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };
	struct gm_fixture *w =
		GM_FIXTURE(.size = NPAGES * PG, .mem = GM_MEM_SHMEM, .guest_page = PG);
	uint64_t bad = GM_BASE + BAD * PG;
	struct gm_exit ex;
	struct gm_op op;

	gm_fixture_fill(w, 0, FIRST, NPAGES);
	GM_SETUP_OK(sigaction(SIGBUS, &sa, NULL));
	GM_SETUP(!gm_poison(w->hva + BAD * PG, NULL), "MADV_HWPOISON was refused");
	for (int i = 0; i < 2; i++) {
		bool done = guest_reads(w->vm, bad, &op, &ex);

		GM_EXPECT_AT(
			GM_PAGE(.gpa = GM_AT(bad), .hva = GM_AT((uintptr_t)w->hva + BAD * PG)),
			!done && times == 2 && code == BUS_MCEERR_AR && addr == w->hva + BAD * PG,
			"the guest's read %d of the poisoned page: expected SIGBUS/BUS_MCEERR_AR at its address and EINTR, each time, observed %d times code %d at %p, %s",
			i + 1, times, code, addr, done ? gm_word_str(op.val) : gm_exit_str(&ex));
	}
	/* The private page at this gpa is another page. */
	gm_fixture_convert(w, FIRST + BAD, 1, true);
	gm_guest_check_zero(w->vm, 0, bad, 1, "private");
	gm_fixture_fill(w, 0, FIRST + BAD, 1);
	gm_fixture_check_guest(w, 0, FIRST, BAD, 1, "below the poisoned page");
	gm_fixture_check_guest(w, 0, FIRST + BAD, 1, 1, "its private memory");
	gm_fixture_check_guest(w, 0, FIRST + BAD + 1, NPAGES - BAD - 1, 1, "above");
	gm_fixture_free(w);
}

#define MANY 256UL
#define KPF_UNEVICTABLE 18 /* include/uapi/linux/kernel-page-flags.h */

/*
 * The frame of some page of a file that nobody can map. A CPU hands out first what was freed on it last,
 * kind by kind: so the file gets frames that another guest_memfd had, which shows them. In use again and
 * unevictable, they are the file's.
 */
static uint64_t frame_of_some_page(int gmem)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT);
	int other = gm_flavour_gmem(vm, &gm_p1, 2 * MANY * PG), cpu = GM_SETUP_OK(sched_getcpu());
	uint64_t pfn[2 * MANY];
	uint8_t *map = mmap(NULL, 2 * MANY * PG, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	cpu_set_t here;

	GM_SETUP(map != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	GM_SETUP_OK(sched_setaffinity(0, sizeof(here), &here));
	for (uint64_t p = 0; p < 2 * MANY; p++)
		*(volatile uint8_t *)(map + p * PG) = 1;
	GM_SETUP(gm_frames_read(map, 2 * MANY, pfn), "pagemap does not tell the frames");
	munmap(map, 2 * MANY * PG);
	gm_gmem_punch(other, 0, 2 * MANY * PG);
	gm_gmem_allocate(gmem, 0, MANY * PG);
	close(other);
	gm_vm_free(vm);
	for (uint64_t p = 0; p < 2 * MANY; p++)
		if (gm_frames_flag(pfn[p], KPF_UNEVICTABLE) == 1)
			return pfn[p];
	GM_ERROR("no frame that was freed is one of the file's");
}

static void expect_no_signal(const char *when)
{
	sigset_t pending;

	GM_SETUP_OK(sigpending(&pending));
	GM_EXPECT(!sigismember(&pending, SIGBUS), "%s: the VMM got SIGBUS", when);
}

/* Expects the guest's access to end in EHWPOISON; without `expect`, says whether it did. */
static bool is_bad(struct gm_fixture *w, uint64_t page, bool write, const char *expect)
{
	struct gm_op op = { .code = write ? GM_OP_WRITE : GM_OP_READ, .addr = GM_BASE + page * PG };
	struct gm_exit ex;
	bool through = __gm_run(w->vm, 0, &op, 1, &ex, NULL);
	bool bad = !through && ex.ret == -1 && ex.err == EHWPOISON &&
		   ex.reason == KVM_EXIT_MEMORY_FAULT && ex.fault.gpa == op.addr &&
		   ex.fault.size == PG && ex.fault.flags == KVM_MEMORY_EXIT_FLAG_PRIVATE;

	if (expect || (!through && !bad))
		GM_EXPECT(
			bad,
			"%s, page %lu: expected KVM_EXIT_MEMORY_FAULT, flags PRIVATE, and EHWPOISON, observed %s",
			expect ?: "private", page,
			through ? gm_word_str(op.val) : gm_exit_str(&ex));
	return bad;
}

GM_CASE(private_page, .name = "fd.memory_failure.private.p0", .clause = "fd.memory_failure",
	.profile = "P0", .needs = GM_NEEDS(ATTRIBUTES, GMEM_MMAP, INIT_SHARED, HARD_OFFLINE, TDP),
	.caps = GM_CAPS_ALL, .tokens = GM_TOKEN_ALONE,
	.text = "a private page offline by its frame: no signal to an early VMM, EHWPOISON, a hole heals, the frame is lost")
{
	struct gm_fixture *w = GM_FIXTURE(.size = MANY * PG, .guest_page = PG);
	uint64_t pfn, page = MANY, bad = 0;
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	GM_SETUP_OK(sigprocmask(SIG_BLOCK, &set, NULL));
	GM_SETUP_OK(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
	gm_fixture_convert(w, FIRST, MANY, true);
	pfn = frame_of_some_page(w->gmem);
	gm_fixture_fill(w, 0, FIRST, MANY);
	err = gm_hard_offline(pfn);
	GM_SETUP(!err || err == EBUSY, "hard_offline_page: %s", gm_errno_name(err));
	expect_no_signal("offline");
	for (uint64_t p = 0; p < MANY; p++) {
		if (!is_bad(w, p, false, NULL)) {
			gm_fixture_check_guest(w, 0, FIRST + p, 1, 1, "beside the bad page");
			continue;
		}
		page = p;
		bad++;
	}
	GM_EXPECT_EQ(bad, 1, "pages that the guest cannot read");
	if (bad != 1)
		gm_end();
	is_bad(w, page, true, "a write");
	expect_no_signal("the guest's accesses");
	/* The shared page at the same address is another. */
	gm_fixture_convert(w, FIRST + page, 1, false);
	gm_fixture_host_write(w, FIRST + page, 1);
	gm_fixture_check_guest(w, 0, FIRST + page, 1, 1, "shared");
	gm_fixture_convert(w, FIRST + page, 1, true);
	is_bad(w, page, false, "private again");
	gm_fixture_punch(w, FIRST + page, 1);
	gm_guest_check_zero(w->vm, 0, GM_BASE + page * PG, 1, "after PUNCH_HOLE");
	gm_poison_expect_retired(pfn, "after PUNCH_HOLE");
	gm_fixture_fill(w, 0, FIRST + page, 1);
	gm_fixture_check_guest(w, 0, FIRST, MANY, 8, "healed");
	expect_no_signal("in the end");
	gm_fixture_free(w);
	gm_poison_expect_retired(pfn, "the file gone");
}
