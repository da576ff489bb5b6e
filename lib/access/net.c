// SPDX-License-Identifier: GPL-2.0-only
/* Probes: sockets that take references to pages or pin them, and frames sent from the range. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "access.h"
#include "check.h"
#include "time_factor.h"

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif
/* The kernel has no protocol with this number, nor with the 4095 numbers after it. */
#define FRAME_PROTOCOL 0xa000

void gm_acc_connection(int s[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int l = GM_SETUP_OK(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	GM_SETUP_OK(bind(l, (struct sockaddr *)&addr, sizeof(addr)));
	GM_SETUP_OK(listen(l, 1));
	GM_SETUP_OK(getsockname(l, (struct sockaddr *)&addr, &len));
	s[0] = GM_SETUP_OK(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	GM_SETUP_OK(connect(s[0], (struct sockaddr *)&addr, sizeof(addr)));
	s[1] = GM_SETUP_OK(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	close(l);
}

static long p_zerocopy(const struct gm_access *a)
{
	int s[2], one = 1, err;
	long r, n = 0;

	gm_acc_connection(s);
	GM_SETUP_OK(setsockopt(s[0], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)));
	r = send(s[0], a->hva, a->len, MSG_ZEROCOPY | MSG_DONTWAIT);
	err = errno;
	shutdown(s[0], SHUT_WR);
	/* Read to the end of the stream: a send that failed may have sent data. */
	for (long got; n < (long)a->len; n += got) {
		got = recv(s[1], a->buf + n, a->len - n, 0);
		if (got <= 0)
			break;
	}
	if (r > 0)
		GM_SETUP(n == r, "%ld bytes sent, but %ld received", r, n);
	close(s[0]);
	close(s[1]);
	errno = err;
	return r;
}

void gm_acc_lo(struct sockaddr_ll *to)
{
	int s = GM_SETUP_OK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	struct ifreq ifr = { .ifr_name = "lo" };

	if (!ioctl(s, SIOCGIFFLAGS, &ifr) && !(ifr.ifr_flags & IFF_UP)) {
		close(s);
		gm_skip("the loopback device is down", "ip link set lo up");
	}
	close(s);
	*to = (struct sockaddr_ll){ .sll_family = AF_PACKET,
				    .sll_protocol = htons(FRAME_PROTOCOL + gettid() % 0x1000),
				    .sll_ifindex = if_nametoindex("lo"),
				    .sll_halen = 6 };
}

static long p_packet(const struct gm_access *a)
{
	struct sockaddr_ll to;
	int tx, rx, err;
	long r;

	gm_acc_lo(&to);
	tx = GM_SETUP_OK(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	rx = GM_SETUP_OK(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	GM_SETUP_OK(bind(rx, (struct sockaddr *)&to, sizeof(to)));
	r = sendto(tx, a->hva, a->len, 0, (struct sockaddr *)&to, sizeof(to));
	err = errno;
	if (r > 0) {
		struct pollfd p = { .fd = rx, .events = POLLIN };

		GM_SETUP(poll(&p, 1, gm_time_limit(20000)) == 1, "a frame on lo did not arrive");
	}
	while (recv(rx, a->buf, a->len, 0) > 0)
		;
	close(tx);
	close(rx);
	errno = err;
	return r;
}

static long p_umem(const struct gm_access *a)
{
	struct xdp_umem_reg reg = { .addr = (uintptr_t)a->hva, .len = a->len, .chunk_size = 4096 };
	int s = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), err;
	long r;

	if (s < 0)
		gm_acc_absent("no AF_XDP",
			      "build the kernel with CONFIG_XDP_SOCKETS=y, run as root");
	GM_SETUP(s >= 0, "AF_XDP: %s", gm_errno_name(errno));
	r = setsockopt(s, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg));
	err = errno;
	close(s);
	errno = err;
	return r;
}

const struct gm_probe gm_probes_net[] = {
	{ .name = "msg_zerocopy",
	  .text = "send() with MSG_ZEROCOPY over TCP",
	  .path = GM_PATH_GUP,
	  .flags = GM_ACC_READ | GM_ACC_SLOW,
	  .mix = GM_MIX_EITHER,
	  .run = p_zerocopy },
	{ .name = "packet_send",
	  .text = "a frame on loopback from the range",
	  .path = GM_PATH_UACCESS,
	  /* A frame of several pages must fit into the MTU of lo, 64 KiB. */
	  .needs = GM_NEEDS(PACKET, PAGES_4K),
	  .mix = GM_MIX_WHOLE,
	  .flags = GM_ACC_READ | GM_ACC_SLOW | GM_ACC_ROOT,
	  .run = p_packet },
	/* net/xdp/xdp_umem.c:xdp_umem_pin_pages(): fewer pages than requested is -ENOMEM. */
	{ .name = "xdp_umem",
	  .text = "the range as the UMEM of an AF_XDP socket",
	  .path = GM_PATH_LONGTERM,
	  .needs = GM_NEEDS(XDP),
	  .mix = GM_MIX_WHOLE,
	  .mix_err = ENOMEM,
	  .flags = GM_ACC_ROOT | GM_ACC_SLOW,
	  .run = p_umem,
	  .want = { [GM_CLASS_READ_ONLY] =
			    GM_ERR(EFAULT, "net/xdp/xdp_umem.c pins for writing") } },
	{ 0 }
};
