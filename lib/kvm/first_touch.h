/* SPDX-License-Identifier: GPL-2.0-only */
/* The first touch of a page: by two vCPUs at the same moment, and elsewhere than at its beginning. */
#ifndef GM_FIRST_TOUCH_H
#define GM_FIRST_TOUCH_H

#include "vm.h"

/*
 * vCPUs 0 and 1 go through npages pages from gpa on (mapped 1:1 in the guest), page by page together,
 * and each adds its own number to the first word of every page; vCPU 1 a little later, by a delay
 * that changes from page to page. A miss where one of them is lost, where it was not zero before, or,
 * if hva is not NULL, where the host sees another page there. A vCPU that stops ends the case.
 */
void gm_first_touch(struct gm_vm *vm, uint64_t gpa, uint64_t npages, const void *hva);

/*
 * vCPU 0 reads the last word of each of npages pages from gpa on (mapped 1:1 in the guest), the last
 * page first. An address of a fault is exact to 4 KiB: of a larger page it is not that page's own, and
 * the page above has been mapped by then. A miss where the word is not what the host filled in with
 * GM_HALF_HOST and generation gen, or not zero for gen 0; a KVM_RUN that does not come back is the
 * runner's to tell.
 */
void gm_touch_from_above(struct gm_vm *vm, uint64_t gpa, uint64_t npages, unsigned int gen);

#endif
