/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory whose missing pages wait until the test gives them; wants GM_NEED_USERFAULTFD. */
#ifndef GM_UFFD_H
#define GM_UFFD_H

#include <stdint.h>

/*
 * A userfaultfd over [hva, hva + size), for pages that are not there; the caller closes it. __: -1
 * and errno where the range cannot be registered.
 */
int __gm_uffd_new(void *hva, uint64_t size);
int gm_uffd_new(void *hva, uint64_t size);
/* Blocks until somebody faults in the range: a vCPU, a thread, or the kernel for one of them. */
void gm_uffd_wait(int uffd);
/* Copies `len` bytes (whole pages) from src to hva, and wakes who waits for them. __: 0 or -1. */
int __gm_uffd_copy(int uffd, void *hva, const void *src, uint64_t len);
void gm_uffd_copy(int uffd, void *hva, const void *src, uint64_t len);

#endif
