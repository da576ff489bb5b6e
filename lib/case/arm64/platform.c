// SPDX-License-Identifier: GPL-2.0-only
/* The part of the platform probes for arm64. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../platform_priv.h"

/* Exported by the headers of 7.3; include/uapi/linux/kvm.h:708 */
#define GM_VM_TYPE_ARM_PROTECTED (1UL << 31)

const char *const gm_arch_name = "arm64";

/* Type 0 means 40 bits of IPA, and some CPUs have fewer. */
unsigned long gm_arch_default_type(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int bits = kvm < 0 ? 0 : ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

	if (kvm >= 0)
		close(kvm);
	if (bits > 0 && bits < 40)
		return KVM_VM_TYPE_ARM_IPA_SIZE(bits);
	return 0;
}

const struct gm_vm_type *gm_platform_vm_type(size_t i)
{
	static struct gm_vm_type types[] = {
		{ 0, "default" },
		{ GM_VM_TYPE_ARM_PROTECTED, "protected", true },
	};

	if (i >= sizeof(types) / sizeof(*types))
		return NULL;
	types[0].type = gm_arch_default_type();
	types[1].type = GM_VM_TYPE_ARM_PROTECTED | gm_arch_default_type();
	return &types[i];
}

bool gm_platform_nested(void)
{
	static const char *const vms[] = { "QEMU", "KVM", "Amazon EC2", "VMware", "Xen", "Google" };
	char vendor[64];

	/*
	 * arm64 has no flag for it. QEMU's virt board and others have their names in DMI or the DT.
	 */
	if (gm_read_text("/sys/class/dmi/id/sys_vendor", vendor, sizeof(vendor)) > 0) {
		for (size_t i = 0; i < sizeof(vms) / sizeof(*vms); i++) {
			if (strstr(vendor, vms[i]))
				return true;
		}
	}
	return gm_read_text("/proc/device-tree/compatible", vendor, sizeof(vendor)) > 0 &&
	       !strcmp(vendor, "linux,dummy-virt");
}

/* CTR_EL0.DIC, bit 29. The kernel shows user space what all CPUs have in common. */
bool gm_platform_icache_coherent(void)
{
	uint64_t ctr;

	asm volatile("mrs %0, ctr_el0" : "=r"(ctr));
	return ctr >> 29 & 1;
}

/* Documentation/arch/arm64/tagged-address-abi.rst; GUP removes the tag from any address. */
bool gm_platform_top_byte_ignored(void)
{
	return true;
}

void gm_arch_kvm_absent(char *remedy)
{
	if (gm_kconfig("CONFIG_KVM") == 'n')
		snprintf(remedy, GM_REMEDY_LEN, "build the kernel with CONFIG_KVM=y");
	else
		snprintf(remedy, GM_REMEDY_LEN,
			 "boot the kernel at EL2 (QEMU: -M virt,virtualization=on)");
}

int gm_probe_protected(char *remedy)
{
	int vm = gm_probe_new_vm(GM_VM_TYPE_ARM_PROTECTED | gm_arch_default_type());
	int err = vm < 0 ? -errno : 0;

	if (!err)
		close(vm);
	return err;
}

/* arm64 always has stage 2. */
int gm_probe_tdp(char *remedy)
{
	return 0;
}

int gm_probe_stage2_dump(char *remedy)
{
	char path[96], cmdline[4096];
	int vm = gm_probe_new_vm(gm_arch_default_type());
	int err = vm < 0 ? -errno : 0;

	/* One folder per VM, named after its process and its fd. */
	if (!err) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/stage2_page_tables",
			 getpid(), vm);
		err = gm_try_open(path, O_RDONLY);
		close(vm);
	}
	/* With pKVM the file exists but is empty: the hypervisor has the tables. */
	if (!err && gm_read_text("/proc/cmdline", cmdline, sizeof(cmdline)) > 0 &&
	    strstr(cmdline, "kvm-arm.mode=protected")) {
		snprintf(remedy, GM_REMEDY_LEN, "boot without kvm-arm.mode=protected");
		return -EOPNOTSUPP;
	}
	return err;
}

/* Not called: need_table.h has .only = "x86" for them. */
int gm_probe_sw_protected(char *remedy)
{
	return -EOPNOTSUPP;
}

int gm_probe_attributes(char *remedy)
{
	return -EOPNOTSUPP;
}
