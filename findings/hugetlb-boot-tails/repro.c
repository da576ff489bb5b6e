// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool of 1 GiB pages from the boot shrinks: the page allocator must get all memory, and must not
 * find references in it. Damages a kernel that is not right: the memory is lost until it boots again.
 *
 * gcc -static repro.c; needs root, and a boot with hugetlb_free_vmemmap=on hugepagesz=1G hugepages=1.
 * Exit status: 0 the kernel is right, 1 it is not, 77 cannot be asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"
#define TAINT_BAD_PAGE (1L << 5)

static long number(const char *path)
{
	FILE *f = fopen(path, "r");
	long val;

	if (!f || fscanf(f, "%ld", &val) != 1) {
		perror(path);
		exit(77);
	}
	fclose(f);
	return val;
}

int main(void)
{
	char line[4096] = "";
	FILE *f = fopen("/proc/cmdline", "r");
	long nr = number(POOL);

	if (!f || !fgets(line, sizeof(line), f) || !strstr(line, "hugetlb_free_vmemmap=on")) {
		puts("boot with hugetlb_free_vmemmap=on, and CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP=y");
		return 77;
	}
	fclose(f);
	if (!nr || number("/proc/sys/kernel/tainted") & TAINT_BAD_PAGE) {
		puts("no huge page of 1 GiB, or a page was bad before");
		return 77;
	}
	f = fopen(POOL, "w");
	if (!f || fprintf(f, "%ld", nr - 1) < 0 || fclose(f)) {
		perror(POOL);
		return 77;
	}
	if (number(POOL) != nr - 1) {
		puts("somebody uses the huge pages");
		return 77;
	}
	if (number("/proc/sys/kernel/tainted") & TAINT_BAD_PAGE) {
		puts("wrong: the page allocator finds references in pages of the pool, see dmesg");
		return 1;
	}
	puts("right: the page allocator gets all pages");
	return 0;
}
