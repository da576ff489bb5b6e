/* SPDX-License-Identifier: GPL-2.0-only */
/* A time limit inside a case, whose passing is a miss and not an ERROR. */
#ifndef GM_DEADLINE_H
#define GM_DEADLINE_H

/*
 * A guest that does not come back within `seconds` is a miss, and the end of the case: for kernels that
 * let vCPUs fault for ever. The case's own thread runs the vCPU. 0 takes the limit back. SIGALRM is used.
 */
void gm_deadline(unsigned int seconds);

#endif
