// SPDX-License-Identifier: GPL-2.0-only
/* Checks by DMA, with the device of any provider. */
#include <sys/uio.h>

#include "main.h"
#include "ops.h"
#include "seed.h"

bool gm_dma_expect_same(struct gm_iodev *dev, uint64_t iova, void *hva, uint64_t len,
			const char *when)
{
	uint8_t *buf = malloc(len);
	const volatile uint8_t *mem = hva;
	uint64_t i = 0;
	int ret;
	bool ok;

	GM_SETUP(buf, "out of memory");
	ret = __gm_dma_read(dev, iova, buf, len);
	ok = GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(iova), .hva = GM_AT((uintptr_t)hva)), !ret,
			  "%s: the device cannot read: %s", when, gm_errno_name(errno));
	while (ok && i < len && buf[i] == mem[i])
		i++;
	ok = ok &&
	     GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(iova + i), .hva = GM_AT((uintptr_t)hva + i)),
			  i == len, "%s: byte %#lx of %#lx: the host sees %#x, the device read %#x",
			  when, i, len, mem[i], buf[i]);
	free(buf);
	return ok;
}

static uint64_t fresh(void)
{
	static uint64_t n;

	n++;
	return gm_word(n, GM_WRITER_DEVICE, gm_seed(), n);
}

bool gm_dma_expect_blocked(struct gm_iodev *dev, uint64_t iova, void *hva, const char *when)
{
	volatile uint64_t *w = hva;
	uint64_t old = *w, secret = fresh(), poison = fresh(), got = 0;
	bool ok;

	*w = secret;
	__gm_dma_read(dev, iova, &got, sizeof(got));
	ok = GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(iova), .hva = GM_AT((uintptr_t)hva)), got != secret,
			  "%s: the device still reads the page: %#lx", when, got);
	__gm_dma_write(dev, iova, &poison, sizeof(poison));
	ok &= GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(iova), .hva = GM_AT((uintptr_t)hva)), *w == secret,
			   "%s: the device still writes the page: %#lx became %#lx", when, secret,
			   *w);
	*w = old;
	return ok;
}

bool gm_dma_expect_other_page(struct gm_iodev *dev, uint64_t iova, void *hva, const char *when)
{
	/* For maps by HVA the mock copies by the process's page table: check its own one. */
	if (!dev->iommu->ops->can_check_map)
		return gm_dma_expect_blocked(dev, iova, hva, when);
	return GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(iova), .hva = GM_AT((uintptr_t)hva)),
			    __gm_mock_maps(dev->iommu, dev->hwpt, iova, hva, GM_PAGE_SIZE),
			    "%s: the page table maps the host's page", when);
}

bool gm_dma_prove_same_page(struct gm_iodev *dev, uint64_t iova, void *hva, const char *when)
{
	uint64_t last = GM_PAGE_SIZE - sizeof(uint64_t);
	volatile uint64_t *w = (void *)((uint8_t *)hva + last);
	uint64_t old = *w, nonce = fresh(), got = 0;
	bool ok;

	*w = nonce;
	__gm_dma_read(dev, iova + last, &got, sizeof(got));
	ok = GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(iova), .hva = GM_AT((uintptr_t)hva)), got == nonce,
			  "%s: not the same page: the host wrote %#lx, the device reads %#lx", when,
			  nonce, got);
	nonce = fresh();
	__gm_dma_write(dev, iova + last, &nonce, sizeof(nonce));
	ok &= GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(iova), .hva = GM_AT((uintptr_t)hva)), *w == nonce,
			   "%s: not the same page: the device wrote %#lx, the host reads %#lx",
			   when, nonce, *w);
	*w = old;
	return ok;
}

bool gm_mock_finds(const void *hva)
{
	uint64_t word;
	struct iovec local = { &word, sizeof(word) }, remote = { (void *)hva, sizeof(word) };

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == sizeof(word);
}

bool gm_dma_expect_maps(struct gm_iodev *dev, uint64_t iova, void *hva, uint64_t len,
			const char *when)
{
	uint64_t pages = len / GM_PAGE_SIZE, at[3] = { 0, pages - 1, 0 };
	unsigned int n = pages > 2 ? 3 : pages;
	struct gm_rng rng;
	bool ok = true;

	gm_rng_init(&rng, gm_seed() + iova + len);
	if (n == 3)
		at[2] = 1 + gm_rng_below(&rng, pages - 2);
	if (dev->iommu->ops->can_check_map && gm_mock_finds(hva))
		ok = GM_EXPECT_AT(
			GM_PAGE(.iova = GM_AT(iova), .hva = GM_AT((uintptr_t)hva)),
			!__gm_mock_maps(dev->iommu, dev->hwpt, iova, hva, len),
			"%s: the page table does not map the host's pages at [%#lx, +%#lx): %s",
			when, iova, len, gm_errno_name(errno));
	for (unsigned int i = 0; i < n && ok; i++)
		ok = gm_dma_prove_same_page(dev, iova + at[i] * GM_PAGE_SIZE,
					    (uint8_t *)hva + at[i] * GM_PAGE_SIZE, when);
	return ok;
}

static uint8_t *own_buf(struct gm_iodev *dev)
{
	if (!dev->buf)
		dev->buf = calloc(1, GM_DMA_BUF);
	GM_SETUP(dev->buf, "out of memory");
	return dev->buf;
}

void gm_dma_buf_set(struct gm_iodev *dev, const void *data)
{
	if (dev->iommu->ops->buf_host)
		dev->iommu->ops->buf_host(dev, (void *)data, true);
	else
		memcpy(own_buf(dev), data, GM_DMA_BUF);
}

void gm_dma_buf_get(struct gm_iodev *dev, void *data)
{
	if (dev->iommu->ops->buf_host)
		dev->iommu->ops->buf_host(dev, data, false);
	else
		memcpy(data, own_buf(dev), GM_DMA_BUF);
}

/* The mock refuses a range as a whole: each page is a call of its own, and may fail. */
static void buf_dma(struct gm_iodev *dev, uint64_t iova, uint64_t off, uint64_t len, bool write)
{
	GM_SETUP(off + len <= GM_DMA_BUF, "the device's buffer is too small");
	if (dev->iommu->ops->buf_dma) {
		dev->iommu->ops->buf_dma(dev, iova, off, len, write);
		return;
	}
	for (uint64_t n; len; iova += n, off += n, len -= n) {
		n = GM_PAGE_SIZE - iova % GM_PAGE_SIZE;
		n = n < len ? n : len;
		if (write)
			__gm_dma_write(dev, iova, own_buf(dev) + off, n);
		else
			__gm_dma_read(dev, iova, own_buf(dev) + off, n);
	}
}

void gm_dma_buf_write(struct gm_iodev *dev, uint64_t iova, uint64_t off, uint64_t len)
{
	buf_dma(dev, iova, off, len, true);
}

void gm_dma_buf_read(struct gm_iodev *dev, uint64_t iova, uint64_t off, uint64_t len)
{
	buf_dma(dev, iova, off, len, false);
}
