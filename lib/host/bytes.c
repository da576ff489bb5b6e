// SPDX-License-Identifier: GPL-2.0-only
/* Calls with patterns in their buffers, and the checks of what they give out: bytes.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "bytes.h"
#include "check.h"

#define ROUNDS 4
#define GUARD 64
/* What the heap held before: a word that no call has. */
#define HISTORY(round) (0x6d656d6f72790000UL | (round))

/*
 * Leaves the pattern in freed memory of the kernel, as large as the buffer and smaller. An extended
 * attribute of a memfd is allocated with its value, a datagram with its data.
 */
static void leave_history(unsigned int round)
{
	static const size_t sizes[] = {
		24, 56, 88, 184, 248, 440, 504, 952, 1000, 1700, 2024, 3700
	};
	int fd = memfd_create("gm_bytes", MFD_CLOEXEC), pair[2];
	uint64_t word[512];

	for (unsigned int i = 0; i < 512; i++)
		word[i] = HISTORY(round);
	GM_SETUP(fd >= 0, "memfd_create: %s", gm_errno_name(errno));
	GM_SETUP_OK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair));
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char name[32] = "user.gm0";

		for (unsigned int k = 0; k < 4; k++) {
			name[7] = '0' + k;
			fsetxattr(fd, name, word, sizes[i], 0);
			send(pair[0], word, sizes[i], MSG_DONTWAIT);
		}
		for (unsigned int k = 0; k < 4; k++) {
			uint64_t drop[512];

			name[7] = '0' + k;
			fremovexattr(fd, name);
			recv(pair[1], drop, sizeof(drop), MSG_DONTWAIT);
		}
	}
	close(pair[0]);
	close(pair[1]);
	close(fd);
}

static bool in(size_t i, const struct gm_bytes *row, bool zero)
{
	for (unsigned int k = 0; k < 4; k++) {
		size_t at = zero ? row->zero[k].at : row->varies[k].at;
		size_t len = zero ? row->zero[k].len : row->varies[k].len;

		if (i >= at && i < at + len)
			return true;
	}
	return false;
}

/* An address of the direct map, of vmalloc or of the kernel's text; not a small negative number. */
static bool kernel_address(uint64_t w)
{
#ifdef __x86_64__
	return w >> 47 == 0x1ffff && w < 0xffffffffff000000UL && (w & 0xffffffff) != 0xffffffff;
#else
	return w >> 48 == 0xffff && w < 0xfffffffff0000000UL && (w & 0xffffffff) != 0xffffffff;
#endif
}

static int call(const struct gm_bytes *row, int fd, uint8_t *buf, void *arg)
{
	if (row->fill)
		row->fill(buf, arg);
	return row->call ? row->call(fd, buf, arg) : ioctl(fd, row->nr, buf);
}

void gm_bytes_check(const struct gm_bytes *row, int fd, void *arg)
{
	uint8_t *out[ROUNDS], *in_buf[ROUNDS], pattern[ROUNDS];
	bool all_in;

	for (unsigned int r = 0; r < ROUNDS; r++) {
		int ret;

		pattern[r] = r & 1 ? 0x5a + r : 0xa5 - r;
		out[r] = malloc(row->size + GUARD);
		in_buf[r] = malloc(row->size + GUARD);
		GM_SETUP(out[r] && in_buf[r], "out of memory");
		memset(in_buf[r], pattern[r], row->size + GUARD);
		if (row->fill)
			row->fill(in_buf[r], arg);
		memset(out[r], pattern[r], row->size + GUARD);
		leave_history(r);
		ret = call(row, fd, out[r], arg);
		if (ret < 0 && row->absent && errno == row->absent) {
			gm_note("%s: %s, not on this machine", row->name, gm_errno_name(errno));
			return;
		}
		if (!GM_EXPECT(ret >= 0, "%s: %s", row->name, gm_errno_name(errno)))
			return;
	}
	for (size_t i = 0; i < row->size; i++) {
		bool same = true, kept = true;

		for (unsigned int r = 0; r < ROUNDS; r++) {
			same = same && out[r][i] == out[0][i];
			kept = kept && out[r][i] == in_buf[r][i];
		}
		all_in = same || (kept && !row->all) || in(i, row, false);
		if (!GM_EXPECT(
			    all_in,
			    "%s: byte %#zx is neither the same each time nor left alone: %#x %#x %#x %#x",
			    row->name, i, out[0][i], out[1][i], out[2][i], out[3][i]))
			break;
		if (in(i, row, true) &&
		    !GM_EXPECT(!out[0][i] && same, "%s: byte %#zx must be 0, is %#x %#x", row->name,
			       i, out[0][i], out[1][i]))
			break;
	}
	for (unsigned int r = 0; r < ROUNDS; r++) {
		for (size_t i = 0; i + 8 <= row->size; i += 4) {
			uint64_t w;

			memcpy(&w, out[r] + i, 8);
			if (!memcmp(out[r] + i, in_buf[r] + i, 8))
				continue;
			GM_EXPECT(w != HISTORY(r) && (w >> 16 != HISTORY(0) >> 16),
				  "%s: byte %#zx: what the heap held before: %#lx", row->name, i,
				  w);
			GM_EXPECT(i % 8 || !kernel_address(w),
				  "%s: byte %#zx: a kernel address: %#lx", row->name, i, w);
		}
		for (size_t i = 0; i < GUARD; i++)
			if (!GM_EXPECT(out[r][row->size + i] == pattern[r],
				       "%s: byte %zu behind the buffer is written: %#x", row->name,
				       i, out[r][row->size + i]))
				break;
		free(out[r]);
		free(in_buf[r]);
	}
}
