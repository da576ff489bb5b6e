// SPDX-License-Identifier: GPL-2.0-only
/* Generates and runs the cases of the matrix: one per probe and state. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "caps.h"
#include "case.h"
#include "check.h"
#include "main.h"
#include "platform.h"
#include "seed.h"
#include "stage.h"

#define MIX_PRE 2
#define MIX_MID 4
#define MIX_POST 2
#define MIX_PAGES (MIX_PRE + MIX_MID + MIX_POST)
#define MAX_LEN (MIX_PAGES * GM_PAGE_SIZE)
#define GFN(page) (GM_BASE / GM_PAGE_SIZE + (page))
#define GEN_WRITTEN 9
#define MAX_FD 512

static bool reaches(const struct gm_want *w)
{
	return w->kind == GM_WANT_REACH;
}

/* Notes the first outcome, which the picture of the run shows in this case's cell. */
static void note_cell(const struct gm_probe *p, const struct gm_outcome *o)
{
	bool moves = p->flags & (GM_ACC_READ | GM_ACC_WRITE | GM_ACC_COUNT);
	static bool noted;

	if (noted)
		return;
	noted = true;
	gm_note("cell: %s", o->sig	 ? o->sig == SIGBUS ? "SIGBUS" : "SIGSEGV"
			    : o->ret < 0 ? gm_errno_name(o->err)
			    : o->ret	 ? "reached"
			    : moves	 ? "nothing"
					 : "ok");
}

static void prepare(struct gm_access *a, unsigned int page)
{
	uint64_t *w = (uint64_t *)a->buf;

	if (!(a->probe->flags & GM_ACC_WRITE)) {
		gm_matrix_poison(a->buf, a->len);
		return;
	}
	for (size_t i = 0; i < a->len / 8; i++)
		w[i] = gm_word(GFN(page) + i / GM_PAGE_WORDS, GM_WRITER_HOST, GEN_WRITTEN,
			       i % GM_PAGE_WORDS);
}

/* The data that was read must be the guest's, word by word. */
static void check_read(struct gm_stage *s, const struct gm_access *a, unsigned int page,
		       const char *when)
{
	const uint64_t *got = (const uint64_t *)a->buf;
	size_t step = a->probe->flags & GM_ACC_WORD ? GM_PAGE_WORDS : 1;

	gm_checked();
	for (size_t i = 0; i < a->len / 8; i += step) {
		uint64_t want = gm_stage_word(page + i / GM_PAGE_WORDS, i % GM_PAGE_WORDS);
		struct gm_page where = gm_stage_page(s, page + i / GM_PAGE_WORDS);

		if (s->split)
			want = gm_word(GFN(page) + i / GM_PAGE_WORDS, GM_WRITER_SHARED, 1,
				       i % GM_PAGE_WORDS);
		if (got[i] == want)
			continue;
		GM_FAIL_AT(&where, "%s, %s: wrong word %zu was read: expected %s, observed %s",
			   a->probe->name, when, i % GM_PAGE_WORDS, gm_word_str(want),
			   gm_word_str(got[i]));
		return;
	}
}

/* The guest must read the data that was written; then it restores its own words. */
static void check_written(struct gm_stage *s, const struct gm_access *a, unsigned int page,
			  const char *when)
{
	unsigned int nr = a->len / GM_PAGE_SIZE;

	for (unsigned int i = 0; i < nr; i++) {
		struct gm_op op = { .code = GM_OP_CHECK,
				    .writer = GM_WRITER_HOST,
				    .gen = GEN_WRITTEN,
				    .addr = GM_BASE + (page + i) * GM_PAGE_SIZE,
				    .nr = 1,
				    .stride = a->probe->flags & GM_ACC_WORD ? GM_PAGE_WORDS : 1 };
		struct gm_page where = gm_stage_page(s, page + i);

		if (a->probe->flags & GM_ACC_OPAQUE)
			op.code = GM_OP_READ;
		gm_run(s->vm, 0, &op, 1);
		if (a->probe->flags & GM_ACC_OPAQUE)
			GM_EXPECT_AT(&where, op.val != gm_stage_word(page + i, 0),
				     "%s, %s: the guest does not read the data that was written",
				     a->probe->name, when);
		else
			GM_EXPECT_AT(
				&where, !op.bad,
				"%s, %s: the guest does not read the data that was written: expected %s, observed %s",
				a->probe->name, when, gm_word_str(op.expected),
				gm_word_str(op.observed));
	}
	gm_stage_refill(s, page, nr);
}

/* Does the kernel refuse GUP of private pages by the mapping already (P5)? */
static bool mapping_refused(const struct gm_stage *s)
{
	return s->nogup && s->class == GM_CLASS_PRIVATE;
}

/* The expected outcome here. A kernel that refuses GUP checks the mapping before the pages. */
static struct gm_want stage_want(const struct gm_stage *s, const struct gm_probe *p)
{
	const struct gm_want *nogup = &p->want[GM_CLASS_SHARED_NOGUP];

	if (mapping_refused(s) && p->path == GM_PATH_MM && nogup->kind == GM_WANT_ERRNO)
		return *nogup;
	return gm_access_want(p, s->class);
}

/* One request on pages of the file only. */
static void request(struct gm_stage *s, const struct gm_probe *p, unsigned int page,
		    unsigned int nr, const char *when)
{
	struct gm_access a = { .probe = p,
			       .len = nr * GM_PAGE_SIZE,
			       .fd = s->split ? s->fd : s->gmem,
			       .off = page * GM_PAGE_SIZE };
	struct gm_want w = stage_want(s, p);
	struct gm_page where = gm_stage_page(s, page);
	static uint8_t *buf;
	struct gm_outcome o;
	void *own = NULL;

	if (!buf)
		buf = gm_matrix_buf(MAX_LEN);
	a.buf = buf;
	if (s->hva && !(p->flags & GM_ACC_NO_VA))
		a.hva = s->hva + page * GM_PAGE_SIZE;
	if (a.hva && (p->flags & GM_ACC_REMAPS)) {
		own = mmap(NULL, a.len, PROT_READ | PROT_WRITE, MAP_SHARED, a.fd, a.off);
		GM_SETUP(own != MAP_FAILED, "mmap of the file: %s", gm_errno_name(errno));
		a.hva = own;
	}
	prepare(&a, page);
	o = gm_access_run(&a);
	gm_matrix_judge(&a, &o, &w, &where, when);
	if (own)
		munmap(own, a.len);
	if (gm_stage_writer(s) == GM_WRITER_SECRET)
		gm_matrix_search(a.buf, a.len, p->name);
	note_cell(p, &o);
	if (!reaches(&w) || o.sig || o.ret < 0)
		return;
	if (p->flags & GM_ACC_SCRATCH) {
		gm_stage_forget(page, nr);
		return;
	}
	if (p->flags & GM_ACC_DROPS) {
		if (s->split || s->mute)
			return;
		gm_guest_check_zero(s->vm, 0, GM_BASE + page * GM_PAGE_SIZE, nr, p->name);
		gm_stage_refill(s, page, nr);
		return;
	}
	if (p->flags & GM_ACC_READ)
		check_read(s, &a, page, when);
	if ((p->flags & GM_ACC_WRITE) && !s->split)
		check_written(s, &a, page, when);
}

static uint64_t mix_word(size_t i)
{
	return gm_word(0x6000 + i / GM_PAGE_WORDS, GM_WRITER_HOST, 4, i % GM_PAGE_WORDS);
}

/*
 * A request on [others | pages of the file from `page` on | others]. If the pages are refused, it
 * must not access the memory after them. The others are shared pages of the file, or ordinary memory.
 */
static void mixed_at(struct gm_stage *s, const struct gm_probe *p, uint8_t *hva, unsigned int page,
		     bool in_file)
{
	struct gm_access a = { .probe = p,
			       .hva = hva,
			       .len = MAX_LEN,
			       .fd = -1,
			       .mixed = true,
			       .buf = gm_matrix_buf(MAX_LEN) };
	struct gm_want w = stage_want(s, p);
	const size_t pre = MIX_PRE * GM_PAGE_SIZE, mid = MIX_MID * GM_PAGE_SIZE;
	const size_t tail = (MIX_PRE + MIX_MID) * GM_PAGE_WORDS;
	struct gm_page where = gm_stage_page(s, page);
	uint64_t *mem = (uint64_t *)hva;
	struct gm_outcome o;
	const char *others = in_file ? "shared pages" : "ordinary memory";
	int err = p->mix_err ? p->mix_err : w.val;
	struct gm_want before = gm_access_want(p, GM_CLASS_SHARED_NOGUP);
	/* The shared pages before them are refused, too. */
	bool nothing = in_file && mapping_refused(s) && !reaches(&before);
	bool ok;

	for (size_t i = 0; i < a.len / 8; i++)
		if (i < MIX_PRE * GM_PAGE_WORDS || i >= tail)
			mem[i] = mix_word(i);
	prepare(&a, page - MIX_PRE);
	o = gm_access_run(&a);

	if (nothing) {
		ok = !o.sig && o.ret <= 0;
	} else if (reaches(&w) || p->mix == GM_MIX_OK) {
		ok = !o.sig && (p->flags & (GM_ACC_READ | GM_ACC_WRITE | GM_ACC_COUNT)
					? o.ret == (long)MAX_LEN
					: o.ret >= 0);
	} else if (w.kind == GM_WANT_SIGNAL) {
		ok = o.sig == w.val && o.code == w.code && o.addr == (uintptr_t)a.hva + pre;
	} else {
		bool is_short = !o.sig && o.ret == (long)pre;
		bool is_whole =
			!o.sig && (w.kind == GM_WANT_NOTHING ? !o.ret : o.ret < 0 && o.err == err);

		ok = (p->mix != GM_MIX_WHOLE && is_short) || (p->mix != GM_MIX_SHORT && is_whole);
	}
	GM_EXPECT_AT(
		&where, ok, "%s, %s up to byte %zu, then the guest's: expected %s%s, observed %s",
		p->name, others, pre,
		nothing						    ? "nothing"
		: reaches(&w) || w.kind == GM_WANT_SIGNAL || p->mix ? gm_want_str(&w)
								    : "a short count to the border",
		p->mix == GM_MIX_EITHER ? " or a short count" : "", gm_outcome_str(&o));
	if (gm_stage_writer(s) == GM_WRITER_SECRET)
		gm_matrix_search(a.buf, a.len, p->name);
	if (reaches(&w) && ok && !(p->flags & GM_ACC_DROPS)) {
		struct gm_access part = a;

		part.buf += pre;
		part.len = mid;
		if (p->flags & GM_ACC_READ)
			check_read(s, &part, page, "mixed");
		if (p->flags & GM_ACC_WRITE)
			check_written(s, &part, page, "mixed");
	} else if (!reaches(&w) && (p->flags & GM_ACC_WRITE)) {
		for (size_t i = tail; i < a.len / 8; i++)
			if (!GM_EXPECT(mem[i] == mix_word(i),
				       "%s wrote beyond the guest's pages, word %zu", p->name, i))
				break;
	}
	if (reaches(&w) && (p->flags & GM_ACC_SCRATCH))
		gm_stage_forget(page, MIX_MID);
	if (p->flags & GM_ACC_DROPS)
		gm_stage_refill(s, page, MIX_MID);
	munmap(a.buf, a.len);
}

/* With ordinary memory around, in separate mappings. */
static void mixed(struct gm_stage *s, const struct gm_probe *p, unsigned int page)
{
	const size_t pre = MIX_PRE * GM_PAGE_SIZE, mid = MIX_MID * GM_PAGE_SIZE;
	uint8_t *gap, *hva;

	hva = mmap(NULL, MAX_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	GM_SETUP(hva != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	GM_GRANTED(mmap(hva + pre, mid, s->prot, MAP_SHARED | MAP_FIXED, s->gmem,
			page * GM_PAGE_SIZE) != MAP_FAILED,
		   "mmap of guest_memfd: %s", gm_errno_name(errno));
	/*
	 * Adjacent frames may be handled as one run: allocate another page between the first two.
	 */
	gap = gm_matrix_buf(GM_PAGE_SIZE);
	hva[0] = 0;
	gap[0] = 1;
	hva[GM_PAGE_SIZE] = 0;
	mixed_at(s, p, hva, page, false);
	munmap(gap, GM_PAGE_SIZE);
	munmap(hva, MAX_LEN);
}

/* With shared pages of the same file around, in the same mapping. */
static void mixed_in_file(struct gm_stage *s, const struct gm_probe *p)
{
	_Static_assert(MIX_PRE == GM_BORDER_SHARED && MIX_POST == GM_BORDER_SHARED &&
			       MIX_MID == GM_BORDER_PRIVATE,
		       "mixed requests have the same layout");

	mixed_at(s, p, s->hva + GM_BORDER * GM_PAGE_SIZE, GM_BORDER + GM_BORDER_SHARED, true);
}

/* Does the kernel refuse GUP of shared pages (P5)? */
static bool refuses_gup(int gmem)
{
	const struct gm_probe *p = gm_probe_find("process_vm_readv");
	struct gm_access a = { .probe = p, .len = GM_PAGE_SIZE, .fd = -1 };
	struct gm_outcome o;

	a.hva = mmap(NULL, a.len, PROT_READ, MAP_SHARED, gmem, 0);
	GM_GRANTED(a.hva != MAP_FAILED, "mmap of guest_memfd: %s", gm_errno_name(errno));
	a.buf = gm_matrix_buf(a.len);
	o = gm_access_run(&a);
	munmap(a.buf, a.len);
	munmap(a.hva, a.len);
	return o.ret < 0 && o.err == EFAULT;
}

static void detect_nogup(struct gm_stage *s)
{
	if (s->class == GM_CLASS_SHARED && !s->split && refuses_gup(s->gmem)) {
		gm_note("GUP of shared pages is refused (P5): expected of every probe");
		s->class = GM_CLASS_SHARED_NOGUP;
	}
	/* It cannot be detected with private pages: use another file with shared ones. */
	if (s->class == GM_CLASS_PRIVATE && s->hva && !s->split &&
	    gm_platform_has(GM_NEED_INIT_SHARED)) {
		int fd = __gm_gmem_new(s->vm, GM_PAGE_SIZE,
				       GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED);

		s->nogup = fd >= 0 && refuses_gup(fd);
		if (fd >= 0)
			close(fd);
	}
}

static void sweep(struct gm_stage *s, const struct gm_probe *p)
{
	struct gm_rng r;

	gm_for_windows(w, s) for (unsigned int i = 0; i < w->nr; i++)
		request(s, p, w->first + i, 1, w->name);
	gm_rng_init(&r, gm_seed());
	for (int i = 0; i < 8; i++) {
		unsigned int page = gm_rng_below(&r, GM_STAGE_PAGES);

		if (!gm_stage_shared_page(s, page))
			request(s, p, page, 1, "any page");
	}
}

struct matrix_case {
	const struct gm_state *state;
	const struct gm_probe *probe;
	bool user;
};

static bool was_open[MAX_FD], closed;

/* For a case that ended before it closed its VM, for example by a SKIP in a probe. */
static void close_rest(void *arg __attribute__((unused)))
{
	for (int fd = 0; !closed && fd < MAX_FD; fd++)
		if (!was_open[fd])
			close(fd);
}

static void remember_fds(void)
{
	for (int fd = 0; fd < MAX_FD; fd++)
		was_open[fd] = fcntl(fd, F_GETFD) >= 0;
	gm_cleanup(close_rest, NULL);
}

static void run(const struct gm_case *self)
{
	const struct matrix_case *m = self->arg;
	const struct gm_probe *p = m->probe;
	struct gm_stage s;

	remember_fds();
	gm_stage_open(&s, m->state);
	if (m->user)
		GM_SETUP(!gm_caps_become_user(), "cannot become an ordinary user: %s",
			 gm_errno_name(errno));
	gm_matrix_controls(p, false);
	detect_nogup(&s);
	gm_for_windows(w, &s) if ((w->slow_too || !(p->flags & GM_ACC_SLOW)) &&
				  (gm_window_filled(w) || !(p->flags & GM_ACC_FILLED)))
		request(&s, p, w->first, w->nr, w->name);
	if (s.hva && !s.split && !(p->flags & (GM_ACC_NO_MIX | GM_ACC_NO_VA))) {
		mixed(&s, p, 16);
		if (s.border)
			mixed_in_file(&s, p);
	}
	if (!(p->flags & (GM_ACC_SLOW | GM_ACC_DROPS)))
		sweep(&s, p);
	gm_stage_check(&s, p->name);
	if (s.class == GM_CLASS_PRIVATE && s.hva && !s.split)
		gm_stage_check_unmapped(&s);
	gm_stage_check_zero(&s);
	/* To free a VM the framework opens /dev/kvm again, which an ordinary user may not. */
	if (!m->user)
		gm_stage_close(&s);
	closed = !m->user;
}

static const char *format(const char *fmt, const char *a, const char *b)
{
	char *s;

	if (asprintf(&s, fmt, a, b) < 0)
		abort();
	return s;
}

bool gm_matrix_needs(gm_needs needs)
{
	for (int n = 0; n < GM_NEED_NR; n++)
		if (needs >> n & 1 && !gm_platform_has(n))
			return false;
	return true;
}

/* Does the probe need the right that the mapping of this class lacks? */
static bool needs_right(const struct gm_probe *p, enum gm_class class)
{
	unsigned int rights = class == GM_CLASS_READ_ONLY ? GM_ACC_WRITE : GM_ACC_READ;

	if (p->flags &
	    (GM_ACC_REMAPS | GM_ACC_HARMFUL | GM_ACC_FULL | GM_ACC_NO_VA | GM_ACC_DENIED))
		return false;
	if (!(p->flags & rights) && p->want[class].kind == GM_WANT_DEFAULT)
		return false;
	return gm_access_want(p, class).kind != GM_WANT_ABSENT;
}

/* All probes on one VM: none of them can change the memory. */
static void run_whole(const struct gm_case *self)
{
	const struct gm_state *state = self->arg;
	const struct gm_probe *p;
	unsigned int ran = 0;
	struct gm_stage s;
	bool nogup;

	remember_fds();
	gm_stage_open(&s, state);
	nogup = refuses_gup(s.gmem);
	for (size_t i = 0; (p = gm_probe_at(i)); i++) {
		struct gm_want w = gm_access_want(p, s.class);

		/* The probes that succeed on such a mapping use GUP. */
		if (!needs_right(p, s.class) || (nogup && reaches(&w)))
			continue;
		if (!gm_matrix_needs(p->needs)) {
			gm_note("%s did not run: a need is missing", p->name);
			continue;
		}
		ran++;
		gm_matrix_control(p);
		gm_for_windows(
			w, &s) if (w->slow_too &&
				   (w == gm_windows || !(p->flags & (GM_ACC_FILLED | GM_ACC_SLOW))))
			request(&s, p, w->first, w->nr, w->name);
		if (!(p->flags & (GM_ACC_NO_MIX | GM_ACC_SLOW)))
			mixed(&s, p, 16);
	}
	gm_note("%u probes", ran);
	gm_stage_check(&s, "every probe");
	gm_stage_check_zero(&s);
	gm_stage_close(&s);
	closed = true;
}

void gm_matrix_add_whole(const struct gm_state *state)
{
	struct gm_case *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	*c = (struct gm_case){ .name = format("gup.%s.%s", state->name, "shared"),
			       .clause = format("gup.%s%s", state->name, ""),
			       .text = state->text,
			       .providers = state->providers,
			       .profile = state->profile,
			       .needs = state->needs,
			       .caps = GM_CAPS_ALL,
			       .flags = GM_REFUSAL,
			       .tokens = GM_TOKEN_IOMMU,
			       .timeout = 180,
			       .run = run_whole,
			       .arg = state };
	gm_case_add(c);
}

static void run_ordinary(const struct gm_case *self)
{
	gm_checked();
	gm_matrix_controls(self->arg, true);
}

static void add(const struct gm_state *state, const struct gm_probe *p, bool user)
{
	struct gm_want w = gm_access_want(p, state ? state->class : GM_CLASS_ORDINARY);
	struct gm_case *c = calloc(1, sizeof(*c));
	struct matrix_case *m = calloc(1, sizeof(*m));

	if (!c || !m)
		abort();
	*m = (struct matrix_case){ state, p, user };
	c->clause = format("gup.%s%s", p->name, "");
	c->needs = p->needs;
	/* If KVM emulates the guest, each word costs as much as a system call. */
	c->timeout = 180;
	c->caps = GM_CAPS_ALL;
	c->flags = p->flags & GM_ACC_FULL || user || !state ? GM_FULL_ONLY : 0;
	/* Probes that do not depend on the state run for one state only in the quick profile. */
	if (state && (state->full || (p->path == GM_PATH_FD && state->class != GM_CLASS_NO_VMA) ||
		      ((p->flags & GM_ACC_DENIED) && state->class != GM_CLASS_PRIVATE)))
		c->flags |= GM_FULL_ONLY;
	if (state && state->class == GM_CLASS_SHARED && (p->flags & GM_ACC_SAME_PATH))
		c->flags |= GM_FULL_ONLY;
	if (c->needs & GM_NEEDS(IOMMUFD, VFIO_EDU))
		c->tokens |= GM_TOKEN_IOMMU;
	if (p->flags & GM_ACC_HARMFUL)
		c->flags |= GM_DESTRUCTIVE;
	if (p->flags & GM_ACC_ROOT)
		c->needs |= GM_NEEDS(ROOT);
	if (!state) {
		c->name = format("gup.%s.%s", p->name, "ordinary");
		c->text = format("%s: ordinary memory%s", p->text, "");
		c->profile = "any";
		c->run = run_ordinary;
		c->arg = p;
		c->tokens |= GM_TOKEN_HUGE;
	} else {
		c->name = format(user ? "gup.%s.%s.user" : "gup.%s.%s", p->name, state->name);
		c->text = format("%s: %s", p->text, state->text);
		c->providers = state->providers;
		c->profile = state->profile;
		c->needs |= state->needs;
		c->huge_2m = state->huge_2m;
		c->run = run;
		c->arg = m;
		if (!reaches(&w))
			c->flags |= GM_REFUSAL;
	}
	gm_case_add(c);
}

static bool applies(const struct gm_state *state, const struct gm_probe *p)
{
	if (gm_access_want(p, state->class).kind == GM_WANT_ABSENT)
		return false;
	/* Calls on the file do not depend on its pages; those that drop single pages are EINVAL. */
	if (state->huge_2m && (p->path == GM_PATH_FD || p->flags & (GM_ACC_DROPS | GM_ACC_HARMFUL)))
		return false;
	/* Do not lose a page frame where the probe must succeed. */
	if (state->class == GM_CLASS_ORDINARY && (p->flags & GM_ACC_HARMFUL))
		return false;
	/* The state's memory is a memfd there. */
	if (state->class == GM_CLASS_ORDINARY && (p->flags & GM_ACC_ANON))
		return false;
	if (state->class == GM_CLASS_NO_VMA)
		return p->flags & (GM_ACC_FD | GM_ACC_NO_VA);
	return true;
}

void gm_matrix_add(const struct gm_state *state)
{
	const struct gm_probe *p;

	for (size_t i = 0; (p = gm_probe_at(i)); i++)
		if (applies(state, p))
			add(state, p, false);
}

void gm_matrix_add_user(const struct gm_state *state)
{
	const struct gm_probe *p;

	for (size_t i = 0; (p = gm_probe_at(i)); i++)
		if (applies(state, p) && !(p->flags & GM_ACC_ROOT))
			add(state, p, true);
}

void gm_matrix_add_ordinary(void)
{
	const struct gm_probe *p;

	for (size_t i = 0; (p = gm_probe_at(i)); i++)
		if (gm_access_want(p, GM_CLASS_ORDINARY).kind != GM_WANT_ABSENT)
			add(NULL, p, false);
}
