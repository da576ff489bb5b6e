/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files behind platform.h share; nobody else includes it. */
#ifndef GM_PLATFORM_PRIV_H
#define GM_PLATFORM_PRIV_H

#include "platform.h"
#include "text.h"

/*
 * A probe gives 0 when the platform has it, else the negative errno that says how it is missing
 * (EACCES and EPERM: rights; anything else: it is not there). It may write what would mend it
 * into `remedy`, GM_REMEDY_LEN bytes; otherwise the table in platform.c says it.
 */
#define GM_REMEDY_LEN 256
typedef int gm_probe(char *remedy);

#define X(id, name, text, probe, ...) gm_probe probe;
GM_NEED_LIST(X)
#undef X

/* --- of the architecture: lib/case/<arch>/platform.c --- */

/* The type of an ordinary VM, with as many bits of guest address as the machine can do. */
unsigned long gm_arch_default_type(void);
/* /dev/kvm is not there: what would bring it. */
void gm_arch_kvm_absent(char *remedy);

/* --- what several probes do --- */

/* A fresh VM of this type: its fd, or -1 with errno. */
int gm_probe_new_vm(unsigned long type);
/* What either scope, /dev/kvm or an ordinary VM, says of a capability. */
long gm_probe_offered(unsigned int cap);
/* Do attributes live in the guest_memfds of this VM type, made with these flags? */
bool gm_probe_knows_inplace(unsigned long vm_type, uint64_t flags);
/* A guest_memfd of one page on a fresh default VM; both fds are the caller's. 0 or -errno. */
int gm_probe_gmem_file(uint64_t flags, int *vm, int *gmem);

/* 'y', 'm' or 'n' as the running kernel was configured; 0 when its configuration is not to be had. */
char gm_kconfig(const char *option);

/* The remedy where the kernel itself would not refuse: it was a policy. */
void gm_say_denied(char *remedy, int err);

/* open() with O_CLOEXEC that a close follows: 0, or the negative errno. */
int gm_try_open(const char *path, int flags);

#endif
