// SPDX-License-Identifier: GPL-2.0-only
/* Probes each need once, on first use, and finds the remedy for a missing one on this machine. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe_cache.h"
#include "platform_priv.h"

static const struct platform_need {
	gm_probe *probe;
	const char *reason;
	gm_needs after;	    /* if one of these is missing: not probed, and its remedy is used */
	const char *only;   /* the only architecture that has it; NULL: any */
	const char *config; /* its kernel option */
	const char *module; /* its module, if the option can be m */
	const char *rights; /* remedy on EACCES and EPERM; NULL: "run as root" */
	const char *other;  /* remedy if it is missing although the option is set */
	/*
	 * Does not change while the kernel runs, and the probe creates a VM: the result is cached.
	 */
	bool lasts;
} table[GM_NEED_NR] = {
#define X(id, name, text, probe, reason, ...) { probe, reason, __VA_ARGS__ },
	GM_NEED_LIST(X)
#undef X
};

static struct {
	bool known, has, for_good, denied;
	char remedy[GM_REMEDY_LEN];
} found[GM_NEED_NR];

/* Recursive: the probe of one need may use another need. */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

int gm_try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/*
 * Only these errnos mean that the kernel lacks it, and only if it can create a VM. Others can be
 * temporary: no memory, too many files, a busy device.
 */
static bool is_for_good(const struct platform_need *p, int err)
{
	bool absent = err == -ENOTTY || err == -EINVAL || err == -EOPNOTSUPP || err == -ENOSYS ||
		      err == -ENODEV;

	return p->lasts && absent && gm_platform_vm_creatable(gm_platform_vm_type(0)->type);
}

void gm_say_denied(char *remedy, int err)
{
	snprintf(remedy, GM_REMEDY_LEN,
		 "%s by a security policy: allow it in seccomp, SELinux, AppArmor or the container",
		 strerrorname_np(err));
}

#define BUILD "build the kernel with "

static void describe(const struct platform_need *p, int err, char *remedy)
{
	char state = p->config ? gm_kconfig(p->config) : 0;

	/* All of KVM is available to a user who can open /dev/kvm, so a policy denies it. */
	if ((err == -EACCES || err == -EPERM) && (!geteuid() || p->lasts)) {
		gm_say_denied(remedy, -err);
		return;
	}
	if (err == -EACCES || err == -EPERM)
		snprintf(remedy, GM_REMEDY_LEN, "%s", p->rights ? p->rights : "run as root");
	else if (p->config && state == 'n')
		snprintf(remedy, GM_REMEDY_LEN, BUILD "%s=y", p->config);
	else if (p->module && state == 'm')
		snprintf(remedy, GM_REMEDY_LEN, "modprobe -a %s", p->module);
	else if (p->config && !state && p->module)
		snprintf(remedy, GM_REMEDY_LEN, "modprobe -a %s, or a kernel with %s=y", p->module,
			 p->config);
	else if (p->config && !state)
		snprintf(remedy, GM_REMEDY_LEN, "a kernel with %s=y%s%s", p->config,
			 p->other ? "; then " : "", p->other ? p->other : "");
	else if (p->other)
		snprintf(remedy, GM_REMEDY_LEN, "%s", p->other);
	else
		snprintf(remedy, GM_REMEDY_LEN, "%s is set, but: %s", p->config ? p->config : "",
			 strerror(-err));
}

/* The remedy if a need of p->after is missing: `first`, and p's own option if it is off. */
static void describe_both(const struct platform_need *p, const char *first, char *remedy)
{
	bool build = !strncmp(first, BUILD, strlen(BUILD));

	if (!p->config || gm_kconfig(p->config) != 'n')
		snprintf(remedy, GM_REMEDY_LEN, "%s", first);
	else
		snprintf(remedy, GM_REMEDY_LEN, BUILD "%s=y%s%s", p->config,
			 build ? " and " : "; then ", build ? first + strlen(BUILD) : first);
}

/* With the lock held. */
static void find(enum gm_need n)
{
	const struct platform_need *p = &table[n];
	char text[GM_REMEDY_LEN];
	int err, saved = errno;

	if (found[n].known)
		return;
	found[n].known = true;

	if (p->lasts && gm_probe_cached(n)) {
		found[n].has = true;
		errno = saved;
		return;
	}

	if (p->only && strcmp(p->only, gm_arch_name)) {
		found[n].for_good = true;
		snprintf(found[n].remedy, GM_REMEDY_LEN, "exists on %s only: `make lab ARCH=%s`",
			 p->only, p->only);
		return;
	}

	for (unsigned int first = 0; first < GM_NEED_NR; first++) {
		if (!(p->after & (1ULL << first)))
			continue;
		find(first);
		if (!found[first].has) {
			found[n].for_good = found[first].for_good;
			describe_both(p, found[first].remedy, text);
			memcpy(found[n].remedy, text, GM_REMEDY_LEN);
			errno = saved;
			return;
		}
	}

	err = p->probe(found[n].remedy);
	found[n].has = !err;
	found[n].for_good = err && is_for_good(p, err);
	found[n].denied = err == -EACCES || err == -EPERM;
	if (found[n].has)
		found[n].remedy[0] = '\0';
	else if (!found[n].remedy[0])
		describe(p, err, found[n].remedy);
	if (found[n].has && p->lasts)
		gm_probe_cache_add(n);
	errno = saved;
}

bool gm_platform_has(enum gm_need n)
{
	if ((unsigned int)n >= GM_NEED_NR)
		return false;
	pthread_mutex_lock(&lock);
	find(n);
	pthread_mutex_unlock(&lock);
	return found[n].has;
}

bool gm_need_never(enum gm_need n)
{
	return !gm_platform_has(n) && (unsigned int)n < GM_NEED_NR && found[n].for_good;
}

bool gm_need_denied(enum gm_need n)
{
	return !gm_platform_has(n) && (unsigned int)n < GM_NEED_NR && found[n].denied;
}

bool gm_need_of_kvm(gm_needs needs)
{
	for (int n = 0; n < GM_NEED_NR; n++)
		if ((needs & (1ULL << n)) && (n == GM_NEED_KVM || gm_need_of_kvm(table[n].after)))
			return true;
	return false;
}

const char *gm_need_reason(enum gm_need n)
{
	if ((unsigned int)n >= GM_NEED_NR)
		return "not probed";
	return table[n].reason;
}

const char *gm_need_remedy(enum gm_need n)
{
	if ((unsigned int)n >= GM_NEED_NR)
		return "";
	gm_platform_has(n);
	return found[n].remedy;
}
