/* SPDX-License-Identifier: GPL-2.0-only */
/* The inventory of this machine as one JSON tree, which --json and the table print. */
#ifndef GM_DOCTOR_INVENTORY_H
#define GM_DOCTOR_INVENTORY_H

#include <jansson.h>

/*
 * Probes everything. The caller owns the reference. NULL: out of memory.
 *	version, arch, nested, page_size
 *	kernel	{ release, version, machine, command_line }
 *	user	{ uid, capabilities[] }
 *	profiles[] { name, what, testable (null: unknown), remedy }; those of the contract
 *	needs[]	{ name, text, has, reason, remedy }
 *	vm_types[] { name, type, creatable, guest_memfd, flags (a hex word), flag_bits[] }
 *	kvm_capabilities[] { number, name, system, vm { <type name>: value } }
 *	statistics { pages_4k, pages_2m, pages_1g }
 *	parameters { <module>: { <name>: value } }
 *	huge_pages[] { kib, total, free, reserved, surplus }
 *	iommu_groups[] { group, type, devices[] }
 */
json_t *gm_inventory(void);

#endif
