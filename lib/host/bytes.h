/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a call gives out: no byte may come from the kernel's stack or heap.
 *
 * A row is an ioctl with a buffer. The call is made several times, with another pattern in the
 * buffer and another history of the kernel's allocator each time. Each byte must be the same every
 * time, or be left alone every time; bytes behind the buffer are left alone. No word may be that
 * history, or a kernel address.
 */
#ifndef GM_BYTES_H
#define GM_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gm_bytes {
	const char *name;
	unsigned long nr; /* of the ioctl; 0: call() */
	size_t size;	  /* of the buffer, bytes */
	/* Puts the inputs into the buffer, which has the pattern. NULL: there are none. */
	void (*fill)(void *buf, void *arg);
	/* Instead of the ioctl: 0, or -1 and errno. */
	int (*call)(int fd, void *buf, void *arg);
	/* Parts that may change from call to call, such as clocks; parts that must be 0. */
	struct {
		size_t at, len;
	} varies[4], zero[4];
	/* Not there on every machine: this errno means nothing. */
	int absent;
	bool all; /* every byte is written */
};

/* Makes the calls of one row on fd, and checks. `arg` is for fill and call. */
void gm_bytes_check(const struct gm_bytes *row, int fd, void *arg);

#endif
