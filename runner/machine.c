// SPDX-License-Identifier: GPL-2.0-only
/*
 * Describes this machine. Leaves out its name and addresses, since reports may be published.
 */
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "machine.h"
#include "text.h"

#ifndef GM_VERSION
#define GM_VERSION "unknown"
#endif

void machine_describe(json_t *obj)
{
	const char *arch;
	char cmdline[4096] = "";
	struct utsname u;

	memset(&u, 0, sizeof(u));
	uname(&u);
	arch = !strcmp(u.machine, "x86_64")    ? "x86"
	       : !strcmp(u.machine, "aarch64") ? "arm64"
					       : u.machine;
	gm_read_text("/proc/cmdline", cmdline, sizeof(cmdline));
	cmdline[strcspn(cmdline, "\n")] = '\0';

	json_object_set_new(obj, "version", jtext(GM_VERSION));
	json_object_set_new(obj, "kernel", jtext(u.release));
	json_object_set_new(obj, "kernel_build", jtext(u.version));
	json_object_set_new(obj, "arch", jtext(arch));
	json_object_set_new(obj, "cmdline", jtext(cmdline));
	json_object_set_new(obj, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(obj, "root", json_boolean(!geteuid()));
}
