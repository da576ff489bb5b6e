// SPDX-License-Identifier: GPL-2.0-only
/* What threads of the host do in a program. */
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "access/access.h"
#include "exec.h"

static struct gm_ring_log *log_at(struct st_actor *a)
{
	return a->log + a->logs;
}

/* Pages as they are at hva, logged under their numbers. */
void st_log_pages(struct st_actor *a, const uint8_t *hva, uint32_t page, uint32_t n,
		  unsigned int words)
{
	for (uint32_t p = 0; p < n && a->logs + GM_RING_STAMPS < HOST_LOG; p++)
		a->logs += gm_ring_read((const uint64_t *)(hva + p * GM_PAGE_SIZE), page + p, words,
					log_at(a));
}

static long host_write(struct st_actor *a, const struct gm_sop *op, uint32_t index,
		       unsigned int words)
{
	struct st_run *r = a->run;

	/* In place each page may be refused, which goes on record. */
	if (a->logs + op->len > HOST_LOG)
		return 1;
	pthread_rwlock_rdlock(&r->map_lock);
	for (uint32_t p = op->page; p < op->page + op->len; p++) {
		uint64_t stamp = gm_ring_stamp(st_gfn(p), GM_HALF_HOST, index);

		if (r->inplace)
			a->logs += st_try_write(r, p, words, stamp, log_at(a));
		else
			gm_ring_write((uint64_t *)st_hva(r, p), stamp, words);
	}
	pthread_rwlock_unlock(&r->map_lock);
	return 0;
}

static void host_read(struct st_actor *a, const struct gm_sop *op, unsigned int words)
{
	if (!a->run->inplace) {
		st_log_pages(a, st_hva(a->run, op->page), op->page, op->len, words);
		return;
	}
	for (uint32_t p = 0; p < op->len && a->logs + GM_RING_STAMPS < HOST_LOG; p++)
		a->logs += st_try_read(a->run, op->page + p, words, log_at(a));
}

/* A range of guest pages is one of the file only inside a slot. */
static long punch(struct st_run *r, const struct gm_sop *op, bool hole)
{
	uint32_t page = op->page, left = op->len;

	while (left) {
		const struct st_slot *s = st_slot_of(r->layout, page);
		uint32_t n = s->page + s->pages - page;
		int ret;

		n = n < left ? n : left;
		ret = hole ? __gm_gmem_punch(r->gmem, st_file_off(r, page), n * GM_PAGE_SIZE)
			   : __gm_gmem_allocate(r->gmem, st_file_off(r, page), n * GM_PAGE_SIZE);
		if (ret)
			return -errno;
		page += n;
		left -= n;
	}
	return 0;
}

static long prefault(struct st_run *r, const struct gm_sop *op)
{
	struct kvm_pre_fault_memory range = { .gpa = st_gpa(op->page),
					      .size = op->len * GM_PAGE_SIZE };

	if (__vcpu_ioctl(r->vm->vcpu[r->prog.head.vcpus], KVM_PRE_FAULT_MEMORY, &range))
		return -errno;
	return range.size;
}

/* 1: not done, since it has no sense here. */
static long drop(struct st_run *r, const struct gm_sop *op)
{
	long ret = 1;

	if (r->inplace) {
		/* The mapping must be writable. */
		pthread_rwlock_rdlock(&r->map_lock);
		ret = madvise(st_hva(r, op->page), op->len * GM_PAGE_SIZE, MADV_REMOVE) ? -errno
											: 0;
		pthread_rwlock_unlock(&r->map_lock);
		return ret;
	}
	if (r->layout->backing == ST_HUGE_1G || r->layout->backing == ST_HUGE_2M)
		return 1;
	pthread_mutex_lock(&r->iommu_lock);
	if (!st_held(r, op->page, op->len))
		ret = madvise(st_hva(r, op->page), op->len * GM_PAGE_SIZE,
			      r->mem->fd < 0 ? MADV_DONTNEED : MADV_REMOVE)
			      ? -errno
			      : 0;
	pthread_mutex_unlock(&r->iommu_lock);
	return ret;
}

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static void advise(struct st_run *r, const struct gm_sop *op)
{
	static const int advice[] = { MADV_COLD,      MADV_WILLNEED,   MADV_POPULATE_WRITE,
				      MADV_HUGEPAGE,  MADV_NOHUGEPAGE, MADV_COLLAPSE,
				      MADV_MERGEABLE, MADV_DONTNEED };

	/* Memory of the host's own would be given back: that is GM_SOP_DROP. */
	if (op->arg == 7 && !r->inplace)
		return;
	/* Advice may be declined; what counts is that it changes no content. */
	madvise(st_hva(r, op->page), op->len * GM_PAGE_SIZE, advice[op->arg % 8]);
}

static long read_only_and_back(struct st_run *r, const struct gm_sop *op)
{
	uint64_t len = op->len * GM_PAGE_SIZE;
	uint8_t *hva = st_hva(r, op->page);
	long ret;

	if (!r->inplace && (r->layout->backing == ST_HUGE_1G || r->layout->backing == ST_HUGE_2M))
		return 1;
	pthread_rwlock_wrlock(&r->map_lock);
	ret = mprotect(hva, len, PROT_READ) || mprotect(hva, len, PROT_READ | PROT_WRITE) ? -errno
											  : 0;
	pthread_rwlock_unlock(&r->map_lock);
	return ret;
}

/* Until the others have done something, or for a moment. */
static void wait_for_others(struct st_run *r)
{
	const struct timespec moment = { .tv_nsec = 100000 };
	volatile uint64_t *clock = r->clock;
	uint64_t enough = *clock + 12 * GM_RING_TICK;

	for (unsigned int i = 0; r->concurrent && i < 30 && *clock < enough; i++)
		nanosleep(&moment, NULL);
}

/*
 * A child reads, after others had time to write. Gives the moment at which the fork was over: what a
 * child has of memory of its own is not younger.
 */
static long fork_read(struct st_actor *a, const struct gm_sop *op)
{
	struct gm_ring_log *log = (struct gm_ring_log *)(a->buf + GM_PAGE_SIZE);
	volatile uint32_t *n = (uint32_t *)a->buf;
	long copied;
	int status;
	pid_t pid;

	*n = 0;
	pid = fork();
	if (pid < 0)
		return 1;
	if (!pid) {
		wait_for_others(a->run);
		*n = a->run->inplace ? st_try_read(a->run, op->page, 512, log)
				     : gm_ring_read((uint64_t *)st_hva(a->run, op->page), op->page,
						    512, log);
		_exit(0);
	}
	copied = st_now(a->run);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	memcpy(log_at(a), log, *n * sizeof(*log));
	a->logs += *n;
	return status ? -ECHILD : copied;
}

/* Probes that read a whole range into a buffer and cost no process and no VM. */
const struct gm_probe *st_probe(unsigned int arg)
{
	static const struct gm_probe *found[64];
	static unsigned int nr;
	const unsigned int no = GM_ACC_SLOW | GM_ACC_DROPS | GM_ACC_REMAPS | GM_ACC_NO_VA |
				GM_ACC_FULL | GM_ACC_HARMFUL | GM_ACC_DENIED | GM_ACC_WORD |
				GM_ACC_OPAQUE | GM_ACC_SHMEM | GM_ACC_ANON | GM_ACC_ROOT;

	for (size_t i = 0; !nr && gm_probe_at(i) && nr < 64; i++) {
		const struct gm_probe *p = gm_probe_at(i);

		if (!(p->flags & GM_ACC_READ) || p->flags & no || p->needs ||
		    (p->path != GM_PATH_UACCESS && p->path != GM_PATH_GUP &&
		     p->path != GM_PATH_PIN))
			continue;
		found[nr++] = p;
	}
	return nr ? found[arg % nr] : NULL;
}

static long probe(struct st_actor *a, const struct gm_sop *op)
{
	struct gm_access acc = { .probe = st_probe(op->arg),
				 .hva = st_hva(a->run, op->page),
				 .len = op->len * GM_PAGE_SIZE,
				 .fd = -1,
				 .buf = a->buf };
	struct gm_outcome got;

	if (!acc.probe || op->len > 16)
		return 1;
	memset(a->buf, 0, acc.len);
	got = gm_access_run(&acc);
	/* Refused, from some page on. */
	if (a->run->inplace && (got.sig || (got.ret < 0 && got.err == EFAULT) ||
				(got.ret >= 0 && got.ret < (long)acc.len)))
		return -EFAULT;
	if (got.sig || got.ret != (long)acc.len)
		return got.sig ? -EFAULT : got.ret < 0 ? -got.err : 1;
	st_log_pages(a, a->buf, op->page, op->len, 512);
	return 0;
}

static long remake_slot(struct st_run *r, const struct gm_sop *op)
{
	const struct st_slot *s = st_slot_of(r->layout, op->page);
	unsigned int i = s - r->layout->slot;
	long ret;

	pthread_mutex_lock(&r->slot_lock);
	gm_slot_delete(r->vm, ST_SLOT_ID(i));
	ret = st_slot_make(r, i);
	pthread_mutex_unlock(&r->slot_lock);
	return ret;
}

static long second_vm(const struct gm_provider *provider)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);
	struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, GM_2M);
	int gmem = gm_gmem_new(vm, GM_2M, provider->flags_shared);
	long ret;

	vm->provider = provider;
	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, GM_2M, mem->hva, gmem, 0);
	ret = __gm_gmem_allocate(gmem, 0, 16 * GM_PAGE_SIZE) ? -errno : 0;
	if (!ret && __gm_convert(vm, GM_BASE + GM_PAGE_SIZE, 5 * GM_PAGE_SIZE, true))
		ret = -errno;
	gm_vm_free(vm);
	close(gmem);
	gm_mem_free(mem);
	return ret;
}

/* The next CPU that the run may use: not all, where the lab keeps guests off one (lab/qemu.sh). */
static long migrate(struct st_run *r, unsigned int vcpu)
{
	struct st_actor *a = &r->vcpu[vcpu % r->prog.head.vcpus];
	cpu_set_t may, set;
	unsigned int skip;

	if (sched_getaffinity(getpid(), sizeof(may), &may))
		return errno;
	skip = ++a->cpu % CPU_COUNT(&may);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &may) || skip--)
			continue;
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		return sched_setaffinity(a->tid, sizeof(set), &set) ? 1 : 0;
	}
	return 1;
}

static long press(uint32_t pages)
{
	uint64_t len = pages * GM_PAGE_SIZE;
	uint8_t *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	for (uint64_t i = 0; i < len; i += GM_PAGE_SIZE)
		p[i] = 1;
	munmap(p, len);
	return 0;
}

/* Under the lock: one operation of the iommufd at a time, so that the table is right. */
static long device(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	struct st_map *m = &r->map[op->arg % ST_MAPS];
	uint64_t page[512], len = op->len * GM_PAGE_SIZE, head = GM_RING_COUNTER * 8;
	uint64_t tail = head + GM_RING_OWN * 8;
	long ret;

	switch (op->code) {
	case GM_SOP_MAP:
		if (m->used)
			return 1;
		m->iova = GM_ANY_IOVA;
		/* In place by address: a guest_memfd is no file that iommufd takes. */
		if (r->inplace ? __gm_map_hva(r->iommu, r->ioas, st_hva(r, op->page), len, &m->iova,
					      GM_RW)
			       : __gm_map_file(r->iommu, r->ioas, r->mem->fd,
					       (uint64_t)op->page * GM_PAGE_SIZE, len, &m->iova,
					       GM_RW))
			return -errno;
		*m = (struct st_map){ true, op->page, op->len, index, m->iova };
		return 0;
	case GM_SOP_UNMAP:
		if (!m->used)
			return 1;
		r->about[index] = m->op;
		len = m->len * GM_PAGE_SIZE;
		m->used = false;
		return __gm_unmap(r->iommu, r->ioas, m->iova, &len) ? -errno : 0;
	case GM_SOP_DREAD:
		if (!m->used)
			return 1;
		r->about[index] = m->op;
		if (__gm_dma_read(r->dev, m->iova, page, sizeof(page)))
			return -errno;
		st_log_pages(a, (uint8_t *)page, m->page, 1, 512);
		return 0;
	default:
		if (!m->used)
			return 1;
		r->about[index] = m->op;
		gm_ring_write(page, gm_ring_stamp(st_gfn(m->page), GM_HALF_DEVICE, index), 512);
		/* Around the words that belong to nobody who writes pages. */
		ret = __gm_dma_write(r->dev, m->iova, page, head) ||
				      __gm_dma_write(r->dev, m->iova + tail, (uint8_t *)page + tail,
						     GM_PAGE_SIZE - tail)
			      ? -errno
			      : 0;
		/* Where it went, for the judge. */
		r->prog.op[index].page = m->page;
		return ret;
	}
}

static long iommu(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	long ret;

	if (!a->run->iommu)
		return 1;
	pthread_mutex_lock(&a->run->iommu_lock);
	ret = device(a, op, index);
	pthread_mutex_unlock(&a->run->iommu_lock);
	return ret;
}

void st_let_signals_in(bool in)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(in ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

static void kick(struct st_run *r, uint8_t actor)
{
	if (!(actor & GM_SOP_HOST))
		pthread_kill(r->vcpu[actor % r->prog.head.vcpus].thread, SIGUSR1);
	else if (r->prog.head.threads)
		pthread_kill(r->thread[(actor & ~GM_SOP_HOST) % r->prog.head.threads].thread,
			     SIGUSR1);
}

static long do_op(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	unsigned int words = op->code == GM_SOP_HPOKE || op->code == GM_SOP_HPEEK ? 1 : 512;

	switch (op->code) {
	case GM_SOP_HCONV:
		return st_convert(r, index, op->page, op->len, op->arg & 1);
	case GM_SOP_PUNCH:
	case GM_SOP_ALLOC:
		return punch(r, op, op->code == GM_SOP_PUNCH);
	case GM_SOP_PREFAULT:
		return prefault(r, op);
	case GM_SOP_HWRITE:
	case GM_SOP_HPOKE:
		return host_write(a, op, index, words);
	case GM_SOP_HREAD:
	case GM_SOP_HPEEK:
		host_read(a, op, words);
		return 0;
	case GM_SOP_DROP:
		return drop(r, op);
	case GM_SOP_MADV:
		advise(r, op);
		return 0;
	case GM_SOP_MPROTECT:
		return read_only_and_back(r, op);
	case GM_SOP_FORK:
		return fork_read(a, op);
	case GM_SOP_GUP:
		return probe(a, op);
	case GM_SOP_SLOT:
		return remake_slot(r, op);
	case GM_SOP_VM2:
		return second_vm(r->vm->provider);
	case GM_SOP_REFUSE:
		return st_refused(r, op);
	case GM_SOP_KICK:
		kick(r, op->arg);
		return 0;
	case GM_SOP_MIGRATE:
		return migrate(r, op->arg);
	case GM_SOP_PRESSURE:
		return press(op->len);
	case GM_SOP_PIN:
		return st_pin(a, op, index);
	case GM_SOP_UNPIN:
		return st_unpin(a, index);
	case GM_SOP_COMPACT:
		return st_compact();
	case GM_SOP_POOL:
		return st_churn_pool(r, op->arg);
	case GM_SOP_MAP:
	case GM_SOP_UNMAP:
	case GM_SOP_DREAD:
	case GM_SOP_DWRITE:
		return iommu(a, op, index);
	case GM_SOP_KILL:
		r->out->killed = true;
		_exit(0);
	default:
		return 0;
	}
}

/* The n-th thing that can fail in this thread's next call does; 0: nothing any more. */
static void fail_nth(struct st_actor *a, uint32_t n)
{
	char text[16];

	if (a->fail_fd < 0)
		return;
	snprintf(text, sizeof(text), "%u", n);
	if (pwrite(a->fail_fd, text, strlen(text), 0) < 0)
		a->fail_fd = -1;
}

/* As meet() of lib/guest/ring.c. */
static void meet(struct st_run *r, unsigned int id)
{
	__atomic_add_fetch(&r->meet[id], 1, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < GM_RING_SPINS && r->meet[id] < r->need[id]; i++)
		;
	st_wait_meet(r, id);
	__atomic_add_fetch(&r->meet[256 + id], 1, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < 8 * GM_RING_SPINS && r->meet[256 + id] < r->need[id]; i++)
		;
}

void st_host_op(struct st_actor *a, uint32_t index)
{
	struct st_run *r = a->run;
	struct gm_sop op = r->prog.op[index];
	struct gm_ring_res *res = &r->res[index];
	uint32_t wait = res->cycles;
	/*
	 * The signals of GM_SOP_KICK come then, and at no other time: what they interrupt otherwise (an
	 * allocation, a prefault, a pin) would be done in part, and the judge does not know which.
	 */
	bool open = op.code == GM_SOP_PUNCH || op.code == GM_SOP_HCONV;
	uint64_t start;

	if (op.meet)
		meet(r, op.meet);
	if (open)
		st_let_signals_in(true);
	for (start = gm_arch_cycles(); gm_arch_cycles() - start < wait;)
		;
	r->log[index] = log_at(a);
	res->log = a->logs;
	res->t0 = st_now(r);
	start = gm_arch_cycles();
	if (st_ops[op.code].flags & ST_CAN_FAIL && op.arg & GM_SOP_FAIL) {
		fail_nth(a, op.wait);
		res->ret = do_op(a, &op, index);
		fail_nth(a, 0);
	} else {
		res->ret = do_op(a, &op, index);
	}
	start = gm_arch_cycles() - start;
	res->cycles = start > UINT32_MAX ? UINT32_MAX : start;
	res->t1 = st_now(r);
	if (open)
		st_let_signals_in(false);
	res->logs = a->logs - res->log;
}
