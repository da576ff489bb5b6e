// SPDX-License-Identifier: GPL-2.0-only
/*
 * Describes this machine. Leaves out its name and addresses, since reports may be published.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "machine.h"
#include "platform_priv.h"
#include "text.h"

#ifndef GM_VERSION
#define GM_VERSION "unknown"
#endif

static const char *const config_names[] = {
	"KASAN",
	"KCSAN",
	"PROVE_LOCKING",
	"DEBUG_KMEMLEAK",
	"DEBUG_VM",
	"DEBUG_LIST",
	"FAILSLAB",
	"PREEMPT",
	"PREEMPT_RT",
	"NUMA",
	"CMA",
	"KVM_SW_PROTECTED_VM",
	"KVM_AMD_SEV",
	"KVM_INTEL_TDX",
	"IOMMUFD",
	"IOMMUFD_TEST",
	"IOMMUFD_VFIO_CONTAINER",
	"ARM64_4K_PAGES",
	"ARM64_16K_PAGES",
	"ARM64_64K_PAGES",
};

bool machine_config_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(config_names); i++)
		if (!strcmp(config_names[i], name))
			return true;
	return false;
}

static json_t *config(void)
{
	json_t *set = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(config_names); i++) {
		char *option = xprintf("CONFIG_%s", config_names[i]);
		char word[2] = { gm_kconfig(option) };

		if (*word == 'y' || *word == 'm')
			json_object_set_new(set, config_names[i], json_string(word));
		free(option);
	}
	return set;
}

/* The value of the first line of cpuinfo with this name; "" if there is none. */
static void cpuinfo(const char *text, const char *name, char *value, size_t size)
{
	size_t len = strlen(name);

	*value = '\0';
	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *colon;

		line += *line == '\n';
		colon = strchr(line, ':');
		if (strncmp(line, name, len) || !strchr("\t :", line[len]) || !colon)
			continue;
		colon += 1 + strspn(colon + 1, " ");
		snprintf(value, size, "%.*s", (int)strcspn(colon, "\n"), colon);
		return;
	}
}

/* x86 kernels have the name of the model, arm64 ones its numbers only. To be freed. */
static char *cpu_model(void)
{
	char text[4096] = "", model[128], maker[32], part[32];

	gm_read_text("/proc/cpuinfo", text, sizeof(text));
	cpuinfo(text, "model name", model, sizeof(model));
	cpuinfo(text, "CPU implementer", maker, sizeof(maker));
	cpuinfo(text, "CPU part", part, sizeof(part));
	if (*model || !*part)
		return xstrdup(model);
	return xprintf("implementer %s, part %s", maker, part);
}

void machine_describe(json_t *obj)
{
	char cmdline[4096] = "", *cpu = cpu_model();
	const char *arch;
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
	json_object_set_new(obj, "config", config());
	json_object_set_new(obj, "cpu", jtext(cpu));
	json_object_set_new(obj, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(obj, "root", json_boolean(!geteuid()));
	free(cpu);
}
