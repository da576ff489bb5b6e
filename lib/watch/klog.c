// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads /dev/kmsg, whose records are "prio,seq,usec,flags;text" and then lines " KEY=value"
 * (Linux Documentation/ABI/testing/dev-kmsg).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "klog.h"

int gm_klog_open(struct gm_klog *log, const char *path)
{
	log->fd = open(path ? path : "/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return log->fd < 0 ? -errno : 0;
}

void gm_klog_close(struct gm_klog *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

static void hand_over(char *record, gm_klog_fn fn, void *arg)
{
	char *text = strchr(record, ';'), *end;
	unsigned long long usec = 0;
	unsigned int prio = 0;
	char line[2048];

	if (!text || sscanf(record, "%u,%*u,%llu", &prio, &usec) != 2)
		return;
	text++;
	end = strchr(text, '\n');
	if (end)
		*end = '\0';
	snprintf(line, sizeof(line), "[%5llu.%06llu] %s", usec / 1000000, usec % 1000000, text);
	/* The facility is above the three bits of the level; only the kernel has facility 0. */
	fn(arg, line, text, !(prio >> 3));
}

void gm_klog_read(struct gm_klog *log, gm_klog_fn fn, void *arg)
{
	char record[8192];
	ssize_t n;

	while (log->fd >= 0) {
		n = read(log->fd, record, sizeof(record) - 1);
		/*
		 * EPIPE: lines were overwritten before they were read; the next read() skips them.
		 */
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (n <= 0)
			return;
		record[n] = '\0';
		/* The device returns one record per read(), a file (unit tests) all of them. */
		for (char *at = record, *next; at && *at; at = next) {
			next = strchr(at, '\n');
			if (next)
				*next++ = '\0';
			if (*at != ' ')
				hand_over(at, fn, arg);
		}
	}
}

bool gm_klog_is_splat(const char *text)
{
	/* Texts in the first line of each kind of report; lib/, kernel/, mm/ of Linux 7.3. */
	static const char *const splats[] = {
		"WARNING:",
		"BUG:",
		"BUG at ",
		"kernel BUG",
		"Oops",
		"KCSAN:",
		"KMSAN:",
		"KFENCE:",
		"UBSAN",
		"refcount_t:",
		"Bad page",
		"bad page",
		"Bad rss-counter",
		"general protection fault",
		"Unable to handle kernel",
		"unable to handle kernel",
		"unable to handle page fault",
		"blocked for more than",
		"hung task",
		"rcu: INFO:",
		"RCU Stall",
		"detected stall",
		"soft lockup",
		"hard LOCKUP",
		"possible circular locking",
		"possible recursive locking",
		"inconsistent lock state",
		"possible irq lock inversion",
		"suspicious RCU usage",
		"suspicious rcu_dereference",
		"held lock freed",
		"lock held when returning",
		"sleeping function called",
		"scheduling while atomic",
		"Kernel panic",
		"stack-protector",
		"Internal error:",
		"list_add corruption",
		"list_del corruption",
		"DEBUG_LOCKS_WARN_ON",
		"use-after-free",
		"nobody cared",
		"double fault",
		"nVHE hyp panic",
		"nVHE hyp BUG",
	};
	/* Lines with these texts are no report, even if they contain one of the above. */
	static const char *const harmless[] = {
		"Memory failure:",
		"Kernel command line:",
	};

	for (size_t i = 0; i < sizeof(splats) / sizeof(splats[0]); i++) {
		if (!strstr(text, splats[i]))
			continue;
		for (size_t j = 0; j < sizeof(harmless) / sizeof(harmless[0]); j++) {
			if (strstr(text, harmless[j]))
				return false;
		}
		return true;
	}
	return false;
}
