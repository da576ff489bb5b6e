// SPDX-License-Identifier: GPL-2.0-only
/* Every huge page is back in the pool after any end of file, mapping and VM: fungible.huge_ends. */
#include <signal.h>
#include <sys/wait.h>

#include "fungible_huge.h"

GM_FILE(.clause = "fungible.huge_ends", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = FH_NEEDS)

#define NR 4
#define TOUCHED 3

/* What a VMM holds; tested in many orders of closing. */
enum part { MAPPING, FILE_FD, SLOT, VCPU, VM, NR_PARTS };
#define ORDERS 120 /* 5! */

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
		munmap(p->w->hva, p->w->file_size);
		break;
	case FILE_FD:
		close(p->w->gmem);
		break;
	case SLOT:
		if (!p->closed[VM])
			gm_slot_delete(p->w->vm, GM_SLOT);
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

/* One huge page whole, one split, one all shared, one never touched. */
static struct gm_fixture *mixed(void)
{
	const uint64_t in_one = GM_2M / PG;
	struct gm_fixture *w = fh_new(GM_2M, NR);

	gm_fixture_fill(w, 0, fh_gfn(w, 0), 1);
	gm_fixture_fill(w, 0, fh_gfn(w, in_one), 2);
	gm_fixture_convert(w, fh_gfn(w, in_one + 1), 1, false);
	gm_fixture_convert(w, fh_gfn(w, 2 * in_one), in_one, false);
	gm_fixture_host_write(w, fh_gfn(w, in_one), 2 * in_one);
	gm_fixture_fill(w, 0, fh_gfn(w, in_one), 2);
	return w;
}

static void one_order(const uint8_t *order, const struct gm_pool *before)
{
	static const char *const name[] = { "mapping", "file", "slot", "vCPU", "VM" };
	struct parts p = { .w = mixed() };
	char text[128] = "closed in the order";

	p.run_size = GM_SETUP_OK(ioctl(p.w->vm->kvm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, NULL));
	gm_pool_expect(before, TOUCHED, NR - TOUCHED, "while the VM lives");
	for (int i = 0; i < NR_PARTS; i++) {
		bool gone;

		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s", name[order[i]]);
		close_part(&p, order[i]);
		/* An open VM must not hold pages that it cannot reach any more. */
		gone = p.closed[MAPPING] && p.closed[FILE_FD];
		fh_settle(before, gone ? 0 : TOUCHED, gone ? 0 : NR - TOUCHED, text);
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

GM_ROW(orders, orders_some, .name = "fungible.huge_ends.orders", .huge_2m = NR,
       .text = "file, mapping, slot, vCPU and VM closed in eight orders, with pages whole, split and shared") = {
	.nr = 8
};
GM_ROW(orders, orders_all, .name = "fungible.huge_ends.orders_all", .huge_2m = NR,
       .text = "the same in all 120 orders", .flags = GM_FULL_ONLY,
       .timeout = 600) = { .nr = ORDERS };

/*
 * A VMM that splits and joins until it is killed, by every call that reaches the pool; writes a
 * byte to the pipe after each step.
 */
static void vmm(int pipe_fd, uint64_t page, uint64_t n, bool fork_too)
{
	const uint64_t in_one = page / PG;
	struct gm_fixture *w = fh_new(page, n);
	char done = 0;

	for (uint64_t h = 0; h < n; h++)
		gm_fixture_fill(w, 0, fh_gfn(w, h * in_one), 1);
	/* A child that inherits everything, and touches the memory. */
	if (fork_too && !fork()) {
		gm_fixture_convert(w, fh_gfn(w, in_one - 1), 1, false);
		w->hva[page - PG] = 1;
		for (;;)
			pause();
	}
	for (uint64_t i = 0;; i++) {
		uint64_t p = i * 37 % (n * in_one - 3), nr = i % 4 ? 1 : 3;

		if (__gm_gmem_convert(w->gmem, p * PG, nr * PG, i % 3 == 2, NULL))
			_exit(3);
		gm_model_convert(w->model, fh_gfn(w, p), nr, i % 3 == 2);
		gm_fixture_fill(w, 0, fh_gfn(w, p), 1);
		gm_fixture_host_write(w, fh_gfn(w, p), 1);
		/* The hole is refilled at once, so that the pool's count is the same. */
		if (n > 1 && i % 8 == 7) {
			gm_gmem_punch(w->gmem, (n - 1) * page, page);
			gm_gmem_allocate(w->gmem, (n - 1) * page, page);
		}
		if (write(pipe_fd, &done, 1) != 1)
			_exit(4);
	}
}

/* Returns how long the VMM lived, in steps. */
static void kill_one(uint64_t page, uint64_t n, uint64_t after, bool fork_too)
{
	int fds[2], status;
	char byte;
	pid_t pid;

	GM_SETUP_OK(pipe(fds));
	pid = GM_SETUP_OK(fork());
	if (!pid) {
		setpgid(0, 0);
		close(fds[0]);
		vmm(fds[1], page, n, fork_too);
	}
	setpgid(pid, pid);
	close(fds[1]);
	for (uint64_t i = 0; i < after; i++)
		GM_SETUP(read(fds[0], &byte, 1) == 1, "the VMM exited by itself");
	kill(-pid, SIGKILL);
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_SETUP(WIFSIGNALED(status), "the VMM exited with %#x before it was killed", status);
	/* The pipe is closed when all processes have exited. */
	while (read(fds[0], &byte, 1) > 0)
		;
	close(fds[0]);
}

struct victim {
	bool tree; /* the VMM and its child */
	unsigned int times;
};

GM_CASES(killed, struct victim, v)
{
	uint64_t page = fh_page(self), n = self->huge_1g ?: self->huge_2m;
	struct gm_pool before;
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed());
	gm_pool_read(&before, page);
	for (unsigned int i = 0; i < v->times && !gm_failures(); i++) {
		kill_one(page, n, 1 + gm_rng_below(&rng, 60), v->tree);
		fh_settle(&before, 0, 0, "after kill -9");
	}
}

GM_ROW(killed, killed_2m, .name = "fungible.huge_ends.kill", .huge_2m = 3,
       .text = "a VMM killed in the middle of splits, joins and holes gives its 2 MiB pages back") = {
	.tree = false, .times = 6
};
GM_ROW(killed, killed_tree, .name = "fungible.huge_ends.kill_tree", .huge_2m = 3,
       .text = "a VMM and its child that inherited everything, killed") = { .tree = true,
									    .times = 3 };
GM_ROW(killed, killed_1g, .name = "fungible.huge_ends.kill_1g", .huge_1g = 1, .flags = GM_FULL_ONLY,
       .text = "a VMM killed in the middle of splits and joins gives its 1 GiB page back") = {
	.tree = false, .times = 2
};
