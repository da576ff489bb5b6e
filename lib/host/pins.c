// SPDX-License-Identifier: GPL-2.0-only
#include "pins.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "text.h"

static unsigned long counter(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	GM_SETUP(p, "no %sin /proc/vmstat", name);
	return strtoul(p + strlen(name), NULL, 10);
}

struct counters {
	unsigned long acquired, released;
};

static struct counters counters_now(void)
{
	/* A write adds up the counters of all CPUs. */
	int fd = GM_SETUP_OK(open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC));
	static char text[16384];

	GM_SETUP_OK(write(fd, "1", 1));
	close(fd);
	GM_SETUP(gm_read_text("/proc/vmstat", text, sizeof(text)) > 0, "/proc/vmstat: %s",
		 gm_errno_name(errno));
	return (struct counters){ counter(text, "nr_foll_pin_acquired "),
				  counter(text, "nr_foll_pin_released ") };
}

static unsigned long pins_now(void)
{
	struct counters now = counters_now();

	return now.acquired - now.released;
}

unsigned long gm_all_pins(void)
{
	unsigned long was = pins_now(), is;

	for (int i = 0; i < 500; i++, was = is) {
		usleep(1000);
		is = pins_now();
		if (is == was)
			return is;
	}
	gm_skip("other processes pin and unpin pages all the time", "a machine without other I/O");
}

unsigned long gm_all_pins_wait(unsigned long expected)
{
	struct counters now = counters_now();

	for (int i = 0; now.acquired - now.released != expected && i < 100; i++) {
		struct counters was = now;

		usleep(20 * 1000);
		now = counters_now();
		/* Nobody else pins: a late unpin is the kernel's. */
		if (now.acquired == was.acquired)
			return was.acquired - was.released;
	}
	return now.acquired - now.released;
}
