/* SPDX-License-Identifier: GPL-2.0-only */
/* The first access to a page: by two vCPUs at the same time, and at the end of the page. */
#ifndef GM_FIRST_TOUCH_H
#define GM_FIRST_TOUCH_H

#include "vm.h"

/*
 * vCPUs 0 and 1 access npages pages from gpa on (mapped 1:1 in the guest), page by page at the same
 * time: each adds its own number to the first word, vCPU 1 after a delay that changes from page to
 * page. A miss if an addition is lost, if the word was not zero before, or, if hva is not NULL, if
 * the host reads another value there. A vCPU that stops ends the case.
 */
void gm_first_touch(struct gm_vm *vm, uint64_t gpa, uint64_t npages, const void *hva);

/*
 * vCPU 0 reads the last word of each of npages pages from gpa on (mapped 1:1 in the guest), last
 * page first. The fault address has a granularity of 4 KiB, so in a larger page it is not the start
 * of the page; and the next page is mapped already. A miss if the word is not that of GM_WRITER_HOST
 * and generation gen, or for gen 0 not zero. The runner reports a KVM_RUN that does not return.
 */
void gm_touch_from_above(struct gm_vm *vm, uint64_t gpa, uint64_t npages, unsigned int gen);

#endif
