// SPDX-License-Identifier: GPL-2.0-only
/* Reads /proc/self/pagemap. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "page.h"
#include "pagemap.h"

bool gm_pagemap_read(const void *hva, size_t n, uint64_t *entry)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), err;
	bool ok;

	if (fd < 0)
		return false;
	errno = 0;
	ok = pread(fd, entry, n * 8, (uintptr_t)hva / GM_PAGE_SIZE * 8) == (ssize_t)(n * 8);
	err = errno;
	close(fd);
	errno = err;
	return ok;
}
