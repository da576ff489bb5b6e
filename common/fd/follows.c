// SPDX-License-Identifier: GPL-2.0-only
/* Ordinary memory of a slot follows the VMM's mappings of it: fd.shared_follows. */
#include <sys/mman.h>
#include <sys/wait.h>

#include "fd.h"

#define NPAGES (GM_2M / PG)
#define FIRST (GM_BASE / PG)

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
	bool other; /* content of the other file is what comes; else zeroes */
	bool rest;  /* of the memory changes too, not only the page */
} way[] = {
	{ "MADV_DONTNEED of the page", drop, false, false },
	{ "MADV_DONTNEED of all", drop, false, true },
	{ "another file mapped over the page", map_other, true, false },
	{ "new memory mapped over all", map_nothing, false, true },
};

static void follows(const struct gm_case *self)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(way) && !gm_failures(); i++) {
		struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1);
		struct gm_mem *mem = gm_mem_new(self->val, GM_2M);
		uint64_t page = 77 + 100 * i, gpa = GM_BASE + page * PG, ret, want;
		struct change c = { mem->hva, GM_2M, -1 };
		uint8_t *other;

		if (!way[i].rest)
			c = (struct change){ mem->hva + page * PG, PG, -1 };
		c.other = fd_memfd(PG);
		other = fd_mmap(c.other, PG);
		gm_host_fill(other, FIRST + page, 1, GM_HALF_HOST, 7);
		gm_slot_set(vm, GM_SLOT, 0, GM_BASE, GM_2M, mem->hva, -1, 0);
		gm_vm_map(vm, GM_BASE, GM_2M, GM_2M);
		gm_guest_fill(vm, 0, GM_BASE, NPAGES, GM_HALF_SHARED, 1);
		want = way[i].other ? gm_word(FIRST + page, GM_HALF_HOST, 7, 0) : 0;
		ret = fd_running_read(vm, gpa, gm_word(FIRST + page, GM_HALF_SHARED, 1, 0),
				      way[i].change, &c);
		GM_EXPECT_AT(GM_PAGE(.gpa = gpa, .hva = (uintptr_t)mem->hva + page * PG),
			     ret == want, "%s: the running vCPU read %s after it, expected %s",
			     way[i].name, gm_word_str(ret),
			     way[i].other ? "the other file" : "zero");
		if (way[i].other)
			gm_guest_check(vm, 0, gpa, 1, GM_HALF_HOST, 7, way[i].name);
		else
			gm_guest_check_zero(vm, 0, gpa, 1, way[i].name);
		if (way[i].rest) {
			gm_guest_check_zero(vm, 0, GM_BASE, NPAGES, way[i].name);
		} else {
			gm_guest_check(vm, 0, GM_BASE, page, GM_HALF_SHARED, 1, "the pages before");
			gm_guest_check(vm, 0, gpa + PG, NPAGES - page - 1, GM_HALF_SHARED, 1,
				       "the pages behind");
		}
		gm_vm_free(vm);
		munmap(other, PG);
		close(c.other);
		gm_mem_free(mem);
	}
}

#define FOLLOWS(id, kind, ...)                                                                              \
	GM_VARIANT(                                                                                         \
		follows, follows_##id, .name = "fd.shared_follows." #id,                                    \
		.clause = "fd.shared_follows", .profile = "any", .val = kind,                               \
		.text = "a vCPU that reads without an exit, while the VMM drops or replaces what it reads", \
		__VA_ARGS__)
FOLLOWS(small, GM_MEM_ANON, .needs = GM_NEEDS(TDP))
FOLLOWS(thp, GM_MEM_THP, .needs = GM_NEEDS(TDP, THP))

static bool is_first(uint8_t *hva)
{
	for (unsigned int p = 0; p < NPAGES; p++)
		if (*(uint64_t *)(hva + p * PG) != gm_word(FIRST + p, GM_HALF_SHARED, 1, 0))
			return false;
	return true;
}

/* A child that keeps what was there when it came to be: 0 if that is what it has at the end. */
static pid_t keeper(uint8_t *hva, int end[2])
{
	pid_t pid;

	GM_SETUP_OK(pipe(end));
	pid = GM_SETUP_OK(fork());
	if (!pid) {
		char c;

		close(end[1]);
		_exit(read(end[0], &c, 1) < 0 || !is_first(hva));
	}
	close(end[0]);
	return pid;
}

/* The guest has written every page, its translations allow it; then memory is copied on write. */
static void forked(const struct gm_case *self)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1);
	struct gm_mem *mem = gm_mem_new(self->val, GM_2M);
	int end[2], status;
	pid_t pid;

	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, GM_2M, mem->hva, -1, 0);
	gm_vm_map(vm, GM_BASE, GM_2M, GM_2M);
	gm_guest_fill(vm, 0, GM_BASE, NPAGES, GM_HALF_SHARED, 1);
	pid = keeper(mem->hva, end);
	gm_guest_check(vm, 0, GM_BASE, NPAGES, GM_HALF_SHARED, 1, "after the fork");
	gm_guest_fill(vm, 0, GM_BASE, NPAGES, GM_HALF_SHARED, 2);
	gm_host_check(mem->hva, FIRST, NPAGES, GM_HALF_SHARED, 2, "what the guest wrote then");
	close(end[1]);
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_EXPECT(!status,
		  "what the guest wrote after the fork is in the child's copy (status %#x)",
		  status);
	gm_guest_check(vm, 0, GM_BASE, NPAGES, GM_HALF_SHARED, 2, "at the end");
	gm_vm_free(vm);
	gm_mem_free(mem);
}

#define FORKED(id, kind, ...)                                                                              \
	GM_VARIANT(                                                                                        \
		forked, forked_##id, .name = "fd.shared_follows.forked." #id,                              \
		.clause = "fd.shared_follows", .profile = "any", .val = kind,                              \
		.text = "a guest writes to pages that a child shares since a fork: to the VMM's own copy", \
		__VA_ARGS__)
FORKED(small, GM_MEM_ANON, .needs = GM_NEEDS(TDP))
FORKED(thp, GM_MEM_THP, .needs = GM_NEEDS(TDP, THP))
