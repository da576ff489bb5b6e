/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a platform can offer, by name. The probes behind the names are in platform.c; here they
 * are only words, so that declarations can be listed without opening anything.
 */
#ifndef GM_NEED_H
#define GM_NEED_H

#include <stdint.h>

typedef uint64_t gm_needs;

/* id, name as printed, what it is */
#define GM_NEED_LIST(X)                                                                            \
	X(KVM, "kvm", "/dev/kvm can be opened")                                                    \
	X(GMEM, "guest_memfd", "KVM_CREATE_GUEST_MEMFD on some VM type")                           \
	X(GMEM_DEFAULT, "guest_memfd_default", "guest_memfd on the default VM type")               \
	X(GMEM_MMAP, "guest_memfd_mmap", "GUEST_MEMFD_FLAG_MMAP on the default VM type")           \
	X(INIT_SHARED, "init_shared", "GUEST_MEMFD_FLAG_INIT_SHARED on the default VM type")       \
	X(GMEM_FS, "guest_memfd_fs",                                                               \
	  "guest_memfd with a file system, and memory policies, of its own")                       \
	X(SW_PROTECTED, "sw_protected", "KVM_X86_SW_PROTECTED_VM")                                 \
	X(ATTRIBUTES, "vm_attributes", "VM-wide memory attributes on a SW_PROTECTED VM")           \
	X(PROTECTED, "protected", "arm64 protected VMs (pKVM)")                                    \
	X(INPLACE, "inplace", "in-place conversion on the guest_memfd fd")                         \
	X(ORDINARY_PRIVATE, "ordinary_private", "an ordinary VM runs on private pages of a file")  \
	X(PREFAULT, "prefault", "KVM_PRE_FAULT_MEMORY")                                            \
	X(HYPERCALL_EXIT, "hypercall_exit", "KVM_CAP_EXIT_HYPERCALL for KVM_HC_MAP_GPA_RANGE")     \
	X(PAGE_STATS, "page_stats", "KVM binary statistics pages_4k, pages_2m, pages_1g")          \
	X(TDP, "tdp", "two-dimensional paging (EPT, NPT, stage 2)")                                \
	X(STAGE2_DUMP, "stage2_dump", "stage-2 page-table dumps in debugfs")                       \
	X(GUP_TEST, "gup_test", "debugfs gup_test")                                                \
	X(DEBUGFS, "debugfs", "debugfs mounted and readable")                                      \
	X(IOMMUFD, "iommufd", "/dev/iommu can be opened")                                          \
	X(IOAS_MAP_FILE, "map_file", "IOMMU_IOAS_MAP_FILE")                                        \
	X(IOMMUFD_TEST, "iommufd_test", "the iommufd mock device")                                 \
	X(VFIO_EDU, "vfio_edu", "an edu PCI device behind an IOMMU, for real DMA")                 \
	X(VFIO_EDU_PAIR, "vfio_edu_pair", "two of them, each in an IOMMU group of its own")        \
	X(VFIO_TYPE1, "vfio_type1", "VFIO type 1 container")                                       \
	X(MAP_GMEM, "map_gmem", "iommufd maps guest_memfd by fd and offset")                       \
	X(HUGE_2M, "huge_2m", "a pool of 2 MiB huge pages")                                        \
	X(HUGE_1G, "huge_1g", "a pool of 1 GiB huge pages")                                        \
	X(PAGES_4K, "pages_4k", "a kernel with pages of 4 KiB")                                    \
	X(THP, "thp", "transparent huge pages on madvise")                                         \
	X(CMA, "cma", "a hugetlb CMA area")                                                        \
	X(SECRETMEM, "secretmem", "memfd_secret()")                                                \
	X(IO_URING, "io_uring", "io_uring_setup()")                                                \
	X(USERFAULTFD, "userfaultfd", "userfaultfd()")                                             \
	X(UDMABUF, "udmabuf", "/dev/udmabuf")                                                      \
	X(KSM, "ksm", "MADV_MERGEABLE")                                                            \
	X(HWPOISON, "hwpoison", "MADV_HWPOISON")                                                   \
	X(UNPOISON, "unpoison", "a poisoned page can be given back")                               \
	X(XDP, "xdp", "AF_XDP sockets")                                                            \
	X(PACKET, "packet", "AF_PACKET sockets")                                                   \
	X(SWAP, "swap", "swapon()")                                                                \
	X(LOOP, "loop", "loop devices")                                                            \
	X(NUMA, "numa", "mbind, move_pages, migrate_pages")                                        \
	X(MEMCG, "memcg", "a memory cgroup hierarchy that can be written")                         \
	X(BLKDEV, "blkdev", "a scratch block device of the lab")                                   \
	X(DISK_DIO, "disk_dio", "a file system that does direct I/O")                              \
	X(ROOT, "root", "run as root")                                                             \
	X(FAIL_NTH, "fail_nth", "fault injection (fail-nth, failslab)")

enum gm_need {
#define X(id, name, text) GM_NEED_##id,
	GM_NEED_LIST(X)
#undef X
		GM_NEED_NR,
};

#define __GM_N(id) (1ULL << GM_NEED_##id)
#define __GM_N1(a) __GM_N(a)
#define __GM_N2(a, b) (__GM_N(a) | __GM_N(b))
#define __GM_N3(a, b, c) (__GM_N(a) | __GM_N2(b, c))
#define __GM_N4(a, b, c, d) (__GM_N(a) | __GM_N3(b, c, d))
#define __GM_N5(a, b, c, d, e) (__GM_N(a) | __GM_N4(b, c, d, e))
#define __GM_N6(a, b, c, d, e, f) (__GM_N(a) | __GM_N5(b, c, d, e, f))
#define __GM_NPICK(_1, _2, _3, _4, _5, _6, NAME, ...) NAME
/* GM_NEEDS(KVM, SW_PROTECTED): up to six ids of the list above. */
#define GM_NEEDS(...)                                                                              \
	__GM_NPICK(__VA_ARGS__, __GM_N6, __GM_N5, __GM_N4, __GM_N3, __GM_N2, __GM_N1)(__VA_ARGS__)

const char *gm_need_name(enum gm_need n);
const char *gm_need_text(enum gm_need n);

#endif
