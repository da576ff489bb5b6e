// SPDX-License-Identifier: GPL-2.0-only
/* Compares the resources of this process before and after a case. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "own_leaks.h"
#include "text.h"
#include "verdict.h"

static struct {
	int fds;
	unsigned long locked_kb, pinned_kb;
} before;

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (!d)
		return -1;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* VmLck and VmPin of /proc/self/status, in KiB (fs/proc/task_mmu.c, task_mem()). */
static unsigned long status_kb(const char *key)
{
	long kb = 0;

	gm_read_field("/proc/self/status", key, &kb);
	return kb;
}

void gm_own_leaks_begin(void)
{
	before.fds = open_fds();
	before.locked_kb = status_kb("VmLck");
	before.pinned_kb = status_kb("VmPin");
}

static void list_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	char path[64], to[256];
	struct dirent *e;
	ssize_t n;

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/self/fd/%.20s", e->d_name);
		n = readlink(path, to, sizeof(to) - 1);
		if (n > 0) {
			to[n] = 0;
			gm_note("open: fd %s -> %s", e->d_name, to);
		}
	}
	if (d)
		closedir(d);
}

void gm_own_leaks_end(void)
{
	unsigned long locked = status_kb("VmLck"), pinned = status_kb("VmPin");
	int fds = open_fds();

	if (fds != before.fds) {
		gm_leak("leak.fds", "open files: %d before the case, %d after", before.fds, fds);
		list_fds();
	}
	if (locked != before.locked_kb)
		gm_leak("leak.locked", "VmLck: %lu KiB before the case, %lu KiB after",
			before.locked_kb, locked);
	if (pinned != before.pinned_kb)
		gm_leak("leak.pins", "VmPin: %lu KiB before the case, %lu KiB after",
			before.pinned_kb, pinned);
}
