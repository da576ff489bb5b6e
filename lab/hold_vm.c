// SPDX-License-Identifier: GPL-2.0-only
/*
 * gm-hold-vm: leaves a process behind that keeps an empty VM until it is killed, and ends once the VM
 * exists. The lab runs it before the suite if the CPUs are emulated; qemu_hold_vm() in lab/qemu.sh
 * says why.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int hold(int ready)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0 || ioctl(kvm, KVM_CREATE_VM, 0) < 0) {
		perror("gm-hold-vm: no VM to hold");
		return 1;
	}
	if (write(ready, "1", 1) != 1)
		return 1;
	for (;;)
		pause();
}

int main(void)
{
	int fds[2];
	char c;

	if (pipe(fds)) {
		perror("gm-hold-vm: pipe");
		return 1;
	}
	switch (fork()) {
	case -1:
		perror("gm-hold-vm: fork");
		return 1;
	case 0:
		close(fds[0]);
		return hold(fds[1]);
	}
	close(fds[1]);
	return read(fds[0], &c, 1) != 1;
}
