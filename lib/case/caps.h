/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Capabilities through libcap: a case runs with exactly those that it states.
 *
 * A set is a word with bit n for capability number n of <linux/capability.h>; GM_CAPS_ALL of
 * case.h stands for everything that the process has. All of it concerns the calling thread, as
 * capabilities do: settle them before threads exist. Works without root: what is not held cannot
 * be asked for, the rest behaves the same.
 */
#ifndef GM_CAPS_H
#define GM_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_NOBODY 65534 /* uid and gid of gm_caps_become_user(): the kernel's overflow ids */

/*
 * Effective, permitted and inheritable become exactly `caps`; ambient becomes empty; the bounding
 * set is left alone. Where CAP_SETPCAP is held the securebit NOROOT is set first, so that
 * execve() by uid 0 does not win the rest back. 0, or -1 with EPERM when the process does not
 * hold one of them (nothing has changed then), or libcap's errno.
 */
int gm_caps_apply(uint64_t caps);

/*
 * An ordinary user: no supplementary groups, gid and uid GM_NOBODY, no capabilities, dumpable (so
 * that /proc/self stays its own). A process that is an ordinary user already keeps its ids.
 * 0, or -1 with errno, half done: end the process then.
 */
int gm_caps_become_user(void);

/* What the process could raise: its permitted set. */
uint64_t gm_caps_permitted(void);

/*
 * The names of those of `caps` that are not permitted, "cap_sys_admin, cap_net_raw"; NULL when
 * none is missing, so also for GM_CAPS_ALL and for 0. Valid until the next call in this thread.
 */
const char *gm_caps_missing(uint64_t caps);

/* The name of one capability, "cap_ipc_lock"; "cap_63" for a number libcap has no name for. */
const char *gm_cap_name(int cap);

#endif
