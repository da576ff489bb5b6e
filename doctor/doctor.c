// SPDX-License-Identifier: GPL-2.0-only
/*
 * gm-doctor: prints what this machine can test, what it cannot test, and a remedy for each gap.
 *
 * Works as an ordinary user and without /dev/kvm, and changes nothing. Exit status 0; 2 for wrong
 * usage or if the output cannot be written.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory.h"

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static long long num(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static bool yes(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static const char *answer(const json_t *o, const char *key)
{
	return json_is_null(json_object_get(o, key)) ? "?" : yes(o, key) ? "yes" : "no";
}

/* Prints one row of the table; a gap has a second line with the remedy. */
static void row(const json_t *o, const char *has, const char *what)
{
	printf("  %-3s  %-20s %s\n", answer(o, has), str(o, "name"), str(o, what));
	if (!yes(o, has))
		printf("       %-20s -> %s\n", "", str(o, "remedy"));
}

static size_t rows(const char *title, const json_t *list, const char *has, const char *what)
{
	size_t i, held = 0;
	const json_t *o;

	printf("\n%s\n", title);
	json_array_foreach(list, i, o) {
		row(o, has, what);
		held += yes(o, has);
	}
	return held;
}

static void print_kernel(const json_t *f)
{
	const json_t *kernel = json_object_get(f, "kernel"), *user = json_object_get(f, "user");

	printf("kvm-gmem-tests %s\n", str(f, "version"));
	printf("  kernel     %s %s (%s)\n", str(kernel, "release"), str(kernel, "machine"),
	       str(kernel, "version"));
	printf("  runs       as %s (%s), pages of %lld bytes\n", str(f, "arch"),
	       yes(f, "nested") ? "under a hypervisor" : "no hypervisor seen", num(f, "page_size"));
	if (!strcmp(str(f, "arch"), "arm64"))
		printf("  caches     %s\n",
		       yes(f, "icache_coherent")
			       ? "CTR_EL0.DIC: cases that run new code say nothing of KVM's maintenance"
			       : "no CTR_EL0.DIC: KVM has to maintain the instruction cache");
	printf("  user       uid %lld with %zu capabilities\n", num(user, "uid"),
	       json_array_size(json_object_get(user, "capabilities")));
}

static void print_vm_types(const json_t *types)
{
	const json_t *t, *bit;
	size_t i, k;

	printf("\nVM types, and the guest_memfd flags that each accepts (all 64 bits tried)\n");
	json_array_foreach(types, i, t) {
		printf("  %-3s  %-20s %-11s ", answer(t, "creatable"), str(t, "name"),
		       str(t, "type"));
		if (!yes(t, "creatable")) {
			printf("not offered\n");
			continue;
		}
		if (!yes(t, "guest_memfd")) {
			printf("no guest_memfd\n");
			continue;
		}
		printf("flags %s:", str(t, "flags"));
		json_array_foreach(json_object_get(t, "flag_bits"), k, bit) {
			long long n = json_integer_value(bit);

			if (n == 0)
				printf(" MMAP");
			else if (n == 1)
				printf(" INIT_SHARED");
			else
				printf(" bit %lld", n);
		}
		printf("\n");
	}
}

static void print_value(const char *scope, const json_t *value)
{
	if (json_is_integer(value))
		printf("  %s %lld", scope, json_integer_value(value));
	else
		printf("  %s -", scope);
}

static void print_capabilities(const json_t *caps)
{
	const json_t *c;
	size_t i;

	printf("\nKVM capabilities: /dev/kvm, then a VM of each type\n");
	json_array_foreach(caps, i, c) {
		json_t *value;
		const char *type;

		printf("  %lld  %-24s", num(c, "number"), str(c, "name"));
		print_value("system", json_object_get(c, "system"));
		json_object_foreach(json_object_get(c, "vm"), type, value) print_value(type, value);
		printf("\n");
	}
}

static void print_statistics(const json_t *stats)
{
	const char *name;
	json_t *value;

	printf("\nPage-size statistics of a VM\n ");
	json_object_foreach((json_t *)stats, name, value)
		printf(" %s %s ", name, json_is_true(value) ? "yes" : "no");
	printf("\n");
}

static void print_pools(const json_t *pools)
{
	const json_t *p;
	size_t i;

	printf("\nHuge page pools\n");
	json_array_foreach(pools, i, p)
		printf("  %8lld kB   %lld in all, %lld free, %lld reserved, %lld surplus\n",
		       num(p, "kib"), num(p, "total"), num(p, "free"), num(p, "reserved"),
		       num(p, "surplus"));
	if (!json_array_size(pools))
		printf("  none\n");
}

static void print_groups(const json_t *groups)
{
	const json_t *g, *d;
	size_t i, k;

	printf("\nIOMMU groups\n");
	json_array_foreach(groups, i, g) {
		printf("  %-4s %s", str(g, "group"), str(g, "type"));
		json_array_foreach(json_object_get(g, "devices"), k, d)
			printf("  %s", json_string_value(d));
		printf("\n");
	}
	if (!json_array_size(groups))
		printf("  none\n");
}

static void print_parameters(const json_t *modules)
{
	const char *module, *name;
	json_t *params, *value;

	printf("\nKernel parameters of KVM\n");
	json_object_foreach((json_t *)modules, module, params)
	{
		json_object_foreach(params, name, value)
			printf("  %s.%s=%s\n", module, name, json_string_value(value));
	}
	if (!json_object_size(modules))
		printf("  none\n");
}

static void print_table(const json_t *f)
{
	const json_t *profiles = json_object_get(f, "profiles"),
		     *needs = json_object_get(f, "needs");
	size_t profiles_held, needs_held;

	print_kernel(f);
	profiles_held =
		rows("Contract profiles that can be tested here", profiles, "testable", "what");
	needs_held = rows("What cases need", needs, "has", "text");
	print_vm_types(json_object_get(f, "vm_types"));
	print_capabilities(json_object_get(f, "kvm_capabilities"));
	print_statistics(json_object_get(f, "statistics"));
	print_pools(json_object_get(f, "huge_pages"));
	print_groups(json_object_get(f, "iommu_groups"));
	print_parameters(json_object_get(f, "parameters"));
	printf("\n%zu of %zu profiles, %zu of %zu needs. `make lab` boots a VM that has most of them.\n",
	       profiles_held, json_array_size(profiles), needs_held, json_array_size(needs));
}

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: gm-doctor [--json]\n"
		"Prints what this machine can test, what it cannot test, and a remedy for each gap.\n"
		"  --json   the same for programs\n"
		"  --help   this text\n");
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 {} };
	bool as_json = false;
	json_t *inventory;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			as_json = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "gm-doctor: %s: takes no arguments\n", argv[optind]);
		usage(stderr);
		return 2;
	}

	inventory = gm_inventory();
	if (!inventory) {
		fprintf(stderr, "gm-doctor: out of memory\n");
		return 2;
	}
	if (as_json) {
		json_dumpf(inventory, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_table(inventory);
	}
	json_decref(inventory);

	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "gm-doctor: cannot write to standard output\n");
		return 2;
	}
	return 0;
}
