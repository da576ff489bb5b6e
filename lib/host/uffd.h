/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory whose page faults the test resolves (userfaultfd); needs GM_NEED_USERFAULTFD. */
#ifndef GM_UFFD_H
#define GM_UFFD_H

#include <stdint.h>

/*
 * A userfaultfd for the missing pages of [hva, hva + size); the caller closes it. __: -1 and errno
 * if the range cannot be registered.
 */
int __gm_uffd_new(void *hva, uint64_t size);
int gm_uffd_new(void *hva, uint64_t size);
/* Waits for a fault in the range: by a vCPU, a thread, or the kernel on behalf of one. */
void gm_uffd_wait(int uffd);
/* Copies `len` bytes (whole pages) from src to hva, and wakes the waiting threads. __: 0 or -1. */
int __gm_uffd_copy(int uffd, void *hva, const void *src, uint64_t len);
void gm_uffd_copy(int uffd, void *hva, const void *src, uint64_t len);

#endif
