// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's touch of userspace_addr that is a huge page, or a part of one while dirty pages are
 * logged, with failing allocations. A refused touch leaves the pool of huge pages as it was.
 */
#include <sys/mman.h>

#include "fail.h"

#define AT 130UL /* the page of the slot that the guest touches */

static int set_at(struct fail_sweep *s, uint64_t gpa, uint32_t flags)
{
	return __gm_slot_set(s->w->vm, FAIL_OTHER_SLOT, flags, gpa, s->mem->size, s->mem->hva, -1,
			     0);
}

static int set(struct fail_sweep *s, uint32_t flags)
{
	return set_at(s, FAIL_OTHER, flags);
}

static void delete_slot(struct fail_sweep *s)
{
	if (gm_slot_at(s->w->vm, FAIL_OTHER) || gm_slot_at(s->w->vm, FAIL_THIRD))
		gm_slot_delete(s->w->vm, FAIL_OTHER_SLOT);
}

static void once(struct fail_sweep *s)
{
	struct gm_op op = { .code = GM_OP_NOP };

	gm_pool_read(&s->pool, GM_2M);
	s->mem = gm_mem_new(s->op->mem, FAIL_OTHER_SIZE);
	gm_vm_map(s->w->vm, FAIL_OTHER, s->mem->size, GM_2M);
	gm_vm_map(s->w->vm, FAIL_THIRD, s->mem->size, GM_2M);
	gm_run(s->w->vm, 0, &op, 1);
}

static void end(struct fail_sweep *s)
{
	delete_slot(s);
	gm_mem_free(s->mem);
	s->mem = NULL;
	gm_pool_expect(&s->pool, 0, 0, "the memory is unmapped");
}

static void drop(struct fail_sweep *s)
{
	if (s->mem->fd >= 0)
		gm_gmem_punch(s->mem->fd, 0, s->mem->size);
	else
		GM_SETUP_OK(madvise(s->mem->hva, s->mem->size, MADV_DONTNEED));
}

/* The touch: reads zero in one page, and writes it. */
static void post(struct fail_sweep *s)
{
	struct gm_op op[2] = {
		{ .code = GM_OP_CHECK_ZERO, .addr = FAIL_OTHER + AT * PG, .nr = 1 },
		{ .code = GM_OP_FILL,
		  .addr = FAIL_OTHER + AT * PG,
		  .nr = 1,
		  .writer = GM_WRITER_GUEST },
	};

	op[1].gen = s->gen = gm_fixture_gen(s->w);
	gm_post(s->w->vm, 0, op, 2);
}

/* No page is allocated, and the slot is new, so that KVM has no page tables for it. */
static void prepare_empty(struct fail_sweep *s)
{
	delete_slot(s);
	drop(s);
	GM_SETUP_OK(set(s, 0));
	post(s);
}

static int enter(struct fail_sweep *s)
{
	return gm_enter(s->w->vm, 0, &s->exit);
}

/* Huge pages in use: all or none of those of a slot that is hugetlb. */
static void check_pool(struct fail_sweep *s, bool touched, const char *when)
{
	long all = s->mem->size / GM_2M, used = touched;

	if (s->mem->kind == GM_MEM_HUGE_2M)
		gm_pool_expect(&s->pool, used, all - used, when);
}

static void touched(struct fail_sweep *s)
{
	struct gm_mbox *box = &s->w->vm->mbox[0];
	uint8_t *hva = s->mem->hva + AT * PG;

	if (!gm_arch_is_yield(s->w->vm->vcpu[0])) {
		GM_FAIL("step %u: %s", s->n, gm_exit_str(&s->exit));
		return;
	}
	GM_EXPECT_EQ(box->done, 2, "step %u: operations done", s->n);
	GM_EXPECT(!box->op[0].bad, "step %u: the guest reads %#lx, expected 0", s->n,
		  box->op[0].observed);
	check_pool(s, true, "the page is touched");
	gm_host_check(hva, GFN(FAIL_OTHER) + AT, 1, GM_WRITER_GUEST, s->gen, "the touched page");
	gm_host_check_zero(hva - PG, 1, "the page before it");
	gm_host_check_zero(hva + PG, 1, "the page after it");
	gm_guest_check(s->w->vm, 1, FAIL_OTHER + AT * PG, 1, GM_WRITER_GUEST, s->gen,
		       "the touched page");
}

static void not_touched(struct fail_sweep *s, int err)
{
	check_pool(s, false, "a refused touch");
	GM_EXPECT_OK(enter(s), "the next KVM_RUN, after step %u failed", s->n);
	if (!gm_failures())
		touched(s);
}

/* --- the log is enabled, which splits huge mappings --- */

static uint64_t bitmap[FAIL_OTHER_PAGES / 64];

static void get_log(struct fail_sweep *s)
{
	struct kvm_dirty_log log = { .slot = FAIL_OTHER_SLOT, .dirty_bitmap = bitmap };

	memset(bitmap, 0, sizeof(bitmap));
	GM_SETUP_OK(ioctl(s->w->vm->kvm->fd, KVM_GET_DIRTY_LOG, &log));
}

/* The slot is new, all of it is mapped huge, the log is not on yet, and page AT is zero. */
static void map_huge(struct fail_sweep *s)
{
	delete_slot(s);
	memset(s->mem->hva + AT * PG, 0, PG);
	GM_SETUP_OK(set(s, 0));
	gm_guest_touch(s->w->vm, 1, FAIL_OTHER, s->mem->size, PG);
}

/* Expects that the log has exactly this page. */
static void expect_log(struct fail_sweep *s, uint64_t page)
{
	get_log(s);
	for (uint64_t i = 0; i < FAIL_OTHER_PAGES; i++)
		GM_EXPECT_EQ(bitmap[i / 64] >> i % 64 & 1, i == page,
			     "step %u: page %lu in the dirty log", s->n, i);
}

static void touched_logged(struct fail_sweep *s)
{
	touched(s);
	if (!gm_failures())
		expect_log(s, AT);
}

static int log_on(struct fail_sweep *s)
{
	return set(s, KVM_MEM_LOG_DIRTY_PAGES);
}

/* Expects that a write is logged, by whichever size the page was mapped before it. */
static void log_is_on(struct fail_sweep *s)
{
	get_log(s);
	post(s);
	GM_EXPECT_OK(enter(s), "step %u", s->n);
	if (!gm_failures())
		touched_logged(s);
}

static void log_not_on(struct fail_sweep *s, int err)
{
	struct kvm_dirty_log log = { .slot = FAIL_OTHER_SLOT, .dirty_bitmap = bitmap };

	GM_EXPECT_ERRNO(ENOENT, ioctl(s->w->vm->kvm->fd, KVM_GET_DIRTY_LOG, &log),
			"the dirty log of a slot without one");
	GM_EXPECT_OK(log_on(s), "the same call, after step %u failed", s->n);
	if (!gm_failures())
		log_is_on(s);
}

/* --- a logged slot moves --- */

#define BEFORE 7UL /* pages that the guest writes before and after the move */
#define AFTER 9UL

/* vCPU 1 writes a page of the slot at gpa. */
static void write_page(struct fail_sweep *s, uint64_t gpa, uint64_t page)
{
	struct gm_op op = { .code = GM_OP_FILL,
			    .addr = gpa + page * PG,
			    .nr = 1,
			    .writer = GM_WRITER_GUEST,
			    .gen = s->gen,
			    .gfn_delta = GFN(FAIL_OTHER) - GFN(gpa) };

	gm_run(s->w->vm, 1, &op, 1);
}

static void prepare_move(struct fail_sweep *s)
{
	map_huge(s);
	GM_SETUP_OK(set(s, KVM_MEM_LOG_DIRTY_PAGES));
	get_log(s);
	s->gen = gm_fixture_gen(s->w);
	write_page(s, FAIL_OTHER, BEFORE);
}

static int move(struct fail_sweep *s)
{
	return set_at(s, FAIL_THIRD, KVM_MEM_LOG_DIRTY_PAGES);
}

/* What was dirty before the move is dirty after it. */
static void moved(struct fail_sweep *s)
{
	struct gm_op op = { .code = GM_OP_READ, .addr = FAIL_OTHER + BEFORE * PG };
	struct gm_exit ex;

	GM_EXPECT(!__gm_run(s->w->vm, 1, &op, 1, &ex, NULL) && ex.reason == KVM_EXIT_MMIO,
		  "step %u: the guest still has memory where the slot was", s->n);
	expect_log(s, BEFORE);
	op.addr = FAIL_THIRD + BEFORE * PG;
	gm_run(s->w->vm, 1, &op, 1);
	GM_EXPECT_EQ(op.val, gm_word(GFN(FAIL_OTHER) + BEFORE, GM_WRITER_GUEST, s->gen, 0),
		     "step %u: the first word of the page at its new place", s->n);
	get_log(s); /* which a read may have filled */
	write_page(s, FAIL_THIRD, AFTER);
	expect_log(s, AFTER);
}

static void not_moved(struct fail_sweep *s, int err)
{
	expect_log(s, BEFORE);
	gm_guest_check(s->w->vm, 1, FAIL_OTHER + BEFORE * PG, 1, GM_WRITER_GUEST, s->gen,
		       "a slot that was not moved");
	get_log(s);
	write_page(s, FAIL_OTHER, BEFORE);
	GM_EXPECT_OK(move(s), "the same call, after step %u failed", s->n);
	if (!gm_failures())
		moved(s);
}

#define HUGE .memory = FAIL_P1, .user_pages = true, .once = once, .end = end
#define RUN .clause = "fail.run", .err = { ENOMEM, EFAULT }, .call = enter
#define THP .mem = GM_MEM_THP, .needs = GM_NEEDS(THP)
#define MOVE                                                                                       \
	.clause = "fail.slot", .err = { ENOMEM }, .prepare = prepare_move, .call = move,           \
	.refused = not_moved, .done = moved
#define POOL .mem = GM_MEM_HUGE_2M, .needs = GM_NEEDS(PAGES_4K)

const struct fail_op fail_huge_ops[] = {
	{ .name = "run.thp",
	  HUGE,
	  RUN,
	  THP,
	  .survives = true,
	  .prepare = prepare_empty,
	  .refused = not_touched,
	  .done = touched,
	  .text = "the guest touches transparent huge memory not allocated yet: KVM_RUN fails, and the next one continues" },
	{ .name = "run.hugetlb",
	  /* With all later ones a reservation that is to come back may be lost (mm/hugetlb.c). */
	  .alone = true,
	  HUGE,
	  RUN,
	  POOL,
	  .survives = true,
	  .prepare = prepare_empty,
	  .refused = not_touched,
	  .done = touched,
	  .text = "the guest touches a huge page not allocated yet: KVM_RUN fails, the pool has all its pages, and the next one continues" },
	{ .name = "slot.log_thp",
	  HUGE,
	  THP,
	  .clause = "fail.slot",
	  .err = { ENOMEM },
	  .prepare = map_huge,
	  .call = log_on,
	  .refused = log_not_on,
	  .done = log_is_on,
	  .text = "dirty logging of memory mapped as 2 MiB is enabled: there is no log, or an exact one" },
	{ .name = "slot.log_hugetlb",
	  .alone = true,
	  HUGE,
	  POOL,
	  .clause = "fail.slot",
	  .err = { ENOMEM },
	  .prepare = map_huge,
	  .call = log_on,
	  .refused = log_not_on,
	  .done = log_is_on,
	  .text = "dirty logging of huge pages is enabled: there is no log, or an exact one" },
	{ .name = "slot.move_thp",
	  HUGE,
	  THP,
	  MOVE,
	  .text = "a logged slot of memory that was mapped as 2 MiB is moved: it stays with its log, or moves with it" },
	{ .name = "slot.move_hugetlb",
	  .alone = true,
	  HUGE,
	  POOL,
	  MOVE,
	  .text = "a logged slot of huge pages is moved: it stays with its log, or moves with it" },
	{},
};
