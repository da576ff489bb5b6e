// SPDX-License-Identifier: GPL-2.0-only
/*
 * gm-hold-vm: keeps an empty VM until it is killed. The lab runs it in parallel to the suite if the
 * CPUs are emulated; qemu_hold_vm() in lab/qemu.sh says why.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0 || ioctl(kvm, KVM_CREATE_VM, 0) < 0) {
		perror("gm-hold-vm: no VM to hold");
		return 1;
	}
	for (;;)
		pause();
}
