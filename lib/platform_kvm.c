// SPDX-License-Identifier: GPL-2.0-only
/* Probes of KVM: each opens /dev/kvm, makes what it needs, and closes all of it again. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "platform_priv.h"

/* In-place conversion: ioctl on the guest_memfd, 16 words of argument. See convert.h. */
#define GM_SET_MEMORY_ATTRIBUTES2 0xc080aed2UL
/* Exported by the arm64 headers of 7.3; include/uapi/linux/kvm.h:708 */
#define GM_VM_TYPE_ARM_PROTECTED (1UL << 31)

static int open_kvm(void)
{
	return open("/dev/kvm", O_RDWR | O_CLOEXEC);
}

/* A VM of this type, with errno on -1. */
static int new_vm(unsigned long type)
{
	int kvm = open_kvm();
	int vm, err;

	if (kvm < 0)
		return -1;
	vm = ioctl(kvm, KVM_CREATE_VM, type);
	err = errno;
	close(kvm);
	errno = err;
	return vm;
}

static int create_gmem(int vm, uint64_t flags)
{
	struct kvm_create_guest_memfd arg = {
		.size = sysconf(_SC_PAGESIZE),
		.flags = flags,
	};

	return ioctl(vm, KVM_CREATE_GUEST_MEMFD, &arg);
}

/* The default type, type 0, means 40 bits of IPA on arm64: not every CPU has that many. */
static unsigned long default_type(void)
{
#ifdef __aarch64__
	int kvm = open_kvm();
	int bits = kvm < 0 ? 0 : ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

	if (kvm >= 0)
		close(kvm);
	if (bits > 0 && bits < 40)
		return KVM_VM_TYPE_ARM_IPA_SIZE(bits);
#endif
	return 0;
}

const struct gm_vm_type *gm_platform_vm_type(size_t i)
{
	static struct gm_vm_type types[] = {
		{ 0, "default" },
#ifdef __x86_64__
		{ KVM_X86_SW_PROTECTED_VM, "sw_protected" },
		{ KVM_X86_SEV_VM, "sev" },
		{ KVM_X86_SEV_ES_VM, "sev_es" },
		{ KVM_X86_SNP_VM, "snp" },
		{ KVM_X86_TDX_VM, "tdx" },
#elif defined(__aarch64__)
		{ GM_VM_TYPE_ARM_PROTECTED, "protected" },
#endif
	};

	if (i >= sizeof(types) / sizeof(*types))
		return NULL;
#ifdef __aarch64__
	types[0].type = default_type();
	types[1].type = GM_VM_TYPE_ARM_PROTECTED | default_type();
#endif
	return &types[i];
}

bool gm_platform_vm_creatable(unsigned long vm_type)
{
	int vm = new_vm(vm_type);

	if (vm >= 0)
		close(vm);
	return vm >= 0;
}

long gm_platform_cap(unsigned long vm_type, unsigned int cap)
{
	int fd = vm_type == GM_SYSTEM_SCOPE ? open_kvm() : new_vm(vm_type);
	long r;

	if (fd < 0)
		return -1;
	r = ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)cap);
	close(fd);
	return r;
}

static int try_gmem(unsigned long vm_type, uint64_t flags)
{
	int vm = new_vm(vm_type);
	int fd, err;

	if (vm < 0)
		return -errno;
	fd = create_gmem(vm, flags);
	err = fd < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	close(vm);
	return err;
}

bool gm_platform_gmem(unsigned long vm_type)
{
	return !try_gmem(vm_type, 0);
}

uint64_t gm_platform_gmem_flags(unsigned long vm_type)
{
	int vm = new_vm(vm_type);
	uint64_t accepted = 0;

	if (vm < 0)
		return 0;
	for (int bit = 0; bit < 64; bit++) {
		int fd = create_gmem(vm, 1ULL << bit);

		if (fd < 0)
			continue;
		accepted |= 1ULL << bit;
		close(fd);
	}
	close(vm);
	return accepted;
}

int gm_probe_gmem_file(uint64_t flags, int *vm, int *gmem)
{
	int err;

	*gmem = -1;
	*vm = new_vm(default_type());
	if (*vm < 0)
		return -errno;
	*gmem = create_gmem(*vm, flags);
	if (*gmem >= 0)
		return 0;
	err = -errno;
	close(*vm);
	*vm = -1;
	return err;
}

bool gm_platform_vm_stat(const char *name)
{
	struct kvm_stats_header head;
	int vm = new_vm(default_type());
	int fd = vm < 0 ? -1 : ioctl(vm, KVM_GET_STATS_FD, NULL);
	size_t size;
	char *desc = NULL;
	bool found = false;

	if (fd < 0)
		goto out;
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head))
		goto out;
	size = sizeof(struct kvm_stats_desc) + head.name_size;
	desc = calloc(1, size + 1);
	for (uint32_t i = 0; desc && !found && i < head.num_desc; i++) {
		off_t at = head.desc_offset + (off_t)(i * size);

		if (pread(fd, desc, size, at) != (ssize_t)size)
			break;
		found = !strcmp(desc + sizeof(struct kvm_stats_desc), name);
	}
out:
	free(desc);
	if (fd >= 0)
		close(fd);
	if (vm >= 0)
		close(vm);
	return found;
}

bool gm_platform_nested(void)
{
#ifdef __x86_64__
	unsigned int eax, ebx, ecx, edx;

	/* CPUID.1:ECX[31], set by hypervisors, zero on bare metal. */
	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & (1U << 31));
#else
	static const char *const vms[] = { "QEMU", "KVM", "Amazon EC2", "VMware", "Xen", "Google" };
	char vendor[64];

	/* arm64 has no flag for it. QEMU's virt board and its like name themselves. */
	if (gm_read_text("/sys/class/dmi/id/sys_vendor", vendor, sizeof(vendor)) > 0) {
		for (size_t i = 0; i < sizeof(vms) / sizeof(*vms); i++) {
			if (strstr(vendor, vms[i]))
				return true;
		}
	}
	return gm_read_text("/proc/device-tree/compatible", vendor, sizeof(vendor)) > 0 &&
	       !strcmp(vendor, "linux,dummy-virt");
#endif
}

bool gm_platform_param(const char *module, const char *param, char *buf, size_t len)
{
	char path[160];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, param);
	return gm_read_text(path, buf, len) >= 0;
}

/* The name of the group that may use a device, "" when there is none but root's. */
static void device_group(const char *path, char *name, size_t len)
{
	char line[512];
	struct stat st;
	FILE *f;

	name[0] = '\0';
	if (stat(path, &st) || !st.st_gid || (st.st_mode & 0060) != 0060)
		return;
	snprintf(name, len, "with gid %u", (unsigned int)st.st_gid);

	/* Not getgrgid(): a static program would drag the name service in. */
	f = fopen("/etc/group", "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *save, *group = strtok_r(line, ":", &save);
		char *gid = strtok_r(NULL, ":", &save) ? strtok_r(NULL, ":", &save) : NULL;

		if (group && gid && strtoul(gid, NULL, 10) == st.st_gid)
			snprintf(name, len, "%s", group);
	}
	if (f)
		fclose(f);
}

#ifdef __x86_64__
/* The module that drives this CPU's virtualization; NULL when it shows none. */
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
#endif

static void kvm_is_absent(char *remedy)
{
#ifdef __x86_64__
	const char *vendor = vendor_module();
	const char *option =
		vendor && !strcmp(vendor, "kvm_amd") ? "CONFIG_KVM_AMD" : "CONFIG_KVM_INTEL";

	if (!vendor)
		snprintf(remedy, GM_REMEDY_LEN,
			 "the CPU shows neither VMX nor SVM: enable %s, or use `make lab`",
			 gm_platform_nested() ? "nesting in the hypervisor"
					      : "virtualization in the firmware");
	else if (gm_kconfig("CONFIG_KVM") == 'n' || gm_kconfig(option) == 'n')
		snprintf(remedy, GM_REMEDY_LEN, "build the kernel with CONFIG_KVM=y and %s=y",
			 option);
	else
		snprintf(remedy, GM_REMEDY_LEN, "modprobe %s (%s)", vendor, option);
#else
	if (gm_kconfig("CONFIG_KVM") == 'n')
		snprintf(remedy, GM_REMEDY_LEN, "build the kernel with CONFIG_KVM=y");
	else
		snprintf(remedy, GM_REMEDY_LEN,
			 "boot the kernel at EL2 (QEMU: -M virt,virtualization=on)");
#endif
}

int gm_probe_kvm(char *remedy)
{
	int fd = open_kvm();
	int err = -errno, api;
	char group[64];

	if (fd >= 0) {
		api = ioctl(fd, KVM_GET_API_VERSION, 0);
		close(fd);
		if (api == KVM_API_VERSION)
			return 0;
		snprintf(remedy, GM_REMEDY_LEN, "/dev/kvm speaks API %d, not %d", api,
			 KVM_API_VERSION);
		return -EPROTO;
	}

	if (err == -EACCES || err == -EPERM) {
		device_group("/dev/kvm", group, sizeof(group));
		snprintf(remedy, GM_REMEDY_LEN, "run as root%s%s",
			 group[0] ? " or join group " : "", group);
	} else if (err == -ENOENT && !access("/sys/devices/virtual/misc/kvm", F_OK)) {
		snprintf(
			remedy, GM_REMEDY_LEN,
			"KVM runs without its node: mknod /dev/kvm c 10 232, or hand it to the container");
	} else if (err == -ENOENT || err == -ENXIO || err == -ENODEV) {
		kvm_is_absent(remedy);
	} else {
		snprintf(remedy, GM_REMEDY_LEN, "/dev/kvm: %s", strerror(-err));
	}
	return err;
}

int gm_probe_gmem(char *remedy)
{
	const struct gm_vm_type *t;
	int err = -ENOTTY;

	/* A protected VM taints the kernel, and takes guest_memfd on no kernel so far. */
	for (size_t i = 0; (t = gm_platform_vm_type(i)); i++) {
		if (t->type & GM_VM_TYPE_ARM_PROTECTED)
			continue;
		err = try_gmem(t->type, 0);
		if (!err)
			return 0;
	}
	return err;
}

int gm_probe_gmem_default(char *remedy)
{
	return try_gmem(default_type(), 0);
}

int gm_probe_gmem_mmap(char *remedy)
{
	return try_gmem(default_type(), GUEST_MEMFD_FLAG_MMAP);
}

int gm_probe_init_shared(char *remedy)
{
	return try_gmem(default_type(), GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED);
}

/* Before, its inode was one of the anonymous file system, as an eventfd's is, without a policy. */
int gm_probe_gmem_fs(char *remedy)
{
	struct stat st, anon;
	int vm, gmem, ev, ret = gm_probe_gmem_file(0, &vm, &gmem);

	if (ret)
		return ret;
	ev = eventfd(0, EFD_CLOEXEC);
	if (ev < 0 || fstat(ev, &anon) || fstat(gmem, &st))
		ret = -errno;
	else if (st.st_dev == anon.st_dev)
		ret = -ENODEV;
	if (ev >= 0)
		close(ev);
	close(gmem);
	close(vm);
	return ret;
}

int gm_probe_sw_protected(char *remedy)
{
#ifdef __x86_64__
	int vm = new_vm(KVM_X86_SW_PROTECTED_VM);
	int r = vm < 0 ? -errno : 0;

	if (r) {
		/* Offered only with two-dimensional paging: arch/x86/kvm/x86.c:7134 */
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
#else
	return -EOPNOTSUPP;
#endif
}

int gm_probe_protected(char *remedy)
{
#ifdef __aarch64__
	int vm = new_vm(GM_VM_TYPE_ARM_PROTECTED | default_type());
	int err = vm < 0 ? -errno : 0;

	if (!err)
		close(vm);
	return err;
#else
	return -EOPNOTSUPP;
#endif
}

/*
 * Do attributes live in the guest_memfds of this VM type? By the capability, where the headers of
 * KSRC have it, and by the ioctl: an all-zero argument has size 0, which a kernel that knows the
 * call refuses with something other than ENOTTY.
 */
static bool knows_inplace(unsigned long vm_type, uint64_t flags)
{
	uint64_t arg[16] = { 0 };
	int vm = new_vm(vm_type);
	int fd = vm < 0 ? -1 : create_gmem(vm, flags);
	bool known = fd >= 0 && (!ioctl(fd, GM_SET_MEMORY_ATTRIBUTES2, arg) || errno != ENOTTY);

#ifdef KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES
	known |= vm >= 0 && ioctl(vm, KVM_CHECK_EXTENSION,
				  (unsigned long)KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES) > 0;
#endif
	if (fd >= 0)
		close(fd);
	if (vm >= 0)
		close(vm);
	return known;
}

int gm_probe_inplace(char *remedy)
{
	const struct gm_vm_type *t;
	char value[8];

	for (size_t i = 0; (t = gm_platform_vm_type(i)); i++) {
		if (t->type & GM_VM_TYPE_ARM_PROTECTED)
			continue;
		for (uint64_t flags = 0; flags <= 3; flags++) {
			if (knows_inplace(t->type, flags))
				return 0;
		}
	}
	if (gm_platform_param("kvm", "gmem_in_place_conversion", value, sizeof(value)))
		snprintf(remedy, GM_REMEDY_LEN,
			 "boot with kvm.gmem_in_place_conversion=1 (it is %s)", value);
	return -ENOTTY;
}

/*
 * A SW_PROTECTED VM has attributes of its own, or in its guest_memfds. Where it has neither, the
 * cases must FAIL, not SKIP; so what counts is that they are found in the files alone.
 */
int gm_probe_attributes(char *remedy)
{
#ifdef __x86_64__
	struct kvm_memory_attributes attr = {
		.size = sysconf(_SC_PAGESIZE),
		.attributes = KVM_MEMORY_ATTRIBUTE_PRIVATE,
	};
	int vm = new_vm(KVM_X86_SW_PROTECTED_VM);
	bool has;

	if (vm < 0)
		return -errno;
	has = ioctl(vm, KVM_CHECK_EXTENSION, (unsigned long)KVM_CAP_MEMORY_ATTRIBUTES) > 0 ||
	      !ioctl(vm, KVM_SET_MEMORY_ATTRIBUTES, &attr);
	close(vm);
	return has || !knows_inplace(KVM_X86_SW_PROTECTED_VM, 0) ? 0 : -ENOTTY;
#else
	return -EOPNOTSUPP;
#endif
}

int gm_probe_ordinary_private(char *remedy)
{
	return knows_inplace(default_type(), 0) ? -ENOTTY : 0;
}

/* What either scope offers is there: that both say the same is for a case to find out. */
static long offered(unsigned int cap)
{
	long system = gm_platform_cap(GM_SYSTEM_SCOPE, cap);

	return system > 0 ? system : gm_platform_cap(default_type(), cap);
}

int gm_probe_prefault(char *remedy)
{
	return offered(KVM_CAP_PRE_FAULT_MEMORY) > 0 ? 0 : -EOPNOTSUPP;
}

int gm_probe_hypercall_exit(char *remedy)
{
	long calls = offered(KVM_CAP_EXIT_HYPERCALL);

	return calls > 0 && (calls & (1 << KVM_HC_MAP_GPA_RANGE)) ? 0 : -EOPNOTSUPP;
}

int gm_probe_page_stats(char *remedy)
{
	return gm_platform_vm_stat("pages_4k") && gm_platform_vm_stat("pages_2m") &&
			       gm_platform_vm_stat("pages_1g")
		       ? 0
		       : -EOPNOTSUPP;
}

int gm_probe_tdp(char *remedy)
{
#ifdef __x86_64__
	const char *module, *param;
	char value[8];

	/* KVM_CAP_PRE_FAULT_MEMORY is KVM's own tdp_enabled: arch/x86/kvm/x86.c:2298 */
	if (offered(KVM_CAP_PRE_FAULT_MEMORY) > 0)
		return 0;

	/*
	 * The parameter tells on kernels without that capability, and names the remedy. Only the
	 * CPU's own module counts: built in, the other one has parameters too, and means nothing.
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
#else
	return 0; /* arm64 KVM has nothing else */
#endif
}

int gm_probe_stage2_dump(char *remedy)
{
#ifdef __aarch64__
	char path[96], cmdline[4096];
	int vm = new_vm(default_type());
	int err = vm < 0 ? -errno : 0;

	/* One folder per VM, named after its maker and its fd. */
	if (!err) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/stage2_page_tables",
			 getpid(), vm);
		err = gm_try_open(path, O_RDONLY);
		close(vm);
	}
	/* There it can be opened and shows nothing: the tables are the hypervisor's. */
	if (!err && gm_read_text("/proc/cmdline", cmdline, sizeof(cmdline)) > 0 &&
	    strstr(cmdline, "kvm-arm.mode=protected")) {
		snprintf(remedy, GM_REMEDY_LEN, "boot without kvm-arm.mode=protected");
		return -EOPNOTSUPP;
	}
	return err;
#else
	return -EOPNOTSUPP;
#endif
}
