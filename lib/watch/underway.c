// SPDX-License-Identifier: GPL-2.0-only
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "underway.h"

/* The runner and the cases are of one build, so the layout is the same. A torn name is harmless. */
struct page {
	atomic_ulong begun, ended;
	atomic_llong changed; /* time of the last change of begun or ended, in ms */
	char what[64];
};

static struct page nowhere, *page = &nowhere;

/* The coarse clock: cheap enough for every KVM_RUN, and never a system call. */
static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

void gm_underway(const char *what)
{
	size_t len = strnlen(what, sizeof(page->what) - 1);

	memcpy(page->what, what, len);
	page->what[len] = '\0';
	page->changed = now_ms();
	page->begun++;
}

void gm_underway_end(void)
{
	page->changed = now_ms();
	page->ended++;
}

/* Calls of children are not noted: a child may be killed during a call. */
static void in_child(void)
{
	page = &nowhere;
}

void gm_underway_in(void *at)
{
	if (!at)
		return;
	page = at;
	pthread_atfork(NULL, NULL, in_child);
}

bool gm_underway_stuck(int fd, double seconds, char *what, size_t len)
{
	struct page p;

	if (fd < 0 || pread(fd, &p, sizeof(p), 0) != sizeof(p) || p.begun == p.ended)
		return false;
	p.what[sizeof(p.what) - 1] = '\0';
	snprintf(what, len, "%s", p.what);
	return now_ms() - p.changed >= seconds * 1000;
}
