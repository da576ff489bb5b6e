/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel log, line by line, and which of its lines say that the kernel is not well.
 */
#ifndef GM_KLOG_H
#define GM_KLOG_H

#include <stdbool.h>

struct gm_klog {
	int fd; /* -1: the log cannot be read here */
};

/*
 * "[    1.234567] text", and the text alone. `kernel`: the kernel itself said it, not a process that
 * wrote to /dev/kmsg.
 */
typedef void (*gm_klog_fn)(void *arg, const char *line, const char *text, bool kernel);

/* Opens `path` (NULL: /dev/kmsg) at its oldest line. 0 or -errno. */
int gm_klog_open(struct gm_klog *log, const char *path);

/* Hands over the lines that came since the last call. Never waits. */
void gm_klog_read(struct gm_klog *log, gm_klog_fn fn, void *arg);

void gm_klog_close(struct gm_klog *log);

/*
 * Does this line open a report of a kernel defect (WARNING, BUG, Oops, sanitizers, lockdep, stalls,
 * refcounts, bad pages)? What tests provoke on purpose ("Memory failure: ...") does not.
 */
bool gm_klog_is_splat(const char *text);

#endif
