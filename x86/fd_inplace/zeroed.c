// SPDX-License-Identifier: GPL-2.0-only
/* What nobody wrote is zero in whatever state it is first seen: fd.zeroed. */
#include "fd_inplace.h"
#include "frames.h"

#define NPAGES 256UL
#define SIZE (NPAGES * PG)

struct scene {
	struct gm_vm *vm;
	int gmem;
	uint8_t *map;
};

/* What happens to the pages before they are seen in the other state. None of it writes. */
static void nothing(struct scene *s) {}

static void allocate(struct scene *s)
{
	gm_gmem_allocate(s->gmem, 0, SIZE);
}

static void guest_reads(struct scene *s)
{
	gm_guest_check_zero(s->vm, 0, GM_BASE, NPAGES, "the guest's first look");
}

static void prefault(struct scene *s)
{
	uint64_t gpa = GM_BASE, size = SIZE;

	if (gm_platform_has(GM_NEED_PREFAULT))
		while (size)
			GM_SETUP_OK(gm_prefault(s->vm, 0, &gpa, &size, 0));
}

static void write_and_punch(struct scene *s)
{
	gm_guest_fill(s->vm, 0, GM_BASE, NPAGES, GM_HALF_PRIVATE, 1);
	gm_gmem_punch(s->gmem, 0, SIZE);
}

static void write_punch_allocate(struct scene *s)
{
	write_and_punch(s);
	allocate(s);
}

static void host_reads(struct scene *s)
{
	for (uint64_t p = 0; p < NPAGES; p++)
		(void)*(volatile uint8_t *)(s->map + p * PG + 8 * p);
}

static void host_populates(struct scene *s)
{
	uint8_t *map =
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, s->gmem, 0);

	GM_SETUP(map != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	munmap(map, SIZE);
}

static const struct way {
	const char *name;
	void (*fn)(struct scene *s);
	bool shared_only; /* the host does it */
} way[] = {
	{ "nothing", nothing },
	{ "allocated", allocate },
	{ "read by the guest", guest_reads },
	{ "prefaulted", prefault },
	{ "written and punched", write_and_punch },
	{ "written, punched, allocated", write_punch_allocate },
	{ "read by the host", host_reads, true },
	{ "populated by the host", host_populates, true },
};

static void one_way(const struct way *how, uint64_t flags, bool from_private)
{
	struct scene s = { .vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1,
					   .extra_pages = 8) };
	struct gm_op op = { .code = GM_OP_NOP };
	char when[96];

	snprintf(when, sizeof(when), "%s while %s, then converted", how->name,
		 from_private ? "private" : "shared");
	s.gmem = gm_gmem_new(s.vm, SIZE, flags);
	s.map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s.gmem, 0);
	GM_SETUP(s.map != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_slot_set(s.vm, GM_SLOT, 0, GM_BASE, SIZE, NULL, s.gmem, 0);
	gm_vm_map(s.vm, GM_BASE, GM_2M, GM_2M);
	gm_run(s.vm, 0, &op, 1);
	GM_SETUP(gm_frames_soil(4 * SIZE), "no %lu KiB of memory are free", 4 * SIZE / 1024);
	gm_gmem_convert(s.gmem, 0, SIZE, from_private);
	how->fn(&s);
	gm_gmem_convert(s.gmem, 0, SIZE, !from_private);
	/* Half of them is seen by the host first where it can, the other by the guest. */
	if (from_private)
		gm_host_check_zero(s.map, NPAGES / 2, when);
	gm_guest_check_zero(s.vm, 0, GM_BASE, NPAGES, when);
	if (from_private)
		gm_host_check_zero(s.map, NPAGES, when);
	gm_vm_free(s.vm);
	munmap(s.map, SIZE);
	close(s.gmem);
}

static void converted(const struct gm_case *self)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(way) && !gm_failures(); i++)
		if (!self->val || !way[i].shared_only)
			one_way(&way[i], *(const uint64_t *)self->arg, self->val);
}

static const uint64_t begins_private = GUEST_MEMFD_FLAG_MMAP,
		      begins_shared = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;

#define CONVERTED(id, flags, from_private, about)                                                  \
	GM_VARIANT(converted, converted_##id, .name = "fd.zeroed.converted_" #id,                  \
		   .clause = "fd.zeroed", .providers = GM_PROVIDERS(INPLACE), .arg = &flags,       \
		   .val = from_private, .text = about)
CONVERTED(to_shared, begins_shared, true,
	  "private pages that nobody wrote, then shared: the host, and the guest, see zeroes")
CONVERTED(to_private, begins_shared, false,
	  "shared pages that nobody wrote, then private: the guest sees zeroes")
CONVERTED(initially_private, begins_private, true,
	  "the same of a file whose pages begin private, made shared")
