// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes global settings, each through the journal, so that a later run can restore them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "setup.h"
#include "text.h"

static bool read_pool(unsigned long kb, const char *what, unsigned long *value)
{
	char *path = xprintf("/sys/kernel/mm/hugepages/hugepages-%lukB/%s", kb, what);
	bool ok = gm_read_number(path, value);

	free(path);
	return ok;
}

static int grow_pool(struct gm_journal *j, unsigned long kb, unsigned long want)
{
	char *path = xprintf("/sys/kernel/mm/hugepages/hugepages-%lukB/nr_hugepages", kb);
	unsigned long nr, free_pages;
	char value[32];
	int err = 0;

	if (!want || !read_pool(kb, "nr_hugepages", &nr) ||
	    !read_pool(kb, "free_hugepages", &free_pages) || free_pages >= want)
		goto out;
	snprintf(value, sizeof(value), "%lu", nr + want - free_pages);
	err = gm_journal_set(j, path, value);
	if (err == -EBUSY)
		complain("--setup: another run has changed %s; wait until it ends", path);
	else if (err)
		complain("--setup: cannot write %s: %s", path, strerror(-err));
	else if (read_pool(kb, "free_hugepages", &free_pages) && free_pages < want)
		complain(
			"--setup: got only %lu of %lu huge pages of %lu KiB; boot with hugepagesz= hugepages=",
			free_pages, want, kb);
out:
	free(path);
	return err;
}

int setup_begin(struct gm_journal *j, const struct catalogue *cat)
{
	unsigned long want_2m = 0, want_1g = 0;
	int err;

	if (geteuid()) {
		complain(
			"--setup changes the kernel's huge page pools: run as root, or without --setup");
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < cat->n; i++) {
		const struct test_case *c = &cat->v[i];

		if (c->selected && c->huge_2m > want_2m)
			want_2m = c->huge_2m;
		if (c->selected && c->huge_1g > want_1g)
			want_1g = c->huge_1g;
	}
	err = gm_journal_open(j, gm_journal_dir());
	if (err) {
		complain("--setup: cannot keep a journal in %s: %s", gm_journal_dir(),
			 strerror(-err));
		return EXIT_USAGE;
	}
	/* 1 GiB pages first: 2 MiB pages would fragment the memory that they need. */
	if (grow_pool(j, 1048576, want_1g) || grow_pool(j, 2048, want_2m)) {
		setup_end(j);
		return EXIT_USAGE;
	}
	return 0;
}

void setup_end(struct gm_journal *j)
{
	int err = gm_journal_restore(j);

	if (err)
		complain("--setup: cannot restore all settings: %s", strerror(-err));
}

static void print(const char *text)
{
	complain("%s", text);
}

int setup_put_back(void)
{
	return gm_journal_recover(gm_journal_dir(), print);
}

void setup_recover(void)
{
	int n = setup_put_back();

	if (n > 0)
		complain(
			"put back %d setting(s) that an earlier run left changed when it was killed",
			n);
	else if (n < 0)
		complain("cannot read the settings to put back in %s: %s", gm_journal_dir(),
			 strerror(-n));
}
