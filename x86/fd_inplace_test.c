// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest_memfd whose pages are converted in place: fd.*, P3. Only a conversion changes the initial
 * state of a page, no hole, allocation, slot or close. Cases for every kind of file are in
 * common/fd/.
 */
#include <signal.h>

#include "fd_inplace/fd_inplace.h"

GM_FILE(.clause = "fd.ordinary_private", .profile = "P1p")

bool inplace_expect_page(const uint8_t *map, uint64_t page, bool is_private, const char *when)
{
	const uint8_t *at = map + page * PG;
	int want = is_private ? SIGBUS : 0;
	bool right = true;

	for (int write = 0; write < 2; write++) {
		int code, sig = gm_touch(at, write, &code);

		right &= GM_EXPECT_AT(
			GM_PAGE(.off = GM_AT(page * PG), .hva = GM_AT((uintptr_t)at)),
			sig == want && (!want || code == BUS_ADRERR),
			"%s, the host's %s of page %lu: expected %s, observed signal %d code %d",
			when, write ? "store" : "load", page,
			is_private ? "SIGBUS/BUS_ADRERR, the page is private"
				   : "no signal, the page is shared",
			sig, code);
	}
	return right;
}

void inplace_expect_states(struct gm_fixture *w, const char *when)
{
	for (uint64_t p = 0; p < PAGES(w->size); p++) {
		inplace_expect_page(w->hva, p, gm_model_private(w->model, GFN(w->gpa) + p), when);
		if (gm_failures() > 8)
			gm_end();
	}
}

void inplace_expect_all(struct gm_fixture *w, const char *when)
{
	inplace_expect_states(w, when);
	gm_fixture_check_guest(w, 0, GFN(w->gpa), PAGES(w->size), 8, when);
	gm_fixture_check_host(w, GFN(w->gpa), PAGES(w->size), 8, when);
}

struct gm_fixture *inplace_mixed(unsigned int vcpus)
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .vcpus = vcpus);
	uint64_t first = GFN(w->gpa);

	/* Every other page, then runs of growing length, private and shared in turn. */
	for (uint64_t p = 1; p < 64; p += 2)
		gm_fixture_convert(w, first + p, 1, true);
	for (uint64_t p = 64, len = 2; p + len <= PAGES(w->size); p += 2 * len, len++)
		gm_fixture_convert(w, first + p, len, true);
	gm_fixture_fill(w, 0, first, PAGES(w->size));
	return w;
}

GM_CASE(initial_state, .name = "fd.create_flags.initial_state", .clause = "fd.create_flags",
	.providers = GM_PROVIDERS(INPLACE),
	.text = "a SW_PROTECTED VM has MMAP and INIT_SHARED, the initial state: pages of both states can be converted")
{
	const uint64_t both = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);

	GM_EXPECT_EQ(vm_check_cap(vm->kvm, KVM_CAP_GUEST_MEMFD_FLAGS) & both, both,
		     "MMAP and INIT_SHARED of KVM_CAP_GUEST_MEMFD_FLAGS on the VM");
	GM_EXPECT_EQ(kvm_check_cap(KVM_CAP_GUEST_MEMFD_FLAGS) & both, both, "on /dev/kvm");
	for (uint64_t flags = 0; flags <= both; flags++) {
		bool begins_private = !(flags & GUEST_MEMFD_FLAG_INIT_SHARED);
		int gmem = gm_gmem_new(vm, 4 * PG, flags);
		uint8_t *map;

		if (!(flags & GUEST_MEMFD_FLAG_MMAP)) {
			for (int i = 0; i < 4; i++)
				gm_gmem_convert(gmem, PG, PG, i & 1);
			close(gmem);
			continue;
		}
		map = mmap(NULL, 4 * PG, PROT_READ | PROT_WRITE, MAP_SHARED, gmem, 0);
		GM_SETUP(map != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
		for (uint64_t p = 0; p < 4; p++)
			inplace_expect_page(map, p, begins_private, "a new file");
		gm_gmem_convert(gmem, PG, PG, !begins_private);
		for (uint64_t p = 0; p < 4; p++)
			inplace_expect_page(map, p, begins_private == (p != 1), "converted");
		gm_gmem_convert(gmem, 0, 4 * PG, begins_private);
		for (uint64_t p = 0; p < 4; p++)
			inplace_expect_page(map, p, begins_private, "converted back");
		munmap(map, 4 * PG);
		close(gmem);
	}
	gm_vm_free(vm);
}

/* An ordinary VM on a file of these flags, and no userspace_addr. */
static struct gm_fixture *ordinary_vm(uint64_t flags)
{
	const struct gm_flavour f = { .kind = GM_VM_DEFAULT, .flags = flags };

	return GM_FIXTURE(.flavour = &f, .size = 16 * PG, .uaddr = GM_UADDR_NONE);
}

/* An ordinary VM has no private memory: it cannot access such pages, nor convert them. */
GM_CASE(ordinary, .name = "fd.ordinary_private.refused", .flags = GM_REFUSAL,
	.needs = GM_NEEDS(INPLACE, GMEM_MMAP, INIT_SHARED, TDP),
	.text = "an ordinary VM on a file without INIT_SHARED: KVM_RUN EFAULT, a memory-fault exit; conversion EINVAL")
{
	for (uint64_t flags = 0; flags < 4; flags++) {
		struct gm_fixture *w = ordinary_vm(flags);
		bool shared = flags & GUEST_MEMFD_FLAG_INIT_SHARED;

		for (int write = 0; write < 2; write++) {
			uint64_t at = GM_BASE + (3 + 4 * write) * PG;
			struct gm_op op = { .code = write ? GM_OP_WRITE : GM_OP_READ, .addr = at };
			struct gm_exit ex;
			bool done = __gm_run(w->vm, 0, &op, 1, &ex, NULL);

			if (shared) {
				gm_promise(done, "flags %#lx: the guest runs on shared pages",
					   flags);
				continue;
			}
			GM_EXPECT_AT(
				GM_PAGE(.gpa = GM_AT(at)),
				!done && ex.ret && ex.err == EFAULT &&
					ex.reason == KVM_EXIT_MEMORY_FAULT && ex.fault.gpa == at &&
					ex.fault.size == PG,
				"flags %#lx, a %s: expected KVM_EXIT_MEMORY_FAULT and EFAULT, observed %s",
				flags, write ? "write" : "read",
				done ? "success" : gm_exit_str(&ex));
		}
		for (int to_private = 0; to_private < 2; to_private++)
			GM_EXPECT_ERRNO(EINVAL, __gm_gmem_convert(w->gmem, 0, PG, to_private, NULL),
					"flags %#lx, to %s", flags,
					to_private ? "private" : "shared");
		gm_fixture_free(w);
	}
}

GM_CASE(ordinary_prefault, .name = "fd.ordinary_private.prefault", .flags = GM_REFUSAL,
	.needs = GM_NEEDS(INPLACE, GMEM_MMAP, INIT_SHARED, TDP, PREFAULT),
	.text = "KVM_PRE_FAULT_MEMORY of such pages: EFAULT; of shared ones it succeeds")
{
	for (uint64_t flags = 0; flags < 4; flags++) {
		struct gm_fixture *w = ordinary_vm(flags);
		uint64_t gpa = GM_BASE, size = w->size;
		struct gm_op op = { .code = GM_OP_NOP };
		int ret;

		/* The vCPU must have run once. */
		gm_run(w->vm, 0, &op, 1);
		ret = gm_prefault(w->vm, 0, &gpa, &size, 0);
		if (flags & GUEST_MEMFD_FLAG_INIT_SHARED)
			gm_promise(!ret, "flags %#lx: shared pages are prefaulted", flags);
		else
			GM_EXPECT(ret && errno == EFAULT,
				  "flags %#lx: expected EFAULT, observed %s", flags,
				  ret ? gm_errno_name(errno) : "success");
		gm_fixture_free(w);
	}
}
