// SPDX-License-Identifier: GPL-2.0-only
/* Probes: the kernel copies between the range and the mapped rings of packet sockets. */
#include <errno.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "access.h"
#include "check.h"
#include "time_factor.h"

#define FRAME (2 * GM_ACC_PAGE) /* a header, and a page of data */
#define FRAMES 16UL
/* The offset of the data in a frame to send, Documentation/networking/packet_mmap.rst. */
#define TX_DATA (TPACKET_HDRLEN - sizeof(struct sockaddr_ll))

/* A packet socket on lo with a mapped ring of `kind`; 0: without a ring. */
static int ring_socket(int kind, uint8_t **ring)
{
	struct tpacket_req req = { .tp_block_size = FRAME,
				   .tp_block_nr = FRAMES,
				   .tp_frame_size = FRAME,
				   .tp_frame_nr = FRAMES };
	struct sockaddr_ll to;
	int s;

	gm_acc_lo(&to);
	s = GM_SETUP_OK(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

	if (kind) {
		GM_SETUP_OK(setsockopt(s, SOL_PACKET, kind, &req, sizeof(req)));
		*ring = mmap(NULL, FRAME * FRAMES, PROT_READ | PROT_WRITE, MAP_SHARED, s, 0);
		GM_SETUP(*ring != MAP_FAILED, "mmap of a packet ring: %s", gm_errno_name(errno));
	}
	GM_SETUP_OK(bind(s, (struct sockaddr *)&to, sizeof(to)));
	return s;
}

static struct tpacket_hdr *frame(uint8_t *ring, size_t i)
{
	return (struct tpacket_hdr *)(ring + i * FRAME);
}

/* The kernel copies from the range to the frames of a ring, and sends them. */
static long p_ring_send(const struct gm_access *a)
{
	struct iovec mine[FRAMES], theirs = { a->hva, a->len };
	size_t n = a->len / GM_ACC_PAGE, whole;
	uint8_t *ring;
	int tx, rx, err;
	long r;

	GM_SETUP(n <= FRAMES, "too long");
	rx = ring_socket(0, NULL);
	tx = ring_socket(PACKET_TX_RING, &ring);
	for (size_t i = 0; i < n; i++)
		mine[i] = (struct iovec){ (uint8_t *)frame(ring, i) + TX_DATA, GM_ACC_PAGE };
	r = process_vm_readv(getpid(), mine, n, &theirs, 1, 0);
	err = errno;
	whole = r > 0 ? r / GM_ACC_PAGE : 0;
	for (size_t i = 0; i < whole; i++) {
		frame(ring, i)->tp_len = GM_ACC_PAGE;
		__atomic_store_n(&frame(ring, i)->tp_status, TP_STATUS_SEND_REQUEST,
				 __ATOMIC_RELEASE);
	}
	if (whole) {
		struct sockaddr_ll to;

		gm_acc_lo(&to);
		GM_SETUP_OK(sendto(tx, NULL, 0, 0, (struct sockaddr *)&to, sizeof(to)));
	}
	for (size_t i = 0; i < whole; i++) {
		struct pollfd p = { .fd = rx, .events = POLLIN };

		GM_SETUP(poll(&p, 1, gm_time_limit(20000)) == 1,
			 "frame %zu of %zu on lo did not arrive", i, whole);
		GM_SETUP_OK(recv(rx, a->buf + i * GM_ACC_PAGE, GM_ACC_PAGE, 0));
	}
	munmap(ring, FRAME * FRAMES);
	close(tx);
	close(rx);
	errno = err;
	return r;
}

/* The kernel receives frames in a ring, and copies from there to the range. */
static long p_ring_recv(const struct gm_access *a)
{
	struct iovec mine[FRAMES], theirs = { a->hva, a->len };
	size_t n = a->len / GM_ACC_PAGE;
	struct sockaddr_ll to;
	uint8_t *ring;
	int tx, rx, err;
	long r;

	GM_SETUP(n <= FRAMES, "too long");
	gm_acc_lo(&to);
	rx = ring_socket(PACKET_RX_RING, &ring);
	tx = GM_SETUP_OK(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	for (size_t i = 0; i < n; i++) {
		struct pollfd p = { .fd = rx, .events = POLLIN };

		GM_SETUP_OK(sendto(tx, a->buf + i * GM_ACC_PAGE, GM_ACC_PAGE, 0,
				   (struct sockaddr *)&to, sizeof(to)));
		while (!(__atomic_load_n(&frame(ring, i)->tp_status, __ATOMIC_ACQUIRE) &
			 TP_STATUS_USER))
			GM_SETUP(poll(&p, 1, gm_time_limit(20000)) == 1,
				 "frame %zu on lo did not arrive", i);
		mine[i] = (struct iovec){ (uint8_t *)frame(ring, i) + frame(ring, i)->tp_mac,
					  GM_ACC_PAGE };
	}
	r = process_vm_writev(getpid(), mine, n, &theirs, 1, 0);
	err = errno;
	munmap(ring, FRAME * FRAMES);
	close(tx);
	close(rx);
	errno = err;
	return r;
}

#define RING .path = GM_PATH_REMOTE, .needs = GM_NEEDS(PACKET)

const struct gm_probe gm_probes_ring[] = {
	{ .name = "packet_ring_send",
	  .text = "a packet ring filled from the range, and sent",
	  RING,
	  .flags = GM_ACC_READ | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_SAME_PATH,
	  .run = p_ring_send },
	{ .name = "packet_ring_recv",
	  .text = "a packet ring received into, and copied to the range",
	  RING,
	  .flags = GM_ACC_WRITE | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_SAME_PATH,
	  .run = p_ring_recv },
	{ 0 }
};
