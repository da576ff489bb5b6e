// SPDX-License-Identifier: GPL-2.0-only
/* The long operations. */
#include <sys/ioctl.h>

#include "give_way.h"

static void hole(struct way *y)
{
	gm_gmem_punch(y->w->gmem, 0, WAY_SIZE);
}

static void convert(struct way *y)
{
	gm_convert(y->w->vm, y->gpa, WAY_SIZE, !y->op->private);
}

/* Converted pages are what they are for the other vCPU, too. */
static void check_converted(struct way *y)
{
	if (gm_fixture_one_memory(y->w) && !y->op->private)
		for (uint64_t i = 0; i < WAY_PAGES; i += 61)
			GM_EXPECT(!gm_host_sees(y->w->hva + i * PG),
				  "page %lu: private, and the host reads it", i);
}

static void drop_shared(struct way *y)
{
	GM_SETUP_OK(madvise(y->w->hva, WAY_SIZE, MADV_DONTNEED));
}

static void unmap_host(struct way *y)
{
	void *map = mmap(NULL, WAY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			 y->w->gmem, 0);

	GM_SETUP(map != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	GM_EXPECT_OK(munmap(map, WAY_SIZE));
}

static void delete_slot(struct way *y)
{
	gm_slot_delete(y->w->vm, RACE_SLOT);
}

/* --- an ordinary slot beside the fixture's --- */

#define LOG_GPA (WAY_GPA + GM_1G)

static void set_slot(struct way *y, uint32_t flags)
{
	gm_slot_set(y->w->vm, RACE_SLOT, flags, LOG_GPA, WAY_SIZE, y->mem->hva, -1, 0);
}

static void prepare_slot(struct way *y)
{
	y->mem = gm_mem_new(GM_MEM_ANON, WAY_SIZE);
	y->gpa = LOG_GPA;
	gm_vm_map(y->w->vm, LOG_GPA, WAY_SIZE, GM_2M);
	set_slot(y, 0);
}

static void check_deleted(struct way *y)
{
	for (uint64_t i = 0; i < WAY_PAGES && !gm_failures(); i += 63) {
		struct gm_op op = { .code = GM_OP_READ, .addr = LOG_GPA + i * PG };
		struct gm_exit ex;

		if (GM_EXPECT(!__gm_run(y->w->vm, 0, &op, 1, &ex, NULL),
			      "page %lu of the deleted slot: the guest reads %#lx", i, op.val))
			GM_EXPECT_EQ(ex.reason, KVM_EXIT_MMIO, "page %lu, exit reason", i);
	}
	set_slot(y, 0);
}

static void log_on(struct way *y)
{
	set_slot(y, KVM_MEM_LOG_DIRTY_PAGES);
}

/* The vCPU wrote every page after the log was on. */
static void check_log(struct way *y)
{
	static uint64_t bitmap[WAY_PAGES / 64];
	struct kvm_dirty_log log = { .slot = RACE_SLOT, .dirty_bitmap = bitmap };
	uint64_t missing = 0, first = 0;

	memset(bitmap, 0, sizeof(bitmap));
	GM_EXPECT_OK(ioctl(y->w->vm->kvm->fd, KVM_GET_DIRTY_LOG, &log));
	for (uint64_t i = 0; i < WAY_PAGES; i++)
		if (!(bitmap[i / 64] >> i % 64 & 1) && !missing++)
			first = i;
	GM_EXPECT(!missing, "%lu pages were written and are not in the log, the first is %lu",
		  missing, first);
}

static void drop_slot(struct way *y)
{
	GM_SETUP_OK(madvise(y->mem->hva, WAY_SIZE, MADV_DONTNEED));
}

const struct way_op way_ops[] = {
	{ .name = "hole",
	  .text = "a hole of 16 MiB",
	  .memory = RACE_P1 | RACE_SHARED,
	  .after = WAY_ZERO,
	  .run = hole },
	{ .name = "hole_private",
	  .text = "a hole of 16 MiB of private memory",
	  .memory = RACE_ATTRIBUTES | RACE_SHARED,
	  .private = true,
	  .after = WAY_ZERO,
	  .run = hole },
	{ .name = "to_private",
	  .text = "16 MiB become private",
	  .memory = RACE_ATTRIBUTES | RACE_SHARED,
	  .after = WAY_CONVERTED,
	  .run = convert,
	  .check = check_converted },
	{ .name = "to_shared",
	  .text = "16 MiB become shared",
	  .memory = RACE_ATTRIBUTES | RACE_SHARED,
	  .private = true,
	  .after = WAY_CONVERTED,
	  .run = convert },
	{ .name = "drop",
	  .text = "the host drops 16 MiB of shared memory",
	  .memory = RACE_ATTRIBUTES,
	  .after = WAY_ZERO,
	  .run = drop_shared },
	{ .name = "munmap",
	  .text = "a second mapping of 16 MiB of the file comes and goes",
	  .memory = RACE_P1 | RACE_SHARED,
	  .after = WAY_OLD,
	  .run = unmap_host },
	{ .name = "drop_slot",
	  .text = "the host drops 16 MiB of an ordinary slot",
	  .memory = RACE_P1,
	  .after = WAY_ZERO,
	  .prepare = prepare_slot,
	  .run = drop_slot },
	{ .name = "delete",
	  .text = "a slot of 16 MiB is deleted",
	  .memory = RACE_P1,
	  .after = WAY_NOTHING,
	  .prepare = prepare_slot,
	  .run = delete_slot,
	  .check = check_deleted },
	{ .name = "log",
	  .text = "16 MiB are write-protected for a dirty log",
	  .enough = 8,
	  .memory = RACE_P1,
	  .after = WAY_WRITES,
	  .prepare = prepare_slot,
	  .run = log_on,
	  .check = check_log },
	{},
};
