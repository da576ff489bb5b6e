/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory whose missing pages wait until the test gives them; wants GM_NEED_USERFAULTFD. */
#ifndef GM_UFFD_H
#define GM_UFFD_H

#include <stdint.h>

/* A userfaultfd over [hva, hva + size), where nothing is mapped yet; the caller closes it. */
int gm_uffd_new(void *hva, uint64_t size);
/* Blocks until somebody faults in the range: a vCPU, a thread, or the kernel for one of them. */
void gm_uffd_wait(int uffd);
/* Copies `len` bytes (whole pages) from src to hva, and wakes who waits for them. */
void gm_uffd_copy(int uffd, void *hva, const void *src, uint64_t len);

#endif
