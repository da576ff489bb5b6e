// SPDX-License-Identifier: GPL-2.0-only
/* Reads small text files: those of proc, sysfs, debugfs and cgroups. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

int gm_read_text(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, len - 1);
	err = errno;
	close(fd);
	errno = err;
	if (n < 0)
		return -1;
	buf[n] = '\0';
	if (n && buf[n - 1] == '\n')
		buf[--n] = '\0';
	return n;
}

bool gm_read_number(const char *path, unsigned long *value)
{
	char text[64], *end;
	unsigned long n;

	if (gm_read_text(path, text, sizeof(text)) <= 0)
		return false;
	n = strtoul(text, &end, 10);
	if (end == text)
		return false;
	*value = n;
	return true;
}

bool gm_read_field(const char *path, const char *name, long *value)
{
	FILE *f = fopen(path, "re");
	size_t n = strlen(name);
	bool found = false;
	char line[256];

	while (f && !found && fgets(line, sizeof(line), f)) {
		found = !strncmp(line, name, n) && line[n] && strchr(": \t", line[n]);
		if (found)
			*value = strtol(line + n + 1, NULL, 10);
	}
	if (f)
		fclose(f);
	return found;
}
