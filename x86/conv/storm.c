// SPDX-License-Identifier: GPL-2.0-only
/* A legal conversion succeeds, also with other users of the memory: conv.never_refused. */
#include <fcntl.h>
#include <linux/capability.h>
#include <liburing.h>
#include <sys/uio.h>

#include "conv.h"

GM_FILE(.clause = "conv.never_refused", .providers = GM_PROVIDERS_HUGE)

/* Writes private and shared memory of every page. */
static void fill_both(struct gm_fixture *w)
{
	uint64_t first = GFN(w->gpa), n = PAGES(w->size);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, n, 1);
	gm_batch_convert(&s, first, n, true, true);
	gm_batch_fill(&s, first, n, 1);
	gm_batch_convert(&s, first, n, false, true);
	gm_batch_flush(&s);
}

/* Converts random ranges as fast as possible, also those of other vCPUs. */
static void storm_vcpu(unsigned int v, void *arg)
{
	struct gm_fixture *w = arg;
	uint64_t n = PAGES(w->size);
	struct gm_op op[32];
	struct gm_rng rng;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", v);
	gm_rng_init(&rng, gm_seed_derive(gm_seed(), name));
	for (unsigned int round = 0; round < 12; round++) {
		for (unsigned int i = 0; i < 32; i++) {
			uint64_t at = gm_rng_below(&rng, n), len = 1 + gm_rng_below(&rng, 40);

			op[i] = (struct gm_op){
				.code = i % 4 == 3 ? GM_OP_READ : GM_OP_MAP_GPA,
				.addr = w->gpa + GPA(at),
				.nr = len < n - at ? len : n - at,
				.val = gm_rng_below(&rng, 2) ? GM_MAP_PRIVATE : GM_MAP_SHARED,
			};
		}
		gm_run_racing(w->vm, v, op, 32);
		for (unsigned int i = 0; i < 32; i++)
			GM_EXPECT(op[i].code == GM_OP_READ || !op[i].ret,
				  "vCPU %u: %lu pages at %#lx: the guest got %ld, expected 0", v,
				  op[i].nr, op[i].addr, op[i].ret);
	}
}

struct storm {
	unsigned int vcpus;
};

GM_CASES(storm, struct storm, v)
{
	struct gm_fixture *w = GM_FIXTURE(.size = 2 * GM_2M, .vcpus = v->vcpus, .mem = GM_MEM_THP);

	fill_both(w);
	gm_parallel(v->vcpus, storm_vcpu, w);
	gm_fixture_convert(w, GFN(w->gpa), PAGES(w->size), false);
	gm_fixture_check_all(w, 0, "after the storm");
	gm_fixture_free(w);
}
GM_ROW(storm, storm_2, .name = "conv.never_refused.storm_2",
       .text = "two vCPUs convert the same pages as fast as possible",
       .needs = GM_NEEDS(HYPERCALL_EXIT)) = { .vcpus = 2 };
GM_ROW(storm, storm_4, .name = "conv.never_refused.storm_4",
       .text = "four vCPUs convert the same pages as fast as possible",
       .needs = GM_NEEDS(HYPERCALL_EXIT)) = { .vcpus = 4 };

/* Converts each page back and forth, alone and in pairs; all data must stay. */
static void convert_all(struct gm_fixture *w, const char *when)
{
	uint64_t first = GFN(w->gpa), n = PAGES(w->size);

	for (uint64_t i = 0; i + 2 < n; i += 1 + i % 3) {
		gm_fixture_convert(w, first + i, 1 + i % 2, true);
		gm_fixture_check_guest(w, 0, first + i, 2, 8, when);
		gm_fixture_convert(w, first + i, 1 + i % 2, false);
	}
	gm_fixture_check_all(w, 0, when);
}

GM_CASE(locked, .name = "conv.never_refused.mlocked", .text = "shared memory is mlock()ed",
	.caps = GM_CAPS(CAP_IPC_LOCK))
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);

	if (w->file_serves_shared)
		gm_need(GM_NEED_GMEM_GUP);
	fill_both(w);
	GM_SETUP_OK(mlock(w->hva, w->size));
	convert_all(w, "with shared memory locked");
	GM_SETUP_OK(munlock(w->hva, w->size));
	gm_fixture_free(w);
}

/* Not in place, where a page in a pipe and a pinned page are in use: conv.inplace_busy. */
GM_CASE(piped, .name = "conv.never_refused.in_a_pipe",
	.text = "pages of shared memory are in a pipe (vmsplice)",
	.providers = GM_PROVIDERS(ATTRIBUTES))
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	struct iovec iov = { .iov_base = w->hva, .iov_len = 16 * GM_PAGE_SIZE };
	uint64_t first = GFN(w->gpa);
	uint8_t *out = malloc(iov.iov_len);
	int fd[2];

	GM_SETUP(out, "out of memory");
	fill_both(w);
	GM_SETUP_OK(pipe2(fd, O_CLOEXEC));
	GM_SETUP_OK(fcntl(fd[1], F_SETPIPE_SZ, 16 * 4096));
	GM_SETUP(vmsplice(fd[1], &iov, 1, 0) == (ssize_t)iov.iov_len, "vmsplice: %s",
		 gm_errno_name(errno));
	convert_all(w, "with shared memory in a pipe");
	/* The pipe must not return what the guest writes while the pages are private. */
	gm_fixture_convert(w, first, 16, true);
	gm_guest_fill(w->vm, 0, w->gpa, 16, GM_WRITER_SECRET, 1);
	for (uint64_t got = 0; got < iov.iov_len;) {
		ssize_t n = read(fd[0], out + got, iov.iov_len - got);

		GM_SETUP(n > 0, "read of the pipe: %s", gm_errno_name(errno));
		got += n;
	}
	gm_host_check(out, first, 16, GM_WRITER_SHARED, gm_model_memory(w->model, first, false).gen,
		      "data from the pipe");
	close(fd[0]);
	close(fd[1]);
	free(out);
	gm_fixture_free(w);
}

GM_CASE(pinned, .name = "conv.never_refused.pinned",
	.text = "shared memory has long-term pins (io_uring registered buffers)",
	.providers = GM_PROVIDERS(ATTRIBUTES), .needs = GM_NEEDS(IO_URING),
	.caps = GM_CAPS(CAP_IPC_LOCK))
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	struct iovec iov = { .iov_base = w->hva, .iov_len = w->size };
	struct io_uring ring;
	int ret;

	fill_both(w);
	ret = io_uring_queue_init(4, &ring, 0);
	GM_SETUP(!ret, "io_uring_queue_init: %s", gm_errno_name(-ret));
	ret = io_uring_register_buffers(&ring, &iov, 1);
	GM_SETUP(!ret, "io_uring_register_buffers: %s", gm_errno_name(-ret));
	convert_all(w, "with shared memory pinned");
	io_uring_unregister_buffers(&ring);
	io_uring_queue_exit(&ring);
	gm_fixture_free(w);
}

GM_CASE(shmem, .name = "conv.never_refused.shmem_mapped_twice",
	.text = "shared memory is a file that has a second mapping")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .mem = GM_MEM_SHMEM);
	int fd = w->provider->file_serves_shared ? w->gmem : w->mem->fd;
	struct gm_content c;
	uint8_t *twice;

	fill_both(w);
	twice = mmap(NULL, w->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	GM_SETUP(twice != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	convert_all(w, "with shared memory mapped twice");
	c = gm_model_memory(w->model, GFN(w->gpa), false);
	gm_host_check(twice, GFN(w->gpa), 512, c.writer, c.gen, "through the second mapping");
	munmap(twice, w->size);
	gm_fixture_free(w);
}

GM_CASE(dirty, .name = "conv.never_refused.dirty_log",
	.text = "with dirty logging of a slot that has no guest_memfd",
	.providers = GM_PROVIDERS(ATTRIBUTES))
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .no_gmem = true, .mem = GM_MEM_THP);
	uint64_t first = GFN(w->gpa), bitmap[8];

	gm_guest_fill(w->vm, 0, w->gpa, 512, GM_WRITER_SHARED, 1);
	gm_slot_set(w->vm, GM_SLOT, KVM_MEM_LOG_DIRTY_PAGES, w->gpa, w->size, w->hva, -1, 0);
	for (uint64_t i = 0; i < 512; i += 7) {
		gm_convert(w->vm, GPA(first + i), GM_PAGE_SIZE, true);
		gm_guest_expect_fault(w->vm, 0, GPA(first + i) + 8, true,
				      KVM_MEMORY_EXIT_FLAG_PRIVATE, GM_PAGE_SIZE,
				      "private, no guest_memfd");
		gm_convert(w->vm, GPA(first + i), GM_PAGE_SIZE, false);
	}
	/* A conversion is no write: only pages written after it are dirty. */
	kvm_vm_get_dirty_log(w->vm->kvm, GM_SLOT, bitmap);
	for (int i = 0; i < 8; i++)
		GM_EXPECT_EQ(bitmap[i], 0, "dirty pages %d to %d after conversions alone", i * 64,
			     i * 64 + 63);
	for (uint64_t i = 3; i < 512; i += 100)
		gm_guest_fill(w->vm, 0, GPA(first + i), 1, GM_WRITER_SHARED, 2);
	kvm_vm_get_dirty_log(w->vm->kvm, GM_SLOT, bitmap);
	for (uint64_t i = 0; i < 512; i++)
		GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(GPA(first + i))),
			     (bitmap[i / 64] >> i % 64 & 1) == (i % 100 == 3),
			     "page %lu is %sdirty", i, bitmap[i / 64] >> i % 64 & 1 ? "" : "not ");
	gm_fixture_free(w);
}

GM_CASE(wide, .name = "conv.never_refused.two_gib_at_once",
	.text = "2 GiB in one call, back and forth, beside a vCPU's pages", .flags = GM_FULL_ONLY)
{
	struct gm_fixture *w = GM_FIXTURE(.size = 3 * GM_1G, .mem = GM_MEM_THP);
	uint64_t first = GFN(w->gpa), n = PAGES(2 * GM_1G) + 1;
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	for (int turn = 0; turn < 2; turn++) {
		gm_batch_fill(&s, first, 3, 1);
		gm_batch_fill(&s, first + n - 1, 4, 1);
		gm_batch_convert(&s, first + 1, n, true, turn);
		gm_batch_check_suspects(&s, first + 1, n);
		gm_batch_fill(&s, first + n - 1, 4, 1);
		gm_batch_convert(&s, first + 1, n, false, !turn);
		gm_batch_check_suspects(&s, first + 1, n);
	}
	gm_batch_flush(&s);
	gm_fixture_free(w);
}
