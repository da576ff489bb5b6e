// SPDX-License-Identifier: GPL-2.0-only
/* Reads the configuration of the running kernel, if the machine has it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "platform_priv.h"

static char *read_all(FILE *f)
{
	size_t len = 0, room = 1 << 16;
	char *text = malloc(room);

	while (text) {
		size_t n = fread(text + len, 1, room - len - 1, f);
		char *more;

		len += n;
		if (!n)
			break;
		if (room - len > 1)
			continue;
		room *= 2;
		more = realloc(text, room);
		if (!more)
			break;
		text = more;
	}
	if (text)
		text[len] = '\0';
	if (text && !len) {
		free(text);
		text = NULL;
	}
	return text;
}

static char *load(void)
{
	static const char *const places[] = {
		"/boot/config-%s",
		"/lib/modules/%s/config",
		"/usr/lib/modules/%s/config",
		"/lib/modules/%s/build/.config",
	};
	struct utsname uts;
	char *text = NULL;
	FILE *f;

	/* /proc/config.gz is the kernel's own; the others are found only by its release name. */
	if (!access("/proc/config.gz", R_OK)) {
		f = popen("exec zcat /proc/config.gz 2>/dev/null", "r");
		if (f) {
			text = read_all(f);
			pclose(f);
		}
	}

	if (uname(&uts))
		return text;
	for (size_t i = 0; !text && i < sizeof(places) / sizeof(*places); i++) {
		char path[256];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(path, sizeof(path), places[i], uts.release);
#pragma GCC diagnostic pop
		f = fopen(path, "re");
		if (f) {
			text = read_all(f);
			fclose(f);
		}
	}
	return text;
}

static char *config;

static void load_once(void)
{
	config = load();
}

char gm_kconfig(const char *option)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	size_t len = strlen(option);

	pthread_once(&once, load_once);
	if (!config)
		return 0;

	for (const char *p = config; (p = strstr(p, option)); p += len) {
		if ((p == config || p[-1] == '\n') && p[len] == '=')
			return p[len + 1] == 'm' ? 'm' : 'y';
	}
	return 'n';
}
