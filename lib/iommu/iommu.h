/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IOMMUs, one interface: an iommufd, its address spaces, and devices that do DMA through them.
 *
 * What the device is, a provider knows: the mock of iommufd (its page tables are real, the DMA is
 * the kernel's own walk of them), or a PCI device behind an IOMMU through VFIO, with iommufd or with
 * a type 1 container. A case asks for one with gm_iommu_new(self->iommu) and does not look which
 * it got. Lengths, offsets and IOVAs are in bytes. __gm_x() gives -1 and errno. gm_x() takes success
 * for granted: maps, unmaps, attaches and moves are what is under test, and one that is refused is a
 * miss of the clause; of the rest it is an ERROR of the suite.
 */
#ifndef GM_IOMMU_H
#define GM_IOMMU_H

#include <linux/iommufd.h>
#include <sys/capability.h>

#include "case.h"
#include "vm.h"

struct gm_iommu_ops;

struct gm_iommu {
	int fd; /* /dev/iommu; of VFIO type 1 the container */
	const struct gm_iommu_ops *ops;
	int group; /* VFIO type 1's, of the device */
};

/* A device that is attached to an address space. */
struct gm_iodev {
	struct gm_iommu *iommu;
	uint32_t ioas;	  /* what it was attached to, as far as known */
	uint32_t hwpt;	  /* the page table that it uses */
	uint32_t idev;	  /* object id of the device in the iommufd */
	uint32_t priv_id; /* the provider's own */
	int fd;		  /* the provider's own */
	uint8_t *bar;	  /* registers of a PCI device; NULL: none */
	uint64_t bar_size;
};

/* --- the iommufd and its address spaces --- */

/*
 * A VFIO type 1 container has one address space, maps by address at a fixed IOVA, and one device; it
 * SKIPs where VFIO refuses the machine. Calls that are iommufd's alone do not work on it.
 */
struct gm_iommu *gm_iommu_new(enum gm_iommu_kind kind);
/* Closes it; everything that it held goes with it. Devices are to be freed first. */
void gm_iommu_free(struct gm_iommu *iommu);

uint32_t gm_ioas_new(struct gm_iommu *iommu);
int __gm_iommu_destroy(struct gm_iommu *iommu, uint32_t id);
void gm_iommu_destroy(struct gm_iommu *iommu, uint32_t id);

#define GM_RW (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define GM_RO IOMMU_IOAS_MAP_READABLE
#define GM_WO IOMMU_IOAS_MAP_WRITEABLE
/* *iova == GM_ANY_IOVA: the kernel chooses, and *iova becomes what it chose. */
#define GM_ANY_IOVA (~0ULL)

int __gm_map_file(struct gm_iommu *iommu, uint32_t ioas, int fd, uint64_t start, uint64_t len,
		  uint64_t *iova, uint32_t prot);
/* Gives the IOVA. */
uint64_t gm_map_file(struct gm_iommu *iommu, uint32_t ioas, int fd, uint64_t start, uint64_t len,
		     uint64_t iova, uint32_t prot);
int __gm_map_hva(struct gm_iommu *iommu, uint32_t ioas, void *hva, uint64_t len, uint64_t *iova,
		 uint32_t prot);
int __gm_ioas_copy(struct gm_iommu *iommu, uint32_t dst, uint32_t src, uint64_t src_iova,
		   uint64_t len, uint64_t *dst_iova, uint32_t prot);
/* *len becomes the bytes that were unmapped; may be NULL in the other. */
int __gm_unmap(struct gm_iommu *iommu, uint32_t ioas, uint64_t iova, uint64_t *len);
void gm_unmap(struct gm_iommu *iommu, uint32_t ioas, uint64_t iova, uint64_t len);

/* --- devices --- */

/* A device attached to an IOAS or HWPT. NULL and errno; without the underscores the kernel must grant it. */
struct gm_iodev *__gm_iodev_new(struct gm_iommu *iommu, uint32_t pt);
struct gm_iodev *gm_iodev_new(struct gm_iommu *iommu, uint32_t pt);
/* Detaches and unbinds. */
void gm_iodev_free(struct gm_iodev *dev);
/* Moves the device to another IOAS or HWPT; `ioas` is the one it stands on then. */
int __gm_iodev_replace(struct gm_iodev *dev, uint32_t pt, uint32_t ioas);
void gm_iodev_replace(struct gm_iodev *dev, uint32_t pt, uint32_t ioas);
/* A page table of its own on an IOAS, made for this device but not attached. */
uint32_t gm_hwpt_new(struct gm_iodev *dev, uint32_t ioas, uint32_t flags);

/*
 * The device reads [iova, iova + len) into buf. 0; or -1 when the device knows that it may not
 * (errno). A device of silicon need not know: what it could not reach is zero in buf, always.
 */
int __gm_dma_read(struct gm_iodev *dev, uint64_t iova, void *buf, uint64_t len);
/* The device writes buf to [iova, iova + len). 0, or -1 as above; what it may not reach stays. */
int __gm_dma_write(struct gm_iodev *dev, uint64_t iova, const void *buf, uint64_t len);
/* One DMA of silicon costs this many milliseconds: how many a case can afford. 0: no matter. */
unsigned int gm_dma_cost_ms(struct gm_iodev *dev);
/* The device reaches IOVAs below this. */
uint64_t gm_dma_iova_end(struct gm_iodev *dev);

/*
 * Checks, each a miss of the clause: the device reads exactly what the host sees at hva; the
 * device reaches nothing there (reads no word of the host's page, changes nothing).
 */
bool gm_dma_expect_same(struct gm_iodev *dev, uint64_t iova, void *hva, uint64_t len,
			const char *when);
bool gm_dma_expect_blocked(struct gm_iodev *dev, uint64_t iova, void *hva, const char *when);
/* The page that the device reaches at iova, if any, is not the host's at hva (map by HVA, too). */
bool gm_dma_expect_other_page(struct gm_iodev *dev, uint64_t iova, void *hva, const char *when);
/*
 * Same page: with a fresh nonce, both ways, in the last word of the page, that the device's iova
 * and the host's hva are one memory. Both page aligned. The old word is put back.
 */
bool gm_dma_prove_same_page(struct gm_iodev *dev, uint64_t iova, void *hva, const char *when);

/*
 * Every page of [iova, iova + len) is the page at hva: the page tables are asked where they can
 * be, and a DMA proves it on the first, the last and one page between.
 */
bool gm_dma_expect_maps(struct gm_iodev *dev, uint64_t iova, void *hva, uint64_t len,
			const char *when);

/* --- what only the mock can tell (cases state .iommu = GM_IOMMU_MOCK) --- */

/* 0: [iova, +len) of the page table is the memory at hva, to the page; -1 EINVAL: it is not. */
int __gm_mock_maps(struct gm_iommu *iommu, uint32_t hwpt, uint64_t iova, const void *hva,
		   uint64_t len);
/* Every 4 KiB page (not of compound pages) at hva has this many pins. -1 EIO: some other number. */
int __gm_mock_refs(struct gm_iommu *iommu, const void *hva, uint64_t len, unsigned int pins);
int __gm_mock_reserve(struct gm_iommu *iommu, uint32_t ioas, uint64_t start, uint64_t len);
/* Bytes that iommufd may take for its batches (global; put back to 65536 when the case ends). */
void gm_mock_memory_limit(struct gm_iommu *iommu, uint32_t bytes);
/* Marks pages of the bitmap as written by the device; one bit per pgsize bytes. */
int __gm_mock_dirty(struct gm_iommu *iommu, uint32_t hwpt, uint64_t iova, uint64_t len,
		    uint64_t pgsize, const void *bitmap);
/* A page table of the mock with 1 MiB and 4 KiB entries and no aperture. */
uint32_t gm_mock_huge_hwpt(struct gm_iodev *dev, uint32_t ioas, uint32_t flags);
/* A mock device without dirty tracking. */
struct gm_iodev *gm_mock_nodirty_dev(struct gm_iommu *iommu, uint32_t pt);

/* In-kernel users of an IOAS (mdev-like): `pin` ones hold pages, others copy only. An fd. */
int __gm_access_new(struct gm_iommu *iommu, uint32_t ioas, bool pin);
int gm_access_new(struct gm_iommu *iommu, uint32_t ioas, bool pin);
int __gm_access_replace(struct gm_iommu *iommu, int access, uint32_t ioas);
/* Pins; gives an item id, or -1. hva: what the pages must be, or NULL. */
int __gm_access_pin(struct gm_iommu *iommu, int access, uint64_t iova, uint64_t len, void *hva,
		    bool write);
int __gm_access_unpin(struct gm_iommu *iommu, int access, uint32_t item);
int __gm_access_rw(struct gm_iommu *iommu, int access, uint64_t iova, void *buf, uint64_t len,
		   bool write);
/* The same for the process that mapped: memory by address is copied as user space's own. */
int __gm_access_rw_user(struct gm_iommu *iommu, int access, uint64_t iova, void *buf, uint64_t len,
			bool write);

/* --- the ioctls of VFIO type 1. fd: a container, or an iommufd that has a compatibility IOAS --- */

/* 0, or -1 and errno. */
int __gm_type1_map(int fd, void *hva, uint64_t len, uint64_t iova, uint32_t prot);
/* Bytes that were unmapped, or -1 and errno. */
int64_t __gm_type1_unmap(int fd, uint64_t iova, uint64_t len);

/* --- whoever holds pages --- */

/* VmPin and VmLck of this process, in pages of 4 KiB. */
unsigned long gm_vm_pinned(void);
unsigned long gm_vm_locked(void);
/*
 * True when nothing but the page cache and mappings holds a reference to any page of the memfd,
 * told by F_SEAL_WRITE (EBUSY otherwise, mm/memfd.c memfd_wait_for_pins()). No shared writable
 * mapping may be left. A memfd that passes is sealed: ask last.
 */
bool gm_memfd_unpinned(int fd);
/* An unmapped memfd that can be sealed; huge: 0, GM_2M or GM_1G. */
int gm_memfd_new(uint64_t size, uint64_t huge);

#endif
