/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Asking a case again, a bounded number of times, where the CPU itself is emulated.
 *
 * QEMU's emulated SVM lets a guest with several busy vCPUs shut down (triple fault) now and then,
 * about once in some hundred cases, on kernels and guests that are sound. A shutdown that a defect
 * of the kernel causes comes again; one that comes again every time is reported.
 */
#ifndef GM_AGAIN_H
#define GM_AGAIN_H

/*
 * Called before the case: returns in the process that is to run it. On an emulated CPU that is a
 * child, and the caller waits here for it, takes its end for its own, and starts another if the
 * child ended through gm_again().
 */
void gm_again_arm(void);
/* A guest shut down: ends this process for another try, or returns if there is none left. */
void gm_again(void);

#endif
