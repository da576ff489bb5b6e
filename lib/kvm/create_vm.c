// SPDX-License-Identifier: GPL-2.0-only
/*
 * Retries every KVM_CREATE_VM, also the framework's, on EINTR: programs are linked with
 * --wrap=ioctl.
 *
 * Pending task work of io_uring counts as a signal: then mm_take_all_locks() (mm/mmap.c), which is
 * called to register KVM's MMU notifier, fails with EINTR. The task work runs on the return to user
 * space, so a retry succeeds. A VMM retries, but the framework does not.
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
