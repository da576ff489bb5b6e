// SPDX-License-Identifier: GPL-2.0-only
/*
 * A poisoned page of shared memory: the VMM gets its address, private memory still works:
 * fd.hwpoison.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "fixture.h"
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
