/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the files that implement platform.h; not for others. */
#ifndef GM_PLATFORM_PRIV_H
#define GM_PLATFORM_PRIV_H

#include "platform.h"
#include "text.h"

/*
 * A probe returns 0 if the platform has it, else a negative errno: EACCES and EPERM for missing
 * rights, any other if it is not there. It may write a remedy of at most GM_REMEDY_LEN bytes;
 * otherwise platform.c finds one by the table.
 */
#define GM_REMEDY_LEN 256
typedef int gm_probe(char *remedy);

#define X(id, name, text, probe, ...) gm_probe probe;
GM_NEED_LIST(X)
#undef X

/* --- of the architecture: lib/case/<arch>/platform.c --- */

/* The type of an ordinary VM, with an IPA size that the machine supports. */
unsigned long gm_arch_default_type(void);
/* The remedy if there is no KVM. */
void gm_arch_kvm_absent(char *remedy);

/* --- helpers of several probes --- */

/* A new VM of this type: its fd, or -1 with errno. */
int gm_probe_new_vm(unsigned long type);
/* KVM_CHECK_EXTENSION on /dev/kvm, or if that is 0, on an ordinary VM. */
long gm_probe_offered(unsigned int cap);
/* Are attributes in the guest_memfds of this VM type, created with these flags? */
bool gm_probe_knows_inplace(unsigned long vm_type, uint64_t flags);
/* A guest_memfd of one page on a new default VM; the caller closes both fds. 0 or -errno. */
int gm_probe_gmem_file(uint64_t flags, int *vm, int *gmem);

/* The option in the configuration of the running kernel: 'y', 'm' or 'n'; 0: not known. */
char gm_kconfig(const char *option);

/* The remedy if a security policy, not the kernel, denies a call with errno err. */
void gm_say_denied(char *remedy, int err);

/* Opens the file with O_CLOEXEC and closes it: 0 or -errno. */
int gm_try_open(const char *path, int flags);

#endif
