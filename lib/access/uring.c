// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probes: io_uring, with and without registered buffers, by the task, a worker and the SQ poller.
 */
#include <errno.h>
#include <liburing.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "access.h"
#include "check.h"

enum { PLAIN, ASYNC, POLLER, FIXED, READ = 16 };

#ifndef IORING_SETUP_NO_MMAP
#define IORING_SETUP_NO_MMAP (1U << 14)
#endif
/* include/uapi/linux/io_uring.h, newer than some headers. */
#define REGISTER_REGION 34
#define REGION_USER 1
#define BUFFERS_UPDATE 16
#define URING_REMEDY "sysctl kernel.io_uring_disabled=0, kernel with CONFIG_IO_URING=y"

static void ring_init(struct io_uring *ring, unsigned int flags)
{
	int r = io_uring_queue_init(8, ring, flags);

	errno = -r;
	if (r)
		gm_acc_absent("no io_uring", URING_REMEDY);
	GM_SETUP(!r, "io_uring_queue_init: %s", gm_errno_name(-r));
}

/* Submits one entry and returns its result: bytes, or -1 and errno. */
static long ring_do(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	int r;

	r = io_uring_submit(ring);
	GM_SETUP(r == 1, "io_uring_submit: %d", r);
	do {
		r = io_uring_wait_cqe(ring, &cqe);
	} while (r == -EINTR);
	GM_SETUP(!r, "io_uring_wait_cqe: %s", gm_errno_name(-r));
	r = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	errno = r < 0 ? -r : 0;
	return r < 0 ? -1 : r;
}

static long rw(const struct gm_access *a, int fd)
{
	int how = a->probe->val & 15, err;
	bool rd = a->probe->val & READ;
	struct iovec v = { a->hva, a->len };
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	long r = 0;

	ring_init(&ring, how == POLLER ? IORING_SETUP_SQPOLL : 0);
	if (how == FIXED) {
		r = io_uring_register_buffers(&ring, &v, 1);
		errno = -r;
	}
	if (!r) {
		sqe = io_uring_get_sqe(&ring);
		if (how == FIXED && rd)
			io_uring_prep_read_fixed(sqe, fd, a->hva, a->len, 0, 0);
		else if (how == FIXED)
			io_uring_prep_write_fixed(sqe, fd, a->hva, a->len, 0, 0);
		else if (rd)
			io_uring_prep_read(sqe, fd, a->hva, a->len, 0);
		else
			io_uring_prep_write(sqe, fd, a->hva, a->len, 0);
		if (how == ASYNC)
			sqe->flags |= IOSQE_ASYNC;
		r = ring_do(&ring);
		err = errno;
		/*
		 * Unpin now: the ring is freed asynchronously, and its pins would look like a leak.
		 */
		if (how == FIXED)
			io_uring_unregister_buffers(&ring);
		errno = err;
	}
	err = errno;
	io_uring_queue_exit(&ring);
	errno = err;
	return r < 0 ? -1 : r;
}

static long p_rw(const struct gm_access *a)
{
	int fd, err;
	long r;

	if (!(a->probe->val & READ))
		return gm_acc_to_file(a, gm_acc_file(a->len, NULL), rw);
	fd = gm_acc_file(a->len, a->buf);
	r = rw(a, fd);
	err = errno;
	close(fd);
	errno = err;
	return r;
}

static long p_register(const struct gm_access *a)
{
	struct iovec v = { a->hva, a->len };
	struct io_uring ring;
	int r;

	ring_init(&ring, 0);
	r = io_uring_register_buffers(&ring, &v, 1);
	if (!r)
		io_uring_unregister_buffers(&ring);
	io_uring_queue_exit(&ring);
	errno = -r;
	return r ? -1 : 0;
}

/* Registers a table of empty buffers, and then puts the range into one of them. */
static long p_update(const struct gm_access *a)
{
	struct iovec hole[2] = { { 0 } }, v = { a->hva, a->len };
	struct {
		uint32_t offset, resv;
		uint64_t data, tags;
		uint32_t nr, resv2;
	} up = { .offset = 1, .data = (uintptr_t)&v, .nr = 1 };
	struct io_uring ring;
	long r;
	int err;

	ring_init(&ring, 0);
	r = io_uring_register_buffers(&ring, hole, 2);
	if (r) {
		io_uring_queue_exit(&ring);
		gm_skip("no holes in io_uring's buffers", "a kernel of 5.13 or later");
	}
	r = syscall(SYS_io_uring_register, ring.ring_fd, BUFFERS_UPDATE, &up, sizeof(up));
	err = errno;
	io_uring_unregister_buffers(&ring);
	io_uring_queue_exit(&ring);
	errno = err;
	return r < 0 ? -1 : r == 1 ? 0 : (errno = EILSEQ, -1);
}

/* The range is the memory of a ring of provided buffers: pinned, 16 bytes per entry. */
static long p_buf_ring(const struct gm_access *a)
{
	struct io_uring_buf_reg reg = { .ring_addr = (uintptr_t)a->hva,
					.ring_entries = a->len / 16,
					.bgid = 1 };
	struct io_uring ring;
	long r;
	int err;

	ring_init(&ring, 0);
	r = syscall(SYS_io_uring_register, ring.ring_fd, IORING_REGISTER_PBUF_RING, &reg, 1);
	err = errno;
	io_uring_queue_exit(&ring);
	errno = err;
	return r;
}

static long p_send_zc(const struct gm_access *a)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	int s[2], err, r;

	ring_init(&ring, 0);
	gm_acc_connection(s);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_send_zc(sqe, s[0], a->hva, a->len, 0, 0);
	r = io_uring_submit(&ring);
	GM_SETUP(r == 1 && !io_uring_wait_cqe(&ring, &cqe), "io_uring_submit: %d", r);
	r = cqe->res;
	err = r < 0 ? -r : 0;
	/* The notification comes when the pages are released: after the other end has read. */
	for (int n = 0, got; r > 0 && n < r; n += got) {
		got = recv(s[1], a->buf + n, r - n, 0);
		GM_SETUP(got > 0, "recv: %s", gm_errno_name(errno));
	}
	if (cqe->flags & IORING_CQE_F_MORE) {
		io_uring_cqe_seen(&ring, cqe);
		GM_SETUP(!io_uring_wait_cqe(&ring, &cqe), "no notification of a zero-copy send");
	}
	io_uring_cqe_seen(&ring, cqe);
	close(s[0]);
	close(s[1]);
	io_uring_queue_exit(&ring);
	if (err == EINVAL || err == EOPNOTSUPP)
		gm_skip("no zero-copy send in io_uring", "a kernel of 6.0 or later");
	errno = err;
	return err ? -1 : r;
}

/*
 * A ring whose memory is the page at i: the kernel writes its head and its masks there, also after
 * the close, until a worker has freed the ring.
 */
static long ring_in(const struct gm_access *a, size_t i, void *sqes)
{
	struct io_uring_params p = { .flags = IORING_SETUP_NO_MMAP };
	/* user_addr, the last word of both, which older headers do not have. */
	uint64_t *cq = (uint64_t *)(&p.cq_off + 1) - 1, *sq = (uint64_t *)(&p.sq_off + 1) - 1;
	int fd;

	*cq = (uintptr_t)a->hva + i;
	*sq = (uintptr_t)sqes;
	fd = syscall(SYS_io_uring_setup, 8, &p);
	if (fd >= 0)
		close(fd);
	else if (errno == EINVAL)
		gm_skip("no rings in memory of user space", "a kernel of 6.5 or later");
	else
		gm_acc_absent("no io_uring", URING_REMEDY);
	return fd;
}

static long p_no_mmap(const struct gm_access *a)
{
	void *sqes =
		mmap(NULL, GM_ACC_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t n = 0;
	int err;

	GM_SETUP(sqes != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	while (n < a->len && ring_in(a, n, sqes) >= 0)
		n += GM_ACC_PAGE;
	err = errno;
	munmap(sqes, GM_ACC_PAGE);
	errno = err;
	return n ? (long)n : -1;
}

/* The range is a memory region that the ring and user space share; nothing writes to it. */
static long p_region(const struct gm_access *a)
{
	struct {
		uint64_t addr, size;
		uint32_t flags, id;
		uint64_t mmap_offset, resv[4];
	} desc = { .addr = (uintptr_t)a->hva, .size = a->len, .flags = REGION_USER };
	struct {
		uint64_t desc, flags, resv[2];
	} reg = { .desc = (uintptr_t)&desc };
	struct io_uring ring;
	long r;
	int err;

	ring_init(&ring, 0);
	r = syscall(SYS_io_uring_register, ring.ring_fd, REGISTER_REGION, &reg, 1);
	err = errno;
	io_uring_queue_exit(&ring);
	if (r && err == EINVAL)
		gm_skip("no memory regions in io_uring", "a kernel of 6.13 or later");
	errno = err;
	return r;
}

#define FOR_WRITING GM_ERR(EFAULT, "io_uring/rsrc.c:io_pin_pages() pins for writing")

const struct gm_probe gm_probes_uring[] = {
	{ .name = "uring_write",
	  .text = "io_uring write from the range",
	  .path = GM_PATH_UACCESS,
	  .flags = GM_ACC_READ,
	  .run = p_rw,
	  .val = PLAIN },
	{ .name = "uring_read",
	  .text = "io_uring read into the range",
	  .path = GM_PATH_UACCESS,
	  .flags = GM_ACC_WRITE,
	  .run = p_rw,
	  .val = PLAIN | READ },
	{ .name = "uring_write_worker",
	  .text = "io_uring write by a worker thread",
	  .path = GM_PATH_UACCESS,
	  .flags = GM_ACC_READ | GM_ACC_SLOW | GM_ACC_SAME_PATH,
	  .run = p_rw,
	  .val = ASYNC },
	{ .name = "uring_write_poller",
	  .text = "io_uring write by the kernel's polling thread",
	  .path = GM_PATH_UACCESS,
	  .flags = GM_ACC_READ | GM_ACC_SLOW | GM_ACC_SAME_PATH,
	  .run = p_rw,
	  .val = POLLER },
	{ .name = "uring_read_poller",
	  .text = "io_uring read by the kernel's polling thread",
	  .path = GM_PATH_UACCESS,
	  .flags = GM_ACC_WRITE | GM_ACC_SLOW | GM_ACC_SAME_PATH,
	  .run = p_rw,
	  .val = POLLER | READ },
	{ .name = "uring_register",
	  .text = "the range registered as a buffer of io_uring",
	  .flags = GM_ACC_SAME_PATH,
	  .path = GM_PATH_LONGTERM,
	  .run = p_register,
	  .mix = GM_MIX_WHOLE,
	  .want = { [GM_CLASS_READ_ONLY] = FOR_WRITING } },
	{ .name = "uring_update",
	  .text = "the range put into the table of registered buffers",
	  .flags = GM_ACC_SAME_PATH,
	  .path = GM_PATH_LONGTERM,
	  .run = p_update,
	  .mix = GM_MIX_WHOLE,
	  .want = { [GM_CLASS_READ_ONLY] = FOR_WRITING } },
	{ .name = "uring_write_fixed",
	  .text = "io_uring write from a registered buffer",
	  .path = GM_PATH_LONGTERM,
	  .flags = GM_ACC_READ,
	  .run = p_rw,
	  .val = FIXED,
	  .mix = GM_MIX_WHOLE },
	{ .name = "uring_read_fixed",
	  .text = "io_uring read into a registered buffer",
	  .path = GM_PATH_LONGTERM,
	  .flags = GM_ACC_WRITE,
	  .run = p_rw,
	  .val = FIXED | READ,
	  .mix = GM_MIX_WHOLE },
	{ .name = "uring_buf_ring",
	  .text = "the range as the memory of a provided-buffer ring",
	  .path = GM_PATH_LONGTERM,
	  .run = p_buf_ring,
	  .mix = GM_MIX_WHOLE,
	  .want = { [GM_CLASS_READ_ONLY] = FOR_WRITING } },
	{ .name = "uring_no_mmap",
	  .text = "the range as the memory of rings (IORING_SETUP_NO_MMAP)",
	  .path = GM_PATH_LONGTERM,
	  .flags = GM_ACC_COUNT | GM_ACC_SCRATCH | GM_ACC_FILLED | GM_ACC_SLOW,
	  .run = p_no_mmap,
	  .want = { [GM_CLASS_READ_ONLY] = FOR_WRITING } },
	{ .name = "uring_mem_region",
	  .text = "the range as a memory region of io_uring",
	  .flags = GM_ACC_SAME_PATH,
	  .path = GM_PATH_LONGTERM,
	  .run = p_region,
	  .mix = GM_MIX_WHOLE,
	  .want = { [GM_CLASS_READ_ONLY] = FOR_WRITING } },
	{ .name = "uring_send_zc",
	  .text = "io_uring zero-copy send over TCP",
	  .path = GM_PATH_GUP,
	  .flags = GM_ACC_READ | GM_ACC_SLOW,
	  .run = p_send_zc,
	  .mix = GM_MIX_EITHER },
	{ 0 }
};
