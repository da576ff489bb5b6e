// SPDX-License-Identifier: GPL-2.0-only
/* Several slots of several files: allowed ranges, and the pages of each: fd.bind_overlap. */
#include "fd.h"

GM_FILE(.clause = "fd.bind_overlap", .flavours = FD_EACH_HOST)

#define SIZE (16 * PG)

/* EEXIST or EINVAL: older kernels return EINVAL; fd.bind_overlap.errno tests the errno. */
static void expect_in_use(struct gm_vm *vm, uint32_t id, uint64_t gpa, uint64_t size, int gmem,
			  uint64_t off)
{
	int r = __fd_slot_set(vm, id, gpa, size, gmem, off);

	GM_EXPECT(r && (errno == EEXIST || errno == EINVAL),
		  "pages [%lu,%lu) of the file are bound: expected EEXIST or EINVAL, observed %s",
		  off / PG, (off + size) / PG, r ? gm_errno_name(errno) : "success");
	if (!r)
		gm_slot_delete(vm, id);
}

GM_CASE(overlap_errno, .name = "fd.bind_overlap.errno",
	.text = "a file range that is bound already: EEXIST", .flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, SIZE);

	gm_promise(!__fd_slot_set(vm, GM_SLOT, GM_BASE, SIZE, gmem, 0), "the first slot");
	GM_EXPECT_ERRNO(EEXIST, __fd_slot_set(vm, GM_SLOT + 1, GM_BASE + GM_1G, SIZE, gmem, 0));
	gm_vm_free(vm);
	close(gmem);
}

/* Expects that a range can be bound, and unbinds it. */
static void try_slot(struct gm_vm *vm, uint32_t id, uint64_t gpa, uint64_t size, int gmem,
		     uint64_t off)
{
	int r = __fd_slot_set(vm, id, gpa, size, gmem, off);

	GM_EXPECT(!r, "pages [%lu,%lu) of the file are free: expected a slot, observed %s",
		  off / PG, (off + size) / PG, gm_errno_name(errno));
	if (!r)
		gm_slot_delete(vm, id);
}

GM_CASE(overlap_delete, .name = "fd.bind_overlap.delete_frees",
	.text = "a deleted slot of any length leaves no page of the file bound")
{
	static const uint64_t lens[] = { 1, 2, 63, 64, 65, 127, 128, 129, 512, 513, 4096, 4097 };
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, 5000 * PG);

	for (unsigned int i = 0; i < ARRAY_SIZE(lens); i++) {
		for (uint64_t off = 0; off < 130; off += 43) {
			try_slot(vm, GM_SLOT, GM_BASE, lens[i] * PG, gmem, off * PG);
			try_slot(vm, GM_SLOT, GM_BASE, PG, gmem, (off + lens[i] - 1) * PG);
			try_slot(vm, GM_SLOT, GM_BASE, PG, gmem, off * PG);
			try_slot(vm, GM_SLOT, GM_BASE, 5000 * PG, gmem, 0);
		}
	}
	gm_vm_free(vm);
	close(gmem);
}

GM_CASE(overlap_file, .name = "fd.bind_overlap.file_range",
	.text = "a second slot on any part of a bound range is refused; on the rest it works",
	.flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, SIZE);
	uint64_t far = GM_BASE + GM_1G;

	/* Pages [5, 9) are bound; every other range of the file is tried. */
	gm_promise(!__fd_slot_set(vm, GM_SLOT, GM_BASE, 4 * PG, gmem, 5 * PG), "the first slot");
	for (uint64_t s = 0; s < 16; s++) {
		for (uint64_t e = s + 1; e <= 16; e++) {
			if (s < 9 && e > 5)
				expect_in_use(vm, GM_SLOT + 1, far, (e - s) * PG, gmem, s * PG);
			else
				try_slot(vm, GM_SLOT + 1, far, (e - s) * PG, gmem, s * PG);
		}
	}
	/* The deletion of a slot unbinds its whole range. */
	gm_slot_delete(vm, GM_SLOT);
	GM_EXPECT_OK(__fd_slot_set(vm, GM_SLOT + 1, far, SIZE, gmem, 0),
		     "the whole file afterwards");
	gm_vm_free(vm);
	close(gmem);
}

GM_CASE(overlap_gfn, .name = "fd.bind_overlap.guest_range",
	.text = "a second slot on any part of a guest range: EEXIST, and its file range stays free",
	.flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int a = gm_flavour_gmem(vm, f, SIZE), b = gm_flavour_gmem(vm, f, SIZE);

	gm_promise(!__fd_slot_set(vm, GM_SLOT, GM_BASE + 5 * PG, 4 * PG, a, 0), "the first slot");
	for (uint64_t s = 0; s < 16; s++) {
		for (uint64_t e = s + 1; e <= 16; e++) {
			int r = __fd_slot_set(vm, GM_SLOT + 1, GM_BASE + s * PG, (e - s) * PG, b,
					      0);
			bool over = s < 9 && e > 5;

			GM_EXPECT(over ? r && errno == EEXIST : !r,
				  "guest pages [%lu,%lu): expected %s, observed %s", s, e,
				  over ? "EEXIST" : "success",
				  r ? gm_errno_name(errno) : "success");
			if (!r)
				gm_slot_delete(vm, GM_SLOT + 1);
		}
	}
	GM_EXPECT_OK(__fd_slot_set(vm, GM_SLOT + 1, GM_BASE + 9 * PG, SIZE, b, 0),
		     "adjacent above");
	gm_vm_free(vm);
	close(a);
	close(b);
}

GM_CASE(overlap_tiles, .name = "fd.bind_overlap.tiles",
	.text = "16 slots of one page cover a file: no page can be bound twice, each slot can be replaced",
	.flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, SIZE);
	uint64_t far = GM_BASE + GM_1G;

	fd_control_bind(vm, GM_SLOT, GM_BASE, SIZE, gmem, 0);
	for (int i = 15; i >= 0; i--)
		GM_EXPECT_OK(__fd_slot_set(vm, GM_SLOT + i, GM_BASE + i * 2 * PG, PG, gmem, i * PG),
			     "page %d", i);
	for (int i = 0; i < 16 && !gm_failures(); i++) {
		expect_in_use(vm, GM_SLOT + 20, far, PG, gmem, i * PG);
		gm_slot_delete(vm, GM_SLOT + i);
		try_slot(vm, GM_SLOT + 20, far, PG, gmem, i * PG);
		GM_EXPECT_OK(__fd_slot_set(vm, GM_SLOT + i, far + (i + 1) * PG, PG, gmem, i * PG),
			     "page %d again, at another gpa", i);
	}
	gm_vm_free(vm);
	close(gmem);
}

/*
 * --- content ---
 *
 * These cases bind a page at several gpas in turn, and both files at one gpa. The fixture's model
 * has pages by gpa, so these cases number the pages themselves.
 */

static struct gm_op content_op(uint32_t code, struct gm_fixture *w, uint64_t gpa, uint64_t npages,
			       uint64_t id, unsigned int gen)
{
	return (struct gm_op){ .code = code,
			       .addr = gpa,
			       .nr = npages,
			       .writer = gm_flavour_writer(&w->file),
			       .gen = gen,
			       .gfn_delta = id - GFN(gpa) };
}

/* Page i of the range holds the words of gfn `id + i`, whatever its gpa. */
static void fill(struct gm_fixture *w, unsigned int v, uint64_t gpa, uint64_t npages, uint64_t id,
		 unsigned int gen)
{
	struct gm_op op = content_op(GM_OP_FILL, w, gpa, npages, id, gen);

	gm_run(w->vm, v, &op, 1);
}

static bool check(struct gm_fixture *w, unsigned int v, uint64_t gpa, uint64_t npages, uint64_t id,
		  unsigned int gen, const char *when)
{
	struct gm_op op = content_op(GM_OP_CHECK, w, gpa, npages, id, gen);
	struct gm_page page;

	gm_run(w->vm, v, &op, 1);
	page = gm_vm_page(w->vm, op.bad_addr & ~(PG - 1));
	return GM_EXPECT_AT(
		&page, !op.bad,
		"%s: vCPU %u read %lu wrong words, the first at %#lx: expected %s, observed %s",
		when, v, op.bad, op.bad_addr, gm_word_str(op.expected), gm_word_str(op.observed));
}

#define NSLOTS 12
#define NPAGES 64UL
#define ROOM (512 * PG) /* of guest memory for each slot: 2 MiB with 4 KiB pages */
#define SLOT_GPA(i) (GM_BASE + (i)*ROOM)

struct place {
	int file;
	uint64_t off, len, gpa; /* pages, pages, and a guest address */
};

/* A page's number, independent of its slot. */
static uint64_t identity(int file, uint64_t page)
{
	return (uint64_t)(file + 1) << 16 | page;
}

struct two_files {
	struct gm_fixture *w;
	int gmem[2];
	uint8_t *map[2];
	struct place place[NSLOTS];
	unsigned int nr;
	struct gm_rng rng;
};

static void bind_file(struct two_files *s, int file, uint32_t id, uint64_t gpa, uint64_t size,
		      uint64_t off)
{
	s->w->gmem = s->gmem[file];
	gm_fixture_slot(s->w, id, gpa, size, off);
}

/* Splits both files into random ranges, and binds them at random gpas. */
static void bind_at_random(struct two_files *s)
{
	unsigned int order[NSLOTS];

	s->nr = 0;
	for (int file = 0; file < 2; file++) {
		uint64_t at = gm_rng_below(&s->rng, 4);

		while (at < NPAGES && s->nr < NSLOTS / 2 * (file + 1U)) {
			uint64_t len = 1 + gm_rng_below(&s->rng, 15);

			if (at + len > NPAGES)
				len = NPAGES - at;
			s->place[s->nr++] = (struct place){ file, at, len, 0 };
			at += len + (gm_rng_below(&s->rng, 3) ? 0 : gm_rng_below(&s->rng, 4));
		}
	}
	for (unsigned int i = 0; i < s->nr; i++) {
		unsigned int j = gm_rng_below(&s->rng, i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	for (unsigned int i = 0; i < s->nr; i++)
		s->place[i].gpa = SLOT_GPA(order[i]) + gm_rng_below(&s->rng, 400) * PG;
	for (unsigned int i = 0; i < s->nr; i++) {
		struct place *p = &s->place[i];

		bind_file(s, p->file, GM_SLOT + i, p->gpa, p->len * PG, p->off * PG);
	}
}

static struct two_files *two_files_new(const struct gm_flavour *f)
{
	struct two_files *s = calloc(1, sizeof(*s));

	GM_SETUP(s, "out of memory");
	s->w = FD_FIXTURE(f, NSLOTS * ROOM, .no_gmem = true, .no_slot = true);
	gm_rng_init(&s->rng, gm_seed());
	for (int i = 0; i < 2; i++) {
		s->gmem[i] = gm_flavour_gmem(s->w->vm, f, NPAGES * PG);
		s->map[i] = gm_flavour_host(f) ? fd_mmap(s->gmem[i], NPAGES * PG) : NULL;
	}
	return s;
}

static void two_files_free(struct two_files *s)
{
	for (int i = 0; i < 2; i++) {
		if (s->map[i])
			munmap(s->map[i], NPAGES * PG);
		if (s->gmem[i] != s->w->gmem)
			close(s->gmem[i]);
	}
	gm_fixture_free(s->w);
	free(s);
}

static void delete_slots(struct two_files *s)
{
	for (unsigned int i = 0; i < s->nr; i++)
		gm_slot_delete(s->w->vm, GM_SLOT + i);
}

GM_CASE(content_moves, .name = "fd.bind_overlap.right_page", .flavours = FD_EACH_TDP_QUICK,
	.text = "two files in a dozen slots, rebound at random six times: each gfn has its own page")
{
	struct two_files *s = two_files_new(self->flavour);
	struct gm_op op;

	/* Binds each file as a whole once, to write every page's number. */
	for (int i = 0; i < 2; i++) {
		bind_file(s, i, GM_SLOT, GM_BASE, NPAGES * PG, 0);
		fill(s->w, 0, GM_BASE, NPAGES, identity(i, 0), 1);
		gm_slot_delete(s->w->vm, GM_SLOT);
	}
	for (int round = 0; round < 6 && !gm_failures(); round++) {
		bind_at_random(s);
		/* In reverse order, so that a slot that always has the first page cannot pass. */
		for (int i = s->nr - 1; i >= 0; i--) {
			struct place *p = &s->place[i];

			for (int k = p->len - 1; k >= 0; k--) {
				struct gm_page page = gm_vm_page(s->w->vm, p->gpa + k * PG);

				op = (struct gm_op){ .code = GM_OP_READ,
						     .addr = p->gpa + k * PG + 8 * 5 };
				gm_run(s->w->vm, 0, &op, 1);
				GM_EXPECT_AT(
					&page,
					op.val == gm_word(identity(p->file, p->off + k),
							  gm_flavour_writer(&s->w->file), 1, 5),
					"file %d, page %lu: expected gfn %#lx in the word, observed %s",
					p->file, p->off + k, identity(p->file, p->off + k),
					gm_word_str(op.val));
			}
			check(s->w, 0, p->gpa, p->len, identity(p->file, p->off), 1,
			      "the whole slot");
		}
		delete_slots(s);
	}
	two_files_free(s);
}

GM_CASE(content_written, .name = "fd.bind_overlap.right_page_written", .flavours = FD_EACH_TDP,
	.text = "data written through one set of slots is read through the next")
{
	struct two_files *s = two_files_new(self->flavour);
	unsigned int gen[2][NPAGES] = { 0 };

	for (unsigned int round = 1; round <= 6 && !gm_failures(); round++) {
		bind_at_random(s);
		for (int i = s->nr - 1; i >= 0; i--) {
			struct place *p = &s->place[i];

			for (unsigned int k = 0; k < p->len; k++) {
				unsigned int *g = &gen[p->file][p->off + k];

				if (*g)
					check(s->w, 0, p->gpa + k * PG, 1,
					      identity(p->file, p->off + k), *g, "written before");
				else
					gm_guest_check_zero(s->w->vm, 0, p->gpa + k * PG, 1,
							    "never written");
				*g = round;
			}
			fill(s->w, 0, p->gpa, p->len, identity(p->file, p->off), round);
		}
		delete_slots(s);
	}
	/* The same through the host's mapping, if any. */
	for (int i = 0; i < 2; i++)
		for (unsigned int p = 0; s->map[i] && p < NPAGES; p++)
			if (gen[i][p])
				gm_host_check(s->map[i] + p * PG, identity(i, p), 1,
					      gm_flavour_writer(&s->w->file), gen[i][p],
					      "the host at the end");
	two_files_free(s);
}

GM_CASE(content_swap, .name = "fd.bind_overlap.swap", .flavours = FD_EACH_TDP,
	.text = "two slots exchange their halves of one file, with pages mapped")
{
	const uint64_t half = 8 * PG, high = GM_BASE + GM_2M;
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 2 * GM_2M, .vcpus = 2, .file_size = SIZE,
					  .no_slot = true);

	gm_fixture_slot(w, GM_SLOT, GM_BASE, half, 0);
	gm_fixture_slot(w, GM_SLOT + 1, high, half, half);
	fill(w, 0, GM_BASE, 8, identity(0, 0), 1);
	fill(w, 1, high, 8, identity(0, 8), 1);
	for (int turn = 1; turn < 5; turn++) {
		uint64_t low = turn % 2 ? 8 : 0;

		gm_slot_delete(w->vm, GM_SLOT);
		gm_slot_delete(w->vm, GM_SLOT + 1);
		gm_fixture_slot(w, GM_SLOT, GM_BASE, half, low * PG);
		gm_fixture_slot(w, GM_SLOT + 1, high, half, (8 - low) * PG);
		for (unsigned int v = 0; v < 2; v++) {
			check(w, v, GM_BASE, 8, identity(0, low), 1, "the low slot");
			check(w, v, high, 8, identity(0, 8 - low), 1, "the high slot");
		}
	}
	fd_fixture_free(w);
}

GM_CASE(gmem_only, .name = "fd.bind_overlap.not_userspace",
	.flavours = FD_FLAVOURS(FD_P1_TDP, FD_P1P_TDP, FD_INPLACE, FD_BACK_TWIN, FD_PLAIN_TWIN),
	.text = "a mappable file backs all guest accesses, with any memory at userspace_addr")
{
	struct gm_fixture *w = GM_FIXTURE(.flavour = self->flavour, .size = SIZE,
					  .uses_uaddr = true, .extra_pages = 16);

	gm_host_fill(w->mem->hva, FIRST, 16, GM_WRITER_HOST, 1);
	gm_guest_check_zero(w->vm, 0, GM_BASE, 16, "the file, not the memory at userspace_addr");
	gm_fixture_fill(w, 0, FIRST, 16);
	gm_host_check(w->mem->hva, FIRST, 16, GM_WRITER_HOST, 1, "the memory at userspace_addr");
	/* Dropping that memory does not affect the guest. */
	GM_SETUP_OK(madvise(w->mem->hva, SIZE, MADV_DONTNEED));
	gm_fixture_check_guest(w, 0, FIRST, 16, 1, "after MADV_DONTNEED at userspace_addr");
	fd_fixture_free(w);
}
