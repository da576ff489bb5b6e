// SPDX-License-Identifier: GPL-2.0-only
/* /proc/thread-self/fail-nth (Documentation/fault-injection/fault-injection.rst). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "fail_nth.h"
#include "journal.h"

#define MAX_STEPS 2000 /* far more than one system call of KVM has */
#define MAX_BUDGETS 400
/* The kernel counts this down at each failure that iommufd injects. */
#define IOMMUFD_TIMES "/sys/kernel/debug/fail_iommufd/times"
#define IOMMUFD_SET "2"

static struct gm_journal journal;
static int nth_fd; /* kept open: open() would fail, too */
static int self_fd;
static const char *more; /* so many steps fail, from the n-th on: "-1": all; NULL: only that */

static const char *const faults[] = { "failslab", "fail_page_alloc" };

static void restore(void *arg __attribute__((unused)))
{
	close(nth_fd);
	close(self_fd);
	gm_journal_restore(&journal);
}

void gm_fail_nth_open(void)
{
	/*
	 * Do not log a stack for each injected failure. Let allocations that may sleep fail, too.
	 */
	static const struct {
		const char *path, *val;
	} set[] = {
		{ "/sys/kernel/debug/failslab/verbose", "0" },
		{ "/sys/kernel/debug/fail_page_alloc/verbose", "0" },
		{ "/sys/kernel/debug/fail_iommufd/verbose", "0" },
		{ "/sys/kernel/debug/failslab/ignore-gfp-wait", "N" },
		{ "/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N" },
		{ "/sys/kernel/debug/fail_iommufd/ignore-gfp-wait", "N" },
		{ "/sys/kernel/debug/fail_page_alloc/min-order", "0" },
		{ IOMMUFD_TIMES, IOMMUFD_SET },
	};

	GM_SETUP(!gm_journal_open(&journal, gm_journal_dir()), "the journal cannot be opened");
	nth_fd = GM_SETUP_OK(open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC));
	self_fd = GM_SETUP_OK(open("/proc/thread-self/make-it-fail", O_RDWR | O_CLOEXEC));
	more = NULL;
	gm_cleanup(restore, NULL);
	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		if (!access(set[i].path, W_OK))
			GM_SETUP(!gm_journal_set(&journal, set[i].path, set[i].val),
				 "%s cannot be written", set[i].path);
}

void gm_fail_nth_user_pages(void)
{
	const char *path = "/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem";

	if (access(path, W_OK))
		gm_skip("allocations of pages cannot be made to fail", "CONFIG_FAIL_PAGE_ALLOC=y");
	GM_SETUP(!gm_journal_set(&journal, path, "N"), "%s cannot be written", path);
}

static void set_attr(const char *fault, const char *name, const char *val)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", fault, name);
	GM_SETUP(!gm_journal_set(&journal, path, val), "%s cannot be written", path);
}

/* Makes this thread's allocations fail by the attributes of a fault, after `space` bytes. */
static void set_task_fault(const char *fault, const char *space, const char *times)
{
	set_attr(fault, "task-filter", "Y");
	set_attr(fault, "interval", "1");
	set_attr(fault, "times", times);
	set_attr(fault, "space", space);
	set_attr(fault, "probability", "100");
}

/* Uses an fd that is open already: open() would fail, too. */
static void make_it_fail(bool on)
{
	GM_SETUP_OK(pwrite(self_fd, on ? "1" : "0", 1, 0));
}

static void set_more(const char *times)
{
	char path[128];

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", faults[i]);
		if (access(path, X_OK))
			continue;
		if (times)
			set_task_fault(faults[i], "0", times);
		else
			set_attr(faults[i], "probability", "0");
	}
	more = times;
}

void gm_fail_nth_later(bool on)
{
	set_more(on ? "-1" : NULL);
}

void gm_fail_nth_twice(void)
{
	/* The n-th failure counts, too. */
	set_more("2");
}

/* A simple attribute of debugfs: opened for each access, it cannot seek. */
static void reset_iommufd(void)
{
	int fd = open(IOMMUFD_TIMES, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	GM_SETUP_OK(write(fd, IOMMUFD_SET, strlen(IOMMUFD_SET)));
	close(fd);
}

void gm_fail_nth(unsigned int n)
{
	char buf[16];

	reset_iommufd();
	/* While fail-nth counts, the kernel does not look at the attributes. */
	if (more) {
		/* The kernel counts the times down. */
		set_more(more);
		make_it_fail(n);
	}
	snprintf(buf, sizeof(buf), "%u", n);
	GM_SETUP_OK(pwrite(nth_fd, buf, strlen(buf), 0));
}

bool gm_fail_nth_reached(void)
{
	char buf[16] = "";
	unsigned int left;

	if (more)
		make_it_fail(false);
	GM_SETUP_OK(pread(nth_fd, buf, sizeof(buf) - 1, 0));
	left = atoi(buf);
	GM_SETUP_OK(pwrite(nth_fd, "0", 1, 0));
	return !left;
}

bool gm_fail_nth_in_iommufd(void)
{
	int fd = open(IOMMUFD_TIMES, O_RDONLY | O_CLOEXEC);
	char buf[16] = "";

	if (fd < 0)
		return false;
	GM_SETUP_OK(read(fd, buf, sizeof(buf) - 1));
	close(fd);
	return atoi(buf) != atoi(IOMMUFD_SET);
}

unsigned int gm_fail_nth_sweep(int (*op)(void *arg),
			       void (*undone)(void *arg, unsigned int n, int err),
			       void (*undo)(void *arg), void *arg)
{
	unsigned int failed = 0, n;

	for (n = 1; n < MAX_STEPS && !gm_failures(); n++) {
		int ret, err;

		gm_fail_nth(n);
		errno = 0;
		ret = op(arg);
		err = errno;
		if (!gm_fail_nth_reached()) {
			GM_EXPECT(!ret, "the call has fewer than %u steps, but fails: %s", n,
				  gm_errno_name(err));
			break;
		}
		if (ret) {
			failed++;
			undone(arg, n, err);
		} else {
			undo(arg);
		}
	}
	gm_note("%u steps, %u of them make the call fail", n - 1, failed);
	GM_EXPECT(n < MAX_STEPS, "the call has %u steps or more", MAX_STEPS);
	GM_SETUP(n > 1 || gm_failures(),
		 "fail-nth injected no failure: CONFIG_FAULT_INJECTION, CONFIG_FAILSLAB");
	GM_EXPECT(failed || gm_failures(), "%u steps failed, but the call succeeded each time",
		  n - 1);
	return failed;
}

void gm_fail_nth_sweeps(int (*op)(void *arg), void (*undone)(void *arg, unsigned int n, int err),
			void (*undo)(void *arg), void *arg)
{
	gm_fail_nth_sweep(op, undone, undo, arg);
	if (gm_failures())
		return;
	undo(arg);
	gm_fail_nth_later(true);
	gm_fail_nth_sweep(op, undone, undo, arg);
	gm_fail_nth_later(false);
}

void gm_fail_from(unsigned long bytes)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", bytes);
	set_task_fault("failslab", text, "-1");
	make_it_fail(true);
}

void gm_fail_from_end(void)
{
	make_it_fail(false);
	set_attr("failslab", "probability", "0");
}

unsigned int gm_fail_from_sweep(int (*op)(void *arg),
				void (*undone)(void *arg, unsigned int bytes, int err), void *arg,
				unsigned int step)
{
	unsigned int failed;

	for (failed = 0; failed < MAX_BUDGETS && !gm_failures(); failed++) {
		int ret, err;

		gm_fail_from(failed * step);
		ret = op(arg);
		err = errno;
		gm_fail_from_end();
		if (!ret)
			break;
		undone(arg, failed * step, err);
	}
	gm_note("%u calls failed before one succeeded", failed);
	GM_EXPECT(failed < MAX_BUDGETS, "with memory for %u bytes the call still fails",
		  failed * step);
	return failed;
}
