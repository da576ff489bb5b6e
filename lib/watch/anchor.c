// SPDX-License-Identifier: GPL-2.0-only
/* The file that a case's address spaces map. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "anchor.h"
#include "protocol.h"

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_SEAL_WRITE 8
#endif

#define SIZE 4096

int gm_anchor_new(void)
{
	int fd = memfd_create("gm-anchor", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && ftruncate(fd, SIZE)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

bool gm_anchor_held(int fd)
{
	return fd >= 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) && errno == EBUSY;
}

void *gm_anchor_hold(void)
{
	const char *path = gm_env_get(GM_ENV_ANCHOR);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *page;

	if (fd < 0)
		return NULL;
	/* If mmap() fails, only the check of leak.address_space is lost. */
	page = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}
