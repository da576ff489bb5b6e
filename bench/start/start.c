// SPDX-License-Identifier: GPL-2.0-only
/* The framework starts before main(), as its own programs expect it; ours start it when they need it. */
#include "kvm_util.h"

void gm_framework_not_yet(void);

void gm_framework_not_yet(void)
{
	kvm_selftest_arch_init();
}
