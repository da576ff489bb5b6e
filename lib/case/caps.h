/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Capabilities through libcap: a case runs with exactly those that it states.
 *
 * In a set, bit n is capability n of <linux/capability.h>; GM_CAPS_ALL of case.h is all that the
 * process has. Capabilities are per thread: set them before other threads exist. Works without
 * root, for capabilities that the process has.
 */
#ifndef GM_CAPS_H
#define GM_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_NOBODY 65534 /* uid and gid of gm_caps_become_user(): the kernel's overflow ids */

/*
 * Sets effective, permitted and inheritable to `caps` and clears ambient; the bounding set stays.
 * With CAP_SETPCAP sets SECBIT_NOROOT first, so that execve() by uid 0 does not regain the others.
 * 0; or -1 with EPERM if one of `caps` is not permitted (then nothing has changed), or with
 * libcap's errno.
 */
int gm_caps_apply(uint64_t caps);

/*
 * Becomes an ordinary user: no supplementary groups, gid and uid GM_NOBODY, no capabilities,
 * dumpable (so that /proc/self stays accessible). A process that is an ordinary user already keeps
 * its ids. 0, or -1 with errno: the change may be incomplete, so end the process.
 */
int gm_caps_become_user(void);

/* The permitted set. */
uint64_t gm_caps_permitted(void);

/*
 * The names of the capabilities in `caps` that are not permitted, "cap_sys_admin, cap_net_raw";
 * NULL: none, always so for GM_CAPS_ALL and 0. Valid until the next call in this thread.
 */
const char *gm_caps_missing(uint64_t caps);

/* The name of a capability, "cap_ipc_lock"; "cap_63" if libcap has no name for it. */
const char *gm_cap_name(int cap);

#endif
