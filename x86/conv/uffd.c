// SPDX-License-Identifier: GPL-2.0-only
/* Host memory of a fixture whose faults wait until the test provides the page. */
#include <sys/mman.h>

#include "conv.h"

void uffd_give(int uffd, struct gm_fixture *w, uint64_t gpa, uint64_t unit, unsigned int gen)
{
	uint64_t first = (gpa - w->gpa) & -unit;
	uint8_t *page =
		mmap(NULL, unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	GM_SETUP(page != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_host_fill(page, GFN(w->gpa + first), PAGES(unit), GM_HALF_SHARED, gen);
	gm_uffd_copy(uffd, w->hva + first, page, unit);
	munmap(page, unit);
}
