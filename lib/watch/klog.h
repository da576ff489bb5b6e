/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel log, line by line, and which of its lines report a kernel defect.
 */
#ifndef GM_KLOG_H
#define GM_KLOG_H

#include <stdbool.h>

struct gm_klog {
	int fd; /* -1: the log cannot be read here */
};

/*
 * line: "[    1.234567] text"; text: without the time. kernel: the kernel printed it, and not a
 * process that wrote to /dev/kmsg.
 */
typedef void (*gm_klog_fn)(void *arg, const char *line, const char *text, bool kernel);

/* Opens `path` (NULL: /dev/kmsg) at its oldest line. 0 or -errno. */
int gm_klog_open(struct gm_klog *log, const char *path);

/* Calls fn for each line since the last call. Does not block. */
void gm_klog_read(struct gm_klog *log, gm_klog_fn fn, void *arg);

void gm_klog_close(struct gm_klog *log);

/*
 * Does this line begin a report of a kernel defect (WARNING, BUG, Oops, sanitizers, lockdep,
 * stalls, refcounts, bad pages)? Lines that tests provoke ("Memory failure: ...") do not.
 */
bool gm_klog_is_splat(const char *text);

#endif
