// SPDX-License-Identifier: GPL-2.0-only
/* guest_memfd on a kernel whose iommufd does not map it: refused without side effects. */
#include <linux/udmabuf.h>

#include "guest.h"

GM_FILE(.clause = "iommu.map_gmem_absent", .profile = "P1", .iommus = GM_IOMMUS(MOCK, VFIO),
	.needs = GM_NEEDS(KVM, GMEM_DEFAULT))

#define PG GM_PAGE_SIZE

/* A guest_memfd of 4 pages in each flavour that this kernel has. */
struct flavours {
	struct gm_vm *vm;
	unsigned int n;
	int fd[3];
	const char *name[3];
};

static void add(struct flavours *f, const char *name, uint64_t flags)
{
	int fd = __gm_gmem_new(f->vm, 4 * PG, flags);

	if (fd < 0)
		return;
	f->name[f->n] = name;
	f->fd[f->n++] = fd;
}

static struct flavours flavours(void)
{
	struct flavours f = { 0 };

	/* First of all, since a case that SKIPs must not leave a VM behind. */
	if (gm_platform_has(GM_NEED_MAP_GMEM))
		gm_skip("iommufd maps guest_memfd here",
			"none: the cases of iommu.map_gmem test this kernel");
	f.vm = GM_VM_NEW(.kind = GM_VM_DEFAULT);
	add(&f, "shared", SHARED);
	add(&f, "private with mmap", GUEST_MEMFD_FLAG_MMAP);
	add(&f, "private", 0);
	GM_SETUP(f.n, "no guest_memfd of any flavour");
	return f;
}

static void flavours_free(struct flavours *f)
{
	while (f->n)
		close(f->fd[--f->n]);
	gm_vm_free(f->vm);
}

GM_CASE(attached, .name = "iommu.map_gmem_absent.attached", .caps = GM_CAPS(CAP_IPC_LOCK),
	.flags = GM_REFUSAL,
	.text = "MAP_FILE of a guest_memfd with a device attached: EINVAL, and the IOVA stays free")
{
	struct flavours f = flavours();
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	uint64_t at;

	for (unsigned int i = 0; i < f.n; i++) {
		static const uint32_t prot[] = { GM_RW, GM_RO, GM_WO };

		for (unsigned int p = 0; p < 3; p++) {
			at = IOVA;
			GM_EXPECT_ERRNO(
				EINVAL,
				__gm_map_file(m.iommu, m.ioas, f.fd[i], PG, PG, &at, prot[p]), "%s",
				f.name[i]);
		}
		at = GM_ANY_IOVA;
		GM_EXPECT_ERRNO(EINVAL,
				__gm_map_file(m.iommu, m.ioas, f.fd[i], 0, 4 * PG, &at, GM_RW),
				"%s, any IOVA", f.name[i]);
		GM_EXPECT_EQ(gm_vm_pinned(), 0, "%s: VmPin, pages", f.name[i]);
		at = IOVA;
		gm_promise(!__gm_map_file(m.iommu, m.ioas, m.fd, PG, PG, &at, GM_RW),
			   "a memfd at the same IOVA");
		gm_unmap(m.iommu, m.ioas, IOVA, PG);
	}
	flavours_free(&f);
	dma_memory_free(&m);
}

GM_CASE(unattached, .name = "iommu.map_gmem_absent.unattached", .caps = GM_CAPS(CAP_IPC_LOCK),
	.flags = GM_REFUSAL,
	.text = "with nothing attached MAP_FILE does not look at the file; the attach is EINVAL until the unmap")
{
	struct flavours f = flavours();
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 4 * PG, 0);
	uint64_t at, len;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 4 * PG, IOVA, GM_RW);
	for (unsigned int i = 0; i < f.n; i++) {
		struct gm_iodev *dev;

		at = IOVA + 0x10000;
		GM_EXPECT_OK(__gm_map_file(m.iommu, m.ioas, f.fd[i], PG, 2 * PG, &at, GM_RW), "%s",
			     f.name[i]);
		dev = __gm_iodev_new(m.iommu, m.ioas);
		GM_EXPECT(!dev && errno == EINVAL, "%s: attach: expected EINVAL, observed %s",
			  f.name[i], dev ? "success" : gm_errno_name(errno));
		GM_EXPECT_EQ(gm_vm_pinned(), 0, "%s: VmPin after the failed attach, pages",
			     f.name[i]);
		len = 2 * PG;
		GM_EXPECT_OK(__gm_unmap(m.iommu, m.ioas, IOVA + 0x10000, &len), "%s", f.name[i]);
		dev = dev ?: __gm_iodev_new(m.iommu, m.ioas);
		gm_promise(dev, "%s: the device attaches after the unmap: %s", f.name[i],
			   gm_errno_name(errno));
		gm_dma_prove_same_page(dev, IOVA + 3 * PG, m.hva + 3 * PG, "the memfd beside it");
		gm_iodev_free(dev);
	}
	flavours_free(&f);
	dma_memory_free(&m);
}

GM_CASE(user, .name = "iommu.map_gmem_absent.access", .iommu = GM_IOMMU_MOCK, .flags = GM_REFUSAL,
	.text = "an in-kernel user (mdev) of a map of guest_memfd: pin, read and write are EINVAL")
{
	struct flavours f = flavours();
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 4 * PG, 0);
	int user = gm_access_new(m.iommu, m.ioas, true);
	uint64_t word = 0x1122334455667788, at;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 4 * PG, IOVA, GM_RW);
	for (unsigned int i = 0; i < f.n; i++) {
		at = IOVA + 4 * PG;
		GM_EXPECT_OK(__gm_map_file(m.iommu, m.ioas, f.fd[i], 0, 4 * PG, &at, GM_RW), "%s",
			     f.name[i]);
		GM_EXPECT_ERRNO(EINVAL, __gm_access_pin(m.iommu, user, at, PG, NULL, true), "%s",
				f.name[i]);
		GM_EXPECT_ERRNO(EINVAL,
				__gm_access_pin(m.iommu, user, at - PG, 2 * PG, NULL, false),
				"%s, from a memfd into it", f.name[i]);
		GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 4 * PG, 0),
			  "%s: the refused pin left pins", f.name[i]);
		GM_EXPECT_ERRNO(EINVAL, __gm_access_rw(m.iommu, user, at, &word, 8, false), "%s",
				f.name[i]);
		GM_EXPECT_ERRNO(EINVAL, __gm_access_rw(m.iommu, user, at, &word, 8, true), "%s",
				f.name[i]);
		GM_EXPECT_EQ(word, 0x1122334455667788, "%s: the buffer", f.name[i]);
		gm_unmap(m.iommu, m.ioas, at, 4 * PG);
	}
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin, pages");
	gm_promise(__gm_access_pin(m.iommu, user, IOVA, PG, m.hva, true) >= 0,
		   "pinning the memfd beside it");
	close(user);
	flavours_free(&f);
	dma_memory_free(&m);
}

GM_CASE(udmabuf, .name = "iommu.map_gmem_absent.udmabuf", .iommu = GM_IOMMU_MOCK,
	.flags = GM_REFUSAL, .needs = GM_NEEDS(UDMABUF),
	.text = "no detour by dma-buf: udmabuf of guest_memfd is EBADFD, iommufd takes no udmabuf")
{
	struct flavours f = flavours();
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	int dev = GM_SETUP_OK(open("/dev/udmabuf", O_RDWR | O_CLOEXEC)), buf;
	struct udmabuf_create arg = { .flags = UDMABUF_FLAGS_CLOEXEC,
				      .offset = PG,
				      .size = 2 * PG };
	uint64_t at = IOVA;

	for (unsigned int i = 0; i < f.n; i++) {
		arg.memfd = f.fd[i];
		GM_EXPECT_ERRNO(EBADFD, ioctl(dev, UDMABUF_CREATE, &arg), "%s", f.name[i]);
	}
	GM_SETUP_OK(fcntl(m.fd, F_ADD_SEALS, F_SEAL_SHRINK));
	arg.memfd = m.fd;
	buf = ioctl(dev, UDMABUF_CREATE, &arg);
	gm_control(buf >= 0, "udmabuf of a memfd: %s", gm_errno_name(errno));
	GM_EXPECT_ERRNO(EOPNOTSUPP, __gm_map_file(m.iommu, m.ioas, buf, 0, PG, &at, GM_RW),
			"udmabuf");
	GM_EXPECT_OK(__gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, &at, GM_RW),
		     "the memfd at that IOVA");
	close(buf);
	close(dev);
	flavours_free(&f);
	dma_memory_free(&m);
}

GM_CASE(hva_shared, .name = "iommu.gmem_hva.shared", .clause = "iommu.gmem_hva",
	.needs = GM_NEEDS(INIT_SHARED), .caps = GM_CAPS(CAP_IPC_LOCK),
	.text = "a map by HVA of shared guest_memfd: guest, host and device have the same page; it is pinned while mapped")
{
	struct dma_guest g = dma_guest_new(self->iommu, GM_2M);
	uint64_t at = IOVA, word;

	GM_EXPECT_OK(__gm_map_hva(g.iommu, g.ioas, g.hva + 3 * PG, 2 * PG, &at, GM_RW));
	GM_EXPECT_EQ(gm_vm_pinned(), 2, "VmPin, pages");
	gm_dma_expect_same(g.dev, IOVA, g.hva + 3 * PG, PG, "what the guest wrote");
	gm_dma_prove_same_page(g.dev, IOVA + PG, g.hva + 4 * PG, "mapped");
	gm_prove_same_page(g.vm, 0, GM_BASE + 4 * PG, g.hva + 4 * PG);
	word = gm_word(GM_BASE / PG + 3, GM_WRITER_SHARED, 1, 5) ^ 0xff;
	__gm_dma_write(g.dev, IOVA + 5 * 8, &word, 8);
	GM_EXPECT_EQ(*(volatile uint64_t *)(g.hva + 3 * PG + 40), word,
		     "the host's view of what the device wrote");
	word ^= 0xff;
	__gm_dma_write(g.dev, IOVA + 5 * 8, &word, 8);
	gm_guest_check(g.vm, 0, GM_BASE, 16, GM_WRITER_SHARED, 1, "after the DMA");
	/* The hole removes the page from the file; the device keeps the old page. */
	gm_gmem_punch(g.gmem, 3 * PG, PG);
	gm_guest_check_zero(g.vm, 0, GM_BASE + 3 * PG, 1, "after the hole");
	gm_dma_expect_other_page(g.dev, IOVA, g.hva + 3 * PG, "the new page");
	gm_unmap(g.iommu, g.ioas, IOVA, 2 * PG);
	dma_guest_free(&g);
}

GM_CASE(hva_private, .name = "iommu.gmem_hva.private", .clause = "iommu.gmem_hva",
	.needs = GM_NEEDS(INIT_SHARED), .caps = GM_CAPS(CAP_IPC_LOCK), .profile = "P1p",
	.flags = GM_REFUSAL,
	.text = "a map by HVA of private guest_memfd is EFAULT, attached or not, and pins nothing")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT);
	int priv = gm_gmem_new(vm, 4 * PG, GUEST_MEMFD_FLAG_MMAP),
	    shared = gm_gmem_new(vm, 4 * PG, SHARED);
	struct gm_iommu *iommu = gm_iommu_new(self->iommu);
	uint32_t ioas = gm_ioas_new(iommu);
	struct gm_iodev *dev;
	uint64_t at = IOVA;
	uint8_t *hva;

	/* Shared pages below the private ones, so that one range has both. */
	hva = mmap(NULL, 12 * PG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	GM_SETUP(mmap(hva, 4 * PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, shared, 0) ==
			 hva,
		 "mmap");
	GM_SETUP(mmap(hva + 4 * PG, 4 * PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, priv,
		      0) == hva + 4 * PG,
		 "mmap of private guest_memfd: %s", gm_errno_name(errno));
	gm_gmem_allocate(priv, 0, 4 * PG);
	GM_EXPECT_OK(__gm_map_hva(iommu, ioas, hva + 4 * PG, PG, &at, GM_RO),
		     "a map with nothing attached");
	dev = __gm_iodev_new(iommu, ioas);
	GM_EXPECT(!dev && errno == EFAULT, "attach: expected EFAULT, observed %s",
		  dev ? "success" : gm_errno_name(errno));
	gm_unmap(iommu, ioas, IOVA, PG);
	dev = dev ?: gm_iodev_new(iommu, ioas);
	GM_EXPECT_ERRNO(EFAULT, __gm_map_hva(iommu, ioas, hva + 4 * PG, PG, &at, GM_RO),
			"read-only");
	GM_EXPECT_ERRNO(EFAULT, __gm_map_hva(iommu, ioas, hva + 4 * PG, 4 * PG, &at, GM_RW),
			"writable");
	GM_EXPECT_ERRNO(EFAULT, __gm_map_hva(iommu, ioas, hva + 3 * PG, 2 * PG, &at, GM_RW),
			"shared, then private");
	GM_EXPECT_ERRNO(EFAULT, __gm_map_hva(iommu, ioas, hva, 8 * PG, &at, GM_RW),
			"4 shared pages, then private");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the refusals, pages");
	gm_promise(!__gm_map_hva(iommu, ioas, hva, 4 * PG, &at, GM_RW),
		   "the shared pages at that IOVA");
	gm_dma_prove_same_page(dev, IOVA + 3 * PG, hva + 3 * PG, "the last shared page");
	gm_iodev_free(dev);
	gm_iommu_free(iommu);
	munmap(hva, 12 * PG);
	close(priv);
	close(shared);
	gm_vm_free(vm);
}
