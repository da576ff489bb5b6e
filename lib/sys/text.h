/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads small text files: those of proc, sysfs, debugfs and cgroups. */
#ifndef GM_TEXT_H
#define GM_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What one read() of the file gives, at most len - 1 bytes, terminated and without one newline at its
 * end. The length; -1 and errno, buf as it was.
 */
int gm_read_text(const char *path, char *buf, size_t len);
/* The decimal number that the file begins with. One below zero is what it is without a sign. */
bool gm_read_number(const char *path, unsigned long *value);
/*
 * The number in the line of that name, followed by a colon or a blank: meminfo, status, vmstat, memory.stat.
 * The unit is the file's. False: the file cannot be opened or has no such line; *value as it was.
 */
bool gm_read_field(const char *path, const char *name, long *value);

#endif
