// SPDX-License-Identifier: GPL-2.0-only
/* Runs a program: its VM, the vCPUs' rings, its threads, its rounds. */
#include <signal.h>
#include <sched.h>
#include <sys/syscall.h>

#include "clock.h"
#include "gmem_huge.h"
#include "judge.h"
#include "text.h"
#include "time_factor.h"

#define CONTROL (GM_BASE + 16 * GM_1G) /* gpa of the rings, far from the memory under test */
#define PER_VCPU (512UL << 10)
#define RING_OPS 2048U
#define RES_AT 0x10000UL
#define LOG_AT 0x30000UL
#define LOG_MAX ((PER_VCPU - LOG_AT) / sizeof(struct gm_ring_log))
#define SHARED_SIZE (512UL << 10) /* clock and rendezvous counters, before the vCPUs' parts */
/* Far more than races can cause: ends a vCPU that faults for ever. */
#define FAULTS_MAX 4000U
/* Operations of one actor in a round of order strict. */
#define TURN 512U

_Static_assert(RING_OPS * sizeof(struct gm_ring_op) + 0x1000 <= RES_AT, "operations");
_Static_assert(RES_AT + RING_OPS * sizeof(struct gm_ring_res) <= LOG_AT, "results");

static uint64_t ring_gva(unsigned int v)
{
	return CONTROL + SHARED_SIZE + v * PER_VCPU;
}

/* --- exits of vCPUs that races explain --- */

static bool in_layout(const struct st_run *r, uint64_t gpa)
{
	return gpa - GM_BASE < (uint64_t)r->layout->pages * GM_PAGE_SIZE;
}

static bool on_exit_(struct gm_vm *vm, unsigned int v, const struct gm_exit *ex)
{
	struct st_run *r = vm->user;
	struct st_actor *a = &r->vcpu[v];
	struct kvm_run *run = vm->vcpu[v]->run;

	if (!r->concurrent || v >= r->prog.head.vcpus || a->faults >= FAULTS_MAX)
		return false;
	a->faults++;
	/* The page was converted during the fault: kvm_mmu_faultin_pfn(), mmu.c. */
	if (ex->ret && ex->err == EFAULT && ex->reason == KVM_EXIT_MEMORY_FAULT)
		return in_layout(r, ex->fault.gpa) && ex->fault.size == GM_PAGE_SIZE;
	/* The host's mapping was read-only for a moment; in place guest accesses do not use it. */
	if (ex->ret && ex->err == EFAULT)
		return !r->inplace && r->flags & (ST_NO_SLOT | ST_READ_ONLY);
	/* The slot was deleted for a moment. */
	if (!ex->ret && ex->reason == KVM_EXIT_MMIO && r->flags & ST_NO_SLOT &&
	    in_layout(r, run->mmio.phys_addr)) {
		if (!run->mmio.is_write)
			memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		return true;
	}
	return false;
}

/* --- actors --- */

/* Waits until all actors of the rendezvous are there; with a bound, since one may be stuck. */
void st_wait_meet(struct st_run *r, unsigned int meet)
{
	struct timespec moment = { .tv_nsec = 50000 };

	for (int i = 0; i < gm_time_limit(20000) && r->meet[meet] < r->need[meet]; i++)
		nanosleep(&moment, NULL);
}

static void run_vcpu(struct st_actor *a)
{
	struct st_run *r = a->run;
	struct gm_ring_op *ops = (void *)((uint8_t *)a->ring + 0x1000);
	struct gm_ring_res *res = (void *)((uint8_t *)a->ring + RES_AT);
	struct gm_ring_log *log = (void *)((uint8_t *)a->ring + LOG_AT);
	struct gm_op ring = { .code = GM_OP_RING, .addr = ring_gva(a->nr) };

	for (uint32_t i = 0; i < a->n; i++) {
		const struct gm_sop *op = &r->prog.op[a->list[i]];

		ops[i] = (struct gm_ring_op){ *op, st_ops[op->code]->guest };
		/* set_wait() has turned thousandths of the partner's duration into cycles. */
		ops[i].op.wait = r->res[a->list[i]].cycles;
		res[i] = (struct gm_ring_res){ .index = a->list[i] };
	}
	a->ring->nr = a->n;
	a->ring->alone = !r->concurrent;
	a->ring->done = a->ring->logs = 0;
	a->ring->waiting = 0;
	/* A vCPU that waits at a rendezvous exits, and then continues where it was. */
	for (;;) {
		a->stopped = !__gm_run(r->vm, a->nr, &ring, 1, &a->exit, NULL);
		if (a->stopped || !a->ring->waiting)
			break;
		st_wait_meet(r, a->ring->waiting);
	}
	for (uint32_t i = 0; i < a->n; i++) {
		r->res[a->list[i]] = res[i];
		r->note[a->list[i]].log = log + res[i].log;
	}
}

static void run_thread(struct st_actor *a)
{
	a->logs = 0;
	for (uint32_t i = 0; i < a->n; i++)
		st_host_op(a, a->list[i]);
}

static void *actor_main(void *arg)
{
	struct st_actor *a = arg;

	a->tid = syscall(SYS_gettid);
	if (!a->vcpu)
		st_unblock_signals(false);
	a->fail_fd = a->vcpu ? -1 : open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	for (;;) {
		/* A kick may interrupt it. */
		while (sem_wait(&a->go))
			;
		if (a->run->dying)
			return NULL;
		if (a->vcpu)
			run_vcpu(a);
		else
			run_thread(a);
		sem_post(&a->done);
	}
}

static void kicked(int sig) {}

static void start_actor(struct st_run *r, struct st_actor *a, unsigned int nr, bool vcpu)
{
	a->run = r;
	a->nr = nr;
	a->vcpu = vcpu;
	sem_init(&a->go, 0, 0);
	sem_init(&a->done, 0, 0);
	a->list = calloc(ST_OPS_MAX, sizeof(*a->list));
	GM_SETUP(a->list, "out of memory");
	if (vcpu) {
		a->ring = (void *)(r->control->hva + SHARED_SIZE + nr * PER_VCPU);
		*a->ring = (struct gm_ring){
			.base = GM_BASE,
			.clock = CONTROL,
			.meet = CONTROL + 0x1000,
			.need = CONTROL + 0x2000,
			.ops = ring_gva(nr) + 0x1000,
			.res = ring_gva(nr) + RES_AT,
			.log = ring_gva(nr) + LOG_AT,
			.log_max = LOG_MAX,
		};
	} else {
		a->log = calloc(HOST_LOG, sizeof(*a->log));
		a->buf = mmap(NULL, 64 * GM_PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		GM_SETUP(a->log && a->buf != MAP_FAILED, "out of memory");
	}
	GM_SETUP(!pthread_create(&a->thread, NULL, actor_main, a), "no thread");
}

/* --- set-up --- */

int st_gmem_new(const struct st_run *r, uint32_t pages)
{
	const struct gm_provider *provider = r->vm->provider;
	bool private = r->prog.head.start_private;
	struct gm_flavour f = { .flags = private ? provider->flags_private
						 : provider->flags_shared };
	uint64_t size = (uint64_t)pages * GM_PAGE_SIZE;

	/* Files of huge pages begin private. */
	if (provider->file_page) {
		f.flags |= gm_gmem_huge_flags(provider->file_page);
		f.conversions = !private;
		size = (size + provider->file_page - 1) / provider->file_page * provider->file_page;
	}
	return gm_flavour_gmem(r->vm, &f, size);
}

long st_slot_make(struct st_run *r, unsigned int i)
{
	const struct st_slot *s = &r->layout->slot[i];

	return __gm_slot_set(r->vm, ST_SLOT_ID(i), 0, st_gpa(s->page),
			     (uint64_t)s->pages * GM_PAGE_SIZE, st_uaddr(r, s), r->bound[i].gmem,
			     (uint64_t)r->bound[i].page * GM_PAGE_SIZE)
		       ? -errno
		       : 0;
}

/* With nx_huge_pages (mmu.c) a fetch from a huge page splits it for an hour. */
static bool fetches_split(void)
{
	char val[16];

	return gm_read_text("/sys/module/kvm/parameters/nx_huge_pages", val, sizeof(val)) > 0 &&
	       val[0] != 'N';
}

static void make_vm(struct st_run *r)
{
	static const enum gm_mem_kind kind[] = { [ST_ANON] = GM_MEM_ANON,
						 [ST_SHMEM] = GM_MEM_SHMEM,
						 [ST_THP] = GM_MEM_THP,
						 [ST_HUGE_2M] = GM_MEM_HUGE_2M,
						 [ST_HUGE_1G] = GM_MEM_HUGE_1G };
	const struct st_layout *l = r->layout;
	uint64_t size = (uint64_t)l->pages * GM_PAGE_SIZE, control;
	unsigned int vcpus = r->prog.head.vcpus;
	struct gm_op nop = { .code = GM_OP_NOP };
	int gmem;

	/* Files and slots are the layout's. */
	r->fixture = GM_FIXTURE(.provider = r->prog.head.provider, .size = size, .no_gmem = true,
				.no_slot = true, .mem = kind[l->backing],
				.mem_size = (uint64_t)l->mem_pages * GM_PAGE_SIZE,
				.uses_uaddr = true, .vcpus = vcpus + 1, .on_exit = on_exit_,
				.on_convert = st_convert_for_guest, .extra_pages = 24);
	r->vm = r->fixture->vm;
	r->vm->user = r;
	r->mem = r->fixture->mem;
	gmem = st_gmem_new(r, l->file_pages);
	r->hva = r->inplace ? st_map_room(r) : r->mem->hva;
	for (unsigned int i = 0; i < l->slots; i++) {
		/* One fd for each slot: `rebind` closes that of the slot that it moves. */
		r->bound[i] = (struct st_binding){ GM_SETUP_OK(dup(gmem)), l->slot[i].file_page,
						   l->file_pages };
		if (r->inplace)
			st_map_slot(r, i);
		GM_SETUP(!st_slot_make(r, i), "slot %u: %s", i, gm_errno_name(errno));
	}
	close(gmem);
	control = (SHARED_SIZE + vcpus * PER_VCPU + GM_2M - 1) & ~(GM_2M - 1);
	/* A shared mapping: a fork must not copy the clock. */
	r->control = gm_mem_new(GM_MEM_SHMEM, control);
	memset(r->control->hva, 0, control);
	gm_slot_set(r->vm, ST_SLOT_ID(ST_SLOTS), 0, CONTROL, control, r->control->hva, -1, 0);
	gm_vm_map(r->vm, CONTROL, control, GM_2M);
	r->clock = (uint64_t *)r->control->hva;
	r->meet = (uint32_t *)(r->control->hva + 0x1000);
	r->need = (uint32_t *)(r->control->hva + 0x2000);
	/* Prefault needs a vCPU with an MMU root, so it must have run. */
	gm_run(r->vm, vcpus, &nop, 1);
	/* A guest_memfd has 4 KiB pages only: nothing to count in place. */
	r->has_sizes = !r->inplace && st_huge_pages(l) && gm_platform_has(GM_NEED_PAGE_STATS) &&
		       !(r->flags & ST_FETCHES && fetches_split());
	if (r->has_sizes)
		gm_page_counts_read(r->vm, &r->sizes);
}

/* --- rounds --- */

static struct st_actor *actor_of(struct st_run *r, const struct gm_sop *op)
{
	return st_is_vcpu(op) ? &r->vcpu[st_actor_nr(op)] : &r->thread[st_actor_nr(op)];
}

/* How many cycles an operation waits: thousandths of the last duration of its partner. */
static void set_wait(struct st_run *r, uint32_t index, const uint32_t *list, uint32_t n)
{
	const struct gm_sop *op = &r->prog.op[index];
	uint64_t cycles = 20000;

	for (uint32_t i = 0; op->meet && i < n; i++) {
		const struct gm_sop *other = &r->prog.op[list[i]];

		if (list[i] != index && other->meet == op->meet && r->cycles[other->code])
			cycles = r->cycles[other->code];
	}
	cycles = cycles * op->wait / 1000;
	/* run_vcpu() and st_host_op() read it from here. */
	r->res[index].cycles = cycles > 100000000 ? 100000000 : cycles;
}

static void update_cycles(struct st_run *r, uint32_t index)
{
	uint32_t *c = &r->cycles[r->prog.op[index].code], now = r->res[index].cycles;

	*c = *c ? (*c * 3ULL + now) / 4 : now;
}

static struct st_actor *actor_at(struct st_run *r, unsigned int i)
{
	return i < r->prog.head.vcpus ? &r->vcpu[i] : &r->thread[i - r->prog.head.vcpus];
}

/* Every actor runs its part of the list; waits for all and judges the results. */
static bool round_(struct st_run *r, const uint32_t *list, uint32_t n)
{
	unsigned int all = r->prog.head.vcpus + r->prog.head.threads, busy = 0;

	for (unsigned int i = 0; i < all; i++)
		actor_at(r, i)->n = 0;
	for (unsigned int i = 0; i < 256; i++)
		r->meet[i] = r->meet[256 + i] = r->need[i] = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct gm_sop *op = &r->prog.op[list[i]];
		struct st_actor *a = actor_of(r, op);

		r->res[list[i]] = (struct gm_ring_res){ .index = list[i] };
		a->list[a->n++] = list[i];
		r->need[op->meet]++;
		if (op->wait && op->meet)
			set_wait(r, list[i], list, n);
	}
	for (unsigned int i = 0; i < all; i++)
		busy += actor_at(r, i)->n > 0;
	r->concurrent = busy > 1;
	r->round = list;
	r->round_nr = n;
	for (unsigned int i = 0; i < all; i++)
		if (actor_at(r, i)->n)
			sem_post(&actor_at(r, i)->go);
	for (unsigned int i = 0; i < all; i++)
		while (actor_at(r, i)->n && sem_wait(&actor_at(r, i)->done))
			;
	for (uint32_t i = 0; i < n; i++)
		if (r->res[list[i]].t1)
			update_cycles(r, list[i]);
	return st_judge(r);
}

/* Runs the operations [from, to) of r->prog; false when something failed. */
static bool rounds(struct st_run *r, uint32_t from, uint32_t to, bool strict)
{
	uint32_t *list = calloc(to - from + 1, sizeof(*list)), n = 0;
	bool ok = true;

	GM_SETUP(list, "out of memory");
	for (uint32_t i = from; i <= to && ok; i++) {
		const struct gm_sop *op = i < to ? &r->prog.op[i] : NULL;
		bool turn = n && op && strict && op->actor != r->prog.op[list[0]].actor;

		if (n && (!op || op->code == ST_OP_SYNC || turn ||
			  n == (strict ? TURN : RING_OPS - 1))) {
			ok = round_(r, list, n);
			n = 0;
		}
		if (op && op->code != ST_OP_SYNC)
			list[n++] = i;
	}
	free(list);
	return ok;
}

/* A program may be edited by hand: refuses what this cannot run. */
static void check(const struct st_run *r)
{
	const struct st_prog *p = &r->prog;

	for (uint32_t i = 0; i < p->nr; i++) {
		const struct gm_sop *op = &p->op[i];

		GM_SETUP(!st_in_layout(op) || (op->page < r->layout->pages &&
					       op->len <= r->layout->pages - op->page),
			 "operation %u: %s: outside the layout", i + 1, st_op_str(op));
		GM_SETUP(op->len <= 64 || !st_is(op, ST_READS),
			 "operation %u: %s: reads at most 64 pages", i + 1, st_op_str(op));
		GM_SETUP(op->len <= 64 || !r->inplace || !st_is(op, ST_TOUCHES),
			 "operation %u: %s: the host writes at most 64 pages in place", i + 1,
			 st_op_str(op));
	}
}

/* Makes the VM, and calls start() of each operation that the program has. */
static void prepare(struct st_run *r)
{
	bool has[ST_OP_NR] = {};

	for (uint32_t i = 0; i < r->prog.nr; i++) {
		uint8_t code = r->prog.op[i].code;

		r->flags |= st_ops[code]->flags;
		has[code] = true;
	}
	make_vm(r);
	for (unsigned int i = 0; i < ST_OP_NR; i++)
		if (has[i] && st_ops[i]->start)
			st_ops[i]->start(r);
}

void st_exec(const struct st_prog *p, struct st_result *out)
{
	static struct st_run run;
	struct st_run *r = &run;
	struct sigaction kick = { .sa_handler = kicked };
	bool ok;

	st_prog_copy(&r->prog, p);
	if (!r->prog.head.threads)
		r->prog.head.threads = 1;
	r->own = p->nr;
	r->out = out;
	r->layout = st_layout_find(p->head.layout);
	GM_SETUP(r->layout, "%s: no such layout", p->head.layout);
	r->inplace = st_in_place(p->head.provider);
	GM_SETUP(gm_provider_of(p->head.provider), "%s: no such provider here",
		 gm_provider_name(p->head.provider));
	GM_SETUP(r->inplace || !p->head.start_private,
		 "pages can start private only with provider inplace");
	check(r);
	st_final_check(p, r->layout, &r->prog);
	r->res = calloc(r->prog.nr, sizeof(*r->res));
	r->note = calloc(r->prog.nr, sizeof(*r->note));
	GM_SETUP(r->res && r->note, "out of memory");
	r->oracle = r->inplace
			    ? st_oracle_new_inplace(r->layout->pages,
						    p->head.start_private ? ST_PRIVATE : ST_SHARED)
			    : st_oracle_new(r->layout->pages);
	pthread_rwlock_init(&r->map_lock, NULL);
	pthread_rwlock_init(&r->child_lock, NULL);
	pthread_mutex_init(&r->slot_lock, NULL);
	pthread_mutex_init(&r->hold_lock, NULL);
	sigaction(SIGUSR1, &kick, NULL);
	prepare(r);
	for (unsigned int i = 0; i < r->prog.head.vcpus; i++)
		start_actor(r, &r->vcpu[i], i, true);
	for (unsigned int i = 0; i < r->prog.head.threads; i++)
		start_actor(r, &r->thread[i], i, false);
	out->began = true;
	out->seconds = -gm_now();
	ok = rounds(r, 0, r->own, p->head.strict);
	out->seconds += gm_now();
	ok = ok && rounds(r, r->own, r->prog.nr, true) && st_judge_sizes(r) &&
	     st_expect_untouched(r);
	out->over = true;
	if (!ok)
		return;
	/* Free the VM here, so that a leak is found in this program. */
	r->dying = true;
	for (unsigned int i = 0; i < r->prog.head.vcpus; i++) {
		sem_post(&r->vcpu[i].go);
		pthread_join(r->vcpu[i].thread, NULL);
	}
	gm_fixture_free(r->fixture);
	for (unsigned int i = 0; i < r->layout->slots; i++)
		close(r->bound[i].gmem);
}
