// SPDX-License-Identifier: GPL-2.0-only
/* Holders of pages of the file: pins, references, devices. One struct each. */
#include <fcntl.h>
#include <liburing.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "inplace.h"
#include "iommu.h"

/* --- debugfs gup_test: the ABI of mm/gup_test.h, which is no exported header --- */

struct longterm {
	uint64_t addr, size;
	uint32_t flags;
};

#define HOLD_START _IOW('g', 7, struct longterm)
#define HOLD_STOP _IO('g', 8)
#define HOLD_WRITE 1
#define HOLD_FAST 2

static void gup_take(struct ip_hold *h, uint32_t flags)
{
	struct longterm range = { (uintptr_t)h->window, h->n * PG, flags };

	h->fd[0] = GM_SETUP_OK(open("/sys/kernel/debug/gup_test", O_RDWR | O_CLOEXEC));
	GM_SETUP_OK(ioctl(h->fd[0], HOLD_START, &range));
}

static void take_read(struct ip_hold *h)
{
	gup_take(h, 0);
}

static void take_write(struct ip_hold *h)
{
	gup_take(h, HOLD_WRITE);
}

static void take_fast(struct ip_hold *h)
{
	gup_take(h, HOLD_WRITE | HOLD_FAST);
}

static void gup_drop(struct ip_hold *h)
{
	GM_SETUP_OK(ioctl(h->fd[0], HOLD_STOP));
	close(h->fd[0]);
}

/* --- a pipe: the kernel may copy instead, see conv.inplace_busy.pipe --- */

static void pipe_take(struct ip_hold *h)
{
	struct iovec v = { h->window, h->n * PG };

	GM_SETUP_OK(pipe2(h->fd, O_CLOEXEC));
	GM_SETUP_OK(fcntl(h->fd[1], F_SETPIPE_SZ, 2 * IP_HOLD_PAGES * PG));
	GM_SETUP(vmsplice(h->fd[1], &v, 1, 0) == (ssize_t)v.iov_len, "vmsplice: %s",
		 gm_errno_name(errno));
}

static void pipe_drop(struct ip_hold *h)
{
	close(h->fd[0]);
	close(h->fd[1]);
}

/* --- a registered buffer of io_uring --- */

static void ring_take(struct ip_hold *h)
{
	struct io_uring *ring = calloc(1, sizeof(*ring));
	struct iovec v = { h->window, h->n * PG };
	int r;

	GM_SETUP(ring, "out of memory");
	r = io_uring_queue_init(8, ring, 0);
	GM_SETUP(!r, "io_uring_queue_init: %s", gm_errno_name(-r));
	r = io_uring_register_buffers(ring, &v, 1);
	GM_SETUP(!r, "io_uring_register_buffers: %s", gm_errno_name(-r));
	h->priv = ring;
}

static void ring_drop(struct ip_hold *h)
{
	struct io_uring *ring = h->priv;

	/* The exit of a ring is asynchronous; unregistering is not. */
	io_uring_unregister_buffers(ring);
	io_uring_queue_exit(ring);
	free(ring);
}

/* Moves eight bytes of the first held page by the ring's registered buffer. 0, or an errno. */
static int ring_move(struct ip_hold *h, uint64_t *word, bool to_page)
{
	struct io_uring *ring = h->priv;
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int fd[2], r;

	GM_SETUP_OK(pipe2(fd, O_CLOEXEC));
	if (to_page) {
		GM_SETUP(sqe && write(fd[1], word, 8) == 8, "a pipe of 8 bytes");
		io_uring_prep_read_fixed(sqe, fd[0], h->window, 8, 0, 0);
	} else {
		GM_SETUP(sqe, "no entry in a new ring");
		io_uring_prep_write_fixed(sqe, fd[1], h->window, 8, 0, 0);
	}
	GM_SETUP(io_uring_submit(ring) == 1, "io_uring_submit");
	do {
		r = io_uring_wait_cqe(ring, &cqe);
	} while (r == -EINTR);
	GM_SETUP(!r, "io_uring_wait_cqe: %s", gm_errno_name(-r));
	r = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	if (!to_page && r == 8)
		GM_SETUP(read(fd[0], word, 8) == 8, "a pipe of 8 bytes");
	close(fd[0]);
	close(fd[1]);
	return r == 8 ? 0 : r < 0 ? -r : EIO;
}

int ip_ring_write(struct ip_hold *h, uint64_t word)
{
	return ring_move(h, &word, true);
}

int ip_ring_read(struct ip_hold *h, uint64_t *word)
{
	return ring_move(h, word, false);
}

/* --- an iommufd with a device attached, mapped by address --- */

struct mapped {
	struct gm_iommu *iommu;
	struct gm_iodev *dev;
	uint32_t ioas;
	uint64_t iova;
};

static void iommufd_take(struct ip_hold *h)
{
	struct mapped *m = calloc(1, sizeof(*m));

	GM_SETUP(m, "out of memory");
	m->iommu = gm_iommu_new(GM_IOMMU_MOCK);
	m->ioas = gm_ioas_new(m->iommu);
	m->dev = gm_iodev_new(m->iommu, m->ioas);
	m->iova = GM_ANY_IOVA;
	GM_SETUP(!__gm_map_hva(m->iommu, m->ioas, h->window, h->n * PG, &m->iova, GM_RW),
		 "IOMMU_IOAS_MAP of shared pages: %s", gm_errno_name(errno));
	h->priv = m;
}

static void iommufd_drop(struct ip_hold *h)
{
	struct mapped *m = h->priv;

	gm_unmap(m->iommu, m->ioas, m->iova, h->n * PG);
	gm_iodev_free(m->dev);
	gm_iommu_free(m->iommu);
	free(m);
}

const struct ip_holder ip_gup_read = { "a long-term pin for reading", take_read, gup_drop };
const struct ip_holder ip_gup_write = { "a long-term pin for writing", take_write, gup_drop };
const struct ip_holder ip_gup_fast = { "a long-term pin by GUP-fast", take_fast, gup_drop };
const struct ip_holder ip_vmsplice = { "a pipe", pipe_take, pipe_drop };
const struct ip_holder ip_io_uring = { "a registered buffer", ring_take, ring_drop };
const struct ip_holder ip_iommufd = { "a map by address", iommufd_take, iommufd_drop };

void ip_take(struct ip_hold *h, const struct ip_holder *by, struct gm_fixture *w,
	     const uint64_t *page, size_t n)
{
	uint64_t word;

	gm_need(GM_NEED_GMEM_GUP);
	GM_SETUP(n && n <= IP_HOLD_PAGES, "%zu pages to hold", n);
	*h = (struct ip_hold){ .by = by, .n = n, .fd = { -1, -1 } };
	h->window =
		mmap(NULL, n * PG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	GM_SETUP(h->window != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	for (size_t i = 0; i < n; i++) {
		void *at = h->window + i * PG;

		GM_SETUP(mmap(at, PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, w->gmem,
			      page[i] * PG) == at,
			 "mmap of page %lu: %s", page[i], gm_errno_name(errno));
		/* GUP-fast needs the page in the page tables. */
		GM_SETUP(ip_load(at, &word), "page %lu, to be held, is not shared", page[i]);
	}
	by->take(h);
}

void ip_drop(struct ip_hold *h)
{
	h->by->drop(h);
	munmap(h->window, h->n * PG);
}
