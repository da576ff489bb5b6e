// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files and slots that come and go, or are refused, leave none of the kernel's own memory behind:
 * fd.memory_back. Counted over the whole system, hence alone, and so often that the smallest
 * object would show.
 */
#include <linux/mempolicy.h>

#include "fd.h"
#include "text.h"

GM_FILE(.clause = "fd.memory_back", .flavours = FD_FLAVOURS(FD_P1_BARE, FD_INPLACE_TWIN),
	.tokens = GM_TOKEN_ALONE)

#define SIZE (600 * PG)

struct vm_and_file {
	const struct gm_flavour *f;
	struct gm_vm *vm;
	int gmem;
};

/* Bytes of slab caches and of vmalloc(): no page of a file is among them. */
static int64_t kernel_memory(void)
{
	long slab, vmalloc;

	GM_SETUP(gm_read_field("/proc/meminfo", "Slab", &slab) &&
			 gm_read_field("/proc/meminfo", "VmallocUsed", &vmalloc),
		 "/proc/meminfo has no Slab and VmallocUsed");
	return (slab + vmalloc) * 1024;
}

/*
 * What was freed may be waiting for other CPUs, and is no growth: it is waited for until the least
 * of it has not changed five times in a row, within bounds.
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

/* A growth of half an object in each round, `object` being the smallest that it could lose (bytes). */
static void over_and_over(struct vm_and_file *s, void (*round)(struct vm_and_file *s),
			  unsigned int rounds, unsigned int object, const char *what)
{
	int64_t limit, more, base = settled();
	int attempt = 0;

	/* What caches fill up with does not double with the rounds; what is lost in each does. */
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
	GM_EXPECT(
		more < limit,
		"%s %u times, again and again: %ld kB of the kernel's memory more, expected < %ld",
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

	over_and_over(&s, file_round, 6000, 64, "a file created and closed");
	vm_and_file_free(&s);
}

/* Closed while bound: its bindings go with it. The slot's own deletion finds nothing to do. */
static void bound_round(struct vm_and_file *s)
{
	int gmem = gm_flavour_gmem(s->vm, s->f, SIZE);

	/* Neither begins nor ends where a node of the bindings does. */
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

	over_and_over(&s, bound_round, 1500, 128, "a file closed while bound");
	over_and_over(&s, unbound_round, 1500, 128, "a slot bound and deleted");
	vm_and_file_free(&s);
}

static void refused_round(struct vm_and_file *s)
{
	GM_SETUP(__fd_slot_set(s->vm, GM_SLOT + 1, GM_BASE + GM_1G, SIZE, s->gmem, 0),
		 "a second slot over the file's range is taken");
	GM_SETUP(__fd_slot_set(s->vm, GM_SLOT + 1, GM_BASE + GM_1G, SIZE, s->gmem, PG),
		 "a slot past the end of the file is taken");
}

GM_CASE(refused, .name = "fd.memory_back.refused",
	.text = "bindings refused because of the file's range, and of its end")
{
	struct vm_and_file s = vm_and_file_new(self);

	GM_SETUP_OK(__fd_slot_set(s.vm, GM_SLOT, GM_BASE, SIZE, s.gmem, 0));
	over_and_over(&s, refused_round, 3000, 128, "two slots refused");
	vm_and_file_free(&s);
}

#ifdef __x86_64__
/* Each conversion of one page makes the record of states longer. */
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
	.text = "every other page private, and then the file closed, or all of it shared again")
{
	struct vm_and_file s = vm_and_file_new(self);

	over_and_over(&s, recorded_round, 1000, 256, "a file closed with 16 private pages");
	over_and_over(&s, unrecorded_round, 1000, 256, "16 private pages made shared again");
	vm_and_file_free(&s);
}
#endif

/* Eight of the smallest structure in each file: one alone is not what a round has to show. */
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
	.text = "files with a memory policy of their own, and pages that were placed by it",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, GMEM_FS, NUMA))
{
	struct vm_and_file s = vm_and_file_new(self);

	over_and_over(&s, policy_round, 1000, 8 * 64, "a file with eight policies");
	vm_and_file_free(&s);
}
