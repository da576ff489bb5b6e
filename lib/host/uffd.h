/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory whose page faults the test resolves (userfaultfd); needs GM_NEED_USERFAULTFD. */
#ifndef GM_UFFD_H
#define GM_UFFD_H

#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stdint.h>

/* A userfaultfd with these UFFD_FEATURE_* bits, and no range yet; the caller closes it. */
int gm_uffd_open(uint64_t features);
/* The UFFD_FEATURE_* bits that this kernel has. */
uint64_t gm_uffd_features(void);
/* Registers [hva, hva + size) with UFFDIO_REGISTER_MODE_* bits. 0, or -1 and errno. */
int __gm_uffd_register(int uffd, void *hva, uint64_t size, uint64_t mode);
void gm_uffd_register(int uffd, void *hva, uint64_t size, uint64_t mode);
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
/* Reads the next message, which comes within `ms` milliseconds. False: none came. */
bool gm_uffd_read(int uffd, int ms, struct uffd_msg *msg);
/*
 * Maps `len` bytes that the file has, and wakes the waiting threads. The number of bytes mapped, or
 * -1 and errno if the first page cannot be mapped.
 */
int64_t __gm_uffd_continue(int uffd, void *hva, uint64_t len);
/* Wakes the threads that wait for a page of the range, which then try again. */
void gm_uffd_wake(int uffd, void *hva, uint64_t len);

#endif
