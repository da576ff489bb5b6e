/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be tested on this machine and kernel by this user: found by probing, never by version.
 *
 * Each need of need.h is probed at most once per process, on first use, with the rights that the
 * process has then. A probe destroys what it creates (a VM, a file, an IOAS) before it returns, and
 * changes nothing global, except that the first arm64 protected VM taints the kernel. Uses raw
 * ioctls and the exported headers: links without the selftests framework.
 */
#ifndef GM_PLATFORM_H
#define GM_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "need.h"

/* Strings returned here live as long as the process, unless the function says otherwise. */

bool gm_platform_has(enum gm_need n);
/* It is missing, and stays so while this kernel runs: later cases need not probe again. */
bool gm_need_never(enum gm_need n);
/* It is missing for lack of rights (EACCES, EPERM). */
bool gm_need_denied(enum gm_need n);
/* Does one of them, or one that it depends on, need /dev/kvm? */
bool gm_need_of_kvm(gm_needs needs);
/* The SKIP reason: one constant string per need, "no VM-wide memory attributes". */
const char *gm_need_reason(enum gm_need n);
/*
 * How to provide it on this machine: a config option, module, sysctl, boot parameter, group. "" if
 * it is not missing.
 */
const char *gm_need_remedy(enum gm_need n);

/*
 * Are there n2m free and unreserved pages of 2 MiB and n1g of 1 GiB? Not cached, as pools change.
 * If not, *reason is a constant string, and `remedy` (len bytes) gets a line that says how to
 * provide them. Either may be NULL.
 */
bool gm_platform_huge(unsigned int n2m, unsigned int n1g, const char **reason, char *remedy,
		      size_t len);

/* --- KVM --- */

/* "x86" or "arm64", as in ARCH=. */
extern const char *const gm_arch_name;

struct gm_vm_type {
	unsigned long type; /* argument of KVM_CREATE_VM */
	const char *name;
	bool taints; /* the first such VM taints the kernel; no guest_memfd in it so far */
};

/*
 * The i-th VM type of this architecture, also if it cannot be created here; NULL: there are no
 * more. The first is the default type, with an IPA size that the machine supports.
 */
const struct gm_vm_type *gm_platform_vm_type(size_t i);
/* Does KVM_CREATE_VM accept this type? Creates one and closes it. */
bool gm_platform_vm_creatable(unsigned long vm_type);

#define GM_SYSTEM_SCOPE (~0UL)
/*
 * KVM_CHECK_EXTENSION on a VM of this type, or on /dev/kvm with GM_SYSTEM_SCOPE; -1 also if that
 * cannot be opened.
 */
long gm_platform_cap(unsigned long vm_type, unsigned int cap);
/* Can a VM of this type create a guest_memfd (one page, flags 0)? */
bool gm_platform_gmem(unsigned long vm_type);
/*
 * The flags that KVM_CREATE_GUEST_MEMFD accepts on this VM type: tries each of the 64 bits alone. 0
 * also if there is no guest_memfd.
 */
uint64_t gm_platform_gmem_flags(unsigned long vm_type);
/* Does a VM of the default type have this binary statistic ("pages_1g")? */
bool gm_platform_vm_stat(const char *name);
/* Does this kernel run under a hypervisor? */
bool gm_platform_nested(void);
/*
 * Do instruction fetches see stores without maintenance of the instruction cache (x86; arm64 with
 * CTR_EL0.DIC)? Where they do, a case that runs new code cannot tell whether KVM does its maintenance.
 */
bool gm_platform_icache_coherent(void);
/* Does the kernel ignore the top byte of user addresses that it pins (arm64's untagged_addr())? */
bool gm_platform_top_byte_ignored(void);
/* /sys/module/<module>/parameters/<param>, without the newline; false if it cannot be read. */
bool gm_platform_param(const char *module, const char *param, char *buf, size_t len);

/* --- paths and addresses; NULL if the need is missing --- */

#define GM_EDU_MAX 2
/* VFIO_EDU, VFIO_EDU_PAIR: the PCI address of edu device nr (0, 1), "0000:00:04.0". */
const char *gm_platform_edu(unsigned int nr);
const char *gm_platform_dio_dir(void); /* DISK_DIO: a writable folder */
const char *gm_platform_memcg(void);   /* MEMCG: mount point, "/sys/fs/cgroup" */

/* The serial number of the lab's scratch disk (virtio-blk: serial=gm-scratch). */
#define GM_SCRATCH_SERIAL "gm-scratch"

#endif
