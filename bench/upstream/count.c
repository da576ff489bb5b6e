// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linked with one of the kernel's own selftests (--wrap=ioctl): counts its conversions, and prints
 * at exit how many there were in how many seconds, from the first to the last one.
 */
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct {
	unsigned long nr;
	double first, last;
} seen;

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, ...);

/* Not atomic: with several vCPUs it may miss a count, which is exact enough for a benchmark. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request != KVM_SET_MEMORY_ATTRIBUTES)
		return __real_ioctl(fd, request, arg);
	if (!seen.nr++)
		seen.first = seconds();
	ret = __real_ioctl(fd, request, arg);
	seen.last = seconds();
	return ret;
}

static void __attribute__((destructor)) report(void)
{
	printf("conversions %lu seconds %.6f\n", seen.nr, seen.last - seen.first);
}
