/* SPDX-License-Identifier: GPL-2.0-only */
/* Includes the KVM selftests framework. Only this file depends on differences between trees. */
#ifndef GM_FRAMEWORK_H
#define GM_FRAMEWORK_H

#include <test_util.h>
#include <kvm_util.h>
#include <processor.h>
#include <ucall_common.h>

#endif
