// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads global counters, and reports differences with both values.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "leakscan.h"
#include "text.h"

const char *gm_leakscan_root = "";

/* Linux Documentation/admin-guide/tainted-kernels.rst, bit by bit. */
static const char *const taint_names[] = {
	"proprietary module",
	"module forced",
	"CPU out of specification",
	"module force-unloaded",
	"machine check",
	"bad page",
	"user asked",
	"died (Oops or BUG)",
	"ACPI table overridden",
	"WARNING",
	"staging driver",
	"firmware workaround",
	"out-of-tree module",
	"unsigned module",
	"soft lockup",
	"live patch",
	"auxiliary",
	"struct randomization",
	"in-kernel test",
	"fwctl",
};

static bool read_below_root(const char *path, char *buf, size_t size)
{
	char full[1280];

	snprintf(full, sizeof(full), "%s%s", gm_leakscan_root, path);
	return gm_read_text(full, buf, size) > 0;
}

static bool read_number(const char *dir, const char *name, unsigned long *value)
{
	char path[1280];

	snprintf(path, sizeof(path), "%s%s/%s", gm_leakscan_root, dir, name);
	return gm_read_number(path, value);
}

static void take_pools(struct gm_leakscan *scan)
{
	const char *base = "/sys/kernel/mm/hugepages";
	char path[512];
	struct dirent *de;
	DIR *dir;

	snprintf(path, sizeof(path), "%s%s", gm_leakscan_root, base);
	dir = opendir(path);
	while (dir && scan->nr_pools < GM_LEAK_SIZES && (de = readdir(dir))) {
		struct gm_leak_pool *p = &scan->pool[scan->nr_pools];

		if (sscanf(de->d_name, "hugepages-%lukB", &p->kb) != 1)
			continue;
		snprintf(path, sizeof(path), "%s/%s", base, de->d_name);
		if (read_number(path, "free_hugepages", &p->free) &&
		    read_number(path, "resv_hugepages", &p->resv) &&
		    read_number(path, "surplus_hugepages", &p->surplus))
			scan->nr_pools++;
	}
	if (dir)
		closedir(dir);
}

static void take_vms(struct gm_leakscan *scan)
{
	char path[512];
	struct dirent *de;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/sys/kernel/debug/kvm", gm_leakscan_root);
	dir = opendir(path);
	if (!dir)
		return;
	scan->has_vms = true;
	while (scan->nr_vms < GM_LEAK_VMS && (de = readdir(dir))) {
		if (!isdigit((unsigned char)de->d_name[0]) || !strchr(de->d_name, '-'))
			continue;
		snprintf(scan->vm[scan->nr_vms], sizeof(scan->vm[0]), "%.31s", de->d_name);
		scan->nr_vms++;
	}
	closedir(dir);
}

static bool find_counter(const char *text, const char *name, long *value)
{
	const char *at = strstr(text, name);

	if (!at || (at != text && at[-1] != '\n') || at[strlen(name)] != ' ')
		return false;
	*value = strtol(at + strlen(name), NULL, 10);
	return true;
}

static void take_pins(struct gm_leakscan *scan)
{
	static char text[65536];
	long got, released;

	/* Folds the per-CPU counts into the totals, which are up to a second old otherwise. */
	read_below_root("/proc/sys/vm/stat_refresh", text, sizeof(text));
	if (!read_below_root("/proc/vmstat", text, sizeof(text)))
		return;
	if (!find_counter(text, "nr_foll_pin_acquired", &got) ||
	    !find_counter(text, "nr_foll_pin_released", &released))
		return;
	scan->has_pins = true;
	scan->pins = got - released;
}

void gm_leakscan_take(struct gm_leakscan *scan)
{
	memset(scan, 0, sizeof(*scan));
	take_pools(scan);
	take_vms(scan);
	scan->has_taint = read_number("/proc/sys/kernel", "tainted", &scan->taint);
	take_pins(scan);
}

struct diff {
	gm_leak_fn fn;
	void *arg;
	unsigned int found;
};

static void found(struct diff *d, const char *clause, const char *text)
{
	d->found++;
	if (d->fn)
		d->fn(d->arg, clause, text);
}

static void diff_count(struct diff *d, unsigned long kb, const char *what, unsigned long before,
		       unsigned long after)
{
	char text[160];

	if (before == after)
		return;
	snprintf(text, sizeof(text), "%s huge pages of %lu KiB: %lu before, %lu after (%+ld)", what,
		 kb, before, after, (long)(after - before));
	found(d, "leak.huge_pages", text);
}

static void diff_pools(struct diff *d, const struct gm_leakscan *a, const struct gm_leakscan *b)
{
	for (size_t i = 0; i < a->nr_pools; i++) {
		for (size_t j = 0; j < b->nr_pools; j++) {
			const struct gm_leak_pool *p = &a->pool[i], *q = &b->pool[j];

			if (p->kb != q->kb)
				continue;
			diff_count(d, p->kb, "free", p->free, q->free);
			diff_count(d, p->kb, "reserved", p->resv, q->resv);
			diff_count(d, p->kb, "surplus", p->surplus, q->surplus);
		}
	}
}

static void diff_vms(struct diff *d, const struct gm_leakscan *a, const struct gm_leakscan *b)
{
	for (size_t i = 0; i < b->nr_vms; i++) {
		pid_t owner = atoi(b->vm[i]);
		bool old = false;
		char text[96];

		for (size_t j = 0; j < a->nr_vms && !old; j++)
			old = !strcmp(a->vm[j], b->vm[i]);
		/* A VM that another process has created meanwhile has a living owner. */
		if (old || !kill(owner, 0) || errno != ESRCH)
			continue;
		snprintf(text, sizeof(text), "VM %s still exists, its process does not", b->vm[i]);
		found(d, "leak.vms", text);
	}
}

#define TAINT_USER (1UL << 6)

static void diff_taint(struct diff *d, unsigned long before, unsigned long after, bool user)
{
	unsigned long fresh = after & ~before & ~(user ? 0 : TAINT_USER);

	for (unsigned int bit = 0; bit < 8 * sizeof(fresh); bit++) {
		bool named = bit < sizeof(taint_names) / sizeof(taint_names[0]);
		char text[128];

		if (!(fresh & (1UL << bit)))
			continue;
		snprintf(text, sizeof(text),
			 "kernel tainted: bit %u (%s), 0x%lx before, 0x%lx after", bit,
			 named ? taint_names[bit] : "unknown", before, after);
		found(d, "leak.taint", text);
	}
}

unsigned int gm_leakscan_diff(const struct gm_leakscan *before, const struct gm_leakscan *after,
			      unsigned int kinds, gm_leak_fn fn, void *arg)
{
	struct diff d = { .fn = fn, .arg = arg };
	char text[128];

	if (kinds & GM_LEAK_HUGE)
		diff_pools(&d, before, after);
	if ((kinds & GM_LEAK_VM) && before->has_vms && after->has_vms)
		diff_vms(&d, before, after);
	if ((kinds & GM_LEAK_TAINT) && before->has_taint && after->has_taint)
		diff_taint(&d, before->taint, after->taint, kinds & GM_LEAK_TAINT_USER);
	if ((kinds & GM_LEAK_PINS) && before->has_pins && after->has_pins &&
	    (after->pins > before->pins || after->pins < (before->pins < 0 ? before->pins : 0))) {
		snprintf(text, sizeof(text),
			 "pinned pages (acquired - released): %ld before, %ld after (%+ld)",
			 before->pins, after->pins, after->pins - before->pins);
		found(&d, "leak.pins", text);
	}
	return d.found;
}

unsigned int gm_leakscan_others(const struct gm_leakscan *before, const struct gm_leakscan *after)
{
	unsigned int kinds = 0;

	if (before->has_pins && after->has_pins && after->pins > before->pins)
		kinds |= GM_LEAK_PINS;
	for (size_t i = 0; i < before->nr_pools && i < after->nr_pools; i++) {
		const struct gm_leak_pool *p = &before->pool[i], *q = &after->pool[i];

		if (p->kb == q->kb && (q->free < p->free || q->resv > p->resv))
			kinds |= GM_LEAK_HUGE;
	}
	return kinds;
}
