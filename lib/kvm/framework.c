// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starts the framework when a case starts, and not when its program starts. The framework's
 * constructor probes KVM (on arm64 it creates VMs), but a program that lists its cases must not
 * open anything. So framework.mk makes the constructor call gm_framework_not_yet() instead.
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
 * SIGBUS for a page of a guest_memfd is a miss: a case that accesses one and does not expect the
 * signal expects a shared page. Any other SIGBUS goes to the framework, which ends the case with an
 * ERROR.
 */
static void on_sigbus(int sig, siginfo_t *info, void *ctx __attribute__((unused)))
{
	uintptr_t addr = (uintptr_t)info->si_addr;

	if (info->si_code == BUS_ADRERR && maps_gmem(addr)) {
		gm_checked();
		GM_FAIL_AT(
			GM_PAGE(.hva = GM_AT(addr)),
			"access of the host to a shared page: expected success, observed SIGBUS");
		gm_end();
	}
	framework_bus.sa_handler(sig);
}

void gm_framework_start(void)
{
	struct sigaction sa = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	kvm_selftest_arch_init();
	GM_SETUP_OK(sigaction(SIGBUS, &sa, &framework_bus));
}
