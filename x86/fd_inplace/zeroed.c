// SPDX-License-Identifier: GPL-2.0-only
/* Pages never written are zero in either state: fd.zeroed. */
#include "fd_inplace.h"
#include "frames.h"

GM_FILE(.clause = "fd.zeroed", .providers = GM_PROVIDERS(INPLACE))

#define NPAGES 256UL
#define SIZE (NPAGES * PG)

/* What happens to the pages before the conversion. None of it leaves data. */
static void nothing(struct gm_fixture *w) {}

static void allocate(struct gm_fixture *w)
{
	gm_gmem_allocate(w->gmem, 0, SIZE);
}

static void guest_reads(struct gm_fixture *w)
{
	gm_guest_check_zero(w->vm, 0, GM_BASE, NPAGES, "the guest's first read");
}

static void prefault(struct gm_fixture *w)
{
	if (gm_platform_has(GM_NEED_PREFAULT))
		gm_prefault_all(w->vm, 0, GM_BASE, SIZE);
}

static void write_and_punch(struct gm_fixture *w)
{
	gm_fixture_fill(w, 0, FIRST, NPAGES);
	gm_fixture_punch(w, FIRST, NPAGES);
}

static void write_punch_allocate(struct gm_fixture *w)
{
	write_and_punch(w);
	allocate(w);
}

static void host_reads(struct gm_fixture *w)
{
	for (uint64_t p = 0; p < NPAGES; p++)
		(void)*(volatile uint8_t *)(w->hva + p * PG + 8 * p);
}

static void host_populates(struct gm_fixture *w)
{
	uint8_t *map =
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, w->gmem, 0);

	GM_SETUP(map != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	munmap(map, SIZE);
}

static const struct way {
	const char *name;
	void (*fn)(struct gm_fixture *w);
	bool shared_only; /* done by the host */
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

static void one_way(const struct way *how, bool begins_private, bool from_private)
{
	struct gm_fixture *w = GM_FIXTURE(.size = SIZE, .starts_private = begins_private);
	struct gm_op op = { .code = GM_OP_NOP };
	char when[96];

	snprintf(when, sizeof(when), "%s while %s, then converted", how->name,
		 from_private ? "private" : "shared");
	gm_run(w->vm, 0, &op, 1);
	GM_SETUP(gm_frames_soil(4 * SIZE), "no %lu KiB of memory are free", 4 * SIZE / 1024);
	gm_fixture_convert(w, FIRST, NPAGES, from_private);
	how->fn(w);
	gm_fixture_convert(w, FIRST, NPAGES, !from_private);
	/* If shared, the host reads one half first; the guest is first to read the other. */
	if (from_private)
		gm_host_check_zero(w->hva, NPAGES / 2, when);
	gm_guest_check_zero(w->vm, 0, GM_BASE, NPAGES, when);
	if (from_private)
		gm_host_check_zero(w->hva, NPAGES, when);
	gm_fixture_free(w);
}

struct conversion {
	bool begins_private; /* the file */
	bool from_private;
};

GM_CASES(converted, struct conversion, v)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(way) && !gm_failures(); i++)
		if (!v->from_private || !way[i].shared_only)
			one_way(&way[i], v->begins_private, v->from_private);
}

GM_ROW(converted, converted_to_shared, .name = "fd.zeroed.converted_to_shared",
       .text = "private pages never written are converted to shared: host and guest read zero") = {
	.from_private = true,
};
GM_ROW(converted, converted_to_private, .name = "fd.zeroed.converted_to_private",
       .text = "shared pages never written are converted to private: the guest reads zero") = {
	.from_private = false,
};
GM_ROW(converted, converted_initially_private, .name = "fd.zeroed.converted_initially_private",
       .text = "private pages of a file that starts private are converted to shared: zero") = {
	.begins_private = true,
	.from_private = true,
};
