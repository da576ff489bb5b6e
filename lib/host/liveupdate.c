// SPDX-License-Identifier: GPL-2.0-only
#include "liveupdate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/liveupdate.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "check.h"

int gm_liveupdate_session(void)
{
	static unsigned int nr;
	struct liveupdate_ioctl_create_session arg = { .size = sizeof(arg) };
	int dev = open("/dev/liveupdate", O_RDWR | O_CLOEXEC);

	if (dev < 0 && errno == EBUSY)
		gm_skip("another program has /dev/liveupdate open", "stop that program");
	GM_GRANTED(dev >= 0, "/dev/liveupdate: %s", gm_errno_name(errno));
	snprintf((char *)arg.name, sizeof(arg.name), "gm-%d-%u", (int)getpid(), nr++);
	GM_GRANTED(!ioctl(dev, LIVEUPDATE_IOCTL_CREATE_SESSION, &arg),
		   "LIVEUPDATE_IOCTL_CREATE_SESSION: %s", gm_errno_name(errno));
	close(dev);
	return arg.fd;
}

int __gm_liveupdate_preserve(int session, int fd, uint64_t token)
{
	struct liveupdate_session_preserve_fd arg = { .size = sizeof(arg),
						      .fd = fd,
						      .token = token };

	return ioctl(session, LIVEUPDATE_SESSION_PRESERVE_FD, &arg);
}
