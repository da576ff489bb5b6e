// SPDX-License-Identifier: GPL-2.0-only
/*
 * A huge page that a pin allocates is charged to the hugetlb cgroup, as one that a touch allocates:
 * fungible.pool_back. Linux 7.3.4 fails it, see findings/memfd-hugetlb-charge.
 */
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "gm.h"
#include "text.h"

GM_FILE(.clause = "fungible.pool_back", .profile = "any", .huge_2m = 2,
	.needs = GM_NEEDS(UDMABUF, MEMCG, ROOT), .caps = GM_CAPS_ALL)

static char group[256];

static bool put(const char *dir, const char *file, const char *text)
{
	char path[320];
	bool done;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return done;
}

/* "0" is the task that writes it. */
static void leave(void *arg __attribute__((unused)))
{
	put(gm_platform_memcg(), "cgroup.procs", "0");
	rmdir(group);
}

static long charged(void)
{
	unsigned long val;
	char path[320];

	snprintf(path, sizeof(path), "%s/hugetlb.2MB.current", group);
	GM_SETUP(gm_read_number(path, &val), "%s cannot be read", path);
	return val;
}

GM_CASE(pin_charge, .name = "fungible.pool_back.pin_charge", .flags = GM_FULL_ONLY,
	.text = "a udmabuf of huge pages that are not allocated yet: the hugetlb cgroup pays, until they are freed")
{
	int udmabuf = GM_SETUP_OK(open("/dev/udmabuf", O_RDWR | O_CLOEXEC)), memfd, fd;
	struct udmabuf_create arg = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = GM_2M };

	if (!put(gm_platform_memcg(), "cgroup.subtree_control", "+hugetlb"))
		gm_skip("no hugetlb controller in a version 2 cgroup hierarchy",
			"CONFIG_CGROUP_HUGETLB=y, and mount -t cgroup2 none %s",
			gm_platform_memcg());
	snprintf(group, sizeof(group), "%s/gm-pin-%d", gm_platform_memcg(), getpid());
	gm_cleanup(leave, NULL);
	GM_SETUP_OK(mkdir(group, 0755));
	GM_SETUP(put(group, "cgroup.procs", "0"), "cgroup.procs: %s", gm_errno_name(errno));

	memfd = GM_SETUP_OK(memfd_create("gm_charge", MFD_CLOEXEC | MFD_ALLOW_SEALING |
							      MFD_HUGETLB | (21U << 26)));
	GM_SETUP_OK(ftruncate(memfd, 2 * GM_2M));
	GM_SETUP_OK(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	arg.memfd = memfd;
	GM_SETUP_OK(fallocate(memfd, 0, GM_2M, GM_2M));
	gm_promise(charged() == GM_2M, "a page that fallocate() allocates is charged");
	fd = GM_SETUP_OK(ioctl(udmabuf, UDMABUF_CREATE, &arg));
	GM_EXPECT_EQ(charged(), 2 * GM_2M, "bytes in use, a page by fallocate(), one by a udmabuf");
	close(fd);
	close(memfd);
	GM_EXPECT_EQ(charged(), 0, "bytes in use, all is closed");
	close(udmabuf);
}
