// SPDX-License-Identifier: GPL-2.0-only
/* A page of the shared half that has gone bad: the VMM is told which, the private half works on. */
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
static sigjmp_buf told;

static void note(int sig __attribute__((unused)), siginfo_t *info,
		 void *context __attribute__((unused)))
{
	code = info->si_code;
	addr = info->si_addr;
	/*
	 * KVM_RUN is left with EINTR, and gm_run() calls it again: who does is told again. An error of
	 * KVM_RUN's own would end it at the first time.
	 */
	if (++times == 2)
		siglongjmp(told, 1);
}

/* Does the guest's read of the page at gpa come back? Not where the VMM was told instead. */
static bool reads(struct gm_vm *vm, uint64_t gpa, struct gm_op *op, struct gm_exit *ex)
{
	*op = (struct gm_op){ .code = GM_OP_READ, .addr = gpa };
	*ex = (struct gm_exit){ 0 };
	times = code = 0;
	addr = NULL;
	if (!sigsetjmp(told, 1))
		return __gm_run(vm, 0, op, 1, ex, NULL);
	gm_underway_end();
	vm->stopped[0] = true;
	return false;
}

/* Costs the machine 4 KiB until it is booted again, as fd.hwpoison.mapped_page does. */
GM_CASE(shared_half, .name = "fd.hwpoison.shared_half", .clause = "fd.hwpoison", .profile = "P0",
	.needs = GM_NEEDS(ATTRIBUTES, HWPOISON, TDP), .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_MODULE,
	.text = "a shared page goes bad under the guest: SIGBUS names it to the vCPU, the rest works on")
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
		bool through = reads(w->vm, bad, &op, &ex);

		GM_EXPECT_AT(
			GM_PAGE(.gpa = GM_AT(bad), .hva = GM_AT((uintptr_t)w->hva + BAD * PG)),
			!through && times == 2 && code == BUS_MCEERR_AR &&
				addr == w->hva + BAD * PG,
			"the guest's read %d of the bad page: expected SIGBUS/BUS_MCEERR_AR at its address and EINTR, each time, observed %d times code %d at %p, %s",
			i + 1, times, code, addr, through ? gm_word_str(op.val) : gm_exit_str(&ex));
	}
	/* It never knew the page as a private one: that is another. */
	gm_fixture_convert(w, FIRST + BAD, 1, true);
	gm_guest_check_zero(w->vm, 0, bad, 1, "private");
	gm_fixture_fill(w, 0, FIRST + BAD, 1);
	gm_fixture_check_guest(w, 0, FIRST, BAD, 1, "below the bad page");
	gm_fixture_check_guest(w, 0, FIRST + BAD, 1, 1, "its private half");
	gm_fixture_check_guest(w, 0, FIRST + BAD + 1, NPAGES - BAD - 1, 1, "above");
	gm_fixture_free(w);
}
