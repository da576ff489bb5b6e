/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that are whole at any moment.
 */
#ifndef GM_RUNNER_FILES_H
#define GM_RUNNER_FILES_H

#include <stdbool.h>
#include <stddef.h>

/* 0 or -errno. */
int write_all(int fd, const char *text, size_t len);

/*
 * Replaces `file`, relative to the folder `dir` (AT_FDCWD: the current one): a reader sees the whole old one
 * or the whole new one. `sync`: also after a power failure. 0, or -errno with the old file unchanged.
 */
int file_replace(int dir, const char *file, const char *text, bool sync);

#endif
