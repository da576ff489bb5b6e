// SPDX-License-Identifier: GPL-2.0-only
/* Memory whose page faults the test resolves (userfaultfd). */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "uffd.h"

int gm_uffd_open(uint64_t features)
{
	int fd = GM_SETUP_OK(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
	struct uffdio_api api = { .api = UFFD_API, .features = features };

	GM_SETUP_OK(ioctl(fd, UFFDIO_API, &api));
	return fd;
}

uint64_t gm_uffd_features(void)
{
	int fd = GM_SETUP_OK(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
	struct uffdio_api api = { .api = UFFD_API };

	GM_SETUP_OK(ioctl(fd, UFFDIO_API, &api));
	close(fd);
	return api.features;
}

int __gm_uffd_register(int uffd, void *hva, uint64_t size, uint64_t mode)
{
	struct uffdio_register reg = { .range = { (uintptr_t)hva, size }, .mode = mode };

	return ioctl(uffd, UFFDIO_REGISTER, &reg);
}

void gm_uffd_register(int uffd, void *hva, uint64_t size, uint64_t mode)
{
	GM_SETUP_OK(__gm_uffd_register(uffd, hva, size, mode));
}

int __gm_uffd_new(void *hva, uint64_t size)
{
	int fd = gm_uffd_open(0), err;

	if (!__gm_uffd_register(fd, hva, size, UFFDIO_REGISTER_MODE_MISSING))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

int gm_uffd_new(void *hva, uint64_t size)
{
	return GM_SETUP_OK(__gm_uffd_new(hva, size));
}

void gm_uffd_wait(int uffd)
{
	struct pollfd p = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;

	GM_SETUP_OK(poll(&p, 1, -1));
	GM_SETUP(read(uffd, &msg, sizeof(msg)) == sizeof(msg) && msg.event == UFFD_EVENT_PAGEFAULT,
		 "userfaultfd reports no page fault");
}

int __gm_uffd_copy(int uffd, void *hva, const void *src, uint64_t len)
{
	struct uffdio_copy copy = { .dst = (uintptr_t)hva, .src = (uintptr_t)src, .len = len };

	return ioctl(uffd, UFFDIO_COPY, &copy);
}

void gm_uffd_copy(int uffd, void *hva, const void *src, uint64_t len)
{
	GM_SETUP_OK(__gm_uffd_copy(uffd, hva, src, len));
}

bool gm_uffd_read(int uffd, int ms, struct uffd_msg *msg)
{
	struct pollfd p = { .fd = uffd, .events = POLLIN };
	ssize_t n;

	if (GM_SETUP_OK(poll(&p, 1, ms)) == 0)
		return false;
	/* The message is gone if its thread was woken in between. */
	n = read(uffd, msg, sizeof(*msg));
	GM_SETUP(n == sizeof(*msg) || (n == -1 && errno == EAGAIN), "read of a userfaultfd: %s",
		 gm_errno_name(errno));
	return n == sizeof(*msg);
}

int64_t __gm_uffd_continue(int uffd, void *hva, uint64_t len)
{
	struct uffdio_continue arg = { .range = { (uintptr_t)hva, len } };

	if (!ioctl(uffd, UFFDIO_CONTINUE, &arg))
		return arg.mapped;
	return arg.mapped > 0 ? arg.mapped : -1;
}

void gm_uffd_wake(int uffd, void *hva, uint64_t len)
{
	struct uffdio_range range = { (uintptr_t)hva, len };

	GM_SETUP_OK(ioctl(uffd, UFFDIO_WAKE, &range));
}
