// SPDX-License-Identifier: GPL-2.0-only
/* Calls that remove a file, its slot, its mapping, its pages, or the VM. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "race.h"
#include "touch.h"

static void close_last(struct race *r, struct race_call *c)
{
	c->ret = close(r->gmem);
	c->err = errno;
	r->gmem = -1;
}

static void unmap(struct race *r, struct race_call *c)
{
	c->ret = munmap(r->map, RACE_FILE);
	c->err = errno;
}

/* --- the mapping moves --- */

static uint8_t *place; /* addresses where nothing is mapped */

static void find_place(struct race *r)
{
	place = mmap(NULL, RACE_FILE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	GM_SETUP(place != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
}

static int remap(uint8_t *from, uint8_t *to)
{
	void *p = mremap(from, RACE_FILE, RACE_FILE, MREMAP_MAYMOVE | MREMAP_FIXED, to);

	return p == MAP_FAILED ? -1 : 0;
}

static void move_map(struct race *r, struct race_call *c)
{
	c->ret = remap(r->map, place);
	c->err = errno;
}

static void move_map_back(struct race *r)
{
	if (r->memory == RACE_ANON && !r->deleted)
		race_expect_exit(r, r->at, KVM_EXIT_MEMORY_FAULT, EFAULT, "the mapping is moved");
	GM_SETUP_OK(remap(place, r->map));
}

static void leave_map(struct race *r, struct race_call *c)
{
	void *p = mremap(r->map, RACE_FILE, RACE_FILE,
			 MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, place);

	c->ret = p == MAP_FAILED ? -1 : 0;
	c->err = errno;
}

/* The pages are at the new place, with what they held before. */
static void check_moved(struct race *r)
{
	for (uint64_t i = 0; i < RACE_PAGES && !r->call[0].ret && !gm_failures(); i++) {
		uint64_t word = *(const volatile uint64_t *)(place + RACE_OFF + i * PG);

		GM_EXPECT(word == race_old(r, i, 0), "page %lu at the new place: %s", i,
			  gm_word_str(word));
	}
	munmap(place, RACE_FILE);
}

static void discard(struct race *r, struct race_call *c)
{
	c->ret = madvise(r->map + RACE_OFF, RACE_SIZE, MADV_DONTNEED);
	c->err = errno;
}

/* --- the slot --- */

static void move_slot(struct race *r, struct race_call *c)
{
	c->ret = race_set(r, RACE_MOVED, RACE_SIZE);
	c->err = errno;
}

static void log_slot(struct race *r, struct race_call *c)
{
	c->ret = __gm_slot_set(r->w->vm, RACE_SLOT, KVM_MEM_LOG_DIRTY_PAGES, RACE_GPA, RACE_SIZE,
			       r->uaddr, -1, 0);
	c->err = errno;
}

/* --- another process that has the mapping, the file and its slots; it is killed --- */

/* The child maps every page in its own page tables, and waits. */
static void start_process(struct race *r)
{
	int ready[2];
	char byte;

	GM_SETUP_OK(pipe2(ready, O_CLOEXEC));
	r->pid = GM_SETUP_OK(fork());
	if (!r->pid) {
		for (uint64_t off = 0; r->map && off < RACE_SIZE; off += PG)
			gm_touch(r->map + RACE_OFF + off, false, NULL);
		if (write(ready[1], "", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	GM_SETUP(read(ready[0], &byte, 1) == 1, "the child did not start");
	close(ready[0]);
	close(ready[1]);
}

static void kill_process(struct race *r, struct race_call *c)
{
	int status;

	c->ret = kill(r->pid, SIGKILL);
	c->err = errno;
	GM_SETUP_OK(waitpid(r->pid, &status, 0));
	r->pid = 0;
}

/* Nobody killed it: only the user ran. */
static void end_process(struct race *r)
{
	struct race_call c;

	if (r->pid)
		kill_process(r, &c);
}

static void forget_map(struct race *r)
{
	r->map = NULL;
}

static void free_vm(struct race *r, struct race_call *c)
{
	gm_fixture_free(r->w);
}

static void forget_vm(struct race *r)
{
	r->w = NULL;
}

static void end_last(struct race *r)
{
	end_process(r);
	r->closed = true;
}

const struct race_side race_enders[] = {
	{ .name = "delete",
	  .text = "the slot is deleted",
	  .memory = RACE_ALL,
	  .effect = RACE_DELETE,
	  .run = race_delete },
	{ .name = "hole",
	  .text = "a hole is punched over the pages",
	  .memory = RACE_EACH,
	  .effect = RACE_HOLE,
	  .run = race_hole },
	{ .name = "convert",
	  .text = "the pages are converted in place",
	  .memory = RACE_INPLACE,
	  .effect = RACE_CONVERT,
	  .run = race_convert },
	{ .name = "close",
	  .text = "the last descriptor of the file is closed",
	  .memory = RACE_EACH,
	  .effect = RACE_CLOSE | RACE_NO_MAP,
	  .run = close_last },
	{ .name = "munmap",
	  .text = "the mapping is unmapped",
	  .memory = RACE_HOST,
	  .effect = RACE_UNMAP,
	  .run = unmap,
	  .undo = forget_map },
	{ .name = "munmap_last",
	  .text = "the mapping is unmapped, the last reference to the file",
	  .memory = RACE_MAPPED,
	  .effect = RACE_UNMAP | RACE_CLOSE | RACE_NO_FD,
	  .run = unmap,
	  .undo = forget_map },
	{ .name = "vm",
	  .text = "the VM is closed",
	  .memory = RACE_ALL,
	  .effect = RACE_VM,
	  .run = free_vm,
	  .undo = forget_vm },
	{ .name = "mremap",
	  .text = "the mapping is moved",
	  .memory = RACE_HOST,
	  .effect = RACE_REMAP,
	  .prepare = find_place,
	  .run = move_map,
	  .undo = move_map_back },
	{ .name = "mremap_left",
	  .text = "the pages are moved out of the mapping, which stays (MREMAP_DONTUNMAP)",
	  .memory = RACE_ANON,
	  .effect = RACE_HOLE,
	  .prepare = find_place,
	  .run = leave_map,
	  .undo = check_moved },
	{ .name = "discard",
	  .text = "the pages are discarded by MADV_DONTNEED",
	  .memory = RACE_ANON,
	  .effect = RACE_HOLE,
	  .run = discard },
	{ .name = "move",
	  .text = "the slot is moved",
	  .memory = RACE_ANON,
	  .effect = RACE_MOVE,
	  .run = move_slot },
	{ .name = "log",
	  .text = "dirty logging of the slot is switched on",
	  .memory = RACE_ANON,
	  .effect = RACE_LOG,
	  .run = log_slot },
	{ .name = "kill",
	  .text = "another process that maps the pages is killed",
	  .memory = RACE_HOST,
	  .prepare = start_process,
	  .run = kill_process,
	  .end = end_process },
	{ .name = "kill_vm",
	  .text = "the process that has the VM is killed while its vCPU runs",
	  .memory = RACE_MAPPED,
	  .effect = RACE_VM | RACE_CHILD,
	  .run = kill_process,
	  .end = end_process },
	{ .name = "kill_last",
	  .text = "another process that has the last descriptor of the file is killed",
	  .memory = RACE_EACH,
	  .effect = RACE_CLOSE | RACE_NO_MAP | RACE_NO_FD,
	  .prepare = start_process,
	  .run = kill_process,
	  .end = end_last },
	{},
};
