// SPDX-License-Identifier: GPL-2.0-only
/*
 * The framework starts when a case starts, not when its program does: its constructor asks KVM
 * what it can do (arm64 creates VMs for that), and a program that only lists its cases opens
 * nothing. framework.mk compiles the constructor to call gm_framework_not_yet() instead.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "framework.h"
#include "main.h"

void gm_framework_not_yet(void);

void gm_framework_not_yet(void) {}

static struct sigaction framework_bus;

/* Is there a mapping of a guest_memfd at the address? */
static bool maps_gmem(uintptr_t addr)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[512];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%lx-%lx", &from, &to) == 2 && addr >= from && addr < to &&
			strstr(line, "[kvm-gmem]");
	if (f)
		fclose(f);
	return found;
}

/*
 * A case that touches a guest_memfd without expecting a signal holds the page for shared: the kernel that
 * refuses it breaks a promise. Any other SIGBUS is the framework's, which ends the case with an ERROR.
 */
static void refused(int sig, siginfo_t *info, void *ctx __attribute__((unused)))
{
	uintptr_t addr = (uintptr_t)info->si_addr;

	if (info->si_code == BUS_ADRERR && maps_gmem(addr)) {
		gm_checked();
		GM_FAIL_AT(GM_PAGE(.hva = GM_AT(addr)),
			   "the host's access to a page that must be shared: SIGBUS");
		gm_end();
	}
	framework_bus.sa_handler(sig);
}

void gm_framework_start(void)
{
	struct sigaction sa = { .sa_sigaction = refused, .sa_flags = SA_SIGINFO };

	kvm_selftest_arch_init();
	GM_SETUP_OK(sigaction(SIGBUS, &sa, &framework_bus));
}
