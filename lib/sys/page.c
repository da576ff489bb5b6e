// SPDX-License-Identifier: GPL-2.0-only
/* The size of this kernel's pages. */
#include <unistd.h>

#include "page.h"

#ifndef __x86_64__
uint64_t gm_page_size(void)
{
	static uint64_t size;

	if (!size)
		size = sysconf(_SC_PAGESIZE);
	return size;
}
#endif
