/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One interface for IOMMUs: an iommufd, its address spaces, and devices that do DMA in them.
 *
 * The providers are iommufd's mock device (it has real page tables, and the kernel walks them for
 * DMA), and a PCI device behind an IOMMU by VFIO, with iommufd or with a type 1 container. A case
 * calls gm_iommu_new(self->iommu), and is the same for all of them. Lengths, offsets and IOVAs are
 * in bytes. If a call fails, __gm_x() returns -1 and errno; gm_x() ends the case, with FAIL for a
 * map, unmap, attach or replace, which are under test, and with ERROR for others.
 */
#ifndef GM_IOMMU_H
#define GM_IOMMU_H

#include <linux/iommufd.h>
#include <sys/capability.h>

#include "case.h"
#include "vm.h"

struct gm_iommu_ops;

struct gm_iommu {
	int fd; /* /dev/iommu; for VFIO type 1 the container */
	const struct gm_iommu_ops *ops;
	int group; /* fd of the device's group; only for VFIO type 1 */
};

/* A device that is attached to an address space. */
struct gm_iodev {
	struct gm_iommu *iommu;
	uint32_t ioas;	  /* the id passed to attach, or the IOAS passed to replace */
	uint32_t hwpt;	  /* the page table that it uses */
	uint32_t idev;	  /* object id of the device in the iommufd */
	uint32_t priv_id; /* for the provider */
	int fd;		  /* for the provider */
	uint8_t *buf;	  /* the buffer of a device that has none of its own: gm_dma_buf_set() */
	uint8_t *bar;	  /* registers of a PCI device; NULL: none */
	uint64_t bar_size;
};

/* --- the iommufd and its address spaces --- */

/*
 * A VFIO type 1 container has one address space and one device, and maps by address at a fixed
 * IOVA; SKIP if VFIO refuses this machine. The calls that only iommufd has do not work with it.
 */
struct gm_iommu *gm_iommu_new(enum gm_iommu_kind kind);
/* Closes it, with all its objects. Free the devices first. */
void gm_iommu_free(struct gm_iommu *iommu);

uint32_t gm_ioas_new(struct gm_iommu *iommu);
int __gm_iommu_destroy(struct gm_iommu *iommu, uint32_t id);
void gm_iommu_destroy(struct gm_iommu *iommu, uint32_t id);

#define GM_RW (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define GM_RO IOMMU_IOAS_MAP_READABLE
#define GM_WO IOMMU_IOAS_MAP_WRITEABLE
/* *iova == GM_ANY_IOVA: the kernel chooses one, and *iova gets it. */
#define GM_ANY_IOVA (~0ULL)

int __gm_map_file(struct gm_iommu *iommu, uint32_t ioas, int fd, uint64_t start, uint64_t len,
		  uint64_t *iova, uint32_t prot);
/* Returns the IOVA. */
uint64_t gm_map_file(struct gm_iommu *iommu, uint32_t ioas, int fd, uint64_t start, uint64_t len,
		     uint64_t iova, uint32_t prot);
int __gm_map_hva(struct gm_iommu *iommu, uint32_t ioas, void *hva, uint64_t len, uint64_t *iova,
		 uint32_t prot);
int __gm_ioas_copy(struct gm_iommu *iommu, uint32_t dst, uint32_t src, uint64_t src_iova,
		   uint64_t len, uint64_t *dst_iova, uint32_t prot);
/* *len gets the number of unmapped bytes. gm_unmap() expects that it is len. */
int __gm_unmap(struct gm_iommu *iommu, uint32_t ioas, uint64_t iova, uint64_t *len);
void gm_unmap(struct gm_iommu *iommu, uint32_t ioas, uint64_t iova, uint64_t len);

/* --- devices --- */

/* A device attached to an IOAS or HWPT. __: NULL and errno if that fails. */
struct gm_iodev *__gm_iodev_new(struct gm_iommu *iommu, uint32_t pt);
struct gm_iodev *gm_iodev_new(struct gm_iommu *iommu, uint32_t pt);
/* Detaches and unbinds. */
void gm_iodev_free(struct gm_iodev *dev);
/* Moves the device to the IOAS or HWPT `pt`; `ioas` is the IOAS of pt. */
int __gm_iodev_replace(struct gm_iodev *dev, uint32_t pt, uint32_t ioas);
void gm_iodev_replace(struct gm_iodev *dev, uint32_t pt, uint32_t ioas);
/* A new HWPT of an IOAS, for this device but not attached. */
uint32_t gm_hwpt_new(struct gm_iodev *dev, uint32_t ioas, uint32_t flags);

/*
 * The device reads [iova, iova + len) into buf. 0, or -1 and errno if the device reports a failure.
 * Only the mock reports one; with all devices, bytes that cannot be read are 0 in buf.
 */
int __gm_dma_read(struct gm_iodev *dev, uint64_t iova, void *buf, uint64_t len);
/* The device writes buf to [iova, iova + len). 0, or -1 as above. */
int __gm_dma_write(struct gm_iodev *dev, uint64_t iova, const void *buf, uint64_t len);
/*
 * The same through a buffer of GM_DMA_BUF bytes in the device, offsets and lengths in it. Only the
 * DMA itself happens, and no map or unmap, which could flush a stale translation. A range may go
 * over several pages: each is accessed as the IOMMU allows. set and get are the host's access to
 * the buffer; with edu they map and unmap a scratch page.
 */
#define GM_DMA_BUF 2048
void gm_dma_buf_set(struct gm_iodev *dev, const void *data);
void gm_dma_buf_get(struct gm_iodev *dev, void *data);
void gm_dma_buf_write(struct gm_iodev *dev, uint64_t iova, uint64_t off, uint64_t len);
void gm_dma_buf_read(struct gm_iodev *dev, uint64_t iova, uint64_t off, uint64_t len);
/* The duration of one DMA in milliseconds, which limits how many a case can do. 0: negligible. */
unsigned int gm_dma_cost_ms(struct gm_iodev *dev);
/* The device can access IOVAs below this. */
uint64_t gm_dma_iova_end(struct gm_iodev *dev);

/*
 * Checks. same: the device reads the same bytes at iova as the host at hva. blocked: the device can
 * neither read nor write the host's page at hva through iova.
 */
bool gm_dma_expect_same(struct gm_iodev *dev, uint64_t iova, void *hva, uint64_t len,
			const char *when);
bool gm_dma_expect_blocked(struct gm_iodev *dev, uint64_t iova, void *hva, const char *when);
/* Checks that the device's page at iova, if any, is not the host's page at hva. */
bool gm_dma_expect_other_page(struct gm_iodev *dev, uint64_t iova, void *hva, const char *when);
/*
 * Checks that the device's iova and the host's hva are the same page: each side writes a new value
 * to the last word, which the other one must read. Both are page aligned. Restores the word.
 */
bool gm_dma_prove_same_page(struct gm_iodev *dev, uint64_t iova, void *hva, const char *when);

/*
 * Checks that every page of [iova, iova + len) is the page at hva: by the page table if the device
 * is the mock, and by DMA to the first, the last and one page between.
 */
bool gm_dma_expect_maps(struct gm_iodev *dev, uint64_t iova, void *hva, uint64_t len,
			const char *when);

/* --- only for the mock (cases state .iommu = GM_IOMMU_MOCK) --- */

/* 0: the page table maps [iova, +len) to exactly the pages at hva; -1 EINVAL: it does not. */
int __gm_mock_maps(struct gm_iommu *iommu, uint32_t hwpt, uint64_t iova, const void *hva,
		   uint64_t len);
/* Does the mock find the pages at hva? It uses GUP, which the kernel may refuse (P5). */
bool gm_mock_finds(const void *hva);
/* 0: every 4 KiB page (not of compound pages) at hva has this many pins; -1 EIO: it has not. */
int __gm_mock_refs(struct gm_iommu *iommu, const void *hva, uint64_t len, unsigned int pins);
int __gm_mock_reserve(struct gm_iommu *iommu, uint32_t ioas, uint64_t start, uint64_t len);
/* Limits iommufd's memory for batches (global; 65536 again when the case ends). */
void gm_mock_memory_limit(struct gm_iommu *iommu, uint32_t bytes);
/* Marks the pages of the bitmap as written by the device; one bit per pgsize bytes. */
int __gm_mock_dirty(struct gm_iommu *iommu, uint32_t hwpt, uint64_t iova, uint64_t len,
		    uint64_t pgsize, const void *bitmap);
/* An HWPT of the mock with entries of 1 MiB and 4 KiB, and without an aperture. */
uint32_t gm_mock_huge_hwpt(struct gm_iodev *dev, uint32_t ioas, uint32_t flags);
/* A mock device without dirty tracking. */
struct gm_iodev *gm_mock_nodirty_dev(struct gm_iommu *iommu, uint32_t pt);

/* A dma-buf of the mock, as a driver exports memory of its device; the caller closes it. */
int gm_mock_dmabuf_new(struct gm_iommu *iommu, uint64_t len);
/* The exporter revokes all maps of the dma-buf, or allows new ones again. */
void gm_mock_dmabuf_revoke(struct gm_iommu *iommu, int dmabuf, bool revoked);

/* An in-kernel user of an IOAS (like mdev): with `pin` it can pin pages, else only copy. An fd. */
int __gm_access_new(struct gm_iommu *iommu, uint32_t ioas, bool pin);
int gm_access_new(struct gm_iommu *iommu, uint32_t ioas, bool pin);
int __gm_access_replace(struct gm_iommu *iommu, int access, uint32_t ioas);
/* Pins pages; returns an item id, or -1. hva: expects the pages at hva; NULL: any. */
int __gm_access_pin(struct gm_iommu *iommu, int access, uint64_t iova, uint64_t len, void *hva,
		    bool write);
int __gm_access_unpin(struct gm_iommu *iommu, int access, uint32_t item);
int __gm_access_rw(struct gm_iommu *iommu, int access, uint64_t iova, void *buf, uint64_t len,
		   bool write);
/*
 * The same without the slow path: in the process that mapped, memory is copied by its user address.
 */
int __gm_access_rw_user(struct gm_iommu *iommu, int access, uint64_t iova, void *buf, uint64_t len,
			bool write);

/* --- the ioctls of VFIO type 1. fd: a container, or an iommufd with a compatibility IOAS --- */

/* 0, or -1 and errno. */
int __gm_type1_map(int fd, void *hva, uint64_t len, uint64_t iova, uint32_t prot);
/* The number of unmapped bytes, or -1 and errno. */
int64_t __gm_type1_unmap(int fd, uint64_t iova, uint64_t len);

/* --- pinned pages --- */

/* VmPin and VmLck of this process, in pages of 4 KiB. */
unsigned long gm_vm_pinned(void);
unsigned long gm_vm_locked(void);
/*
 * True if only the page cache and mappings have references to pages of the memfd: F_SEAL_WRITE is
 * EBUSY otherwise (mm/memfd.c memfd_wait_for_pins()). There must be no shared writable mapping.
 * True also seals the memfd: call it last.
 */
bool gm_memfd_unpinned(int fd);
/* A memfd that can be sealed; huge: 0, GM_2M or GM_1G. */
int gm_memfd_new(uint64_t size, uint64_t huge);

#endif
