// SPDX-License-Identifier: GPL-2.0-only
/* A table: the bytes that iommufd's and VFIO's calls give out: iommu.bytes_out. */
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include "bytes.h"
#include "calls.h"

GM_FILE(.clause = "iommu.bytes_out", .profile = "IO", .caps = GM_CAPS(CAP_IPC_LOCK))

/* A good argument; the pattern stays in what is output only. */
struct call {
	const struct iommu_call *c;
	struct dma_memory *m;
};

static void fill_call(void *buf, void *arg)
{
	union iommu_call_arg good;
	struct call *call = arg;

	iommu_call_fill(call->c, call->m, &good);
	memcpy(buf, &good, call->c->size);
}

static int do_call(int fd, void *buf, void *arg)
{
	struct call *call = arg;
	int ret = ioctl(fd, call->c->nr, buf), err = errno;

	if (!ret && call->c->undo) {
		union iommu_call_arg copy;

		memcpy(&copy, buf, call->c->size);
		call->c->undo(call->m, &copy);
	}
	errno = err;
	return ret;
}

GM_CASE(structs, .name = "iommu.bytes_out.structs", .iommu = GM_IOMMU_MOCK,
	.text = "each ioctl of iommufd: what it writes into its struct is the same each time, or an object's id")
{
	struct dma_memory m = iommu_calls_memory();

	for (unsigned int i = 0; i < iommu_calls_nr; i++) {
		struct call call = { &iommu_calls[i], &m };
		struct gm_bytes row = { .name = iommu_calls[i].name,
					.size = iommu_calls[i].size,
					.fill = fill_call,
					.call = do_call };

		/* Ids of new objects count up. */
		if (iommu_calls[i].nr == IOMMU_IOAS_ALLOC)
			row.varies[0].at = offsetof(struct iommu_ioas_alloc, out_ioas_id),
			row.varies[0].len = 4;
		if (iommu_calls[i].nr == IOMMU_HWPT_ALLOC)
			row.varies[0].at = offsetof(struct iommu_hwpt_alloc, out_hwpt_id),
			row.varies[0].len = 4;
		if (iommu_calls[i].nr == IOMMU_DESTROY)
			row.varies[0].at = offsetof(struct iommu_destroy, id),
			row.varies[0].len = 4;
		gm_bytes_check(&row, m.iommu->fd, &call);
	}
	dma_memory_free(&m);
}

/* --- buffers beside the structs --- */

struct buffers {
	struct dma_memory m;
	uint32_t room; /* elements or bytes that the call may write */
};

static int ranges(int fd, void *buf, void *arg)
{
	struct buffers *b = arg;
	struct iommu_ioas_iova_ranges cmd = { .size = sizeof(cmd),
					      .ioas_id = b->m.ioas,
					      .num_iovas = b->room,
					      .allowed_iovas = (uintptr_t)buf };

	return ioctl(fd, IOMMU_IOAS_IOVA_RANGES, &cmd) && errno != EMSGSIZE ? -1 : 0;
}

static int hw_info(int fd, void *buf, void *arg)
{
	struct buffers *b = arg;
	struct iommu_hw_info cmd = { .size = sizeof(cmd),
				     .dev_id = b->m.dev->idev,
				     .data_len = b->room,
				     .data_uptr = (uintptr_t)buf };

	return ioctl(fd, IOMMU_GET_HW_INFO, &cmd);
}

static int dirty(int fd, void *buf, void *arg)
{
	struct buffers *b = arg;
	struct iommu_hwpt_get_dirty_bitmap cmd = { .size = sizeof(cmd),
						   .hwpt_id = b->m.dev->hwpt,
						   .iova = IOVA,
						   .length = b->room * 8 * GM_PAGE_SIZE,
						   .page_size = GM_PAGE_SIZE,
						   .data = (uintptr_t)buf };

	return ioctl(fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd);
}

/* Each call has room for part of its answer, for all of it, and for more. */
GM_CASES(buffers, enum gm_iommu_kind, kind)
{
	static const uint32_t rooms[] = { 0, 1, 7, 8, 12, 63, 64, 200 };
	struct buffers b = { .m = dma_memory_new(*kind, GM_PAGE_SIZE, 0) };
	uint32_t hwpt = 0;

	for (unsigned int i = 0; i < sizeof(rooms) / sizeof(*rooms); i++) {
		struct gm_bytes row = { .name = "IOMMU_IOAS_IOVA_RANGES", .call = ranges };

		b.room = rooms[i];
		row.size = b.room * sizeof(struct iommu_iova_range);
		gm_bytes_check(&row, b.m.iommu->fd, &b);
		row = (struct gm_bytes){
			.name = "IOMMU_GET_HW_INFO", .call = hw_info, .size = b.room, .all = true
		};
		gm_bytes_check(&row, b.m.iommu->fd, &b);
	}
	if (*kind == GM_IOMMU_MOCK) {
		hwpt = gm_hwpt_new(b.m.dev, b.m.ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
		gm_iodev_replace(b.m.dev, hwpt, b.m.ioas);
		for (unsigned int i = 1; i < sizeof(rooms) / sizeof(*rooms); i++) {
			struct gm_bytes row = { .name = "IOMMU_HWPT_GET_DIRTY_BITMAP",
						.call = dirty,
						.size = rooms[i] };

			b.room = rooms[i];
			gm_bytes_check(&row, b.m.iommu->fd, &b);
		}
	}
	dma_memory_free(&b.m);
}
GM_ROW(buffers, buffers_mock, .name = "iommu.bytes_out.buffers.mock", .iommu = GM_IOMMU_MOCK,
       .text = "ranges, hardware info and dirty bitmaps of every size: nothing else is written") =
	GM_IOMMU_MOCK;
GM_ROW(buffers, buffers_dma, .name = "iommu.bytes_out.buffers.dma", .iommu = GM_IOMMU_VFIO,
       .text = "the same of a real IOMMU") = GM_IOMMU_VFIO;

/* --- VFIO: structs with a chain of capabilities --- */

static uint32_t vfio_argsz, vfio_index;

static void fill_vfio(void *buf, void *arg __attribute__((unused)))
{
	((uint32_t *)buf)[0] = vfio_argsz;
	((uint32_t *)buf)[1] = 0;
}

static void fill_region(void *buf, void *arg __attribute__((unused)))
{
	struct vfio_region_info *info = buf;

	info->argsz = vfio_argsz;
	info->index = vfio_index;
}

static void fill_irq(void *buf, void *arg __attribute__((unused)))
{
	struct vfio_irq_info *info = buf;

	info->argsz = vfio_argsz;
	info->index = vfio_index;
}

GM_CASES(vfio, enum gm_iommu_kind, kind)
{
	struct dma_memory m = dma_memory_new(*kind, GM_PAGE_SIZE, 0);
	struct iommu_vfio_ioas set = { .size = sizeof(set),
				       .ioas_id = m.ioas,
				       .op = IOMMU_VFIO_IOAS_SET };
	static const uint32_t sizes[] = { 1024, 24, 16, 20, 32, 44, 48, 64, 100 };

	if (*kind != GM_IOMMU_TYPE1)
		GM_SETUP_OK(ioctl(m.iommu->fd, IOMMU_VFIO_IOAS, &set));
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct gm_bytes row = { .name = "VFIO_IOMMU_GET_INFO",
					.nr = VFIO_IOMMU_GET_INFO,
					.size = sizes[i],
					.fill = fill_vfio };

		vfio_argsz = sizes[i];
		if (sizes[i] >= 16)
			gm_bytes_check(&row, m.iommu->fd, NULL);
		if (*kind == GM_IOMMU_MOCK)
			continue;
		row.name = "VFIO_DEVICE_GET_INFO";
		row.nr = VFIO_DEVICE_GET_INFO;
		gm_bytes_check(&row, m.dev->fd, NULL);
		for (vfio_index = 0; vfio_index < VFIO_PCI_NUM_REGIONS && sizes[i] >= 32;
		     vfio_index++) {
			row = (struct gm_bytes){ .name = "VFIO_DEVICE_GET_REGION_INFO",
						 .nr = VFIO_DEVICE_GET_REGION_INFO,
						 .size = sizes[i],
						 .fill = fill_region,
						 .absent = EINVAL };
			gm_bytes_check(&row, m.dev->fd, NULL);
		}
		for (vfio_index = 0; vfio_index < VFIO_PCI_NUM_IRQS; vfio_index++) {
			row = (struct gm_bytes){ .name = "VFIO_DEVICE_GET_IRQ_INFO",
						 .nr = VFIO_DEVICE_GET_IRQ_INFO,
						 .size = sizes[i],
						 .fill = fill_irq,
						 .absent = EINVAL };
			gm_bytes_check(&row, m.dev->fd, NULL);
		}
	}
	dma_memory_free(&m);
}
GM_ROW(vfio, vfio_mock, .name = "iommu.bytes_out.vfio.mock", .iommu = GM_IOMMU_MOCK,
       .text = "VFIO's info calls on an iommufd, with room for a part, for all, and for more") =
	GM_IOMMU_MOCK;
GM_ROW(vfio, vfio_dma, .name = "iommu.bytes_out.vfio.dma", .iommu = GM_IOMMU_VFIO,
       .text = "the same, and of a device") = GM_IOMMU_VFIO;
GM_ROW(vfio, vfio_type1, .name = "iommu.bytes_out.vfio.type1", .iommu = GM_IOMMU_TYPE1,
       .text = "the same of a container") = GM_IOMMU_TYPE1;
