// SPDX-License-Identifier: GPL-2.0-only
/* One load or store by the host that may fault. */
#include <stddef.h>

#include "check.h"
#include "guard.h"
#include "touch.h"

int gm_touch(const volatile void *addr, bool write, int *code)
{
	struct gm_fault f = {};
	struct sigaction bus, segv;
	uint64_t val;

	GM_SETUP_OK(gm_guard_catch(SIGBUS, &bus));
	GM_SETUP_OK(gm_guard_catch(SIGSEGV, &segv));
	if (gm_guard_load(addr, &val, &f) && write)
		gm_guard_store((volatile void *)addr, val, &f);
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	if (code)
		*code = f.code;
	return f.sig;
}
