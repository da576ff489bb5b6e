// SPDX-License-Identifier: GPL-2.0-only
/*
 * A conversion unmaps exactly the converted pages, wherever they are mapped: gup.inplace_unmapped.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "access/access.h"
#include "fixture.h"
#include "gm.h"

#define PG GM_PAGE_SIZE
#define NR 32U
#define FIRST 8U /* [FIRST, FIRST + CONVERTED) becomes private */
#define CONVERTED 4U
#define LATER 5U /* where the second mapping begins in the file */
#define PRIVATE (((1ULL << CONVERTED) - 1) << FIRST)

enum { WHOLE, SECOND, VIEWS };

struct views {
	struct gm_fixture *w;
	uint8_t *hva[VIEWS]; /* address of page 0 of the file, mapped or not */
	pid_t child;	     /* has the same mappings, with its own page tables */
	int ask, answer;
	struct gm_vm *other; /* a VM whose slot is the first mapping */
};

/* The result of a load from a page of a view. */
struct answer {
	struct gm_outcome o;
	uint64_t word;
};

static unsigned int first_of(int view)
{
	return view == SECOND ? LATER : 0;
}

static struct answer load(const struct views *v, int view, unsigned int page)
{
	static uint64_t buf[PG / 8];
	struct gm_access a = { .probe = gm_probe_find("cpu_load"),
			       .hva = v->hva[view] + page * PG,
			       .len = PG,
			       .fd = -1,
			       .buf = (uint8_t *)buf };
	struct answer ans = { .o = gm_access_run(&a) };

	ans.word = buf[7];
	return ans;
}

static void serve(const struct views *v)
{
	struct answer ans;
	int what[2];

	while (read(v->ask, what, sizeof(what)) == sizeof(what)) {
		ans = load(v, what[0], what[1]);
		if (write(v->answer, &ans, sizeof(ans)) != sizeof(ans))
			break;
	}
	_exit(0);
}

static void start_child(struct views *v)
{
	int ask[2], answer[2];

	GM_SETUP_OK(pipe2(ask, O_CLOEXEC));
	GM_SETUP_OK(pipe2(answer, O_CLOEXEC));
	v->child = GM_SETUP_OK(fork());
	if (!v->child) {
		close(ask[1]);
		close(answer[0]);
		v->ask = ask[0];
		v->answer = answer[1];
		serve(v);
	}
	close(ask[0]);
	close(answer[1]);
	v->ask = ask[1];
	v->answer = answer[0];
}

static void stop_child(struct views *v)
{
	close(v->ask);
	close(v->answer);
	GM_SETUP_OK(waitpid(v->child, NULL, 0));
}

static struct answer load_in_child(const struct views *v, int view, unsigned int page)
{
	int what[2] = { view, page };
	struct answer ans;

	GM_SETUP(write(v->ask, what, sizeof(what)) == sizeof(what) &&
			 read(v->answer, &ans, sizeof(ans)) == sizeof(ans),
		 "the child does not answer");
	return ans;
}

/* Returns a mask of the view's pages that the process has in its page tables. */
static uint64_t present(pid_t pid, const struct views *v, int view)
{
	uint64_t e[NR] = { 0 }, mask = 0;
	unsigned int first = first_of(view);
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = GM_SETUP_OK(open(path, O_RDONLY | O_CLOEXEC));
	GM_SETUP(pread(fd, e + first, (NR - first) * 8,
		       ((uintptr_t)v->hva[view] / PG + first) * 8) > 0,
		 "pread of %s: %s", path, gm_errno_name(errno));
	close(fd);
	for (unsigned int i = first; i < NR; i++)
		mask |= (e[i] >> 63) << i;
	return mask;
}

static void expect_present(const struct views *v, uint64_t pages, const char *when)
{
	for (int view = 0; view < VIEWS; view++) {
		uint64_t want = pages & ((1ULL << NR) - (1ULL << first_of(view)));

		GM_EXPECT_EQ(present(getpid(), v, view), want,
			     "%s: pages in the page tables, mapping %d", when, view);
		GM_EXPECT_EQ(present(v->child, v, view), want,
			     "%s: pages in the child's page tables, mapping %d", when, view);
	}
}

/* Expects `word` in the page; 0: the page is private, expects SIGBUS. */
static void expect_word(const struct answer *ans, uint64_t hva, uint64_t word, const char *who,
			const char *when)
{
	if (!word)
		GM_EXPECT_AT(GM_PAGE(.hva = GM_AT(hva)), ans->o.sig == SIGBUS && ans->o.addr == hva,
			     "%s, %s: expected SIGBUS at the page, observed %s", when, who,
			     gm_outcome_str(&ans->o));
	else
		GM_EXPECT_AT(GM_PAGE(.hva = GM_AT(hva)), !ans->o.sig && ans->word == word,
			     "%s, %s: expected %s, observed %s, %s", when, who, gm_word_str(word),
			     gm_outcome_str(&ans->o), gm_word_str(ans->word));
}

static void expect_other_vm(const struct views *v, unsigned int page, uint64_t word,
			    const char *when)
{
	struct gm_op op = { .code = GM_OP_READ, .addr = GM_BASE + page * PG + 56 };
	struct gm_exit ex;
	bool got = __gm_run(v->other, 0, &op, 1, &ex, NULL);

	if (!word)
		GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(op.addr)), !got && ex.ret && ex.err == EFAULT,
			     "%s, another VM's guest: expected EFAULT from KVM_RUN, observed %s",
			     when, got ? gm_word_str(op.val) : gm_exit_str(&ex));
	else
		GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(op.addr)), got && op.val == word,
			     "%s, another VM's guest: expected %s, observed %s", when,
			     gm_word_str(word), got ? gm_word_str(op.val) : gm_exit_str(&ex));
}

/*
 * Expects generation 1 in pages beside the converted ones, and `gen` in these; 0: they are private.
 */
static void expect_views(const struct views *v, unsigned int gen, const char *when)
{
	static const unsigned int page[] = { FIRST - 1, FIRST, FIRST + 1, FIRST + CONVERTED - 1,
					     FIRST + CONVERTED };

	for (size_t i = 0; i < sizeof(page) / sizeof(page[0]); i++) {
		bool inside = PRIVATE >> page[i] & 1;
		uint64_t word =
			gm_word(GM_BASE / PG + page[i], GM_WRITER_SHARED, inside ? gen : 1, 7);

		if (inside && !gen)
			word = 0;
		for (int view = 0; view < VIEWS; view++) {
			uint64_t hva = (uintptr_t)v->hva[view] + page[i] * PG;
			struct answer ans = load(v, view, page[i]);

			expect_word(&ans, hva, word, "this process", when);
			ans = load_in_child(v, view, page[i]);
			expect_word(&ans, hva, word, "its child", when);
		}
		expect_other_vm(v, page[i], word, when);
	}
}

static void touch_all(const struct views *v)
{
	for (int view = 0; view < VIEWS; view++)
		for (unsigned int i = first_of(view); i < NR; i++) {
			load(v, view, i);
			load_in_child(v, view, i);
		}
	gm_guest_touch(v->other, 0, GM_BASE, NR * PG, PG);
}

GM_CASE(everywhere, .name = "gup.inplace_unmapped.everywhere", .clause = "gup.inplace_unmapped",
	.providers = GM_PROVIDERS(INPLACE), .needs = GM_NEEDS(TDP, GMEM_GUP), .caps = GM_CAPS_ALL,
	.text = "two mappings, also in a child, and another VM's slot: all lose exactly the converted pages")
{
	struct gm_fixture *w = GM_FIXTURE(.size = NR * PG);
	struct views v = { .w = w, .hva[WHOLE] = w->hva };
	uint8_t *second = mmap(NULL, (NR - LATER) * PG, PROT_READ | PROT_WRITE, MAP_SHARED, w->gmem,
			       LATER * PG);

	GM_SETUP(second != MAP_FAILED, "mmap of guest_memfd: %s", gm_errno_name(errno));
	v.hva[SECOND] = second - LATER * PG;
	gm_guest_fill(w->vm, 0, GM_BASE, NR, GM_WRITER_SHARED, 1);
	start_child(&v);
	v.other = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1);
	gm_slot_set(v.other, GM_SLOT, 0, GM_BASE, NR * PG, w->hva, -1, 0);
	gm_vm_map(v.other, GM_BASE, GM_2M, GM_2M);
	touch_all(&v);
	expect_present(&v, (1ULL << NR) - 1, "touched");

	gm_gmem_convert(w->gmem, FIRST * PG, CONVERTED * PG, true);
	expect_present(&v, ((1ULL << NR) - 1) & ~PRIVATE, "converted");
	gm_guest_fill(w->vm, 0, GM_BASE + FIRST * PG, CONVERTED, GM_WRITER_SECRET, 2);
	expect_views(&v, 0, "converted");
	expect_present(&v, ((1ULL << NR) - 1) & ~PRIVATE, "after the refused touches");
	gm_guest_check(w->vm, 0, GM_BASE + FIRST * PG, CONVERTED, GM_WRITER_SECRET, 2,
		       "after the refused touches");

	gm_guest_fill(w->vm, 0, GM_BASE + FIRST * PG, CONVERTED, GM_WRITER_SHARED, 3);
	gm_gmem_convert(w->gmem, FIRST * PG, CONVERTED * PG, false);
	expect_views(&v, 3, "shared again");
	/* Refused accesses left no references: the next conversion succeeds. */
	gm_gmem_convert(w->gmem, 0, NR * PG, true);
	expect_present(&v, 0, "all converted");

	gm_vm_free(v.other);
	stop_child(&v);
	munmap(second, (NR - LATER) * PG);
	gm_fixture_free(w);
}
