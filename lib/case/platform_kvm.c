// SPDX-License-Identifier: GPL-2.0-only
/* Probes of KVM: each opens /dev/kvm, creates what it needs, and closes all of it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "gmem_huge.h"
#include "platform_priv.h"

/* In-place conversion: an ioctl on the guest_memfd with an argument of 16 words. See convert.h. */
#define GM_SET_MEMORY_ATTRIBUTES2 0xc080aed2UL

static int open_kvm(void)
{
	return open("/dev/kvm", O_RDWR | O_CLOEXEC);
}

/* A VM of this type, with errno on -1. */
int gm_probe_new_vm(unsigned long type)
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
		.size = flags & GM_GMEM_FLAG_HUGETLB ? 2UL << 20
						     : (unsigned long)sysconf(_SC_PAGESIZE),
		.flags = flags,
	};

	return ioctl(vm, KVM_CREATE_GUEST_MEMFD, &arg);
}

bool gm_platform_vm_creatable(unsigned long vm_type)
{
	int vm = gm_probe_new_vm(vm_type);

	if (vm >= 0)
		close(vm);
	return vm >= 0;
}

long gm_platform_cap(unsigned long vm_type, unsigned int cap)
{
	int fd = vm_type == GM_SYSTEM_SCOPE ? open_kvm() : gm_probe_new_vm(vm_type);
	long r;

	if (fd < 0)
		return -1;
	r = ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)cap);
	close(fd);
	return r;
}

static int try_gmem(unsigned long vm_type, uint64_t flags)
{
	int vm = gm_probe_new_vm(vm_type);
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
	int vm = gm_probe_new_vm(vm_type);
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
	*vm = gm_probe_new_vm(gm_arch_default_type());
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
	int vm = gm_probe_new_vm(gm_arch_default_type());
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

bool gm_platform_param(const char *module, const char *param, char *buf, size_t len)
{
	char path[160];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, param);
	return gm_read_text(path, buf, len) >= 0;
}

/* The name of the group that may use a device; "": only root may. */
static void device_group(const char *path, char *name, size_t len)
{
	char line[512];
	struct stat st;
	FILE *f;

	name[0] = '\0';
	if (stat(path, &st) || !st.st_gid || (st.st_mode & 0060) != 0060)
		return;
	snprintf(name, len, "with gid %u", (unsigned int)st.st_gid);

	/* Not getgrgid(): in a static program it needs shared libraries (NSS). */
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
		snprintf(remedy, GM_REMEDY_LEN, "/dev/kvm has API version %d, not %d", api,
			 KVM_API_VERSION);
		return -EPROTO;
	}

	if ((err == -EACCES || err == -EPERM) && !geteuid()) {
		gm_say_denied(remedy, -err);
	} else if (err == -EACCES || err == -EPERM) {
		device_group("/dev/kvm", group, sizeof(group));
		snprintf(remedy, GM_REMEDY_LEN, "run as root%s%s",
			 group[0] ? " or join group " : "", group);
	} else if (err == -ENOENT && !access("/sys/devices/virtual/misc/kvm", F_OK)) {
		snprintf(
			remedy, GM_REMEDY_LEN,
			"the device node is missing: mknod /dev/kvm c 10 232, or pass it to the container");
	} else if (err == -ENOENT || err == -ENXIO || err == -ENODEV) {
		gm_arch_kvm_absent(remedy);
	} else {
		snprintf(remedy, GM_REMEDY_LEN, "/dev/kvm: %s", strerror(-err));
	}
	return err;
}

int gm_probe_gmem(char *remedy)
{
	const struct gm_vm_type *t;
	int err = -ENOTTY;

	/* A protected VM taints the kernel, and no kernel supports guest_memfd in it so far. */
	for (size_t i = 0; (t = gm_platform_vm_type(i)); i++) {
		if (t->taints)
			continue;
		err = try_gmem(t->type, 0);
		if (!err)
			return 0;
	}
	return err;
}

int gm_probe_gmem_default(char *remedy)
{
	return try_gmem(gm_arch_default_type(), 0);
}

int gm_probe_gmem_mmap(char *remedy)
{
	return try_gmem(gm_arch_default_type(), GUEST_MEMFD_FLAG_MMAP);
}

int gm_probe_init_shared(char *remedy)
{
	return try_gmem(gm_arch_default_type(),
			GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED);
}

/* An own page by its address is GUP, as KVM's access to userspace_addr is. */
int gm_probe_gmem_gup(char *remedy)
{
	char byte;
	struct iovec local = { &byte, 1 }, remote = { .iov_len = 1 };
	int vm, gmem,
		ret = gm_probe_gmem_file(GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED, &vm,
					 &gmem);

	if (ret)
		return ret;
	remote.iov_base = mmap(NULL, getpagesize(), PROT_READ, MAP_SHARED, gmem, 0);
	if (remote.iov_base == MAP_FAILED) {
		ret = -errno;
	} else {
		if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != 1)
			ret = -errno;
		munmap(remote.iov_base, getpagesize());
	}
	close(gmem);
	close(vm);
	return ret;
}

/* In older kernels its inode is in the anonymous-inode file system, as an eventfd's is. */
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

/*
 * Are attributes in the guest_memfds of this VM type? Tests the capability, if the headers of KSRC
 * have it, and the ioctl: the all-zero argument has size 0, which a kernel that has the call
 * refuses with an errno other than ENOTTY.
 */
bool gm_probe_knows_inplace(unsigned long vm_type, uint64_t flags)
{
	uint64_t arg[16] = { 0 };
	int vm = gm_probe_new_vm(vm_type);
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
		if (t->taints)
			continue;
		for (uint64_t flags = 0; flags <= 3; flags++) {
			if (gm_probe_knows_inplace(t->type, flags))
				return 0;
		}
	}
	if (gm_platform_param("kvm", "gmem_in_place_conversion", value, sizeof(value)))
		snprintf(remedy, GM_REMEDY_LEN,
			 "boot with kvm.gmem_in_place_conversion=1 (it is %s)", value);
	return -ENOTTY;
}

/* An empty pool is ENOMEM on a kernel that has such files; an unknown flag is EINVAL. */
int gm_probe_gmem_huge(char *remedy)
{
	const struct gm_vm_type *t;
	int err = -EINVAL;

	for (size_t i = 0; (t = gm_platform_vm_type(i)); i++) {
		if (t->taints)
			continue;
		err = try_gmem(t->type, gm_gmem_huge_flags(2UL << 20));
		if (!err || err == -ENOMEM)
			return 0;
	}
	return err;
}

int gm_probe_ordinary_private(char *remedy)
{
	return gm_probe_knows_inplace(gm_arch_default_type(), 0) ? -ENOTTY : 0;
}

/* Either scope is enough; whether both report the same is not tested here. */
long gm_probe_offered(unsigned int cap)
{
	long system = gm_platform_cap(GM_SYSTEM_SCOPE, cap);

	return system > 0 ? system : gm_platform_cap(gm_arch_default_type(), cap);
}

int gm_probe_prefault(char *remedy)
{
	return gm_probe_offered(KVM_CAP_PRE_FAULT_MEMORY) > 0 ? 0 : -EOPNOTSUPP;
}

int gm_probe_hypercall_exit(char *remedy)
{
	long calls = gm_probe_offered(KVM_CAP_EXIT_HYPERCALL);

	return calls > 0 && (calls & (1 << KVM_HC_MAP_GPA_RANGE)) ? 0 : -EOPNOTSUPP;
}

int gm_probe_page_stats(char *remedy)
{
	return gm_platform_vm_stat("pages_4k") && gm_platform_vm_stat("pages_2m") &&
			       gm_platform_vm_stat("pages_1g")
		       ? 0
		       : -EOPNOTSUPP;
}
