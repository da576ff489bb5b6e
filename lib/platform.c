// SPDX-License-Identifier: GPL-2.0-only
/* Each need is probed once, lazily, and a missing one names the remedy that fits this machine. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "facts.h"
#include "platform_priv.h"

#ifdef __aarch64__
#define HERE "arm64"
#else
#define HERE "x86"
#endif

#define AFTER(id) (1ULL << GM_NEED_##id)

static const struct platform_need {
	gm_probe *probe;
	gm_needs after; /* not probed, and mended by their remedies, while these miss */
	const char *reason;
	const char *only;   /* the one architecture that can have it; NULL is any */
	const char *config; /* option that brings it */
	const char *module; /* ... and its module, where it can be one */
	const char *rights; /* remedy on EACCES and EPERM; NULL is "run as root" */
	const char *other;  /* remedy when the option is there and it is still missing */
	/* There or not, so it stays for as long as the kernel runs; and it costs a VM to see. */
	bool lasts;
} table[GM_NEED_NR] = {
	[GM_NEED_KVM] = {
		gm_probe_kvm, 0, "no usable /dev/kvm",
		.config = "CONFIG_KVM",
	},
	[GM_NEED_GMEM] = {
		gm_probe_gmem, AFTER(KVM), "no guest_memfd",
		.other = "a newer kernel, or one with CONFIG_KVM_SW_PROTECTED_VM=y",
		.lasts = true,
	},
	[GM_NEED_GMEM_DEFAULT] = {
		gm_probe_gmem_default, AFTER(KVM), "no guest_memfd on the default VM type",
		.other = "a newer kernel: guest_memfd for ordinary VMs (6.18 has it)",
		.lasts = true,
	},
	[GM_NEED_GMEM_MMAP] = {
		gm_probe_gmem_mmap, AFTER(KVM), "no GUEST_MEMFD_FLAG_MMAP on the default VM type",
		.other = "a newer kernel: GUEST_MEMFD_FLAG_MMAP (6.18 has it)",
		.lasts = true,
	},
	[GM_NEED_INIT_SHARED] = {
		gm_probe_init_shared, AFTER(KVM),
		"no GUEST_MEMFD_FLAG_INIT_SHARED on the default VM type",
		.other = "a newer kernel: GUEST_MEMFD_FLAG_INIT_SHARED (6.18 has it)",
		.lasts = true,
	},
	[GM_NEED_GMEM_FS] = {
		gm_probe_gmem_fs, AFTER(GMEM_DEFAULT), "guest_memfd has no file system of its own here",
		.other = "Linux 6.19 or later",
		.lasts = true,
	},
	[GM_NEED_SW_PROTECTED] = {
		gm_probe_sw_protected, AFTER(KVM), "no SW_PROTECTED VM type",
		"x86", .config = "CONFIG_KVM_SW_PROTECTED_VM",
		.other = "boot with kvm.tdp_mmu=1",
		.lasts = true,
	},
	[GM_NEED_ATTRIBUTES] = {
		gm_probe_attributes, AFTER(KVM) | AFTER(SW_PROTECTED),
		"no VM-wide memory attributes",
		"x86", .other = "CONFIG_KVM_VM_MEMORY_ATTRIBUTES=y and kvm.gmem_in_place_conversion=0",
		.lasts = true,
	},
	[GM_NEED_PROTECTED] = {
		gm_probe_protected, AFTER(KVM), "no protected VM type",
		"arm64",
		.other = "boot with kvm-arm.mode=protected, at EL2",
		.lasts = true,
	},
	[GM_NEED_INPLACE] = {
		gm_probe_inplace, AFTER(KVM) | AFTER(GMEM), "no in-place conversion",
		.other = "a kernel with KVM_SET_MEMORY_ATTRIBUTES2 on guest_memfd",
		.lasts = true,
	},
	[GM_NEED_ORDINARY_PRIVATE] = {
		gm_probe_ordinary_private, AFTER(KVM) | AFTER(GMEM_DEFAULT),
		"an ordinary VM cannot use private pages here",
		.other = "a kernel without in-place conversion, or kvm.gmem_in_place_conversion=0",
		.lasts = true,
	},
	[GM_NEED_PREFAULT] = {
		gm_probe_prefault, AFTER(KVM), "no KVM_PRE_FAULT_MEMORY",
		.other = "an x86 kernel that has it (6.11), with two-dimensional paging",
		.lasts = true,
	},
	[GM_NEED_HYPERCALL_EXIT] = {
		gm_probe_hypercall_exit, AFTER(KVM), "no KVM_CAP_EXIT_HYPERCALL",
		"x86", .other = "a kernel with KVM_CAP_EXIT_HYPERCALL",
		.lasts = true,
	},
	[GM_NEED_PAGE_STATS] = {
		gm_probe_page_stats, AFTER(KVM), "no page-size statistics",
		"x86", .other = "a kernel with KVM_GET_STATS_FD",
		.lasts = true,
	},
	[GM_NEED_TDP] = {
		gm_probe_tdp, AFTER(KVM), "no two-dimensional paging",
		.other = "a CPU or hypervisor with EPT, NPT or stage 2: `make lab`",
		.lasts = true,
	},
	[GM_NEED_STAGE2_DUMP] = {
		gm_probe_stage2_dump, AFTER(KVM) | AFTER(DEBUGFS), "no stage-2 page-table dump",
		"arm64", .config = "CONFIG_PTDUMP_STAGE2_DEBUGFS",
		.other = "kvm-arm.mode other than protected: pKVM shows no tables",
	},
	[GM_NEED_GUP_TEST] = {
		gm_probe_gup_test, AFTER(DEBUGFS), "no gup_test in debugfs",
		.config = "CONFIG_GUP_TEST",
	},
	[GM_NEED_DEBUGFS] = {
		gm_probe_debugfs, 0, "no debugfs",
		.config = "CONFIG_DEBUG_FS", .other = "as root: mount -t debugfs none /sys/kernel/debug",
	},
	[GM_NEED_IOMMUFD] = {
		gm_probe_iommufd, 0, "no /dev/iommu",
		.config = "CONFIG_IOMMUFD", .module = "iommufd", .other = "mount devtmpfs on /dev",
	},
	[GM_NEED_IOAS_MAP_FILE] = {
		gm_probe_map_file, AFTER(IOMMUFD), "no IOMMU_IOAS_MAP_FILE",
		.other = "a kernel whose iommufd has IOMMU_IOAS_MAP_FILE",
	},
	[GM_NEED_IOMMUFD_TEST] = {
		gm_probe_iommufd_test, AFTER(IOMMUFD), "no iommufd mock device",
		.config = "CONFIG_IOMMUFD_TEST",
	},
	[GM_NEED_VFIO_EDU] = {
		gm_probe_vfio_edu, 0, "no edu device behind an IOMMU",
		.config = "CONFIG_VFIO_PCI", .module = "vfio-pci",
	},
	[GM_NEED_VFIO_EDU_PAIR] = {
		gm_probe_vfio_edu_pair, AFTER(VFIO_EDU), "no second edu device in a group of its own",
		.other = "a VM with -device edu twice behind an IOMMU, as `make lab` has",
	},
	[GM_NEED_VFIO_TYPE1] = {
		gm_probe_vfio_type1, 0, "no VFIO type 1 container",
		.config = "CONFIG_VFIO_CONTAINER", .module = "vfio vfio_iommu_type1",
		.other = "modprobe vfio_iommu_type1 (CONFIG_VFIO_IOMMU_TYPE1, needs CONFIG_VFIO_CONTAINER)",
	},
	[GM_NEED_MAP_GMEM] = {
		gm_probe_map_gmem, AFTER(IOMMUFD) | AFTER(IOAS_MAP_FILE) | AFTER(GMEM),
		"iommufd does not map guest_memfd",
		.other = "a kernel whose IOMMU_IOAS_MAP_FILE takes guest_memfd (proposals only so far)",
	},
	[GM_NEED_HUGE_2M] = {
		gm_probe_huge_2m, 0, "no free 2 MiB huge pages",
	},
	[GM_NEED_HUGE_1G] = {
		gm_probe_huge_1g, 0, "no free 1 GiB huge pages",
	},
	[GM_NEED_PAGES_4K] = {
		gm_probe_pages_4k, 0, "the kernel's pages are not of 4 KiB",
		.other = "a kernel with pages of 4 KiB (CONFIG_ARM64_4K_PAGES=y)",
	},
	[GM_NEED_THP] = {
		gm_probe_thp, 0, "no transparent huge pages",
		.config = "CONFIG_TRANSPARENT_HUGEPAGE",
	},
	[GM_NEED_CMA] = {
		gm_probe_cma, 0, "no hugetlb CMA area",
		.config = "CONFIG_CMA", .other = "boot with hugetlb_cma=2G",
	},
	[GM_NEED_SECRETMEM] = {
		gm_probe_secretmem, 0, "no memfd_secret",
		.config = "CONFIG_SECRETMEM", .other = "boot with secretmem.enable=1",
	},
	[GM_NEED_IO_URING] = {
		gm_probe_io_uring, 0, "no io_uring",
		.config = "CONFIG_IO_URING", .other = "as root: sysctl kernel.io_uring_disabled=0",
	},
	[GM_NEED_USERFAULTFD] = {
		gm_probe_userfaultfd, 0, "no userfaultfd",
		.config = "CONFIG_USERFAULTFD",
		.rights = "run as root, or as root: sysctl vm.unprivileged_userfaultfd=1",
	},
	[GM_NEED_UDMABUF] = {
		gm_probe_udmabuf, 0, "no /dev/udmabuf",
		.config = "CONFIG_UDMABUF",
	},
	[GM_NEED_KSM] = {
		gm_probe_ksm, 0, "no MADV_MERGEABLE",
		.config = "CONFIG_KSM",
	},
	[GM_NEED_HWPOISON] = {
		gm_probe_hwpoison, 0, "no MADV_HWPOISON",
		.config = "CONFIG_MEMORY_FAILURE",
	},
	[GM_NEED_UNPOISON] = {
		gm_probe_unpoison, AFTER(HWPOISON) | AFTER(DEBUGFS), "no hwpoison injector in debugfs",
		.config = "CONFIG_HWPOISON_INJECT",
	},
	[GM_NEED_XDP] = {
		gm_probe_xdp, 0, "no AF_XDP",
		.config = "CONFIG_XDP_SOCKETS",
	},
	[GM_NEED_PACKET] = {
		gm_probe_packet, 0, "no AF_PACKET",
		.config = "CONFIG_PACKET", .module = "af_packet",
	},
	[GM_NEED_SWAP] = {
		gm_probe_swap, 0, "no swap support",
		.config = "CONFIG_SWAP",
	},
	[GM_NEED_LOOP] = {
		gm_probe_loop, 0, "no loop devices",
		.config = "CONFIG_BLK_DEV_LOOP", .module = "loop", .other = "mount devtmpfs on /dev",
	},
	[GM_NEED_NUMA] = {
		gm_probe_numa, 0, "no NUMA system calls",
		.config = "CONFIG_NUMA", .other = "build the kernel with CONFIG_MIGRATION=y",
	},
	[GM_NEED_MEMCG] = {
		gm_probe_memcg, 0, "no writable memory cgroup",
		.config = "CONFIG_MEMCG",
		.other = "as root: mount -t cgroup2 none /sys/fs/cgroup, and no cgroup_disable=memory",
	},
	[GM_NEED_BLKDEV] = {
		gm_probe_blkdev, 0, "no scratch block device",
		.other = "`make lab` brings one (virtio-blk with serial=" GM_SCRATCH_SERIAL ")",
	},
	[GM_NEED_DISK_DIO] = {
		gm_probe_disk_dio, 0, "no file system with direct I/O",
		.rights = "TMPDIR= a folder that you can write, on ext4, xfs or btrfs",
		.other = "TMPDIR= a folder that you can write, on ext4, xfs or btrfs",
	},
	[GM_NEED_ROOT] = {
		gm_probe_root, 0, "not root",
	},
	[GM_NEED_FAIL_NTH] = {
		gm_probe_fail_nth, 0, "no fault injection",
		.config = "CONFIG_FAULT_INJECTION",
	},
};

static struct {
	bool known, has, for_good;
	char remedy[GM_REMEDY_LEN];
} found[GM_NEED_NR];

/* Recursive: one need may ask for another. */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

int gm_try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int gm_read_text(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, len - 1);
	close(fd);
	if (n < 0)
		return -1;
	buf[n] = '\0';
	if (n && buf[n - 1] == '\n')
		buf[--n] = '\0';
	return n;
}

bool gm_read_number(const char *path, unsigned long *value)
{
	char text[32], *end;

	if (gm_read_text(path, text, sizeof(text)) <= 0)
		return false;
	*value = strtoul(text, &end, 0);
	return !*end;
}

/*
 * A kernel that does not have a thing says it like this, and makes a VM all the same. Anything else
 * may be of the moment: no memory, no more files, a device that another holds.
 */
static bool is_for_good(const struct platform_need *p, int err)
{
	bool absent = err == -ENOTTY || err == -EINVAL || err == -EOPNOTSUPP || err == -ENOSYS ||
		      err == -ENODEV;

	return p->lasts && absent && gm_platform_vm_creatable(gm_platform_vm_type(0)->type);
}

#define BUILD "build the kernel with "

static void describe(const struct platform_need *p, int err, char *remedy)
{
	char state = p->config ? gm_kconfig(p->config) : 0;

	if (err == -EACCES || err == -EPERM)
		snprintf(remedy, GM_REMEDY_LEN, "%s", p->rights ? p->rights : "run as root");
	else if (p->config && state == 'n')
		snprintf(remedy, GM_REMEDY_LEN, BUILD "%s=y", p->config);
	else if (p->module && state == 'm')
		snprintf(remedy, GM_REMEDY_LEN, "modprobe -a %s", p->module);
	else if (p->config && !state && p->module)
		snprintf(remedy, GM_REMEDY_LEN, "modprobe -a %s, or a kernel with %s=y", p->module,
			 p->config);
	else if (p->config && !state)
		snprintf(remedy, GM_REMEDY_LEN, "a kernel with %s=y%s%s", p->config,
			 p->other ? "; then " : "", p->other ? p->other : "");
	else if (p->other)
		snprintf(remedy, GM_REMEDY_LEN, "%s", p->other);
	else
		snprintf(remedy, GM_REMEDY_LEN, "%s is set, and yet: %s",
			 p->config ? p->config : "", strerror(-err));
}

/* What it builds on is missing: name at once what is known to be missing besides. */
static void describe_both(const struct platform_need *p, const char *first, char *remedy)
{
	bool build = !strncmp(first, BUILD, strlen(BUILD));

	if (!p->config || gm_kconfig(p->config) != 'n')
		snprintf(remedy, GM_REMEDY_LEN, "%s", first);
	else
		snprintf(remedy, GM_REMEDY_LEN, BUILD "%s=y%s%s", p->config,
			 build ? " and " : "; then ", build ? first + strlen(BUILD) : first);
}

/* With the lock held. */
static void find(enum gm_need n)
{
	const struct platform_need *p = &table[n];
	char text[GM_REMEDY_LEN];
	int err, saved = errno;

	if (found[n].known)
		return;
	found[n].known = true;

	if (p->lasts && gm_fact_known(n)) {
		found[n].has = true;
		errno = saved;
		return;
	}

	if (p->only && strcmp(p->only, HERE)) {
		found[n].for_good = true;
		snprintf(found[n].remedy, GM_REMEDY_LEN, "exists on %s only: `make lab ARCH=%s`",
			 p->only, p->only);
		return;
	}

	for (unsigned int first = 0; first < GM_NEED_NR; first++) {
		if (!(p->after & (1ULL << first)))
			continue;
		find(first);
		if (!found[first].has) {
			found[n].for_good = found[first].for_good;
			describe_both(p, found[first].remedy, text);
			memcpy(found[n].remedy, text, GM_REMEDY_LEN);
			errno = saved;
			return;
		}
	}

	/* A need that has been named but that nothing can probe is missing, not there. */
	err = p->probe ? p->probe(found[n].remedy) : -EOPNOTSUPP;
	found[n].has = !err;
	found[n].for_good = err && is_for_good(p, err);
	if (found[n].has)
		found[n].remedy[0] = '\0';
	else if (!found[n].remedy[0])
		describe(p, err, found[n].remedy);
	if (found[n].has && p->lasts)
		gm_fact_keep(n);
	errno = saved;
}

bool gm_platform_has(enum gm_need n)
{
	if ((unsigned int)n >= GM_NEED_NR)
		return false;
	pthread_mutex_lock(&lock);
	find(n);
	pthread_mutex_unlock(&lock);
	return found[n].has;
}

bool gm_need_never(enum gm_need n)
{
	return !gm_platform_has(n) && (unsigned int)n < GM_NEED_NR && found[n].for_good;
}

const char *gm_need_reason(enum gm_need n)
{
	if ((unsigned int)n >= GM_NEED_NR || !table[n].reason)
		return "not probed";
	return table[n].reason;
}

const char *gm_need_remedy(enum gm_need n)
{
	if ((unsigned int)n >= GM_NEED_NR)
		return "";
	gm_platform_has(n);
	return found[n].remedy;
}
