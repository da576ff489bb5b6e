/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one place that includes the KVM selftests framework, and where a difference between the
 * trees that KSRC= may name is met. Nothing else knows which tree it was built from.
 */
#ifndef GM_FRAMEWORK_H
#define GM_FRAMEWORK_H

#include <test_util.h>
#include <kvm_util.h>
#include <processor.h>
#include <ucall_common.h>

#endif
