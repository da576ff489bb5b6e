// SPDX-License-Identifier: GPL-2.0-only
/*
 * A touch that finds no huge page must not use up the size= of its hugetlbfs.
 *
 * gcc -static repro.c; needs root and a free huge page of 2 MiB. Exit status: 0 the kernel is
 * right, 1 it is not, 77 cannot be asked.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#define HUGE (2UL << 20)
#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/"

/* include/uapi/linux/mount.h, include/uapi/asm-generic/mman-common.h */
#define SET_STRING 1
#define CREATE 6
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	perror(what);
	exit(77);
}

static long counter(const char *path)
{
	FILE *f = fopen(path, "r");
	long val = 0;

	if (f && fscanf(f, "%ld", &val) != 1)
		val = 0;
	if (f)
		fclose(f);
	return val;
}

static long free_pages(int mount)
{
	struct statfs fs;

	must(fstatfs(mount, &fs), "fstatfs");
	return fs.f_bfree;
}

int main(void)
{
	int fs = must(syscall(SYS_fsopen, "hugetlbfs", 0), "fsopen"), mount, file;
	long n = counter(POOL "free_hugepages") - counter(POOL "resv_hugepages"), before, after;
	void *others, *p;

	must(syscall(SYS_fsconfig, fs, SET_STRING, "pagesize", "2M", 0), "pagesize");
	must(syscall(SYS_fsconfig, fs, SET_STRING, "size", "16M", 0), "size");
	must(syscall(SYS_fsconfig, fs, CREATE, NULL, NULL, 0), "hugetlbfs");
	mount = must(syscall(SYS_fsmount, fs, 0, 0), "fsmount");
	file = must(openat(mount, ".", O_TMPFILE | O_RDWR, 0600), "a file");
	must(ftruncate(file, HUGE), "ftruncate");
	if (n < 1) {
		puts("the pool has no free page of 2 MiB");
		return 77;
	}
	/* Somebody else has reserved all pages of the pool. */
	others = mmap(NULL, n * HUGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | 21 << 26, -1, 0);
	must(others == MAP_FAILED ? -1 : 0, "mmap of the pool");
	p = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
	must(p == MAP_FAILED ? -1 : 0, "mmap");
	before = free_pages(mount);
	if (!madvise(p, HUGE, MADV_POPULATE_WRITE)) {
		puts("the pool still has a page");
		return 77;
	}
	after = free_pages(mount);
	printf("free pages of the file system: %ld, after a touch that failed: %ld\n", before,
	       after);
	return before != after;
}
