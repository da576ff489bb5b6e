// SPDX-License-Identifier: GPL-2.0-only
/* Every huge page is back in the pool after any end of the VM: fungible.pool_back. */
#include <signal.h>
#include <sys/wait.h>

#include "fungible_p0.h"
#include "time_factor.h"

GM_FILE(.clause = "fungible.pool_back", .profile = "P0", .needs = GM_NEEDS(ATTRIBUTES))

#define NR_HUGE 5
#define LEN (NR_HUGE * GM_2M)

/* What a VMM holds; tested in many orders of closing. */
enum part { MAPPING, MEMFD, SLOT, GMEM, VCPU, VM, NR_PARTS };
#define ORDERS 720 /* 6! */

struct parts {
	struct gm_fixture *w;
	int run_size;
	bool closed[NR_PARTS];
};

static void close_part(struct parts *p, enum part what)
{
	struct kvm_vcpu *vcpu = p->w->vm->vcpu[0];

	switch (what) {
	case MAPPING:
		munmap(p->w->mem->map, p->w->mem->map_size);
		break;
	case MEMFD:
		close(p->w->mem->fd);
		break;
	case SLOT:
		if (!p->closed[VM])
			gm_slot_delete(p->w->vm, GM_SLOT);
		break;
	case GMEM:
		close(p->w->gmem);
		break;
	case VCPU:
		munmap(vcpu->run, p->run_size);
		close(vcpu->fd);
		close(vcpu->stats.fd);
		break;
	case VM:
		close(p->w->vm->kvm->fd);
		close(p->w->vm->kvm->stats.fd);
		close(p->w->vm->kvm->kvm_fd);
		break;
	default:
		break;
	}
	p->closed[what] = true;
}

static void one_order(const uint8_t *order, const struct gm_pool *before)
{
	static const char *const name[] = {
		"mapping", "memfd", "slot", "guest_memfd", "vCPU", "VM"
	};
	struct parts p = { .w = fungible_fixture(GM_MEM_HUGE_2M, LEN) };
	char text[128] = "closed in the order";

	p.run_size = GM_SETUP_OK(ioctl(p.w->vm->kvm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, NULL));
	gm_pool_expect(before, NR_HUGE, 0, "while the VM lives");
	for (int i = 0; i < NR_PARTS; i++) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s", name[order[i]]);
		close_part(&p, order[i]);
		/* An open VM must not hold pages that it cannot reach any more. */
		gm_pool_expect(before, p.closed[MAPPING] && p.closed[MEMFD] ? 0 : NR_HUGE, 0, text);
	}
	/* The rest of the fixture is freed at exit. */
}

struct orders {
	unsigned int nr;
};

GM_CASES(orders, struct orders, v)
{
	struct gm_pool before;
	uint8_t order[NR_PARTS];
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed());
	gm_pool_read(&before, GM_2M);
	for (unsigned int i = 0; i < v->nr && !gm_failures(); i++) {
		uint64_t n = i;

		/* All in the profile full; else forward, reverse and seeded ones. */
		if (v->nr < ORDERS && i)
			n = i == 1 ? ORDERS - 1 : gm_rng_below(&rng, ORDERS);
		gm_nth_order(n, NR_PARTS, order);
		one_order(order, &before);
	}
}

GM_ROW(orders, orders_some, .name = "fungible.pool_back.orders",
       .text = "VM, vCPU, slot, guest_memfd, memfd and mapping closed in eight orders",
       .huge_2m = NR_HUGE) = { .nr = 8 };
GM_ROW(orders, orders_all, .name = "fungible.pool_back.orders_all",
       .text = "the same in all 720 orders", .huge_2m = NR_HUGE, .flags = GM_FULL_ONLY,
       .timeout = 900) = { .nr = ORDERS };

/* A VMM that converts until it is killed; writes a byte to the pipe after each conversion. */
static void vmm(int pipe_fd, enum gm_mem_kind kind, uint64_t len, bool fork_too)
{
	struct gm_fixture *w = fungible_fixture(kind, len);
	char done = 0;

	/* A child that inherits everything, and touches the memory. */
	if (fork_too && !fork()) {
		w->hva[len - 1] = 1;
		for (;;)
			pause();
	}
	for (uint64_t i = 0;; i++) {
		uint64_t gfn = GFN(w->gpa) + i * 37 % PAGES(len);

		if (__gm_convert(w->vm, GPA(gfn), GM_PAGE_SIZE, i & 1))
			_exit(3);
		gm_model_convert(w->model, gfn, 1, i & 1);
		gm_fixture_fill(w, 0, gfn, 1);
		if (write(pipe_fd, &done, 1) != 1)
			_exit(4);
	}
}

static void kill_one(enum gm_mem_kind kind, uint64_t len, uint64_t after, bool fork_too,
		     const struct gm_pool *before)
{
	int fds[2], status;
	char byte;
	pid_t pid;

	GM_SETUP_OK(pipe(fds));
	pid = GM_SETUP_OK(fork());
	if (!pid) {
		setpgid(0, 0);
		close(fds[0]);
		vmm(fds[1], kind, len, fork_too);
	}
	setpgid(pid, pid);
	close(fds[1]);
	for (uint64_t i = 0; i < after; i++)
		GM_SETUP(read(fds[0], &byte, 1) == 1, "the VMM exited by itself");
	gm_pool_expect(before, len / before->size, 0, "while the VMM lives");
	kill(-pid, SIGKILL);
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_SETUP(WIFSIGNALED(status), "the VMM exited with %#x before it was killed", status);
	/* The pipe is closed when all processes have exited. */
	while (read(fds[0], &byte, 1) > 0)
		;
	close(fds[0]);
}

/* Memory of a killed process is freed at its exit: waits for that, within bounds. */
static void settle(const struct gm_pool *before)
{
	struct gm_pool now;

	for (int i = 0; i < gm_time_limit(200); i++) {
		gm_pool_read(&now, before->size);
		if (now.free == before->free)
			break;
		usleep(50 * 1000);
	}
}

struct victim {
	bool tree; /* the VMM and its child */
};

GM_CASES(killed, struct victim, v)
{
	enum gm_mem_kind kind = self->huge_1g ? GM_MEM_HUGE_1G : GM_MEM_HUGE_2M;
	uint64_t len = self->huge_1g ? GM_1G : LEN;
	struct gm_pool before;
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed());
	gm_pool_read(&before, gm_mem_pagesize(kind));
	for (int i = 0; i < (self->huge_1g ? 2 : 4); i++) {
		kill_one(kind, len, 1 + gm_rng_below(&rng, 40), v->tree, &before);
		/* waitpid() has waited for the VMM; its child may exit later. */
		if (v->tree)
			settle(&before);
		gm_pool_expect(&before, 0, 0, "after kill -9");
	}
}

GM_ROW(killed, killed_2m, .name = "fungible.pool_back.kill",
       .text = "a VMM killed in the middle of conversions gives its 2 MiB pages back",
       .huge_2m = NR_HUGE) = { .tree = false };
GM_ROW(killed, killed_tree, .name = "fungible.pool_back.kill_tree",
       .text = "a VMM and its child that inherited everything, killed",
       .huge_2m = NR_HUGE) = { .tree = true };
GM_ROW(killed, killed_1g, .name = "fungible.pool_back.kill_1g",
       .text = "a VMM killed in the middle of conversions gives its 1 GiB page back", .huge_1g = 1,
       .flags = GM_FULL_ONLY) = { .tree = false };
