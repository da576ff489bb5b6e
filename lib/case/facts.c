// SPDX-License-Identifier: GPL-2.0-only
/* A byte per fact: cases that run side by side write different bytes, or the same one. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "facts.h"
#include "protocol.h"

static int open_facts(int how)
{
	const char *path = gm_env_get(GM_ENV_FACTS);

	return path ? open(path, how | O_CLOEXEC) : -1;
}

bool gm_fact_known(unsigned int fact)
{
	int fd = open_facts(O_RDONLY);
	char byte = 0;
	bool known;

	if (fd < 0)
		return false;
	known = pread(fd, &byte, 1, fact) == 1 && byte;
	close(fd);
	return known;
}

void gm_fact_keep(unsigned int fact)
{
	int fd = open_facts(O_WRONLY);
	char byte = 1;

	if (fd < 0)
		return;
	/* A fact that could not be kept is found out again. */
	if (pwrite(fd, &byte, 1, fact) != 1)
		(void)!ftruncate(fd, 0);
	close(fd);
}
