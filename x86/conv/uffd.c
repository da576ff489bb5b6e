// SPDX-License-Identifier: GPL-2.0-only
/* Host memory whose faults wait until the test gives the page. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "conv.h"

int uffd_new(void *hva, uint64_t size)
{
	int fd = GM_SETUP_OK(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (uintptr_t)hva, size },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };

	GM_SETUP_OK(ioctl(fd, UFFDIO_API, &api));
	GM_SETUP_OK(ioctl(fd, UFFDIO_REGISTER, &reg));
	return fd;
}

void uffd_wait(int uffd)
{
	struct pollfd p = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;

	GM_SETUP_OK(poll(&p, 1, -1));
	GM_SETUP(read(uffd, &msg, sizeof(msg)) == sizeof(msg) && msg.event == UFFD_EVENT_PAGEFAULT,
		 "no fault came from userfaultfd");
}

void uffd_give(int uffd, struct gm_fixture *w, uint64_t gpa, uint64_t unit, unsigned int gen)
{
	uint64_t first = (gpa - w->gpa) & -unit;
	uint8_t *page =
		mmap(NULL, unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_copy copy = { .dst = (uintptr_t)w->hva + first,
				    .src = (uintptr_t)page,
				    .len = unit };

	GM_SETUP(page != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_host_fill(page, GFN(w->gpa + first), PAGES(unit), GM_HALF_SHARED, gen);
	GM_SETUP_OK(ioctl(uffd, UFFDIO_COPY, &copy));
	munmap(page, unit);
}
