// SPDX-License-Identifier: GPL-2.0-only
/* One pair: what a round begins with, and how its results are judged. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "cpus.h"
#include "overlap.h"
#include "race.h"

#define ROUNDS 16U
#define ROUNDS_VM 3U	  /* if each round creates a VM */
#define ROUNDS_PROCESS 8U /* if each round creates a process */
#define ALONE 2U

static bool fresh_vm(const struct race *r)
{
	return r->ender->effect & RACE_VM;
}

static void make_vm(struct race *r)
{
	const struct gm_flavour *flavour = r->memory & (RACE_P1 | RACE_ANON) ? &gm_p1 : NULL;

	r->w = GM_FIXTURE(.flavour = flavour, .size = 16 * PG, .vcpus = 2, .extra_pages = 16,
			  .uaddr = GM_UADDR_SHARED, .uses_uaddr = true);
	gm_vm_map(r->w->vm, RACE_GPA, RACE_SIZE, PG);
	gm_vm_map(r->w->vm, RACE_OTHER, RACE_SIZE, PG);
	gm_vm_map(r->w->vm, RACE_MOVED, RACE_SIZE, PG);
}

static bool starts_private(const struct race *r)
{
	return r->memory == RACE_ATTRIBUTES || r->memory == RACE_PRIVATE;
}

static void map(struct race *r)
{
	int kind = r->memory == RACE_ANON ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;

	r->map = mmap(NULL, RACE_FILE, PROT_READ | PROT_WRITE, kind, r->gmem, 0);
	GM_SETUP(r->map != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
}

/* The slot with a new file, or with new anonymous memory. */
static void make_slot(struct race *r)
{
	r->at = RACE_GPA;
	r->flags = (r->ender->effect | r->user->effect) & RACE_LOGGED ? KVM_MEM_LOG_DIRTY_PAGES : 0;
	if (r->memory == RACE_ANON)
		map(r);
	else
		r->gmem = gm_gmem_new(r->w->vm, RACE_FILE, r->w->file.flags);
	r->uaddr = r->map ? r->map + RACE_OFF : NULL;
	GM_SETUP_OK(race_set(r, r->at, RACE_SIZE));
}

/* Creates a new file in the slot; the guest writes its pages. */
static void make_memory(struct race *r)
{
	if (!r->w)
		make_vm(r);
	make_slot(r);
	if (r->w->provider)
		gm_convert(r->w->vm, RACE_GPA, RACE_SIZE, starts_private(r));
	gm_guest_fill(r->w->vm, 1, RACE_GPA, RACE_PAGES, GM_WRITER_GUEST, r->gen);
}

/* The same in another process, whose vCPU reads the pages until it is killed. */
static void start_child(struct race *r)
{
	int ready[2], pidfd;

	GM_SETUP_OK(pipe2(ready, O_CLOEXEC));
	r->pid = GM_SETUP_OK(fork());
	if (!r->pid) {
		GM_SETUP_OK(prctl(PR_SET_PDEATHSIG, SIGKILL));
		gm_cpu_as_parent();
		make_memory(r);
		GM_SETUP(write(ready[1], &r->gmem, sizeof(r->gmem)) == sizeof(r->gmem), "write");
		for (;;)
			gm_guest_touch(r->w->vm, 0, RACE_GPA, RACE_SIZE, PG);
	}
	close(ready[1]);
	GM_SETUP(read(ready[0], &r->gmem, sizeof(r->gmem)) == sizeof(r->gmem),
		 "the other process has no file");
	close(ready[0]);
	pidfd = GM_SETUP_OK(syscall(SYS_pidfd_open, r->pid, 0));
	r->gmem = GM_SETUP_OK(syscall(SYS_pidfd_getfd, pidfd, r->gmem, 0));
	close(pidfd);
}

/* What the two calls of a round use. */
static void prepare(void *arg)
{
	struct race *r = arg;
	unsigned int effect = r->ender->effect | r->user->effect;

	r->hole = r->converted = r->deleted = r->closed = r->unmapped = false;
	memset(r->call, 0, sizeof(r->call));
	r->gen = r->gen % 1000 + 1;
	if (effect & RACE_CHILD)
		start_child(r);
	else
		make_memory(r);
	if (r->memory & RACE_MAPPED && !(effect & RACE_NO_MAP))
		map(r);
	if (r->ender->prepare)
		r->ender->prepare(r);
	if (effect & RACE_NO_FD && r->gmem >= 0) {
		close(r->gmem);
		r->gmem = -1;
	}
	if (r->user->prepare)
		r->user->prepare(r);
}

static void clear(struct race *r)
{
	if (r->w && gm_slot_at(r->w->vm, r->at))
		gm_slot_delete(r->w->vm, RACE_SLOT);
	if (r->map)
		munmap(r->map, RACE_FILE);
	if (r->gmem >= 0)
		close(r->gmem);
	r->map = r->uaddr = NULL;
	r->gmem = -1;
	if (r->w && fresh_vm(r)) {
		gm_fixture_free(r->w);
		r->w = NULL;
	}
}

static void call(void *arg, unsigned int i)
{
	struct race *r = arg;
	const struct race_side *side = i ? r->user : r->ender;

	side->run(r, &r->call[i]);
	r->call[i].ran = true;
}

static bool succeeded(const struct race_call *c)
{
	return !c->ret;
}

static void check_result(struct race *r, unsigned int i)
{
	const struct race_side *side = i ? r->user : r->ender;
	const struct race_call *c = &r->call[i];

	if (!c->ran)
		return;
	GM_EXPECT(side->legal ? side->legal(r, c) : succeeded(c), "%s beside %s: %d, %s%s%s",
		  side->name, i ? r->ender->name : r->user->name, c->ret, gm_errno_name(c->err),
		  c->exit.reason ? ", " : "", c->exit.reason ? gm_exit_str(&c->exit) : "");
	if (c->ret)
		return;
	r->hole |= side->effect & RACE_HOLE;
	r->converted |= side->effect & RACE_CONVERT;
	r->deleted |= side->effect & RACE_DELETE;
	r->closed |= side->effect & RACE_CLOSE;
	r->unmapped |= side->effect & RACE_UNMAP;
	if (side->effect & RACE_MOVE)
		r->at = RACE_MOVED;
	if (side->effect & RACE_LOG)
		r->flags = KVM_MEM_LOG_DIRTY_PAGES;
}

static void check_round(void *arg)
{
	struct race *r = arg;

	check_result(r, 0);
	check_result(r, 1);
	for (unsigned int i = 0; i < 2; i++) {
		const struct race_side *side = i ? r->user : r->ender;

		if (r->call[i].ran && side->undo)
			side->undo(r);
	}
	if (r->ender->end)
		r->ender->end(r);
	if (!gm_failures())
		race_check(r);
	clear(r);
}

void race_run(const struct gm_case *self)
{
	const struct race *pair = self->arg;
	struct race *r = calloc(1, sizeof(*r));

	GM_SETUP(r, "out of memory");
	*r = *pair;
	r->gmem = -1;
	r->copy = malloc(RACE_SIZE);
	GM_SETUP(r->copy, "out of memory");
	gm_overlap(&(struct gm_overlap){
		.prepare = prepare,
		.call = call,
		.check = check_round,
		.arg = r,
		.rounds = fresh_vm(r)	  ? ROUNDS_VM
			  : r->ender->end ? ROUNDS_PROCESS
					  : ROUNDS,
		.alone = fresh_vm(r) ? 1 : ALONE,
	});
	if (r->w)
		gm_fixture_free(r->w);
	if (r->other_vm)
		close(r->other_vm);
	if (r->gup_test)
		close(r->gup_test);
	free(r->copy);
	free(r);
}
