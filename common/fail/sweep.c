// SPDX-License-Identifier: GPL-2.0-only
/* The sweep over one operation, and the state compared before and after each refusal. */
#include <sys/mman.h>

#include "fail.h"
#include "iommu.h"

#define MOST 1000

/* State of the process and the file that user space can read exactly. */
struct state {
	int64_t cached; /* pages that the file has; -1: no cachestat() */
	unsigned long pinned, locked;
	int fd; /* the lowest free descriptor */
};

static struct state state_read(const struct fail_sweep *s)
{
	struct state state = { .cached = gm_gmem_cached(s->w->gmem, 0, s->w->file_size),
			       .pinned = gm_vm_pinned(),
			       .locked = gm_vm_locked() };

	state.fd = GM_SETUP_OK(dup(STDERR_FILENO));
	close(state.fd);
	return state;
}

/* Checks the pages that the operation does not use, by vCPU 1 and by the host. */
static void check_kept(struct fail_sweep *s, const char *when)
{
	gm_fixture_check_guest(s->w, 1, GFN(s->w->gpa), FAIL_KEPT, 128, when);
	gm_fixture_check_host(s->w, GFN(s->w->gpa), FAIL_KEPT, 512, when);
}

static bool allowed(const struct fail_op *op, int err)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(op->err) && op->err[i]; i++)
		if (op->err[i] == err)
			return true;
	return false;
}

static void compare(const struct fail_sweep *s, const struct state *was)
{
	struct state is = state_read(s);

	if (s->op->keeps_part)
		GM_EXPECT(is.cached >= was->cached, "step %u failed: the file lost %ld pages", s->n,
			  was->cached - is.cached);
	else
		GM_EXPECT_EQ(is.cached, was->cached, "step %u failed: pages that the file has",
			     s->n);
	GM_EXPECT_EQ(is.pinned, was->pinned, "step %u failed: VmPin, pages", s->n);
	GM_EXPECT_EQ(is.locked, was->locked, "step %u failed: VmLck, pages", s->n);
	GM_EXPECT_EQ(is.fd, was->fd, "step %u failed: the lowest free descriptor", s->n);
}

void fail_empty(struct fail_sweep *s, uint64_t n, bool private)
{
	struct gm_fixture *w = s->w;
	uint64_t gfn = fail_gfn(s, 0);

	gm_fixture_punch(w, gfn, n);
	if (w->mem && !w->file_serves_shared) {
		GM_SETUP_OK(madvise(fail_hva(s, 0), n * PG, MADV_DONTNEED));
		gm_model_dropped(w->model, gfn, n);
	}
	if (w->provider)
		gm_fixture_convert(w, gfn, n, private);
}

/* A fixture with all pages written; with a provider some of them are private. */
static struct gm_fixture *fixture(const struct gm_case *self)
{
	const struct gm_flavour *flavour = self->provider ? NULL : &gm_p1;
	struct gm_fixture *w =
		GM_FIXTURE(.size = FAIL_PAGES * PG, .flavour = flavour, .vcpus = 2,
			   .uaddr = GM_UADDR_SHARED, .uses_uaddr = true, .extra_pages = 16);
	uint64_t first = GFN(w->gpa);
	struct gm_batch b;

	gm_batch_init(&b, w, 1);
	if (w->provider)
		for (uint64_t i = 1; i < FAIL_KEPT; i += 9)
			gm_batch_convert(&b, first + i, 3, true, true);
	gm_batch_fill(&b, first, FAIL_KEPT, 1);
	gm_batch_flush(&b);
	return w;
}

static void begin(struct fail_sweep *s, const struct gm_case *self)
{
	s->w = fixture(self);
	s->made = s->gmem = -1;
	if (s->op->once)
		s->op->once(s);
}

static void end(struct fail_sweep *s)
{
	if (s->op->end)
		s->op->end(s);
	gm_fixture_free(s->w);
	s->w = NULL;
}

/* One step. False: the call has no more steps. */
static bool step(struct fail_sweep *s, unsigned int *refusals)
{
	const struct fail_op *op = s->op;
	struct state was;
	bool reached;
	int ret, err;

	if (op->prepare)
		op->prepare(s);
	was = state_read(s);
	if (op->budget)
		gm_fail_from((s->n - 1) * op->budget);
	else
		gm_fail_nth(s->n);
	errno = 0;
	ret = op->call(s);
	err = errno;
	if (op->budget)
		gm_fail_from_end();
	reached = op->budget ? ret : gm_fail_nth_reached();
	if (ret) {
		GM_EXPECT(reached, "%s without a failed allocation", gm_errno_name(err));
		GM_EXPECT(allowed(op, err), "step %u failed: %s", s->n, gm_errno_name(err));
		++*refusals;
		compare(s, &was);
		if (op->refused && !gm_failures())
			op->refused(s, err);
		check_kept(s, "after a refusal");
		return reached;
	}
	op->done(s);
	if (op->undo && !gm_failures())
		op->undo(s);
	return reached;
}

/* Fails each step of the operation, alone or with all later ones. */
static void sweep(struct fail_sweep *s, const struct gm_case *self, bool later)
{
	unsigned int refusals = 0;
	bool more = true;

	gm_fail_nth_later(later);
	begin(s, self);
	for (s->n = 1; more && s->n < MOST && !gm_failures(); s->n++) {
		more = step(s, &refusals);
		if (more && s->op->fresh && !gm_failures()) {
			end(s);
			begin(s, self);
		}
	}
	gm_note("%u steps, %u of them make the call fail%s", s->n - 2, refusals,
		later ? " if all later ones fail, too" : "");
	GM_EXPECT(s->n < MOST, "the sweep has too many steps");
	GM_SETUP(s->n > 2 || gm_failures(),
		 "no allocation failed: CONFIG_FAULT_INJECTION, CONFIG_FAILSLAB");
	GM_EXPECT(refusals || s->op->survives || gm_failures(),
		  "%u steps failed, and the call succeeded each time", s->n - 2);
	if (!gm_failures())
		check_kept(s, "at the end");
	end(s);
}

void fail_sweep(const struct gm_case *self)
{
	struct fail_sweep s = { .op = self->arg };

	gm_fail_nth_open();
	if (s.op->user_pages)
		gm_fail_nth_user_pages();
	sweep(&s, self, false);
	if (!s.op->alone && !gm_failures())
		sweep(&s, self, true);
}
