/* SPDX-License-Identifier: GPL-2.0-only */
/* The SMCCC functions that guests under test call. Used by guest and host. */
#ifndef GM_ARM64_SMCCC_H
#define GM_ARM64_SMCCC_H

/*
 * The suite's own conversion request, for VMs that are not protected: an SMC64 fast call of the
 * vendor hypervisor service, with a number that KVM does not use (include/linux/arm-smccc.h). The
 * SMCCC filter forwards it to user space.
 */
#define GM_SMCCC_MAP_GPA 0xC6000070UL

/* Hypercalls of a protected guest: include/linux/arm-smccc.h, ARM_SMCCC_VENDOR_HYP_KVM_*. */
#define GM_SMCCC_HYP_MEMINFO 0xC6000002UL
#define GM_SMCCC_MEM_SHARE 0xC6000003UL
#define GM_SMCCC_MEM_UNSHARE 0xC6000004UL

#endif
