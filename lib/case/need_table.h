/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The needs: one row for each.
 *
 * X(id, name as printed, what it is, probe, reason of the SKIP, further fields of struct
 * platform_need). Cases check their needs in this order: the first one that is missing is the
 * reason of the SKIP.
 */
#ifndef GM_NEED_TABLE_H
#define GM_NEED_TABLE_H

/* clang-format off */
#define GM_NEED_LIST(X) \
	X(KVM, "kvm", "/dev/kvm can be opened", \
	  gm_probe_kvm, "no usable /dev/kvm", .config = "CONFIG_KVM") \
	X(GMEM, "guest_memfd", "KVM_CREATE_GUEST_MEMFD on some VM type", \
	  gm_probe_gmem, "no guest_memfd", .after = GM_NEEDS(KVM), \
	  .other = "a newer kernel, or one with CONFIG_KVM_SW_PROTECTED_VM=y", .lasts = true) \
	X(GMEM_DEFAULT, "guest_memfd_default", "guest_memfd on the default VM type", \
	  gm_probe_gmem_default, "no guest_memfd on the default VM type", .after = GM_NEEDS(KVM), \
	  .other = "a newer kernel: guest_memfd for ordinary VMs (6.18 has it)", .lasts = true) \
	X(GMEM_MMAP, "guest_memfd_mmap", "GUEST_MEMFD_FLAG_MMAP on the default VM type", \
	  gm_probe_gmem_mmap, "no GUEST_MEMFD_FLAG_MMAP on the default VM type", \
	  .after = GM_NEEDS(KVM), .other = "a newer kernel: GUEST_MEMFD_FLAG_MMAP (6.18 has it)", \
	  .lasts = true) \
	X(INIT_SHARED, "init_shared", "GUEST_MEMFD_FLAG_INIT_SHARED on the default VM type", \
	  gm_probe_init_shared, "no GUEST_MEMFD_FLAG_INIT_SHARED on the default VM type", \
	  .after = GM_NEEDS(KVM), \
	  .other = "a newer kernel: GUEST_MEMFD_FLAG_INIT_SHARED (6.18 has it)", .lasts = true) \
	X(GMEM_GUP, "guest_memfd_gup", "GUP of shared pages of guest_memfd", \
	  gm_probe_gmem_gup, "the kernel refuses GUP of guest_memfd", \
	  .after = GM_NEEDS(INIT_SHARED), .other = "boot without gup_guest_memfd=0", \
	  .lasts = true) \
	X(GMEM_FS, "guest_memfd_fs", "guest_memfd with a file system, and memory policies, of its own", \
	  gm_probe_gmem_fs, "guest_memfd has no file system of its own here", \
	  .after = GM_NEEDS(GMEM_DEFAULT), .other = "Linux 6.19 or later", .lasts = true) \
	X(SW_PROTECTED, "sw_protected", "KVM_X86_SW_PROTECTED_VM", \
	  gm_probe_sw_protected, "no SW_PROTECTED VM type", .after = GM_NEEDS(KVM), \
	  .only = "x86", .config = "CONFIG_KVM_SW_PROTECTED_VM", \
	  .other = "boot with kvm.tdp_mmu=1", .lasts = true) \
	X(ATTRIBUTES, "vm_attributes", "VM-wide memory attributes on a SW_PROTECTED VM", \
	  gm_probe_attributes, "no VM-wide memory attributes", \
	  .after = GM_NEEDS(KVM, SW_PROTECTED), .only = "x86", \
	  .other = "CONFIG_KVM_VM_MEMORY_ATTRIBUTES=y and kvm.gmem_in_place_conversion=0", \
	  .lasts = true) \
	X(PROTECTED, "protected", "arm64 protected VMs (pKVM)", \
	  gm_probe_protected, "no protected VM type", .after = GM_NEEDS(KVM), .only = "arm64", \
	  .other = "boot with kvm-arm.mode=protected, at EL2", .lasts = true) \
	X(INPLACE, "inplace", "in-place conversion on the guest_memfd fd", \
	  gm_probe_inplace, "no in-place conversion", .after = GM_NEEDS(KVM, GMEM), \
	  .other = "a kernel with KVM_SET_MEMORY_ATTRIBUTES2 on guest_memfd", .lasts = true) \
	X(GMEM_HUGE, "guest_memfd_huge", "guest_memfd of huge pages, converted in place", \
	  gm_probe_gmem_huge, "guest_memfd has no huge pages here", \
	  .after = GM_NEEDS(KVM, SW_PROTECTED, INPLACE), .only = "x86", \
	  .other = "a kernel whose guest_memfd takes pages of the hugetlb pool (make contract builds one)", \
	  .lasts = true) \
	X(ORDINARY_PRIVATE, "ordinary_private", "an ordinary VM runs on private pages of a file", \
	  gm_probe_ordinary_private, "an ordinary VM cannot use private pages here", \
	  .after = GM_NEEDS(KVM, GMEM_DEFAULT), \
	  .other = "a kernel without in-place conversion, or kvm.gmem_in_place_conversion=0", \
	  .lasts = true) \
	X(PREFAULT, "prefault", "KVM_PRE_FAULT_MEMORY", \
	  gm_probe_prefault, "no KVM_PRE_FAULT_MEMORY", .after = GM_NEEDS(KVM), \
	  .other = "an x86 kernel that has it (6.11), with two-dimensional paging", \
	  .lasts = true) \
	X(HYPERCALL_EXIT, "hypercall_exit", "KVM_CAP_EXIT_HYPERCALL for KVM_HC_MAP_GPA_RANGE", \
	  gm_probe_hypercall_exit, "no KVM_CAP_EXIT_HYPERCALL", .after = GM_NEEDS(KVM), \
	  .only = "x86", .other = "a kernel with KVM_CAP_EXIT_HYPERCALL", .lasts = true) \
	X(PAGE_STATS, "page_stats", "KVM binary statistics pages_4k, pages_2m, pages_1g", \
	  gm_probe_page_stats, "no page-size statistics", .after = GM_NEEDS(KVM), .only = "x86", \
	  .other = "a kernel with KVM_GET_STATS_FD", .lasts = true) \
	X(TDP, "tdp", "two-dimensional paging (EPT, NPT, stage 2)", \
	  gm_probe_tdp, "no two-dimensional paging", .after = GM_NEEDS(KVM), \
	  .other = "a CPU or hypervisor with EPT, NPT or stage 2: `make lab`", .lasts = true) \
	X(STAGE2_DUMP, "stage2_dump", "stage-2 page-table dumps in debugfs", \
	  gm_probe_stage2_dump, "no stage-2 page-table dump", .after = GM_NEEDS(KVM, DEBUGFS), \
	  .only = "arm64", .config = "CONFIG_PTDUMP_STAGE2_DEBUGFS", \
	  .other = "kvm-arm.mode other than protected: pKVM shows no tables") \
	X(GUP_TEST, "gup_test", "debugfs gup_test", \
	  gm_probe_gup_test, "no gup_test in debugfs", .after = GM_NEEDS(DEBUGFS), \
	  .config = "CONFIG_GUP_TEST") \
	X(DEBUGFS, "debugfs", "debugfs mounted and readable", \
	  gm_probe_debugfs, "no debugfs", .config = "CONFIG_DEBUG_FS", \
	  .other = "as root: mount -t debugfs none /sys/kernel/debug") \
	X(IOMMUFD, "iommufd", "/dev/iommu can be opened", \
	  gm_probe_iommufd, "no /dev/iommu", .config = "CONFIG_IOMMUFD", .module = "iommufd", \
	  .other = "mount devtmpfs on /dev") \
	X(IOAS_MAP_FILE, "map_file", "IOMMU_IOAS_MAP_FILE", \
	  gm_probe_map_file, "no IOMMU_IOAS_MAP_FILE", .after = GM_NEEDS(IOMMUFD), \
	  .other = "a kernel whose iommufd has IOMMU_IOAS_MAP_FILE") \
	X(IOMMUFD_TEST, "iommufd_test", "the iommufd mock device", \
	  gm_probe_iommufd_test, "no iommufd mock device", .after = GM_NEEDS(IOMMUFD), \
	  .config = "CONFIG_IOMMUFD_TEST") \
	X(VFIO_EDU, "vfio_edu", "an edu PCI device behind an IOMMU, for real DMA", \
	  gm_probe_vfio_edu, "no edu device behind an IOMMU", .config = "CONFIG_VFIO_PCI", \
	  .module = "vfio-pci") \
	X(VFIO_EDU_PAIR, "vfio_edu_pair", "two of them, each in an IOMMU group of its own", \
	  gm_probe_vfio_edu_pair, "no second edu device in a group of its own", \
	  .after = GM_NEEDS(VFIO_EDU), \
	  .other = "a VM with -device edu twice behind an IOMMU, as `make lab` has") \
	X(VFIO_TYPE1, "vfio_type1", "VFIO type 1 container", \
	  gm_probe_vfio_type1, "no VFIO type 1 container", .config = "CONFIG_VFIO_CONTAINER", \
	  .module = "vfio vfio_iommu_type1", \
	  .other = "modprobe vfio_iommu_type1 (CONFIG_VFIO_IOMMU_TYPE1, needs CONFIG_VFIO_CONTAINER)") \
	X(MAP_GMEM, "map_gmem", "iommufd maps guest_memfd by fd and offset", \
	  gm_probe_map_gmem, "iommufd does not map guest_memfd", \
	  .after = GM_NEEDS(IOMMUFD, IOAS_MAP_FILE, GMEM), \
	  .other = "a kernel whose IOMMU_IOAS_MAP_FILE takes guest_memfd (proposals only so far)") \
	X(HUGE_2M, "huge_2m", "a pool of 2 MiB huge pages", \
	  gm_probe_huge_2m, "no free 2 MiB huge pages") \
	X(HUGE_1G, "huge_1g", "a pool of 1 GiB huge pages", \
	  gm_probe_huge_1g, "no free 1 GiB huge pages") \
	X(PAGES_4K, "pages_4k", "a kernel with pages of 4 KiB", \
	  gm_probe_pages_4k, "the kernel's pages are not of 4 KiB", \
	  .other = "a kernel with pages of 4 KiB (CONFIG_ARM64_4K_PAGES=y)") \
	X(THP, "thp", "transparent huge pages on madvise", \
	  gm_probe_thp, "no transparent huge pages", .config = "CONFIG_TRANSPARENT_HUGEPAGE") \
	X(CMA, "cma", "a hugetlb CMA area", \
	  gm_probe_cma, "no hugetlb CMA area", .config = "CONFIG_CMA", \
	  .other = "boot with hugetlb_cma=2G") \
	X(SECRETMEM, "secretmem", "memfd_secret()", \
	  gm_probe_secretmem, "no memfd_secret", .config = "CONFIG_SECRETMEM", \
	  .other = "boot with secretmem.enable=1") \
	X(IO_URING, "io_uring", "io_uring_setup()", \
	  gm_probe_io_uring, "no io_uring", .config = "CONFIG_IO_URING", \
	  .other = "as root: sysctl kernel.io_uring_disabled=0") \
	X(USERFAULTFD, "userfaultfd", "userfaultfd()", \
	  gm_probe_userfaultfd, "no userfaultfd", .config = "CONFIG_USERFAULTFD", \
	  .rights = "run as root, or as root: sysctl vm.unprivileged_userfaultfd=1") \
	X(UDMABUF, "udmabuf", "/dev/udmabuf", \
	  gm_probe_udmabuf, "no /dev/udmabuf", .config = "CONFIG_UDMABUF") \
	X(KSM, "ksm", "MADV_MERGEABLE", \
	  gm_probe_ksm, "no MADV_MERGEABLE", .config = "CONFIG_KSM") \
	X(HWPOISON, "hwpoison", "MADV_HWPOISON", \
	  gm_probe_hwpoison, "no MADV_HWPOISON", .config = "CONFIG_MEMORY_FAILURE") \
	X(UNPOISON, "unpoison", "a poisoned page can be given back", \
	  gm_probe_unpoison, "no hwpoison injector in debugfs", \
	  .after = GM_NEEDS(HWPOISON, DEBUGFS), .config = "CONFIG_HWPOISON_INJECT") \
	X(HARD_OFFLINE, "hard_offline", "a page can be taken offline by its frame", \
	  gm_probe_hard_offline, "no hard_offline_page in sysfs", \
	  .after = GM_NEEDS(HWPOISON), .config = "CONFIG_MEMORY_HOTPLUG") \
	X(XDP, "xdp", "AF_XDP sockets", \
	  gm_probe_xdp, "no AF_XDP", .config = "CONFIG_XDP_SOCKETS") \
	X(PACKET, "packet", "AF_PACKET sockets", \
	  gm_probe_packet, "no AF_PACKET", .config = "CONFIG_PACKET", .module = "af_packet") \
	X(SWAP, "swap", "swapon()", \
	  gm_probe_swap, "no swap support", .config = "CONFIG_SWAP") \
	X(LOOP, "loop", "loop devices", \
	  gm_probe_loop, "no loop devices", .config = "CONFIG_BLK_DEV_LOOP", .module = "loop", \
	  .other = "mount devtmpfs on /dev") \
	X(NUMA, "numa", "mbind, move_pages, migrate_pages", \
	  gm_probe_numa, "no NUMA system calls", .config = "CONFIG_NUMA", \
	  .other = "build the kernel with CONFIG_MIGRATION=y") \
	X(MEMCG, "memcg", "a memory cgroup hierarchy that can be written", \
	  gm_probe_memcg, "no writable memory cgroup", .config = "CONFIG_MEMCG", \
	  .other = "as root: mount -t cgroup2 none /sys/fs/cgroup, and no cgroup_disable=memory") \
	X(BLKDEV, "blkdev", "a scratch block device of the lab", \
	  gm_probe_blkdev, "no scratch block device", \
	  .other = "`make lab` brings one (virtio-blk with serial=" GM_SCRATCH_SERIAL ")") \
	X(DISK_DIO, "disk_dio", "a file system that does direct I/O", \
	  gm_probe_disk_dio, "no file system with direct I/O", \
	  .rights = "TMPDIR= a folder that you can write, on ext4, xfs or btrfs", \
	  .other = "TMPDIR= a folder that you can write, on ext4, xfs or btrfs") \
	X(ROOT, "root", "run as root", \
	  gm_probe_root, "not root") \
	X(FAIL_NTH, "fail_nth", "fault injection (fail-nth, failslab)", \
	  gm_probe_fail_nth, "no fault injection", .config = "CONFIG_FAULT_INJECTION") \
	X(LIVEUPDATE, "liveupdate", "/dev/liveupdate: a kexec can preserve memory", \
	  gm_probe_liveupdate, "no /dev/liveupdate", .config = "CONFIG_LIVEUPDATE", \
	  .other = "boot with kho=on liveupdate=on")
/* clang-format on */

#endif
