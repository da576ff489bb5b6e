/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads small text files: those of proc, sysfs, debugfs and cgroups. */
#ifndef GM_TEXT_H
#define GM_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads at most len - 1 bytes with one read(), removes one newline at the end, and terminates the
 * text. Returns its length; or -1 and errno, with buf unchanged.
 */
int gm_read_text(const char *path, char *buf, size_t len);
/* The decimal number at the start of the file; a negative one is converted as strtoul() does. */
bool gm_read_number(const char *path, unsigned long *value);
/*
 * The number in the line that begins with name and a colon or blank: meminfo, status, vmstat,
 * memory.stat. The unit is the file's. False, with *value unchanged: the file cannot be opened or
 * has no such line.
 */
bool gm_read_field(const char *path, const char *name, long *value);

#endif
