// SPDX-License-Identifier: GPL-2.0-only
/* Ordinary memory of a slot follows the VMM's mappings of it: fd.shared_follows. */
#include <sys/mman.h>
#include <sys/wait.h>

#include "fd.h"

GM_FILE(.clause = "fd.shared_follows", .profile = "any", .needs = GM_NEEDS(TDP))

#define NPAGES (GM_2M / PG)

struct change {
	void *hva;
	uint64_t len;
	int other; /* a file of the same size with other content */
};

static void drop(void *arg)
{
	struct change *c = arg;

	GM_SETUP_OK(madvise(c->hva, c->len, MADV_DONTNEED));
}

static void map_other(void *arg)
{
	struct change *c = arg;

	GM_SETUP(mmap(c->hva, c->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, c->other,
		      0) == c->hva,
		 "mmap: %s", gm_errno_name(errno));
}

static void map_nothing(void *arg)
{
	struct change *c = arg;

	GM_SETUP(mmap(c->hva, c->len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == c->hva,
		 "mmap: %s", gm_errno_name(errno));
}

static const struct way {
	const char *name;
	void (*change)(void *arg);
	bool other; /* the new content is the other file's; else zero */
	bool rest;  /* of the memory changes, too */
} way[] = {
	{ "MADV_DONTNEED of the page", drop, false, false },
	{ "MADV_DONTNEED of all", drop, false, true },
	{ "another file mapped over the page", map_other, true, false },
	{ "new memory mapped over all", map_nothing, false, true },
};

struct memory {
	enum gm_mem_kind mem;
};

GM_CASES(follows, struct memory, v)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(way) && !gm_failures(); i++) {
		struct gm_fixture *w = FD_ORDINARY(GM_2M, .mem = v->mem);
		uint64_t page = 77 + 100 * i, gpa = GM_BASE + page * PG, ret, want;
		struct change c = { w->hva, GM_2M, -1 };
		uint8_t *other;

		if (!way[i].rest)
			c = (struct change){ w->hva + page * PG, PG, -1 };
		c.other = fd_memfd(PG);
		other = fd_mmap(c.other, PG);
		gm_host_fill(other, FIRST + page, 1, GM_WRITER_HOST, 7);
		gm_fixture_fill(w, 0, FIRST, NPAGES);
		want = way[i].other ? gm_word(FIRST + page, GM_WRITER_HOST, 7, 0) : 0;
		ret = fd_running_read(w->vm, gpa, gm_fixture_word(w, FIRST + page), way[i].change,
				      &c);
		GM_EXPECT_AT(
			GM_PAGE(.gpa = GM_AT(gpa), .hva = GM_AT((uintptr_t)w->hva + page * PG)),
			ret == want, "%s: after it the running vCPU read %s, expected %s",
			way[i].name, gm_word_str(ret), way[i].other ? "the other file" : "zero");
		if (way[i].rest)
			gm_model_dropped(w->model, FIRST, NPAGES);
		else if (way[i].other)
			gm_model_host_wrote(w->model, FIRST + page, 1, GM_WRITER_HOST, 7);
		else
			gm_model_dropped(w->model, FIRST + page, 1);
		gm_fixture_check_guest(w, 0, FIRST + page, 1, 1, way[i].name);
		gm_fixture_check_guest(w, 0, FIRST, NPAGES, 1, way[i].name);
		gm_fixture_free(w);
		munmap(other, PG);
		close(c.other);
	}
}

GM_ROW(follows, follows_small, .name = "fd.shared_follows.small",
       .text = "a vCPU reads without an exit while the VMM drops or replaces the memory") = {
	.mem = GM_MEM_ANON,
};
GM_ROW(follows, follows_thp, .name = "fd.shared_follows.thp",
       .text = "a vCPU reads without an exit while the VMM drops or replaces the memory",
       .needs = GM_NEEDS(THP)) = { .mem = GM_MEM_THP };

/* In the child: the memory is as at the fork, which copied the model, too. */
static bool is_unchanged(struct gm_fixture *w)
{
	for (unsigned int p = 0; p < NPAGES; p++)
		if (*(uint64_t *)(w->hva + p * PG) != gm_fixture_word(w, FIRST + p))
			return false;
	return true;
}

/* A child whose memory must not change after the fork. Exits with 0 if it did not. */
static pid_t fork_child(struct gm_fixture *w, int end[2])
{
	pid_t pid;

	GM_SETUP_OK(pipe(end));
	pid = GM_SETUP_OK(fork());
	if (!pid) {
		char c;

		close(end[1]);
		_exit(read(end[0], &c, 1) < 0 || !is_unchanged(w));
	}
	close(end[0]);
	return pid;
}

/* The guest has all pages mapped writable before the fork: after it, a write must break COW. */
GM_CASES(forked, struct memory, v)
{
	struct gm_fixture *w = FD_ORDINARY(GM_2M, .mem = v->mem);
	int end[2], status;
	pid_t pid;

	gm_fixture_fill(w, 0, FIRST, NPAGES);
	pid = fork_child(w, end);
	gm_fixture_check_guest(w, 0, FIRST, NPAGES, 1, "after the fork");
	gm_fixture_fill(w, 0, FIRST, NPAGES);
	gm_fixture_check_host(w, FIRST, NPAGES, 1, "what the guest wrote after the fork");
	close(end[1]);
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_EXPECT(!status, "the child's copy has the guest's writes after the fork (status %#x)",
		  status);
	gm_fixture_check_guest(w, 0, FIRST, NPAGES, 1, "at the end");
	gm_fixture_free(w);
}

GM_ROW(forked, forked_small, .name = "fd.shared_follows.forked.small",
       .text = "a guest writes to pages shared with a child by fork(): to the VMM's own copy") = {
	.mem = GM_MEM_ANON,
};
GM_ROW(forked, forked_thp, .name = "fd.shared_follows.forked.thp",
       .text = "a guest writes to pages shared with a child by fork(): to the VMM's own copy",
       .needs = GM_NEEDS(THP)) = { .mem = GM_MEM_THP };
