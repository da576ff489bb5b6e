// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's touch with failing allocations. KVM_RUN returns ENOMEM if the page belongs to the file,
 * and EFAULT if it belongs to userspace_addr; the next KVM_RUN continues.
 */
#include "fail.h"
#include "guest/guest.h"

/* Maps the vCPU's own code, stack and mailbox, so that only the touch allocates. */
static void warm_up(struct fail_sweep *s)
{
	struct gm_op op = { .code = GM_OP_NOP };

	gm_run(s->w->vm, 0, &op, 1);
}

/* Posts the touch: checks the content of n pages, then writes every word. */
static void post_pages(struct fail_sweep *s, uint64_t n)
{
	struct gm_fixture *w = s->w;
	uint64_t gfn = fail_gfn(s, 0);
	struct gm_content c = gm_model_guest(w->model, gfn);
	struct gm_op op[2] = {
		{ .code = c.writer ? GM_OP_CHECK : GM_OP_CHECK_ZERO,
		  .addr = GPA(gfn),
		  .nr = n,
		  .writer = c.writer,
		  .gen = c.gen },
		{ .code = GM_OP_FILL, .addr = GPA(gfn), .nr = n, .writer = GM_WRITER_GUEST },
	};

	op[1].gen = s->gen = gm_fixture_gen(w);
	s->pages = n;
	gm_post(w->vm, 0, op, 2);
}

static void post_touch(struct fail_sweep *s)
{
	post_pages(s, 1);
}

static void prepare_private(struct fail_sweep *s)
{
	fail_empty(s, 1, true);
	post_touch(s);
}

static void prepare_shared(struct fail_sweep *s)
{
	fail_empty(s, 1, false);
	post_touch(s);
}

/* A page written while shared, and then converted to private. */
static void prepare_converted(struct fail_sweep *s)
{
	fail_empty(s, 1, false);
	gm_fixture_fill(s->w, 1, fail_gfn(s, 0), 1);
	gm_fixture_convert(s->w, fail_gfn(s, 0), 1, true);
	post_touch(s);
}

#define RANGE 6UL /* pages behind each other */

static void prepare_private_range(struct fail_sweep *s)
{
	fail_empty(s, RANGE, true);
	post_pages(s, RANGE);
}

static void prepare_shared_range(struct fail_sweep *s)
{
	fail_empty(s, RANGE, false);
	post_pages(s, RANGE);
}

static int enter(struct fail_sweep *s)
{
	return gm_enter(s->w->vm, 0, &s->exit);
}

/* Expects that the batch is done, and read and wrote the right content. */
static void touched(struct fail_sweep *s)
{
	struct gm_fixture *w = s->w;
	uint64_t gfn = fail_gfn(s, 0);
	struct gm_mbox *box = &w->vm->mbox[0];

	if (!gm_arch_is_yield(w->vm->vcpu[0])) {
		GM_FAIL("step %u: %s", s->n, gm_exit_str(&s->exit));
		return;
	}
	GM_EXPECT_EQ(box->done, 2, "step %u: operations done", s->n);
	GM_EXPECT(!box->op[0].bad, "step %u: the guest reads %#lx, expected %#lx", s->n,
		  box->op[0].observed, box->op[0].expected);
	gm_model_guest_wrote(w->model, gfn, s->pages, GM_WRITER_GUEST, s->gen, 1);
	gm_fixture_check_guest(w, 1, gfn - 1, s->pages + 2, 1,
			       "the touched pages and their neighbours");
	gm_fixture_check_host(w, gfn, s->pages, 1, "the touched pages");
}

static void not_touched(struct fail_sweep *s, int err)
{
	uint64_t gpa = GPA(fail_gfn(s, 0));
	bool private = gm_model_private(s->w->model, fail_gfn(s, 0));

	/*
	 * KVM gets the errno of guest_memfd; for userspace_addr it only knows that the fault
	 * failed, and need not say where (api.rst, KVM_CAP_MEMORY_FAULT_INFO).
	 */
	if (private || s->w->file_serves_shared)
		GM_EXPECT_EQ(err, ENOMEM, "step %u: errno of KVM_RUN", s->n);
	if (err == EFAULT && s->exit.reason == KVM_EXIT_MEMORY_FAULT) {
		GM_EXPECT(s->exit.fault.gpa >= gpa && s->exit.fault.gpa < gpa + s->pages * PG &&
				  s->exit.fault.gpa % PG == 0,
			  "step %u: gpa of the fault is %#lx, expected one of %lu pages at %#lx",
			  s->n, s->exit.fault.gpa, s->pages, gpa);
		GM_EXPECT_EQ(s->exit.fault.flags, private ? KVM_MEMORY_EXIT_FLAG_PRIVATE : 0,
			     "step %u: flags of the fault", s->n);
	}
	GM_EXPECT_OK(enter(s), "the next KVM_RUN, after step %u failed", s->n);
	if (!gm_failures())
		touched(s);
}

/* --- the page is code --- */

#define CODE_RESULT 4711

/* The page has code of the host's that no vCPU has run: the first access is the fetch. */
static void prepare_code(struct fail_sweep *s)
{
	struct gm_op op = { .code = GM_OP_CALL, .addr = GPA(fail_gfn(s, 0)) };

	fail_empty(s, 1, false);
	*(volatile uint64_t *)fail_hva(s, 0) = gm_arch_guest_code(CODE_RESULT);
	gm_post(s->w->vm, 0, &op, 1);
}

static void executed(struct fail_sweep *s)
{
	struct gm_mbox *box = &s->w->vm->mbox[0];

	if (!gm_arch_is_yield(s->w->vm->vcpu[0])) {
		GM_FAIL("step %u: %s", s->n, gm_exit_str(&s->exit));
		return;
	}
	GM_EXPECT_EQ(box->done, 1, "step %u: operations done", s->n);
	GM_EXPECT_EQ(box->op[0].ret, CODE_RESULT, "step %u: result of the code", s->n);
}

static void not_executed(struct fail_sweep *s, int err)
{
	if (s->w->file_serves_shared)
		GM_EXPECT_EQ(err, ENOMEM, "step %u: errno of KVM_RUN", s->n);
	GM_EXPECT_OK(enter(s), "the next KVM_RUN, after step %u failed", s->n);
	if (!gm_failures())
		executed(s);
}

/* The touch of one page. */
#define TOUCH                                                                                      \
	.clause = "fail.run", .user_pages = true, .err = { ENOMEM, EFAULT }, .call = enter,        \
	.refused = not_touched, .done = touched

/* Pages of a KVM_PRE_FAULT_MEMORY. */
#define PREFAULT_PAGES 6UL

static void prepare_prefault(struct fail_sweep *s, bool private)
{
	fail_empty(s, PREFAULT_PAGES, private);
	s->gpa = GPA(fail_gfn(s, 0));
	s->size = PREFAULT_PAGES * PG;
}

static void prepare_prefault_private(struct fail_sweep *s)
{
	prepare_prefault(s, true);
}

static void prepare_prefault_shared(struct fail_sweep *s)
{
	prepare_prefault(s, false);
}

static int prefault(struct fail_sweep *s)
{
	return gm_prefault(s->w->vm, 0, &s->gpa, &s->size, 0);
}

/* Expects that a second call continues at the returned rest, and that every page reads zero. */
static void prefaulted(struct fail_sweep *s)
{
	uint64_t begin = GPA(fail_gfn(s, 0)), end = begin + PREFAULT_PAGES * PG;

	GM_EXPECT(s->gpa > begin && s->gpa + s->size == end && s->gpa % PG == 0,
		  "step %u: success, with gpa %#lx, size %#lx left of %#lx, %#lx", s->n, s->gpa,
		  s->size, begin, end - begin);
	if (s->size && !gm_failures())
		GM_EXPECT_OK(prefault(s), "the next call, after step %u failed", s->n);
	GM_EXPECT_EQ(s->size, 0, "step %u: bytes left", s->n);
	gm_fixture_check_guest(s->w, 1, fail_gfn(s, 0) - 1, PREFAULT_PAGES + 2, 1,
			       "the pages and their neighbours");
}

static void not_prefaulted(struct fail_sweep *s, int err)
{
	GM_EXPECT(s->gpa == GPA(fail_gfn(s, 0)) && s->size == PREFAULT_PAGES * PG,
		  "step %u failed: %s, and gpa %#lx, size %#lx", s->n, gm_errno_name(err), s->gpa,
		  s->size);
	GM_EXPECT_OK(prefault(s), "the same call, after step %u failed", s->n);
	if (!gm_failures())
		prefaulted(s);
}

#define PREFAULT                                                                                   \
	.clause = "fail.prefault", .user_pages = true, .err = { ENOMEM, EFAULT },                  \
	.needs = GM_NEEDS(PREFAULT), .once = warm_up, .call = prefault, .refused = not_prefaulted, \
	.done = prefaulted

const struct fail_op fail_run_ops[] = {
	{ .name = "run.private",
	  .memory = FAIL_ATTRIBUTES | FAIL_INPLACE,
	  TOUCH,
	  .once = warm_up,
	  .prepare = prepare_private,
	  .text = "the guest touches a private page not allocated yet: KVM_RUN fails, and the next one continues" },
	{ .name = "run.shared",
	  .memory = FAIL_EACH,
	  TOUCH,
	  .once = warm_up,
	  .survives = true,
	  .prepare = prepare_shared,
	  .text = "the guest touches a shared page not allocated yet: KVM_RUN fails, and the next one continues" },
	{ .name = "run.converted",
	  .memory = FAIL_ATTRIBUTES,
	  TOUCH,
	  .once = warm_up,
	  .prepare = prepare_converted,
	  .text = "the guest touches a page that became private: KVM_RUN fails, and the next one continues" },
	{ .name = "run.range",
	  .memory = FAIL_ATTRIBUTES | FAIL_INPLACE,
	  TOUCH,
	  .keeps_part = true,
	  .once = warm_up,
	  .prepare = prepare_private_range,
	  .text = "the guest touches six private pages in a row: KVM_RUN fails at any of them, and the next one continues there" },
	{ .name = "run.range_shared",
	  .memory = FAIL_EACH,
	  TOUCH,
	  .keeps_part = true,
	  .once = warm_up,
	  .survives = true,
	  .prepare = prepare_shared_range,
	  .text = "the guest touches six shared pages in a row: KVM_RUN fails at any of them, and the next one continues there" },
	{ .name = "run.first",
	  .memory = FAIL_EACH,
	  TOUCH,
	  .fresh = true,
	  .alone = true, /* with all later ones the page of the guest's code is not there, too */
	  .prepare = prepare_shared,
	  .flags = GM_FULL_ONLY,
	  .text = "the first KVM_RUN of a vCPU, with empty memory caches, touches a shared page" },
	{ .name = "run.code",
	  .clause = "fail.run",
	  .memory = FAIL_EACH,
	  .user_pages = true,
	  .err = { ENOMEM, EFAULT },
	  .fresh = true,
	  .alone = true, /* as run.first */
	  .prepare = prepare_code,
	  .call = enter,
	  .refused = not_executed,
	  .done = executed,
	  .flags = GM_FULL_ONLY,
	  .text = "the first KVM_RUN of a vCPU runs code in a page that the host wrote: it fails, and the next one runs the code" },
	{ .name = "prefault.private",
	  .memory = FAIL_ATTRIBUTES | FAIL_INPLACE,
	  PREFAULT,
	  .prepare = prepare_prefault_private,
	  .text = "six private pages are prefaulted: the argument returns the exact rest" },
	{ .name = "prefault.shared",
	  .memory = FAIL_EACH,
	  PREFAULT,
	  .survives = true,
	  .prepare = prepare_prefault_shared,
	  .text = "six shared pages are prefaulted: the argument returns the exact rest" },
	{},
};
