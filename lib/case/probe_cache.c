// SPDX-License-Identifier: GPL-2.0-only
/* One byte per result, so that cases that run in parallel need no lock. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "probe_cache.h"
#include "protocol.h"

static int open_cache(int how)
{
	const char *path = gm_env_get(GM_ENV_PROBE_CACHE);

	return path ? open(path, how | O_CLOEXEC) : -1;
}

bool gm_probe_cached(unsigned int id)
{
	int fd = open_cache(O_RDONLY);
	char byte = 0;
	bool cached;

	if (fd < 0)
		return false;
	cached = pread(fd, &byte, 1, id) == 1 && byte;
	close(fd);
	return cached;
}

void gm_probe_cache_add(unsigned int id)
{
	int fd = open_cache(O_WRONLY);
	char byte = 1;

	if (fd < 0)
		return;
	/* If the write fails, later cases probe again. */
	if (pwrite(fd, &byte, 1, id) != 1)
		(void)!ftruncate(fd, 0);
	close(fd);
}
