// SPDX-License-Identifier: GPL-2.0-only
/*
 * The framework starts when a case starts, not when its program does: its constructor asks KVM
 * what it can do (arm64 creates VMs for that), and a program that only lists its cases opens
 * nothing. framework.mk compiles the constructor to call gm_framework_not_yet() instead.
 */
#include "framework.h"
#include "main.h"

void gm_framework_not_yet(void);

void gm_framework_not_yet(void) {}

void gm_framework_start(void)
{
	kvm_selftest_arch_init();
}
