// SPDX-License-Identifier: GPL-2.0-only
/* Reads page frames from /proc/self/pagemap and /proc/kpageflags. */
#include "frames.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pagemap.h"

#define KPF_UNEVICTABLE 18 /* include/uapi/linux/kernel-page-flags.h */

bool gm_frames_read(const void *hva, size_t n, uint64_t *pfn)
{
	bool ok = gm_pagemap_read(hva, n, pfn);

	for (size_t i = 0; ok && i < n; i++) {
		pfn[i] &= GM_PAGEMAP_FRAME;
		ok = pfn[i];
	}
	return ok;
}

int gm_frames_flag(uint64_t pfn, unsigned int bit)
{
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	uint64_t f;
	bool ok = fd >= 0 && pread(fd, &f, 8, pfn * 8) == 8;

	if (fd >= 0)
		close(fd);
	return ok ? (int)(f >> bit & 1) : -1;
}

long gm_frames_marked(const uint64_t *pfn, size_t n)
{
	long marked = 0;

	for (size_t i = 0; i < n; i++) {
		int flag = gm_frames_flag(pfn[i], KPF_UNEVICTABLE);

		if (flag < 0)
			return -1;
		marked += flag;
	}
	return marked;
}

bool gm_frames_soil(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		return false;
	memset(p, 0x5a, len);
	munmap(p, len);
	return true;
}
