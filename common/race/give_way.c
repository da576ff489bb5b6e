// SPDX-License-Identifier: GPL-2.0-only
/* Runs a long operation beside a real-time task on its CPU, and a vCPU that looks at all pages. */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "cpus.h"
#include "give_way.h"

#define ROUNDS 12U /* at most; ends after ENOUGH that gave way */
#define ENOUGH 2U  /* if the operation does not say */
/* Words between two that are checked: four words of each page. */
#define STRIDE 128

struct engine {
	struct way *y;
	atomic_bool watching, stop;
	int cpu;
};

/* The flags: words of the page after the range. The guest sets the first one, the host the next. */
static uint64_t flag_gpa(const struct way *y)
{
	return y->w->gpa + WAY_SIZE;
}

static volatile uint64_t *flag(const struct way *y)
{
	return (volatile uint64_t *)(y->w->hva + WAY_SIZE);
}

static struct gm_op look(const struct way *y)
{
	struct gm_op op = { .code = GM_OP_CHECK,
			    .addr = y->gpa,
			    .nr = WAY_PAGES,
			    .writer = GM_WRITER_GUEST,
			    .gen = y->gen,
			    .stride = STRIDE };
	bool zero = y->op->after == WAY_ZERO ||
		    (y->op->after == WAY_CONVERTED && !gm_fixture_one_memory(y->w));

	if (y->op->after == WAY_WRITES) {
		op.code = GM_OP_TOUCH_W;
		op.val = PG;
		op.gen++;
	} else if (zero) {
		op.code = GM_OP_CHECK_ZERO;
	}
	return op;
}

/* Reads every page, waits for the operation to end without an exit, and looks again. */
static void watch(struct engine *e)
{
	struct way *y = e->y;
	struct gm_op op[4] = {
		{ .code = GM_OP_TOUCH_R, .addr = y->gpa, .nr = WAY_PAGES, .val = PG },
		{ .code = GM_OP_WRITE, .addr = flag_gpa(y), .val = 1 },
		{ .code = GM_OP_SPIN, .addr = flag_gpa(y) + 8, .val = 1 },
		look(y),
	};
	unsigned int nr = y->op->after == WAY_NOTHING ? 3 : 4;

	gm_cpu_use(e->cpu, false);
	gm_run(y->w->vm, 0, op, nr);
	if (nr == 4)
		GM_EXPECT(
			!op[3].bad,
			"the vCPU that ran meanwhile: %lu words are wrong, the first at %#lx: %s, expected %s",
			op[3].bad, op[3].bad_addr, gm_word_str(op[3].observed),
			gm_word_str(op[3].expected));
}

static void operate(struct engine *e)
{
	struct rusage before, after;
	struct way *y = e->y;

	gm_cpu_use(e->cpu, true);
	/* Bounded by the time limit of the case. */
	while (!flag(y)[0])
		sched_yield();
	getrusage(RUSAGE_THREAD, &before);
	y->op->run(y);
	getrusage(RUSAGE_THREAD, &after);
	y->given = after.ru_nivcsw - before.ru_nivcsw;
	flag(y)[1] = 1;
	atomic_store(&e->stop, true);
}

/*
 * Takes the CPU away again and again. A task of the operation's own class gets it only at a tick
 * (CONFIG_PREEMPT_LAZY), and a short operation ends before: a task of a real-time class gets it at
 * the operation's next chance.
 */
static void preempt(struct engine *e)
{
	const struct sched_param lowest = { .sched_priority = 1 };
	const struct timespec pause = { .tv_nsec = 50 * 1000 };

	gm_cpu_use(e->cpu, true);
	GM_SETUP_OK(sched_setscheduler(0, SCHED_FIFO, &lowest));
	while (!atomic_load(&e->stop))
		nanosleep(&pause, NULL);
}

static void thread(unsigned int i, void *arg)
{
	if (i == 0)
		operate(arg);
	else if (i == 1)
		watch(arg);
	else
		preempt(arg);
}

static void begin(struct way *y)
{
	const struct gm_flavour *flavour = y->memory == RACE_P1 ? &gm_p1 : NULL;
	struct gm_op op;

	y->w = GM_FIXTURE(.flavour = flavour, .gpa = WAY_GPA, .size = WAY_SIZE + PG, .vcpus = 2,
			  .uaddr = GM_UADDR_SHARED, .uses_uaddr = true, .extra_pages = 16);
	y->gpa = y->w->gpa;
	y->gen = gm_fixture_gen(y->w);
	if (y->op->private)
		gm_convert(y->w->vm, y->gpa, WAY_SIZE, true);
	flag(y)[0] = flag(y)[1] = 0;
	if (y->op->prepare)
		y->op->prepare(y);
	op = (struct gm_op){ .code = GM_OP_FILL,
			     .addr = y->gpa,
			     .nr = WAY_PAGES,
			     .writer = GM_WRITER_GUEST,
			     .gen = y->gen,
			     .stride = STRIDE };
	gm_run(y->w->vm, 1, &op, 1);
}

static void end(struct way *y)
{
	gm_fixture_free(y->w);
	if (y->mem)
		gm_mem_free(y->mem);
	y->mem = NULL;
}

void way_run(const struct gm_case *self)
{
	const struct way *all = self->arg;
	unsigned int rounds = 0, gave = 0, enough = all->op->enough ?: ENOUGH;
	unsigned long most = 0;
	int cpu = gm_cpu_first_of_two();

	while (rounds < ROUNDS && gave < enough && !gm_failures()) {
		struct way y = *all;
		struct engine e = { .y = &y, .cpu = cpu };

		begin(&y);
		gm_parallel(3, thread, &e);
		if (y.op->check && !gm_failures())
			y.op->check(&y);
		end(&y);
		rounds++;
		gave += y.given > 0;
		most = y.given > most ? y.given : most;
	}
	gm_note("gave way in %u of %u rounds, at most %lu times", gave, rounds, most);
	GM_SETUP(gave || gm_failures(), "the call never gave way in %u rounds", rounds);
}
