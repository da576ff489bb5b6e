/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this machine, this kernel and this user can test: found by probing, never by version.
 *
 * Each need of need.h is probed at most once per process, at the first question, with the rights
 * that the process has at that moment, and probing one opens nothing that belongs to another.
 * Whatever a probe makes (a VM, a file, an IOAS) is gone when it returns; nothing global changes,
 * but for one thing that the kernel itself does: the first arm64 protected VM taints it.
 * Raw ioctls with the exported headers: links without the selftests framework.
 */
#ifndef GM_PLATFORM_H
#define GM_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "need.h"

/* Strings returned here live as long as the process, unless the function says otherwise. */

bool gm_platform_has(enum gm_need n);
/* It is missing, and cannot come while this kernel runs: no case need ask again. */
bool gm_need_never(enum gm_need n);
/* It is missing because a right is (EACCES, EPERM). */
bool gm_need_denied(enum gm_need n);
/* Does one of them, or what one of them builds on, ask for /dev/kvm? */
bool gm_need_of_kvm(gm_needs needs);
/* The SKIP reason: one constant string per need, "no VM-wide memory attributes". */
const char *gm_need_reason(enum gm_need n);
/*
 * What would mend it on this very machine: a config option, module, sysctl, boot parameter,
 * group. Meaningful where gm_platform_has() says no, "" where it says yes.
 */
const char *gm_need_remedy(enum gm_need n);

/*
 * Are there n2m free pages of 2 MiB and n1g of 1 GiB that nobody has reserved? Pools change, so
 * this is looked up each time. If not, *reason is a constant string and `remedy` (len bytes)
 * the line that would provide them. Either may be NULL.
 */
bool gm_platform_huge(unsigned int n2m, unsigned int n1g, const char **reason, char *remedy,
		      size_t len);

/* --- KVM --- */

/* "x86": what ARCH= says. */
extern const char *const gm_arch_name;

struct gm_vm_type {
	unsigned long type; /* argument of KVM_CREATE_VM */
	const char *name;
	bool taints; /* the kernel, when the first one is made; and it takes no guest_memfd so far */
};

/*
 * The i-th VM type of this architecture, NULL past the last; a type that cannot be created here
 * is listed too. The first is the default type, with an IPA size that the machine can do.
 */
const struct gm_vm_type *gm_platform_vm_type(size_t i);
/* Does KVM_CREATE_VM accept this type? Creates one and closes it. */
bool gm_platform_vm_creatable(unsigned long vm_type);

#define GM_SYSTEM_SCOPE (~0UL)
/*
 * KVM_CHECK_EXTENSION on a VM of this type, or on /dev/kvm with GM_SYSTEM_SCOPE; -1 when there
 * is nothing to ask.
 */
long gm_platform_cap(unsigned long vm_type, unsigned int cap);
/* Can a VM of this type create a guest_memfd at all (one page, flags 0)? */
bool gm_platform_gmem(unsigned long vm_type);
/*
 * The guest_memfd flags that create accepts on this VM type: each of the 64 bits is tried alone.
 * 0 also where there is no guest_memfd.
 */
uint64_t gm_platform_gmem_flags(unsigned long vm_type);
/* Does a VM of the default type have this binary statistic ("pages_1g")? */
bool gm_platform_vm_stat(const char *name);
/* Runs this kernel under a hypervisor? */
bool gm_platform_nested(void);
/* /sys/module/<module>/parameters/<param>, without the newline; false if it cannot be read. */
bool gm_platform_param(const char *module, const char *param, char *buf, size_t len);

/* --- where things are; NULL when the need of the same name is missing --- */

#define GM_EDU_MAX 2
/* VFIO_EDU, VFIO_EDU_PAIR: PCI address of the nth, "0000:00:04.0", by address. */
const char *gm_platform_edu(unsigned int nr);
const char *gm_platform_dio_dir(void); /* DISK_DIO: a folder that can be written */
const char *gm_platform_memcg(void);   /* MEMCG: mount point, "/sys/fs/cgroup" */

/* The serial number by which the lab's scratch disk is known (virtio-blk: serial=gm-scratch). */
#define GM_SCRATCH_SERIAL "gm-scratch"

#endif
