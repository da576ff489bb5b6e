/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel never ends. A case whose time is up is an ERROR; but where that is since a vCPU, or
 * a call, does not come back, the kernel broke its promise: a miss of the case, said a moment before.
 */
#ifndef GM_DEADLINE_H
#define GM_DEADLINE_H

/*
 * From here on the kernel is at work, until gm_underway_end(); `what` is its name, "KVM_RUN of vCPU 0".
 * Any thread; calls may overlap. gm_run() and those on top of it do it by themselves.
 */
void gm_underway(const char *what);
void gm_underway_end(void);

/*
 * Once nine tenths of `seconds` are over: a miss and the end of the case, if something is underway and
 * nothing has begun or ended for the last third. For lib/main.c. Takes one signal, SIGRTMAX - 1.
 */
void gm_deadline(double seconds);

#endif
