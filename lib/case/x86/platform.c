// SPDX-License-Identifier: GPL-2.0-only
/* The part of the platform probes for x86. */
#include <cpuid.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../platform_priv.h"

const char *const gm_arch_name = "x86";

unsigned long gm_arch_default_type(void)
{
	return 0;
}

const struct gm_vm_type *gm_platform_vm_type(size_t i)
{
	static const struct gm_vm_type types[] = {
		{ 0, "default" },	   { KVM_X86_SW_PROTECTED_VM, "sw_protected" },
		{ KVM_X86_SEV_VM, "sev" }, { KVM_X86_SEV_ES_VM, "sev_es" },
		{ KVM_X86_SNP_VM, "snp" }, { KVM_X86_TDX_VM, "tdx" },
	};

	return i < sizeof(types) / sizeof(*types) ? &types[i] : NULL;
}

bool gm_platform_nested(void)
{
	unsigned int eax, ebx, ecx, edx;

	/* CPUID.1:ECX[31], set by hypervisors, zero on bare metal. */
	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & (1U << 31));
}

/* Intel SDM, AMD APM: fetches see stores, also those of other CPUs. */
bool gm_platform_icache_coherent(void)
{
	return true;
}

/* Only with LAM, which the process asks for. */
bool gm_platform_top_byte_ignored(void)
{
	return false;
}

/* The module for this CPU's virtualization; NULL: CPUID reports none. */
static const char *vendor_module(void)
{
	unsigned int eax, ebx, ecx, edx;

	/* VMX is CPUID.1:ECX[5], SVM is CPUID.8000_0001h:ECX[2]. */
	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & (1U << 5)))
		return "kvm_intel";
	if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & (1U << 2)))
		return "kvm_amd";
	return NULL;
}

void gm_arch_kvm_absent(char *remedy)
{
	const char *vendor = vendor_module();
	const char *option =
		vendor && !strcmp(vendor, "kvm_amd") ? "CONFIG_KVM_AMD" : "CONFIG_KVM_INTEL";

	if (!vendor)
		snprintf(remedy, GM_REMEDY_LEN,
			 "the CPU has neither VMX nor SVM: enable %s, or use `make lab`",
			 gm_platform_nested() ? "nesting in the hypervisor"
					      : "virtualization in the firmware");
	else if (gm_kconfig("CONFIG_KVM") == 'n' || gm_kconfig(option) == 'n')
		snprintf(remedy, GM_REMEDY_LEN, "build the kernel with CONFIG_KVM=y and %s=y",
			 option);
	else
		snprintf(remedy, GM_REMEDY_LEN, "modprobe %s (%s)", vendor, option);
}

int gm_probe_sw_protected(char *remedy)
{
	int vm = gm_probe_new_vm(KVM_X86_SW_PROTECTED_VM);
	int r = vm < 0 ? -errno : 0;

	if (r) {
		/* Exists only with two-dimensional paging: arch/x86/kvm/x86.c:7134 */
		if (!gm_platform_has(GM_NEED_TDP))
			snprintf(remedy, GM_REMEDY_LEN, "%s%s",
				 gm_kconfig("CONFIG_KVM_SW_PROTECTED_VM") == 'y'
					 ? ""
					 : "a kernel with CONFIG_KVM_SW_PROTECTED_VM=y; then ",
				 gm_need_remedy(GM_NEED_TDP));
		return r;
	}
	close(vm);
	return 0;
}

/*
 * A SW_PROTECTED VM has attributes of the VM, or in its guest_memfds. If it has neither, the cases
 * must FAIL, not SKIP. So the need is missing only if the attributes are in the guest_memfds alone.
 */
int gm_probe_attributes(char *remedy)
{
	struct kvm_memory_attributes attr = {
		.size = sysconf(_SC_PAGESIZE),
		.attributes = KVM_MEMORY_ATTRIBUTE_PRIVATE,
	};
	int vm = gm_probe_new_vm(KVM_X86_SW_PROTECTED_VM);
	bool has;

	if (vm < 0)
		return -errno;
	has = ioctl(vm, KVM_CHECK_EXTENSION, (unsigned long)KVM_CAP_MEMORY_ATTRIBUTES) > 0 ||
	      !ioctl(vm, KVM_SET_MEMORY_ATTRIBUTES, &attr);
	close(vm);
	return has || !gm_probe_knows_inplace(KVM_X86_SW_PROTECTED_VM, 0) ? 0 : -ENOTTY;
}

int gm_probe_tdp(char *remedy)
{
	const char *module, *param;
	char value[8];

	/* KVM_CAP_PRE_FAULT_MEMORY reports KVM's tdp_enabled: arch/x86/kvm/x86.c:2298 */
	if (gm_probe_offered(KVM_CAP_PRE_FAULT_MEMORY) > 0)
		return 0;

	/*
	 * For kernels without that capability use the module parameter, which is also the remedy.
	 * Use only that of this CPU's vendor: if both are built in, both have parameters.
	 */
	module = vendor_module();
	param = module && !strcmp(module, "kvm_intel") ? "ept" : "npt";
	if (!module || !gm_platform_param(module, param, value, sizeof(value)))
		return -EOPNOTSUPP;
	if (value[0] == 'Y' || value[0] == '1')
		return 0;
	snprintf(
		remedy, GM_REMEDY_LEN,
		"modprobe -r %s; modprobe %s %s=1 (built in: boot with %s.%s=1), if the CPU has it",
		module, module, param, module, param);
	return -EOPNOTSUPP;
}

/* Not called: need_table.h has .only = "arm64" for them. */
int gm_probe_protected(char *remedy)
{
	return -EOPNOTSUPP;
}

int gm_probe_stage2_dump(char *remedy)
{
	return -EOPNOTSUPP;
}
