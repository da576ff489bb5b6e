// SPDX-License-Identifier: GPL-2.0-only
/* Sets the capabilities of the calling thread, with libcap. */
#include <errno.h>
#include <grp.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "caps.h"
#include "case.h"

/* The number of capabilities of the running kernel, at most 64. */
static int caps_nr(void)
{
	int nr = cap_max_bits();

	return nr < 0 ? 0 : nr > 64 ? 64 : nr;
}

static uint64_t read_set(cap_flag_t which)
{
	cap_t now = cap_get_proc();
	uint64_t set = 0;

	if (!now)
		return 0;

	for (int cap = 0; cap < caps_nr(); cap++) {
		cap_flag_value_t v = CAP_CLEAR;

		if (!cap_get_flag(now, cap, which, &v) && v == CAP_SET)
			set |= 1ULL << cap;
	}
	cap_free(now);
	return set;
}

uint64_t gm_caps_permitted(void)
{
	return read_set(CAP_PERMITTED);
}

const char *gm_cap_name(int cap)
{
	static _Thread_local char names[4][32];
	static _Thread_local unsigned int turn;
	char *mine = names[turn++ % 4];
	char *name = cap_to_name(cap);

	/* libcap returns the bare number for a capability without a name. */
	if (name && !strncmp(name, "cap_", 4))
		snprintf(mine, sizeof(names[0]), "%s", name);
	else
		snprintf(mine, sizeof(names[0]), "cap_%d", cap);
	cap_free(name);
	return mine;
}

static char *names_of(uint64_t caps, char *buf, size_t len)
{
	size_t used = 0;

	if (len)
		buf[0] = '\0';
	for (int cap = 0; cap < 64 && used < len; cap++) {
		int n;

		if (!(caps & (1ULL << cap)))
			continue;
		n = snprintf(buf + used, len - used, "%s%s", used ? ", " : "", gm_cap_name(cap));
		if (n < 0)
			break;
		used += n;
	}
	return buf;
}

const char *gm_caps_missing(uint64_t caps)
{
	static _Thread_local char names[64 * 24];
	uint64_t missing = caps == GM_CAPS_ALL ? 0 : caps & ~gm_caps_permitted();

	return missing ? names_of(missing, names, sizeof(names)) : NULL;
}

static int clear_ambient(void)
{
	/* EINVAL: the kernel has no ambient set, so nothing can be in it. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
		return -1;
	return 0;
}

static int write_sets(uint64_t caps)
{
	cap_t want = cap_init();
	int r = 0;

	if (!want)
		return -1;

	for (int cap = 0; cap < caps_nr() && !r; cap++) {
		cap_value_t v = cap;

		if (!(caps & (1ULL << cap)))
			continue;
		r = cap_set_flag(want, CAP_PERMITTED, 1, &v, CAP_SET) ||
		    cap_set_flag(want, CAP_EFFECTIVE, 1, &v, CAP_SET) ||
		    cap_set_flag(want, CAP_INHERITABLE, 1, &v, CAP_SET);
	}
	if (!r)
		r = cap_set_proc(want);
	cap_free(want);
	return r ? -1 : 0;
}

/* Puts a capability into the effective set. */
static int raise_cap(int cap)
{
	cap_value_t v = cap;
	cap_t now = cap_get_proc();
	int r;

	if (!now)
		return -1;
	r = cap_set_flag(now, CAP_EFFECTIVE, 1, &v, CAP_SET) || cap_set_proc(now);
	cap_free(now);
	return r ? -1 : 0;
}

int gm_caps_apply(uint64_t caps)
{
	if (caps == GM_CAPS_ALL)
		return clear_ambient();

	if (caps & ~gm_caps_permitted()) {
		errno = EPERM;
		return -1;
	}

	/* Setting securebits needs CAP_SETPCAP, which write_sets() may drop. */
	if (gm_caps_permitted() & (1ULL << CAP_SETPCAP)) {
		int bits = prctl(PR_GET_SECUREBITS);

		if (raise_cap(CAP_SETPCAP) || bits < 0 ||
		    prctl(PR_SET_SECUREBITS, bits | SECBIT_NOROOT))
			return -1;
	}

	return clear_ambient() || write_sets(caps) ? -1 : 0;
}

int gm_caps_become_user(void)
{
	if (geteuid() == 0 || getuid() == 0 || (gm_caps_permitted() & (1ULL << CAP_SETUID))) {
		if (setgroups(0, NULL) || setresgid(GM_NOBODY, GM_NOBODY, GM_NOBODY) ||
		    setresuid(GM_NOBODY, GM_NOBODY, GM_NOBODY))
			return -1;
	}

	/* With SECBIT_NO_SETUID_FIXUP the new ids do not clear capabilities. */
	if (clear_ambient() || write_sets(0))
		return -1;

	/* The new ids clear the dumpable flag, and then /proc/self belongs to root. */
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
