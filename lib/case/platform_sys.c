// SPDX-License-Identifier: GPL-2.0-only
/* Probes of devices, debugfs, sockets, io_uring and direct I/O. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "platform_priv.h"

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef TMPFS_MAGIC
#define TMPFS_MAGIC 0x01021994
#endif
#ifndef RAMFS_MAGIC
#define RAMFS_MAGIC 0x858458f6
#endif

#define DEBUGFS "/sys/kernel/debug"

int gm_probe_root(char *remedy)
{
	return geteuid() ? -EPERM : 0;
}

int gm_probe_debugfs(char *remedy)
{
	struct statfs fs;

	if (statfs(DEBUGFS, &fs))
		return -errno;
	if ((unsigned long)fs.f_type != DEBUGFS_MAGIC) {
		if (gm_kconfig("CONFIG_DEBUG_FS") != 'n')
			snprintf(remedy, GM_REMEDY_LEN, "as root: mount -t debugfs none " DEBUGFS);
		return -ENOENT;
	}
	return gm_try_open(DEBUGFS, O_RDONLY | O_DIRECTORY);
}

int gm_probe_gup_test(char *remedy)
{
	return gm_try_open(DEBUGFS "/gup_test", O_RDWR);
}

int gm_probe_unpoison(char *remedy)
{
	return gm_try_open(DEBUGFS "/hwpoison/unpoison-pfn", O_WRONLY);
}

int gm_probe_hard_offline(char *remedy)
{
	/* The right to do it is CAP_SYS_ADMIN, which a case asks for by itself. */
	return access("/sys/devices/system/memory/hard_offline_page", F_OK) ? -errno : 0;
}

/*
 * A ring of 0 entries is EINVAL if io_uring is available (io_uring/io_uring.c). Creates no ring:
 * its teardown would leave task work, which interrupts the case's first ioctl.
 */
int gm_probe_io_uring(char *remedy)
{
	struct io_uring_params params = { 0 };
	int err = syscall(SYS_io_uring_setup, 0, &params) < 0 && errno != EINVAL ? -errno : 0;
	char value[8];

	if (err == -EPERM &&
	    gm_read_text("/proc/sys/kernel/io_uring_disabled", value, sizeof(value)) > 0 &&
	    value[0] != '0')
		snprintf(remedy, GM_REMEDY_LEN, "as root: sysctl kernel.io_uring_disabled=0");
	return err;
}

int gm_probe_udmabuf(char *remedy)
{
	return gm_try_open("/dev/udmabuf", O_RDWR);
}

/* EPERM means that the family exists; cases declare CAP_NET_RAW separately. */
static int knows_family(int family)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno == EPERM ? 0 : -errno;
	close(fd);
	return 0;
}

int gm_probe_xdp(char *remedy)
{
	return knows_family(AF_XDP);
}

int gm_probe_packet(char *remedy)
{
	return knows_family(AF_PACKET);
}

int gm_probe_loop(char *remedy)
{
	return gm_try_open("/dev/loop-control", O_RDWR);
}

static char scratch[64];

int gm_probe_blkdev(char *remedy)
{
	DIR *dir = opendir("/sys/block");
	int err = -ENODEV;
	struct dirent *d;

	while (dir && err && (d = readdir(dir))) {
		char path[320], serial[32];

		snprintf(path, sizeof(path), "/sys/block/%s/serial", d->d_name);
		if (gm_read_text(path, serial, sizeof(serial)) < 0 ||
		    strcmp(serial, GM_SCRATCH_SERIAL))
			continue;
		snprintf(scratch, sizeof(scratch), "/dev/%.50s", d->d_name);
		err = gm_try_open(scratch, O_RDWR);
	}
	if (dir)
		closedir(dir);
	return err;
}

static const char *dio_dir;

/* Writes one block with O_DIRECT to an O_TMPFILE file. */
static int try_dio(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	struct statfs fs;
	void *block;
	int err = 0;

	if (fd < 0)
		return -errno;
	/* Since 6.6 tmpfs accepts O_DIRECT, but uses the page cache. */
	if (fstatfs(fd, &fs) || (unsigned long)fs.f_type == TMPFS_MAGIC ||
	    (unsigned long)fs.f_type == RAMFS_MAGIC) {
		err = -EOPNOTSUPP;
	} else if (posix_memalign(&block, 4096, 4096)) {
		err = -ENOMEM;
	} else {
		memset(block, 0, 4096);
		if (pwrite(fd, block, 4096, 0) != 4096)
			err = errno ? -errno : -EIO;
		free(block);
	}
	close(fd);
	return err;
}

int gm_probe_disk_dio(char *remedy)
{
	const char *const places[] = { getenv("TMPDIR"), ".", "/var/tmp", "/tmp", "/mnt" };
	static char cwd[4096];

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (!places[i] || try_dio(places[i]))
			continue;
		dio_dir = realpath(places[i], cwd) ? cwd : places[i];
		return 0;
	}
	return -ENOENT;
}

const char *gm_platform_dio_dir(void)
{
	return gm_platform_has(GM_NEED_DISK_DIO) ? dio_dir : NULL;
}

int gm_probe_fail_nth(char *remedy)
{
	int err = gm_try_open("/proc/self/fail-nth", O_RDWR);

	if (err)
		return err;
	/* fail-nth also needs a kind of failure that it can inject. */
	if (!access(DEBUGFS "/failslab", F_OK) || !access(DEBUGFS "/fail_page_alloc", F_OK))
		return 0;
	err = -errno;
	if (gm_kconfig("CONFIG_FAILSLAB") == 'n') {
		snprintf(remedy, GM_REMEDY_LEN, "build the kernel with CONFIG_FAILSLAB=y");
		return -ENOENT;
	}
	if (err == -ENOENT)
		snprintf(remedy, GM_REMEDY_LEN,
			 "as root: mount -t debugfs none " DEBUGFS
			 " (kernel with CONFIG_FAULT_INJECTION_DEBUG_FS=y)");
	return err;
}
