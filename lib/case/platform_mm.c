// SPDX-License-Identifier: GPL-2.0-only
/* Probes of memory management. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform_priv.h"

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif
#ifndef MADV_MERGEABLE
#define MADV_MERGEABLE 12
#endif

#define POOLS "/sys/kernel/mm/hugepages"

/* The number of free and unreserved pages of this size; false: there is no pool. */
static bool pool_free(unsigned int kib, unsigned long *pages)
{
	unsigned long avail, reserved;
	char path[96];

	snprintf(path, sizeof(path), POOLS "/hugepages-%ukB/free_hugepages", kib);
	if (!gm_read_number(path, &avail))
		return false;
	snprintf(path, sizeof(path), POOLS "/hugepages-%ukB/resv_hugepages", kib);
	if (!gm_read_number(path, &reserved))
		reserved = 0;
	*pages = avail > reserved ? avail - reserved : 0;
	return true;
}

static void pool_remedy(unsigned int kib, unsigned int wanted, char *remedy, size_t len)
{
	unsigned long now = 0, unused;
	char path[96];

	if (!pool_free(kib, &unused)) {
		if (gm_kconfig("CONFIG_HUGETLBFS") == 'n')
			snprintf(remedy, len, "build the kernel with CONFIG_HUGETLBFS=y");
		else if (access(POOLS, F_OK))
			snprintf(remedy, len,
				 "mount sysfs on /sys, kernel with CONFIG_HUGETLBFS=y");
		else
			snprintf(remedy, len, "the CPU or the page size has no huge pages of %u kB",
				 kib);
		return;
	}

	snprintf(path, sizeof(path), POOLS "/hugepages-%ukB/nr_hugepages", kib);
	gm_read_number(path, &now);
	/* Pages in use stay in use: the pool must grow by the missing pages. */
	now += wanted > unused ? wanted - unused : 0;
	if (kib >= 1 << 20)
		snprintf(remedy, len,
			 "boot with hugepagesz=1G hugepages=%lu, or as root: echo %lu > %s", now,
			 now, path);
	else
		snprintf(remedy, len, "as root: echo %lu > %s", now, path);
}

bool gm_platform_huge(unsigned int n2m, unsigned int n1g, const char **reason, char *remedy,
		      size_t len)
{
	const struct {
		unsigned int kib, wanted;
		const char *reason;
	} pools[] = {
		{ 2048, n2m, "too few free 2 MiB huge pages" },
		{ 1 << 20, n1g, "too few free 1 GiB huge pages" },
	};

	for (size_t i = 0; i < 2; i++) {
		unsigned long pages = 0;

		if (!pools[i].wanted)
			continue;
		if (pool_free(pools[i].kib, &pages) && pages >= pools[i].wanted)
			continue;
		if (reason)
			*reason = pools[i].reason;
		if (remedy && len)
			pool_remedy(pools[i].kib, pools[i].wanted, remedy, len);
		return false;
	}
	return true;
}

int gm_probe_huge_2m(char *remedy)
{
	return gm_platform_huge(1, 0, NULL, remedy, GM_REMEDY_LEN) ? 0 : -ENOMEM;
}

int gm_probe_huge_1g(char *remedy)
{
	return gm_platform_huge(0, 1, NULL, remedy, GM_REMEDY_LEN) ? 0 : -ENOMEM;
}

int gm_probe_pages_4k(char *remedy)
{
	return sysconf(_SC_PAGESIZE) == 4096 ? 0 : ENOENT;
}

int gm_probe_thp(char *remedy)
{
	static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
	char mode[64];

	if (gm_read_text(path, mode, sizeof(mode)) < 0)
		return -errno;
	if (!strstr(mode, "[never]"))
		return 0;
	snprintf(remedy, GM_REMEDY_LEN, "as root: echo madvise > %s", path);
	return -EOPNOTSUPP;
}

int gm_probe_cma(char *remedy)
{
	char cmdline[4096];
	long total = 0;

	gm_read_field("/proc/meminfo", "CmaTotal", &total);

	if (!access("/sys/kernel/mm/cma/hugetlb0", F_OK))
		return 0;
	if (total && gm_read_text("/proc/cmdline", cmdline, sizeof(cmdline)) > 0 &&
	    strstr(cmdline, "hugetlb_cma="))
		return 0;
	return -EOPNOTSUPP;
}

int gm_probe_secretmem(char *remedy)
{
	int fd = syscall(SYS_memfd_secret, O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int gm_probe_userfaultfd(char *remedy)
{
	/* Without UFFD_USER_MODE_ONLY: the cases need faults by the kernel. */
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* On an empty range an unknown advice is EINVAL, and a known one does nothing. */
static int knows_advice(int advice)
{
	long page = sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err;

	if (p == MAP_FAILED)
		return -errno;
	err = madvise(p, 0, advice) ? -errno : 0;
	munmap(p, page);
	return err;
}

int gm_probe_ksm(char *remedy)
{
	return knows_advice(MADV_MERGEABLE);
}

int gm_probe_hwpoison(char *remedy)
{
	/* It needs CAP_SYS_ADMIN, which cases declare separately. */
	return knows_advice(MADV_HWPOISON);
}

int gm_probe_swap(char *remedy)
{
	return access("/proc/swaps", F_OK) ? -errno : 0;
}

int gm_probe_numa(char *remedy)
{
	int mode;

	if (syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0))
		return -errno;
	return syscall(SYS_move_pages, 0, 0, NULL, NULL, NULL, 0) ? -errno : 0;
}

static char memcg[128];

int gm_probe_memcg(char *remedy)
{
	FILE *f = fopen("/proc/self/mounts", "re");
	int err = -ENOENT;
	char line[512];

	while (f && err && fgets(line, sizeof(line), f)) {
		char where[128], type[32], options[256], path[192], controllers[256];

		if (sscanf(line, "%*s %127s %31s %255s", where, type, options) != 3)
			continue;
		if (!strcmp(type, "cgroup2")) {
			snprintf(path, sizeof(path), "%s/cgroup.controllers", where);
			if (gm_read_text(path, controllers, sizeof(controllers)) < 0 ||
			    !strstr(controllers, "memory"))
				continue;
			snprintf(path, sizeof(path), "%s/cgroup.subtree_control", where);
		} else if (!strcmp(type, "cgroup") && strstr(options, "memory")) {
			snprintf(path, sizeof(path), "%s/cgroup.procs", where);
		} else {
			continue;
		}
		err = access(path, W_OK) || access(where, W_OK) ? -errno : 0;
		if (!err)
			snprintf(memcg, sizeof(memcg), "%s", where);
	}
	if (f)
		fclose(f);
	if (err == -EROFS)
		snprintf(remedy, GM_REMEDY_LEN, "mount -o remount,rw /sys/fs/cgroup");
	return err;
}

const char *gm_platform_memcg(void)
{
	return gm_platform_has(GM_NEED_MEMCG) ? memcg : NULL;
}

int gm_probe_liveupdate(char *remedy)
{
	/* No open(): only one program can have it open. */
	return access("/dev/liveupdate", R_OK | W_OK) ? -errno : 0;
}
