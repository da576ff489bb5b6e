// SPDX-License-Identifier: GPL-2.0-only
/* Counts mapped pages by size on arm64, from KVM's stage-2 page-table dump in debugfs. */
#include "stage2.h"
#include "vm.h"

/*
 * arch/arm64/mm/ptdump.c, note_page(): START-END SIZE LEVEL, then attributes, "F" first if invalid.
 */
static bool count_line(const char *line, uint64_t gpa, uint64_t last, struct gm_page_counts *l)
{
	static const enum gm_size of_level[] = { GM_SIZE_NONE, GM_SIZE_1G, GM_SIZE_2M, GM_SIZE_4K };
	uint64_t start, end, bytes;
	char size[16], first[16];
	unsigned int level;
	enum gm_size s;

	if (sscanf(line, "0x%lx-0x%lx %15s %u %15s", &start, &end, size, &level, first) != 5)
		return true; /* a heading or a hole, without attributes */
	if (!strcmp(first, "F") || !strcmp(first, "BLK"))
		return true;
	/* With other granules, blocks have other sizes. */
	if (!level || level >= ARRAY_SIZE(of_level) || (level < 3 && GM_PAGE_SIZE != 4096))
		return false;
	s = of_level[level];
	/* Level 3 has pages of the kernel's page size. */
	bytes = s == GM_SIZE_4K ? GM_PAGE_SIZE : gm_size_bytes(s);
	/* One line is a run of entries of the same kind. */
	for (; start < end; start += bytes)
		if (start >= gpa && start <= last)
			l->pages[s]++;
	return true;
}

bool gm_stage2_count(struct gm_vm *vm, uint64_t gpa, uint64_t len, struct gm_page_counts *l)
{
	char path[96], line[256];
	FILE *f;

	memset(l, 0, sizeof(*l));
	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/stage2_page_tables", getpid(),
		 vm->kvm->fd);
	f = fopen(path, "r");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		GM_SETUP(count_line(line, gpa, gpa + len - 1, l), "%s: cannot parse: %s", path,
			 line);
	fclose(f);
	return true;
}

bool gm_arch_pagesize_read(struct gm_vm *vm, struct gm_page_counts *l)
{
	return gm_stage2_count(vm, 0, ~0UL, l);
}
