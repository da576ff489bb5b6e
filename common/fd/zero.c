// SPDX-License-Identifier: GPL-2.0-only
/* New pages have no old content, and there are none past the end: fd.zeroed, fd.past_end. */
#include <signal.h>

#include "fd.h"

GM_FILE(.clause = "fd.zeroed", .flavours = FD_EACH_TDP)

#define NPAGES 512UL
#define SIZE (NPAGES * PG)

GM_CASE(zero_fresh, .name = "fd.zeroed.never_used", .flavours = FD_EACH_TDP_QUICK,
	.text = "the guest's first read of pages allocated from memory with a pattern: zero")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);

	fd_dirty_free_memory(4 * SIZE);
	gm_guest_check_zero(w->vm, 0, GM_BASE, NPAGES, "first read");
	fd_fixture_free(w);
}

GM_CASE(zero_write, .name = "fd.zeroed.first_write",
	.text = "a guest's first access is a write of one word: the others are zero")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 256 * PG);
	struct gm_op op[] = {
		{ .code = GM_OP_TOUCH_W,
		  .addr = GM_BASE,
		  .nr = 256,
		  .val = PG,
		  .writer = gm_flavour_writer(&w->file),
		  .gen = 1 },
		{ .code = GM_OP_FILL,
		  .addr = GM_BASE,
		  .nr = 256,
		  .writer = gm_flavour_writer(&w->file),
		  .gen = 1,
		  .stride = GM_PAGE_WORDS },
	};

	fd_dirty_free_memory(16 << 20);
	gm_run(w->vm, 0, op, 2);
	for (int i = 0; i < 256; i++) {
		/* All but the first word. */
		struct gm_op rest = { .code = GM_OP_TOUCH_R,
				      .addr = GM_BASE + i * PG + 8,
				      .nr = GM_PAGE_WORDS - 1,
				      .val = 8 };

		if (i % 16 && i != 255)
			continue;
		gm_run(w->vm, 0, &rest, 1);
		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(i * PG)), !rest.ret,
			     "page %d: the words not written are not zero (%#lx)", i, rest.ret);
	}
	fd_fixture_free(w);
}

GM_CASE(zero_allocated, .name = "fd.zeroed.allocated",
	.text = "pages that fallocate() allocated from memory with a pattern: zero")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);

	fd_dirty_free_memory(4 * SIZE);
	gm_gmem_allocate(w->gmem, 0, SIZE);
	gm_guest_check_zero(w->vm, 0, GM_BASE, NPAGES, "after fallocate");
	fd_fixture_free(w);
}

GM_CASE(zero_punched, .name = "fd.zeroed.punched",
	.text = "pages that the guest filled and the host punched, three times: zero")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);

	for (unsigned int gen = 1; gen <= 3; gen++) {
		gm_fixture_fill(w, 0, FIRST, NPAGES);
		gm_gmem_punch(w->gmem, 0, SIZE);
		/* Allocate the pages in one of the rounds. */
		if (gen == 2)
			gm_gmem_allocate(w->gmem, 0, SIZE);
		gm_guest_check_zero(w->vm, 0, GM_BASE, NPAGES, "after the hole");
	}
	fd_fixture_free(w);
}

GM_CASE(zero_other_vm, .name = "fd.zeroed.other_vm",
	.text = "pages that a closed VM had filled: zero in the next VM")
{
	for (int round = 0; round < 2; round++) {
		struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);

		gm_fixture_fill(w, 0, FIRST, NPAGES);
		fd_fixture_free(w);
		w = FD_FIXTURE(self->flavour, SIZE);
		gm_guest_check_zero(w->vm, 0, GM_BASE, NPAGES, "the next VM");
		fd_fixture_free(w);
	}
}

GM_CASE(zero_other_file, .name = "fd.zeroed.closed_file",
	.text = "pages of a closed file are zero in the next file of the same VM")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);

	for (int file = 0; file < 3; file++) {
		gm_guest_check_zero(w->vm, 0, GM_BASE, NPAGES, "a new file");
		gm_fixture_fill(w, 0, FIRST, NPAGES);
		gm_slot_delete(w->vm, GM_SLOT);
		gm_fixture_close(w);
		gm_fixture_file(w);
		gm_fixture_slot(w, GM_SLOT, GM_BASE, SIZE, 0);
	}
	fd_fixture_free(w);
}

GM_CASE(zero_prefault, .name = "fd.zeroed.prefault",
	.flavours = FD_FLAVOURS(FD_P1_TDP, FD_P1P_TDP, FD_P0, FD_INPLACE, FD_BACK),
	.text = "pages that KVM_PRE_FAULT_MEMORY allocated: zero", .needs = GM_NEEDS(PREFAULT))
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);

	/* The vCPU must have run once. */
	gm_guest_check_zero(w->vm, 0, GM_BASE, 1, "the first page");
	gm_gmem_punch(w->gmem, 0, SIZE);
	fd_dirty_free_memory(4 * SIZE);
	gm_prefault_all(w->vm, 0, GM_BASE, SIZE);
	gm_guest_check_zero(w->vm, 0, GM_BASE, NPAGES, "prefaulted");
	fd_fixture_free(w);
}

GM_CASE(zero_host, .name = "fd.zeroed.host_mapping", .flavours = FD_HOST_SEES,
	.text = "pages that a host mapping touches first: by read, by write, populated, allocated: zero")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, SIZE);
	uint8_t *map;

	for (int way = 0; way < 4; way++) {
		fd_dirty_free_memory(4 * SIZE);
		if (way == 3)
			gm_gmem_allocate(gmem, 0, SIZE);
		map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | (way == 2 ? MAP_POPULATE : 0), gmem, 0);
		GM_SETUP(map != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
		if (way == 1) {
			/* Writes only the last word of each page; the rest must be zero. */
			for (uint64_t p = 0; p < NPAGES; p++) {
				volatile uint64_t *w = (uint64_t *)(map + p * PG);

				w[GM_PAGE_WORDS - 1] = 1;
				GM_EXPECT_AT(GM_PAGE(.off = GM_AT(p * PG)),
					     w[GM_PAGE_WORDS - 1] == 1, "the word written is %#lx",
					     w[GM_PAGE_WORDS - 1]);
				w[GM_PAGE_WORDS - 1] = 0;
			}
		}
		gm_host_check_zero(map, NPAGES, "the host's first read");
		gm_host_fill(map, FIRST, NPAGES, GM_WRITER_HOST, way);
		munmap(map, SIZE);
		gm_gmem_punch(gmem, 0, SIZE);
	}
	close(gmem);
	gm_vm_free(vm);
}

/* --- past the end --- */

static void expect_bus(const uint8_t *p, bool write, const char *what)
{
	int code = 0, sig = gm_touch(p, write, &code);

	GM_EXPECT(sig == SIGBUS && code == BUS_ADRERR,
		  "%s, %s: expected SIGBUS/BUS_ADRERR, observed signal %d code %d", what,
		  write ? "write" : "read", sig, code);
}

GM_CASE(past_end_map, .name = "fd.past_end.long_mapping", .clause = "fd.past_end",
	.flavours = FD_MAPPABLE,
	.text = "a mapping longer than the file: SIGBUS from the first byte past the end",
	.flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);

	for (uint64_t n = 1; n <= 3; n++) {
		int gmem = gm_flavour_gmem(vm, f, n * PG), mem = fd_memfd(n * PG);
		uint8_t *g = fd_mmap(gmem, 8 * PG), *m = fd_mmap(mem, 8 * PG);

		gm_control(!gm_touch(m + n * PG - 8, true, NULL) &&
				   gm_touch(m + n * PG, false, NULL) == SIGBUS,
			   "a memfd is accessible up to its end only");
		for (uint64_t p = 0; p < 8; p++) {
			for (int write = 0; write < 2; write++) {
				if (p >= n)
					expect_bus(g + p * PG, write, "a page past the end");
				else if (gm_flavour_host(f))
					GM_EXPECT(!gm_touch(g + (p + 1) * PG - 8, write, NULL),
						  "page %lu of %lu cannot be touched", p, n);
				else
					expect_bus(g + p * PG, write, "a private page");
			}
		}
		munmap(g, 8 * PG);
		munmap(m, 8 * PG);
		close(gmem);
		close(mem);
	}
	gm_vm_free(vm);
}

GM_CASE(past_end_offset, .name = "fd.past_end.mapping_offset", .clause = "fd.past_end",
	.flavours = FD_MAPPABLE,
	.text = "a mapping that begins past the end, up to the largest offset: SIGBUS",
	.flags = GM_REFUSAL)
{
	const int64_t offs[] = { 2 * PG,    3 * PG,    GM_2M,	  GM_1G,
				 1LL << 40, 1LL << 52, 1LL << 62, INT64_MAX & ~(2 * PG - 1) };
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, 2 * PG), mem = fd_memfd(2 * PG);
	uint8_t *m = fd_mmap(mem, 2 * PG);

	gm_control(!gm_touch(m + PG, true, NULL), "a memfd inside its size");
	for (unsigned int i = 0; i < ARRAY_SIZE(offs); i++) {
		uint8_t *p = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_SHARED, gmem, offs[i]);

		if (p == MAP_FAILED)
			continue;
		expect_bus(p, false, "past the end");
		expect_bus(p, true, "past the end");
		munmap(p, PG);
	}
	munmap(m, 2 * PG);
	close(gmem);
	close(mem);
	gm_vm_free(vm);
}

GM_CASE(private_pages, .name = "fd.past_end.every_private_page", .clause = "fd.past_end",
	.flavours = FD_FLAVOURS(FD_P1P_BARE, FD_INPLACE),
	.text = "a mapping of a private file: SIGBUS at each of 512 pages, allocated or not",
	.flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, SIZE), mem = fd_memfd(SIZE);
	uint8_t *g = fd_mmap(gmem, SIZE), *m = fd_mmap(mem, SIZE);

	gm_gmem_allocate(gmem, SIZE / 2, SIZE / 2);
	for (uint64_t p = 0; p < NPAGES; p++) {
		gm_control(!gm_touch(m + p * PG, true, NULL), "page %lu of a memfd", p);
		expect_bus(g + p * PG, p & 1, "a private page");
	}
	munmap(g, SIZE);
	munmap(m, SIZE);
	close(gmem);
	close(mem);
	gm_vm_free(vm);
}

GM_CASE(past_slot, .name = "fd.past_end.guest_slot", .clause = "fd.past_end",
	.text = "guest accesses past a slot that is shorter than its file: no page of the file")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 16 * PG);
	struct gm_op op = { .code = GM_OP_READ, .addr = GM_BASE + 8 * PG };
	struct gm_exit ex;

	/* Fill the whole file, so that it has data past the end of the slot. */
	gm_fixture_fill(w, 0, FIRST, 16);
	gm_slot_delete(w->vm, GM_SLOT);
	gm_fixture_slot(w, GM_SLOT, GM_BASE, 8 * PG, 0);
	gm_fixture_check_guest(w, 0, FIRST, 8, 1, "inside the slot");
	GM_EXPECT(
		!__gm_run(w->vm, 0, &op, 1, &ex, NULL) &&
			(ex.reason == KVM_EXIT_MMIO || ex.reason == KVM_EXIT_MEMORY_FAULT),
		"a read past the slot: expected an exit for MMIO or a memory fault, observed %s, value %#lx",
		gm_exit_str(&ex), op.val);
	fd_fixture_free(w);
}

GM_CASE(past_between, .name = "fd.past_end.between_slots", .clause = "fd.past_end",
	.text = "guest accesses between slots of one file: no page of the file")
{
	struct gm_fixture *w =
		FD_FIXTURE(self->flavour, 32 * PG, .file_size = 16 * PG, .no_slot = true);
	struct gm_exit ex;

	/* Slots of two pages at every fourth page, the file in order: page 2i, 2i + 1 in slot i. */
	for (int i = 0; i < 8; i++)
		gm_fixture_slot(w, GM_SLOT + i, GM_BASE + 4 * i * PG, 2 * PG, 2 * i * PG);
	for (int i = 7; i >= 0; i--)
		gm_fixture_fill(w, 0, FIRST + 4 * i, 2);
	for (int i = 0; i < 8; i++) {
		for (int p = 2; p < 4; p++) {
			uint64_t gpa = GM_BASE + (4 * i + p) * PG;
			struct gm_op op = { .code = GM_OP_READ, .addr = gpa };

			GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(gpa)),
				     !__gm_run(w->vm, 0, &op, 1, &ex, NULL) &&
					     ex.reason == KVM_EXIT_MMIO && ex.ret == 0,
				     "a read outside slots: expected KVM_EXIT_MMIO, observed %s",
				     gm_exit_str(&ex));
		}
	}
	for (int i = 0; i < 8; i++)
		gm_fixture_check_guest(w, 0, FIRST + 4 * i, 2, 1, "afterwards");
	fd_fixture_free(w);
}
