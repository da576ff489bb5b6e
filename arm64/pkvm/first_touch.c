// SPDX-License-Identifier: GPL-2.0-only
/* The first access to a page of a protected VM: by two vCPUs at the same time, and at its end. */
#include "first_touch.h"
#include "pkvm.h"

GM_FILE(.clause = "pkvm.private_initial", .profile = "P2", .needs = GM_NEEDS(PROTECTED))

#define NPAGES 96UL

GM_CASE(two_at_once, .name = "pkvm.private_initial.two_at_once",
	.text = "two vCPUs add to a word of the same new page at the same time: both continue, and no addition is lost")
{
	struct pvm *p = pvm_new(2, GM_MEM_ANON, NPAGES);

	gm_first_touch(p->vm, GM_BASE, NPAGES, NULL);
	for (uint64_t page = 0; page < NPAGES; page += 31)
		pvm_expect_hidden(p, page, "touched by both");
	pvm_free(p);
}

GM_CASE(from_above, .name = "pkvm.private_initial.from_above",
	.text = "the guest reads the last word of each page first, last page first: it reads the host's words and continues")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, NPAGES);

	gm_host_fill(p->mem->hva, GM_BASE / PG, NPAGES, GM_WRITER_HOST, 1);
	gm_touch_from_above(p->vm, GM_BASE, NPAGES, 1);
	for (uint64_t page = 0; page < NPAGES; page += 31)
		pvm_expect_hidden(p, page, "touched at its end");
	pvm_free(p);
}
