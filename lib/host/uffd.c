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

int __gm_uffd_new(void *hva, uint64_t size)
{
	int fd = GM_SETUP_OK(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)), err;
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (uintptr_t)hva, size },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };

	GM_SETUP_OK(ioctl(fd, UFFDIO_API, &api));
	if (!ioctl(fd, UFFDIO_REGISTER, &reg))
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
