// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replaces files as a whole, by rename().
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "util.h"

int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		text += n;
		len -= n;
	}
	return 0;
}

/* A policy that denies fsync(), or a file system without it, costs durability, not the results. */
static bool sync_denied(int err)
{
	return err == EPERM || err == EACCES || err == ENOSYS || err == EINVAL;
}

int file_replace(int dir, const char *file, const char *text, bool sync)
{
	const char *slash = strrchr(file, '/'), *leaf = slash ? slash + 1 : file;
	char *tmp = xprintf("%.*s.%s.new", (int)(leaf - file), file, leaf);
	int fd, err;

	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	err = fd < 0 ? -errno : write_all(fd, text, strlen(text));
	if (!err && sync && fsync(fd) && !sync_denied(errno))
		err = -errno;
	if (fd >= 0)
		close(fd);
	if (!err && renameat(dir, tmp, dir, file))
		err = -errno;
	if (err)
		unlinkat(dir, tmp, 0);
	free(tmp);
	return err;
}
