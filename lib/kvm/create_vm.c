// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every KVM_CREATE_VM, the framework's too, comes by here: programs are linked with --wrap=ioctl.
 *
 * It is EINTR if anything waits for the task, and that need be no signal: an io_uring leaves work to
 * its task, and mm_take_all_locks() (mm/mmap.c), which registers KVM's MMU notifier, gives up then.
 * A VMM tries again; the framework does not. What waits is done on the way back to user space.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>

#include "vm.h"

#define TRIES 100

int __real_ioctl(int fd, unsigned long req, ...);
int __wrap_ioctl(int fd, unsigned long req, ...);

__attribute__((weak)) unsigned long gm_arch_more_type(void)
{
	return 0;
}

int __wrap_ioctl(int fd, unsigned long req, ...)
{
	unsigned long arg;
	va_list ap;
	int ret = -1;

	va_start(ap, req);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	if (req != KVM_CREATE_VM)
		return __real_ioctl(fd, req, arg);
	arg |= gm_arch_more_type();
	for (int i = 0; i < TRIES; i++) {
		ret = __real_ioctl(fd, req, arg);
		if (ret >= 0 || errno != EINTR)
			break;
	}
	return ret;
}
