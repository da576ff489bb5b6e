// SPDX-License-Identifier: GPL-2.0-only
/* Probes: vmsplice() of the range to and from a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "access.h"
#include "check.h"

enum { GIFT = 1, TEE = 2, TO_FILE = 4 };

static void drain(const struct gm_access *a, int fd)
{
	for (size_t n = 0; n < a->len;) {
		ssize_t got = read(fd, a->buf + n, a->len - n);

		if (got <= 0)
			break;
		n += got;
	}
}

static long p_vmsplice(const struct gm_access *a)
{
	struct iovec v = { a->hva, a->len };
	int p[2], q[2], err;
	long r;

	GM_SETUP_OK(pipe2(p, O_CLOEXEC | O_NONBLOCK));
	GM_SETUP_OK(pipe2(q, O_CLOEXEC | O_NONBLOCK));
	r = vmsplice(p[1], &v, 1, a->probe->val & GIFT ? SPLICE_F_GIFT : 0);
	err = errno;
	if (r > 0 && (a->probe->val & TEE))
		GM_SETUP(tee(p[0], q[1], r, SPLICE_F_NONBLOCK) == r, "tee: %s",
			 gm_errno_name(errno));
	if (r > 0 && (a->probe->val & TO_FILE)) {
		int fd = gm_acc_file(a->len, NULL);
		loff_t off = 0;

		for (long n = 0, m; n < r; n += m) {
			m = splice(p[0], NULL, fd, &off, r - n, 0);
			GM_SETUP(m > 0, "splice into a memfd: %s", gm_errno_name(errno));
		}
		GM_SETUP(pread(fd, a->buf, r, 0) == r, "pread");
		close(fd);
	} else {
		drain(a, a->probe->val & TEE ? q[0] : p[0]);
	}
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
	}
	errno = err;
	return r;
}

/* With the read end the kernel copies to the range. */
static long p_vmsplice_read(const struct gm_access *a)
{
	struct iovec v = { a->hva, a->len };
	int p[2], err;
	long r;

	GM_SETUP_OK(pipe2(p, O_CLOEXEC | O_NONBLOCK));
	GM_SETUP(write(p[1], a->buf, a->len) == (ssize_t)a->len, "write to a pipe: %s",
		 gm_errno_name(errno));
	r = vmsplice(p[0], &v, 1, 0);
	err = errno;
	close(p[0]);
	close(p[1]);
	errno = err;
	return r;
}

const struct gm_probe gm_probes_pipe[] = {
	{ .name = "vmsplice",
	  .text = "vmsplice() of the range into a pipe",
	  .path = GM_PATH_GUP,
	  .flags = GM_ACC_READ,
	  .run = p_vmsplice },
	{ .name = "vmsplice_gift",
	  .text = "vmsplice() with SPLICE_F_GIFT",
	  .path = GM_PATH_GUP,
	  .flags = GM_ACC_READ | GM_ACC_SAME_PATH,
	  .run = p_vmsplice,
	  .val = GIFT },
	{ .name = "vmsplice_tee",
	  .text = "vmsplice(), then tee() to another pipe",
	  .path = GM_PATH_GUP,
	  .flags = GM_ACC_READ | GM_ACC_SAME_PATH,
	  .run = p_vmsplice,
	  .val = TEE },
	{ .name = "vmsplice_splice",
	  .text = "vmsplice(), then splice() into a file",
	  .path = GM_PATH_GUP,
	  .flags = GM_ACC_READ | GM_ACC_SAME_PATH,
	  .run = p_vmsplice,
	  .val = TO_FILE },
	{ .name = "vmsplice_read",
	  .text = "vmsplice() of a pipe's read end into the range",
	  .path = GM_PATH_UACCESS,
	  .flags = GM_ACC_WRITE,
	  .run = p_vmsplice_read },
	{ 0 }
};
