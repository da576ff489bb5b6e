// SPDX-License-Identifier: GPL-2.0-only
/* Collects what this machine has and can test; changes nothing. */
#include <dirent.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "caps.h"
#include "inventory.h"
#include "platform.h"
#include "provider.h"
#include "text.h"

static json_t *text(const char *s)
{
	/* A name from the system may not be UTF-8. */
	json_t *j = s ? json_string(s) : json_null();

	return j ? j : json_string("?");
}

static bool read_line(const char *path, char *buf, size_t len)
{
	bool ok = gm_read_text(path, buf, len) >= 0;

	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok;
}

static json_t *number_in(const char *dir, const char *name)
{
	char path[320], line[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return read_line(path, line, sizeof(line)) ? json_integer(strtoll(line, NULL, 10))
						   : json_null();
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* Calls `each` for every entry of a folder, sorted by name; none if there is no folder. */
static void for_names(const char *dir, void (*each)(const char *name, json_t *into), json_t *into)
{
	struct dirent **names;
	int n = scandir(dir, &names, visible, versionsort);

	for (int i = 0; i < n; i++) {
		each(names[i]->d_name, into);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static json_t *kernel(void)
{
	char line[4096] = "";
	struct utsname uts;

	if (uname(&uts))
		return json_null();
	read_line("/proc/cmdline", line, sizeof(line));
	return json_pack("{s:o, s:o, s:o, s:o}", "release", text(uts.release), "version",
			 text(uts.version), "machine", text(uts.machine), "command_line",
			 text(line));
}

static json_t *user(void)
{
	json_t *caps = json_array();
	uint64_t set = gm_caps_permitted();

	for (int cap = 0; cap < 64; cap++) {
		if (set & (1ULL << cap))
			json_array_append_new(caps, text(gm_cap_name(cap)));
	}
	return json_pack("{s:i, s:o}", "uid", (int)geteuid(), "capabilities", caps);
}

static json_t *needs(void)
{
	json_t *list = json_array();

	for (unsigned int n = 0; n < GM_NEED_NR; n++) {
		bool has = gm_platform_has(n);

		json_array_append_new(
			list, json_pack("{s:o, s:o, s:b, s:o, s:o}", "name", text(gm_need_name(n)),
					"text", text(gm_need_text(n)), "has", has, "reason",
					has ? json_null() : text(gm_need_reason(n)), "remedy",
					has ? json_null() : text(gm_need_remedy(n))));
	}
	return list;
}

static json_t *vm_types(void)
{
	json_t *list = json_array();
	const struct gm_vm_type *t;

	for (size_t i = 0; (t = gm_platform_vm_type(i)); i++) {
		bool creatable = gm_platform_vm_creatable(t->type);
		uint64_t flags = creatable ? gm_platform_gmem_flags(t->type) : 0;
		json_t *bits = json_array();
		char type[24], hex[24];

		snprintf(type, sizeof(type), "0x%lx", t->type);
		snprintf(hex, sizeof(hex), "0x%llx", (unsigned long long)flags);
		for (int bit = 0; bit < 64; bit++) {
			if (flags & (1ULL << bit))
				json_array_append_new(bits, json_integer(bit));
		}
		json_array_append_new(list, json_pack("{s:o, s:s, s:b, s:b, s:s, s:o}", "name",
						      text(t->name), "type", type, "creatable",
						      creatable, "guest_memfd",
						      creatable && gm_platform_gmem(t->type),
						      "flags", hex, "flag_bits", bits));
	}
	return list;
}

/* Capabilities 231 to 244, by their names in include/uapi/linux/kvm.h. */
static const char *cap_name(unsigned int cap)
{
	switch (cap) {
	case KVM_CAP_USER_MEMORY2:
		return "user_memory2";
	case KVM_CAP_MEMORY_FAULT_INFO:
		return "memory_fault_info";
	case KVM_CAP_MEMORY_ATTRIBUTES:
		return "memory_attributes";
	case KVM_CAP_GUEST_MEMFD:
		return "guest_memfd";
	case KVM_CAP_VM_TYPES:
		return "vm_types";
	case KVM_CAP_PRE_FAULT_MEMORY:
		return "pre_fault_memory";
	case KVM_CAP_X86_APIC_BUS_CYCLES_NS:
		return "x86_apic_bus_cycles_ns";
	case KVM_CAP_X86_GUEST_MODE:
		return "x86_guest_mode";
	case KVM_CAP_ARM_WRITABLE_IMP_ID_REGS:
		return "arm_writable_imp_id_regs";
	case KVM_CAP_ARM_EL2:
		return "arm_el2";
	case KVM_CAP_ARM_EL2_E2H0:
		return "arm_el2_e2h0";
	case KVM_CAP_RISCV_MP_STATE_RESET:
		return "riscv_mp_state_reset";
	case KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED:
		return "arm_cacheable_pfnmap";
	case KVM_CAP_GUEST_MEMFD_FLAGS:
		return "guest_memfd_flags";
	default:
		return "unnamed";
	}
}

static json_t *kvm_capabilities(const json_t *types)
{
	json_t *list = json_array();

	for (unsigned int cap = 231; cap <= 244; cap++) {
		long system = gm_platform_cap(GM_SYSTEM_SCOPE, cap);
		json_t *vm = json_object();
		const struct gm_vm_type *t;

		for (size_t i = 0; (t = gm_platform_vm_type(i)); i++) {
			const json_t *known = json_array_get(types, i);

			if (json_is_true(json_object_get(known, "creatable")))
				json_object_set_new(vm, t->name,
						    json_integer(gm_platform_cap(t->type, cap)));
		}
		json_array_append_new(
			list, json_pack("{s:i, s:s, s:o, s:o}", "number", cap, "name",
					cap_name(cap), "system",
					system < 0 ? json_null() : json_integer(system), "vm", vm));
	}
	return list;
}

static json_t *statistics(void)
{
	return json_pack("{s:b, s:b, s:b}", "pages_4k", gm_platform_vm_stat("pages_4k"), "pages_2m",
			 gm_platform_vm_stat("pages_2m"), "pages_1g",
			 gm_platform_vm_stat("pages_1g"));
}

static const char *module_now;

static void add_parameter(const char *name, json_t *into)
{
	char value[128];

	if (gm_platform_param(module_now, name, value, sizeof(value)))
		json_object_set_new(into, name, text(value));
}

static void add_module(const char *name, json_t *into)
{
	json_t *values;
	char dir[320];

	/* kvm and vendor modules like kvm_amd and kvm_intel. */
	if (strcmp(name, "kvm") && strncmp(name, "kvm_", 4))
		return;
	values = json_object();
	module_now = name;
	snprintf(dir, sizeof(dir), "/sys/module/%s/parameters", name);
	for_names(dir, add_parameter, values);
	if (json_object_size(values))
		json_object_set_new(into, name, values);
	else
		json_decref(values);
}

static void add_pool(const char *name, json_t *into)
{
	char dir[320];
	int kib;

	if (sscanf(name, "hugepages-%dkB", &kib) != 1)
		return;
	snprintf(dir, sizeof(dir), "/sys/kernel/mm/hugepages/%s", name);
	json_array_append_new(into, json_pack("{s:i, s:o, s:o, s:o, s:o}", "kib", kib, "total",
					      number_in(dir, "nr_hugepages"), "free",
					      number_in(dir, "free_hugepages"), "reserved",
					      number_in(dir, "resv_hugepages"), "surplus",
					      number_in(dir, "surplus_hugepages")));
}

static void add_device(const char *name, json_t *into)
{
	char path[320], vendor[16] = "", device[16] = "", line[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vendor", name);
	read_line(path, vendor, sizeof(vendor));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/device", name);
	read_line(path, device, sizeof(device));
	if (vendor[0] && device[0])
		snprintf(line, sizeof(line), "%.64s [%s:%s]", name, vendor + 2, device + 2);
	else
		snprintf(line, sizeof(line), "%.127s", name);
	json_array_append_new(into, text(line));
}

static void add_group(const char *name, json_t *into)
{
	json_t *devices = json_array();
	char path[320], type[32];
	bool known;

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%.64s/type", name);
	known = read_line(path, type, sizeof(type));
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%.64s/devices", name);
	for_names(path, add_device, devices);
	json_array_append_new(into, json_pack("{s:o, s:o, s:o}", "group", text(name), "type",
					      text(known ? type : NULL), "devices", devices));
}

static json_t *collect(const char *dir, void (*each)(const char *name, json_t *into), json_t *into)
{
	for_names(dir, each, into);
	return into;
}

static bool creatable(const json_t *types, const char *name)
{
	const json_t *t;
	size_t i;

	json_array_foreach(types, i, t) {
		if (!strcmp(json_string_value(json_object_get(t, "name")), name))
			return json_is_true(json_object_get(t, "creatable"));
	}
	return false;
}

static void add_profile(json_t *list, const char *name, const char *what, json_t *testable,
			const char *remedy)
{
	bool gap = !json_is_true(testable);

	json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "name", name, "what", what,
					      "testable", testable, "remedy",
					      gap ? text(remedy) : json_null()));
}

static void add_need_profile(json_t *list, const char *name, const char *what, enum gm_need n)
{
	add_profile(list, name, what, json_boolean(gm_platform_has(n)), gm_need_remedy(n));
}

/*
 * Testable if the platform has all needs of the provider's cases; else the remedy is the first
 * gap's.
 */
static void add_provider_profile(json_t *list, const char *what, enum gm_provider_id p)
{
	for (unsigned int n = 0; n < GM_NEED_NR; n++) {
		if (!(gm_provider_needs(p) & (1ULL << n)) || gm_platform_has(n))
			continue;
		add_profile(list, gm_provider_profile(p), what, json_false(), gm_need_remedy(n));
		return;
	}
	add_profile(list, gm_provider_profile(p), what, json_true(), "");
}

static json_t *profiles(const json_t *types)
{
	uint64_t flags = gm_platform_gmem_flags(gm_platform_vm_type(0)->type);
	/* More flags than the two of 7.3: a new feature, but the bits do not tell which one. */
	json_t *more = flags & ~3ULL ? json_null() : json_false();
	json_t *list = json_array();

	add_provider_profile(list, "x86 SW_PROTECTED VM, converted by attributes of the VM",
			     GM_PROVIDER_ATTRIBUTES);
	add_need_profile(list, "P1", "guest_memfd, MMAP and INIT_SHARED, ordinary VM",
			 GM_NEED_INIT_SHARED);
	add_need_profile(list, "P1p", "guest_memfd, MMAP alone, ordinary VM", GM_NEED_GMEM_MMAP);
	add_provider_profile(list, "arm64 pKVM protected VM, converted by its guest",
			     GM_PROVIDER_PKVM);
	add_provider_profile(list, "x86 SW_PROTECTED VM, converted in place by its guest_memfd",
			     GM_PROVIDER_INPLACE);
	add_profile(list, "P4", "guest_memfd backed by hugetlb", json_incref(more),
		    flags ? "a kernel with guest_memfd on hugetlb (out of tree so far)"
			  : gm_need_remedy(GM_NEED_GMEM));
	add_profile(list, "P5", "guest_memfd without direct map", more,
		    flags ? "a kernel with the series that removes the direct map"
			  : gm_need_remedy(GM_NEED_GMEM));
	add_need_profile(list, "P6", "iommufd maps guest_memfd by fd", GM_NEED_MAP_GMEM);
	add_profile(
		list, "HW", "SNP, TDX or CCA host",
		json_boolean(creatable(types, "snp") || creatable(types, "tdx")),
		strcmp(gm_arch_name, "x86")
			? "a host with CCA, and a kernel with realm VMs (no upstream interface so far)"
			: "SEV-SNP or TDX, on in the firmware and by kvm_amd.sev_snp=1 or kvm_intel.tdx=1");
	add_profile(list, "IO", "iommufd with the mock, or a device behind an IOMMU",
		    json_boolean(gm_platform_has(GM_NEED_IOMMUFD_TEST) ||
				 (gm_platform_has(GM_NEED_IOMMUFD) &&
				  gm_platform_has(GM_NEED_VFIO_EDU))),
		    gm_need_remedy(GM_NEED_IOMMUFD_TEST));
	return list;
}

json_t *gm_inventory(void)
{
	json_t *types = vm_types();

	return json_pack(
		"{s:s, s:s, s:b, s:i, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"version", GM_VERSION, "arch", gm_arch_name, "nested", gm_platform_nested(),
		"page_size", (int)sysconf(_SC_PAGESIZE), "icache_coherent",
		gm_platform_icache_coherent(), "kernel", kernel(), "user", user(), "profiles",
		profiles(types), "needs", needs(), "vm_types", types, "kvm_capabilities",
		kvm_capabilities(types), "statistics", statistics(), "parameters",
		collect("/sys/module", add_module, json_object()), "huge_pages",
		collect("/sys/kernel/mm/hugepages", add_pool, json_array()), "iommu_groups",
		collect("/sys/kernel/iommu_groups", add_group, json_array()));
}
