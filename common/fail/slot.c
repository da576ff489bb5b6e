// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes of slots with failing allocations: the slot does not change, and its range and number can
 * be used.
 */
#include <errno.h>

#include "fail.h"

#define GEN 77

static int set(struct fail_sweep *s, uint32_t id, uint32_t flags, uint64_t gpa, uint64_t size)
{
	return __gm_slot_set(s->w->vm, id, flags, gpa, size, s->mem ? s->mem->hva : NULL, s->gmem,
			     0);
}

static void set_ok(struct fail_sweep *s, uint32_t flags, uint64_t gpa, uint64_t size)
{
	GM_EXPECT_OK(set(s, FAIL_OTHER_SLOT, flags, gpa, size), "step %u", s->n);
}

/* Expects that vCPU 1 reads at gpa the words that the guest wrote at FAIL_OTHER. */
static void expect_data(struct fail_sweep *s, uint64_t gpa, const char *when)
{
	struct gm_op op = { .code = GM_OP_CHECK,
			    .addr = gpa,
			    .nr = FAIL_OTHER_PAGES,
			    .writer = GM_WRITER_GUEST,
			    .gen = GEN,
			    .stride = 128,
			    .gfn_delta = GFN(FAIL_OTHER) - GFN(gpa) };

	gm_run(s->w->vm, 1, &op, 1);
	GM_EXPECT(!op.bad, "step %u, %s: the guest reads %#lx, expected %#lx", s->n, when,
		  op.observed, op.expected);
}

/* Expects that the range is free: another slot can be created there. */
static void expect_free(struct fail_sweep *s, uint64_t gpa)
{
	struct gm_mem *mem = s->mem;
	int ret;

	ret = __gm_slot_set(s->w->vm, FAIL_OTHER_SLOT + 1, 0, gpa, FAIL_OTHER_SIZE, mem->hva, -1,
			    0);
	GM_EXPECT(!ret, "step %u: a slot at %#lx: %s", s->n, gpa, gm_errno_name(errno));
	GM_EXPECT_ERRNO(EEXIST,
			__gm_slot_set(s->w->vm, FAIL_OTHER_SLOT + 2, 0, gpa, PG, mem->hva, -1, 0),
			"a slot over it");
	if (!ret)
		gm_slot_delete(s->w->vm, FAIL_OTHER_SLOT + 1);
}

/* Expects that the range is in use: no other slot can have it or the file. */
static void expect_in_use(struct fail_sweep *s, uint64_t gpa)
{
	GM_EXPECT_ERRNO(EEXIST, set(s, FAIL_OTHER_SLOT + 1, 0, gpa + FAIL_OTHER_SIZE - PG, PG),
			"a slot over the last page");
	if (s->gmem >= 0)
		GM_EXPECT_ERRNO(EEXIST, set(s, FAIL_OTHER_SLOT + 1, 0, FAIL_THIRD, PG),
				"the file bound a second time");
}

static void once_ordinary(struct fail_sweep *s)
{
	s->mem = gm_mem_new(GM_MEM_ANON, FAIL_OTHER_SIZE);
	gm_host_fill(s->mem->hva, GFN(FAIL_OTHER), FAIL_OTHER_PAGES, GM_WRITER_GUEST, GEN);
	gm_vm_map(s->w->vm, FAIL_OTHER, FAIL_OTHER_SIZE, GM_2M);
	gm_vm_map(s->w->vm, FAIL_THIRD, FAIL_OTHER_SIZE, GM_2M);
}

static void once_ordinary_slot(struct fail_sweep *s)
{
	once_ordinary(s);
	set_ok(s, 0, FAIL_OTHER, FAIL_OTHER_SIZE);
}

static void end_ordinary(struct fail_sweep *s)
{
	if (gm_slot_at(s->w->vm, FAIL_OTHER))
		gm_slot_delete(s->w->vm, FAIL_OTHER_SLOT);
	gm_mem_free(s->mem);
	s->mem = NULL;
}

/* --- an ordinary slot: created, deleted, moved, logged --- */

static int create(struct fail_sweep *s)
{
	return set(s, FAIL_OTHER_SLOT, 0, FAIL_OTHER, FAIL_OTHER_SIZE);
}

static void not_created(struct fail_sweep *s, int err)
{
	expect_free(s, FAIL_OTHER);
}

static void created(struct fail_sweep *s)
{
	expect_data(s, FAIL_OTHER, "a new slot");
	expect_in_use(s, FAIL_OTHER);
}

static int delete (struct fail_sweep *s)
{
	return set(s, FAIL_OTHER_SLOT, 0, FAIL_OTHER, 0);
}

static void undo_create(struct fail_sweep *s)
{
	gm_slot_delete(s->w->vm, FAIL_OTHER_SLOT);
}

static void not_deleted(struct fail_sweep *s, int err)
{
	expect_data(s, FAIL_OTHER, "a slot that was not deleted");
	expect_in_use(s, FAIL_OTHER);
}

static void deleted(struct fail_sweep *s)
{
	expect_free(s, FAIL_OTHER);
}

static void undo_delete(struct fail_sweep *s)
{
	set_ok(s, 0, FAIL_OTHER, FAIL_OTHER_SIZE);
	expect_data(s, FAIL_OTHER, "the slot created again");
}

static int move(struct fail_sweep *s)
{
	return set(s, FAIL_OTHER_SLOT, 0, FAIL_THIRD, FAIL_OTHER_SIZE);
}

static void not_moved(struct fail_sweep *s, int err)
{
	expect_data(s, FAIL_OTHER, "a slot that was not moved");
	expect_in_use(s, FAIL_OTHER);
	expect_free(s, FAIL_THIRD);
}

static void moved(struct fail_sweep *s)
{
	expect_data(s, FAIL_THIRD, "a slot that was moved");
	expect_free(s, FAIL_OTHER);
	set_ok(s, 0, FAIL_OTHER, FAIL_OTHER_SIZE);
	expect_data(s, FAIL_OTHER, "a slot that was moved back");
}

static int log_on(struct fail_sweep *s)
{
	return set(s, FAIL_OTHER_SLOT, KVM_MEM_LOG_DIRTY_PAGES, FAIL_OTHER, FAIL_OTHER_SIZE);
}

static uint64_t bitmap[FAIL_OTHER_PAGES / 64];

static int get_log(struct fail_sweep *s)
{
	struct kvm_dirty_log log = { .slot = FAIL_OTHER_SLOT, .dirty_bitmap = bitmap };

	memset(bitmap, 0, sizeof(bitmap));
	return ioctl(s->w->vm->kvm->fd, KVM_GET_DIRTY_LOG, &log);
}

static void log_not_on(struct fail_sweep *s, int err)
{
	expect_data(s, FAIL_OTHER, "a slot whose flags did not change");
	GM_EXPECT_ERRNO(ENOENT, get_log(s), "the dirty log of a slot without one");
}

/* Expects that the log has exactly the page that the guest writes. */
static void log_is_on(struct fail_sweep *s)
{
	struct gm_op op = { .code = GM_OP_FILL,
			    .addr = FAIL_OTHER + 130 * PG,
			    .nr = 1,
			    .writer = GM_WRITER_GUEST,
			    .gen = GEN };

	expect_data(s, FAIL_OTHER, "a slot that is logged");
	GM_EXPECT_OK(get_log(s), "step %u", s->n);
	gm_run(s->w->vm, 1, &op, 1);
	GM_EXPECT_OK(get_log(s), "step %u", s->n);
	for (unsigned int i = 0; i < ARRAY_SIZE(bitmap); i++)
		GM_EXPECT_EQ(bitmap[i], i == 2 ? 4UL : 0UL, "step %u: word %u of the log", s->n, i);
	set_ok(s, 0, FAIL_OTHER, FAIL_OTHER_SIZE);
}

/* --- a slot of a second guest_memfd --- */

static void once_gmem(struct fail_sweep *s)
{
	struct gm_vm *vm = s->w->vm;

	s->gmem = gm_gmem_new(vm, FAIL_OTHER_SIZE, s->w->file.flags);
	gm_vm_map(vm, FAIL_OTHER, FAIL_OTHER_SIZE, GM_2M);
	set_ok(s, 0, FAIL_OTHER, FAIL_OTHER_SIZE);
	if (s->w->provider)
		gm_convert(vm, FAIL_OTHER, FAIL_OTHER_SIZE, true);
	gm_guest_fill(vm, 1, FAIL_OTHER, FAIL_OTHER_PAGES, GM_WRITER_GUEST, GEN);
}

static void end_gmem(struct fail_sweep *s)
{
	if (gm_slot_at(s->w->vm, FAIL_OTHER))
		gm_slot_delete(s->w->vm, FAIL_OTHER_SLOT);
	close(s->gmem);
}

/* Expects that its file can be bound elsewhere. */
static void gmem_deleted(struct fail_sweep *s)
{
	GM_EXPECT_OK(set(s, FAIL_OTHER_SLOT + 1, 0, FAIL_THIRD, FAIL_OTHER_SIZE), "step %u", s->n);
	if (!gm_failures())
		gm_slot_delete(s->w->vm, FAIL_OTHER_SLOT + 1);
}

static void bound_again(struct fail_sweep *s)
{
	not_deleted(s, 0);
}

static void not_bound_again(struct fail_sweep *s, int err)
{
	gmem_deleted(s);
	undo_delete(s);
}

#define SLOT .clause = "fail.slot", .err = { ENOMEM }

const struct fail_op fail_slot_ops[] = {
	{ .name = "slot.create",
	  .memory = FAIL_P1 | FAIL_ATTRIBUTES,
	  SLOT,
	  .once = once_ordinary,
	  .call = create,
	  .refused = not_created,
	  .done = created,
	  .undo = undo_create,
	  .end = end_ordinary,
	  .text = "a slot without guest_memfd is created: its number and range stay free" },
	{ .name = "slot.delete",
	  .memory = FAIL_P1 | FAIL_ATTRIBUTES,
	  SLOT,
	  .once = once_ordinary_slot,
	  .call = delete,
	  .refused = not_deleted,
	  .done = deleted,
	  .undo = undo_delete,
	  .end = end_ordinary,
	  .text = "a slot without guest_memfd is deleted: it stays, with its data" },
	{ .name = "slot.move",
	  .memory = FAIL_P1 | FAIL_ATTRIBUTES,
	  SLOT,
	  .once = once_ordinary_slot,
	  .call = move,
	  .refused = not_moved,
	  .done = moved,
	  .end = end_ordinary,
	  .text = "a slot without guest_memfd is moved: it stays where it is, and the new range stays free" },
	{ .name = "slot.log",
	  .memory = FAIL_P1 | FAIL_ATTRIBUTES,
	  SLOT,
	  .once = once_ordinary_slot,
	  .call = log_on,
	  .refused = log_not_on,
	  .done = log_is_on,
	  .end = end_ordinary,
	  .text = "dirty logging is enabled: there is no log, or an exact one" },
	{ .name = "slot.unbind",
	  .memory = FAIL_EACH,
	  SLOT,
	  .once = once_gmem,
	  .call = delete,
	  .refused = not_deleted,
	  .done = gmem_deleted,
	  .undo = undo_delete,
	  .end = end_gmem,
	  .text = "a slot of a guest_memfd is deleted: it stays, its file bound, with its data" },
	{ .name = "slot.rebind",
	  .memory = FAIL_EACH,
	  SLOT,
	  .once = once_gmem,
	  .prepare = undo_create,
	  .call = create,
	  .refused = not_bound_again,
	  .done = bound_again,
	  .end = end_gmem,
	  .text = "a file that was bound before is bound again: no page of it stays bound" },
	{},
};
