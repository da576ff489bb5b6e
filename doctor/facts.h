/* SPDX-License-Identifier: GPL-2.0-only */
/* What the doctor knows, as one JSON tree: --json prints it, the table is drawn from it. */
#ifndef GM_DOCTOR_FACTS_H
#define GM_DOCTOR_FACTS_H

#include <jansson.h>

/*
 * Everything, probed now. The caller owns the reference. NULL only when memory is short.
 *	version, arch, nested, page_size
 *	kernel	{ release, version, machine, command_line }
 *	user	{ uid, capabilities[] }
 *	profiles[] { name, what, testable (null: cannot be found out), remedy }
 *	needs[]	{ name, text, has, reason, remedy }
 *	vm_types[] { name, type, creatable, guest_memfd, flags (a hex word), flag_bits[] }
 *	kvm_capabilities[] { number, name, system, vm { <type name>: value } }
 *	statistics { pages_4k, pages_2m, pages_1g }
 *	parameters { <module>: { <name>: value } }
 *	huge_pages[] { kib, total, free, reserved, surplus }
 *	iommu_groups[] { group, type, devices[] }
 */
json_t *gm_facts(void);

#endif
