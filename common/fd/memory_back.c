// SPDX-License-Identifier: GPL-2.0-only
/*
 * Creating and closing files and slots, or refusing them, leaks no kernel memory: fd.memory_back.
 * Memory is counted over the whole system, so each case runs alone, and repeats often enough to
 * detect a leak of the smallest object.
 */
#include <linux/mempolicy.h>

#include "fd.h"
#include "quiet.h"
#include "text.h"

GM_FILE(.clause = "fd.memory_back", .flavours = FD_FLAVOURS(FD_P1_BARE, FD_INPLACE_TWIN),
	.tokens = GM_TOKEN_ALONE)

#define SIZE (600 * PG)

struct vm_and_file {
	const struct gm_flavour *f;
	struct gm_vm *vm;
	int gmem;
};

/* Bytes of slab caches and vmalloc(); includes no pages of files. */
static long kernel_memory(void)
{
	long slab, vmalloc;

	GM_SETUP(gm_read_field("/proc/meminfo", "Slab", &slab) &&
			 gm_read_field("/proc/meminfo", "VmallocUsed", &vmalloc),
		 "/proc/meminfo has no Slab and VmallocUsed");
	return (slab + vmalloc) * 1024;
}

/*
 * Frees may be deferred: reads until the minimum has not changed five times in a row, at most 100
 * times.
 */
static int64_t settled(void)
{
	int64_t least = kernel_memory();

	for (int i = 0, same = 0; i < 100 && same < 5; i++) {
		int64_t now;

		usleep(20 * 1000);
		now = kernel_memory();
		same = now < least ? 0 : same + 1;
		if (now < least)
			least = now;
	}
	return least;
}

/*
 * Expects a growth of less than half an object per round; object: bytes of the smallest that could
 * leak.
 */
static void expect_no_leak(struct vm_and_file *s, void (*round)(struct vm_and_file *s),
			   unsigned int rounds, unsigned int object, const char *what)
{
	int64_t limit, more, base = settled();
	int attempt = 0;

	/* A leak doubles with the number of rounds; the fill of caches does not. */
	do {
		int64_t now;

		rounds *= attempt ? 2 : 1;
		limit = (int64_t)rounds * object / 2;
		for (unsigned int i = 0; i < rounds; i++)
			round(s);
		now = settled();
		more = now - base;
		base = now;
	} while (more >= limit && ++attempt < 5);
	if (more >= limit)
		gm_require_quiet(kernel_memory, limit / 8);
	GM_EXPECT(
		more < limit,
		"%s %u times, in each of five attempts: %ld kB more kernel memory, expected < %ld",
		what, rounds, more / 1024, limit / 1024);
	gm_note("%s: %ld kB", what, more / 1024);
}

static struct vm_and_file vm_and_file_new(const struct gm_case *self)
{
	struct vm_and_file s = { .f = self->flavour };

	s.vm = GM_VM_NEW(.kind = s.f->kind);
	s.gmem = gm_flavour_gmem(s.vm, s.f, SIZE);
	return s;
}

static void vm_and_file_free(struct vm_and_file *s)
{
	close(s->gmem);
	gm_vm_free(s->vm);
}

static void file_round(struct vm_and_file *s)
{
	close(gm_flavour_gmem(s->vm, s->f, SIZE));
}

GM_CASE(files, .name = "fd.memory_back.files", .text = "thousands of files created and closed")
{
	struct vm_and_file s = vm_and_file_new(self);

	expect_no_leak(&s, file_round, 6000, 64, "a file created and closed");
	vm_and_file_free(&s);
}

/*
 * The close of a bound file removes its bindings, so the deletion of the slot has none to remove.
 */
static void bound_round(struct vm_and_file *s)
{
	int gmem = gm_flavour_gmem(s->vm, s->f, SIZE);

	/* Begins and ends inside nodes of the file's XArray of bindings. */
	GM_SETUP_OK(__fd_slot_set(s->vm, GM_SLOT, GM_BASE, SIZE - 5 * PG, gmem, 3 * PG));
	close(gmem);
	gm_slot_delete(s->vm, GM_SLOT);
}

static void unbound_round(struct vm_and_file *s)
{
	GM_SETUP_OK(__fd_slot_set(s->vm, GM_SLOT, GM_BASE, SIZE - 5 * PG, s->gmem, 3 * PG));
	gm_slot_delete(s->vm, GM_SLOT);
}

GM_CASE(slots, .name = "fd.memory_back.slots",
	.text = "slots bound and deleted, files closed while bound")
{
	struct vm_and_file s = vm_and_file_new(self);

	expect_no_leak(&s, bound_round, 1500, 128, "a file closed while bound");
	expect_no_leak(&s, unbound_round, 1500, 128, "a slot bound and deleted");
	vm_and_file_free(&s);
}

static void refused_round(struct vm_and_file *s)
{
	GM_SETUP(__fd_slot_set(s->vm, GM_SLOT + 1, GM_BASE + GM_1G, SIZE, s->gmem, 0),
		 "a second slot over the file's range is accepted");
	GM_SETUP(__fd_slot_set(s->vm, GM_SLOT + 1, GM_BASE + GM_1G, SIZE, s->gmem, PG),
		 "a slot past the end of the file is accepted");
}

GM_CASE(refused, .name = "fd.memory_back.refused",
	.text = "bindings refused since the range is bound already, or past the end")
{
	struct vm_and_file s = vm_and_file_new(self);

	GM_SETUP_OK(__fd_slot_set(s.vm, GM_SLOT, GM_BASE, SIZE, s.gmem, 0));
	expect_no_leak(&s, refused_round, 3000, 128, "two slots refused");
	vm_and_file_free(&s);
}

#ifdef __x86_64__
/* Each conversion of one page adds an entry to the record of states. */
static void convert_others(int gmem)
{
	for (uint64_t p = 0; p < 32; p += 2)
		gm_gmem_convert(gmem, p * PG, PG, true);
}

static void recorded_round(struct vm_and_file *s)
{
	int gmem = gm_gmem_new(s->vm, SIZE, s->f->flags);

	convert_others(gmem);
	close(gmem);
}

static void unrecorded_round(struct vm_and_file *s)
{
	convert_others(s->gmem);
	gm_gmem_convert(s->gmem, 0, SIZE, false);
}

GM_CASE(records, .name = "fd.memory_back.records", .flavour = &fd_inplace,
	.providers = GM_PROVIDERS(INPLACE),
	.text = "every other page is converted; then the file is closed, or all pages become shared again")
{
	struct vm_and_file s = vm_and_file_new(self);

	expect_no_leak(&s, recorded_round, 1000, 256, "a file closed with 16 private pages");
	expect_no_leak(&s, unrecorded_round, 1000, 256, "16 private pages made shared again");
	vm_and_file_free(&s);
}
#endif

/* Eight policies per file, so that a leak in a round is large enough to see. */
static void policy_round(struct vm_and_file *s)
{
	int gmem = gm_flavour_gmem(s->vm, s->f, 16 * PG);
	uint8_t *map = fd_mmap(gmem, 16 * PG);
	unsigned long node0 = 1;

	for (int i = 1; i < 16; i += 2)
		GM_SETUP_OK(syscall(SYS_mbind, map + i * PG, PG, MPOL_PREFERRED, &node0, 64, 0));
	gm_gmem_allocate(gmem, 0, 16 * PG);
	munmap(map, 16 * PG);
	close(gmem);
}

GM_CASE(policies, .name = "fd.memory_back.policies", .profile = "P1", .flavour = &gm_p1,
	.text = "files with memory policies, and pages allocated by them",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, GMEM_FS, NUMA))
{
	struct vm_and_file s = vm_and_file_new(self);

	expect_no_leak(&s, policy_round, 1000, 8 * 64, "a file with eight policies");
	vm_and_file_free(&s);
}
