// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of conversions. Benchmarks are declared as cases to share their set-up; they have no
 * verdict.
 */
#include "fixture.h"
#include "gm.h"
#include "map_picture.h"
#include "map_svg.h"
#include "plot.h"
#include "rate.h"

GM_FILE(.clause = "bench", .providers = GM_PROVIDERS(ATTRIBUTES), .flags = GM_FULL_ONLY,
	.timeout = 600)

/*
 * Most are about the host's page size: in place all memory is in guest_memfd, which has 4 KiB pages
 * only.
 */

static struct gm_fixture *open_vm(enum gm_mem_kind kind, uint64_t size)
{
	struct gm_fixture *w = GM_FIXTURE(.size = size, .mem = kind, .guest_page = GM_1G);

	gm_guest_touch(w->vm, 0, GM_BASE, size, GM_2M);
	gm_checked();
	return w;
}

/* Microseconds per 1000 accesses, one in each page, with a stride that misses the TLB. */
static double access_cost(struct gm_fixture *w)
{
	const uint64_t stride = 67 * GM_PAGE_SIZE;
	double start = bench_us();

	for (int pass = 0; pass < 4; pass++)
		gm_guest_touch(w->vm, 0, GM_BASE + pass * GM_PAGE_SIZE, w->size - GM_2M, stride);
	return (bench_us() - start) / (4 * (w->size / stride)) * 1000;
}

/* Converts `share` ten-thousandths of all pages: scattered, or as one range. */
static void convert_share(struct gm_fixture *w, unsigned int share, bool clustered, bool to_private)
{
	uint64_t pages = w->size / GM_PAGE_SIZE, nr = pages * share / 10000;

	if (clustered && nr) {
		gm_convert(w->vm, GM_BASE + GM_2M, nr * GM_PAGE_SIZE, to_private);
		return;
	}
	for (uint64_t i = 0; i < nr; i++)
		gm_convert(w->vm, GM_BASE + gm_fixture_random(w, pages) * GM_PAGE_SIZE,
			   GM_PAGE_SIZE, to_private);
}

static const unsigned int share[] = { 0, 1, 10, 100, 1000, 5000 };

GM_CASE(bench_access, .name = "bench.access", .text = "guest access against the share converted",
	.huge_1g = 1)
{
	static struct plot p = {
		.name = "access",
		.title = "Guest access against the share of 4 KiB pages converted",
		.x = "share converted, percent",
		.y = "microseconds for 1000 accesses",
		.series = { "scattered", "clustered" },
		.nr_series = 2,
		.nr_points = 6,
		.label = { "0", "0.01", "0.1", "1", "10", "50" },
	};

	for (int clustered = 0; clustered < 2; clustered++)
		for (unsigned int i = 0; i < p.nr_points; i++) {
			struct gm_fixture *w = open_vm(GM_MEM_HUGE_1G, GM_1G);

			convert_share(w, share[i], clustered, true);
			access_cost(w);
			for (int r = 0; r < 9; r++)
				plot_add(&p, clustered, i, access_cost(w));
			gm_fixture_free(w);
		}
	plot_write(&p);
}

/* The costs of a guest whose memory is private at first; odd series convert one range. */
static void cost_series(struct plot *p, unsigned int series, const struct gm_fixture_args *args)
{
	for (unsigned int i = 0; i < p->nr_points; i++) {
		struct gm_fixture *w = gm_fixture_new(args);

		convert_share(w, share[i], series & 1, false);
		access_cost(w);
		for (int r = 0; r < 9; r++)
			plot_add(p, series, i, access_cost(w));
		gm_fixture_free(w);
	}
}

/*
 * The figure of the thread "Re: folio_mmapped". A boot offers either conversion in files or
 * attributes of the VM; make bench-lab boots both, and the second boot draws all series.
 */
GM_CASE(bench_access_file, .name = "bench.access_file",
	.text = "guest access against the share converted, in files of 1 GiB pages, in files of single pages, and by attributes",
	.providers = GM_PROVIDERS(HUGE_FILE, ATTRIBUTES), .huge_1g = 1)
{
	static struct plot p = {
		.name = "access_file",
		.title = "Guest access against the share of 4 KiB pages converted",
		.x = "share converted to shared, percent",
		.y = "microseconds for 1000 accesses",
		.nr_series = 2,
		.nr_points = 6,
		.label = { "0", "0.01", "0.1", "1", "10", "50" },
		.joins = true,
	};
	struct gm_fixture_args args = { .size = GM_1G,
					.starts_private = true,
					.guest_page = GM_1G };

	gm_checked();
	if (self->provider == GM_PROVIDER_ATTRIBUTES) {
		/* Private pages are single ones, shared pages in a hugetlb page of 1 GiB. */
		args.mem = GM_MEM_HUGE_1G;
		p.series[0] = "attributes, scattered";
		p.series[1] = "attributes, clustered";
		cost_series(&p, 0, &args);
		cost_series(&p, 1, &args);
		plot_write(&p);
		return;
	}
	p.series[0] = "1 GiB file, scattered";
	p.series[1] = "1 GiB file, clustered";
	p.series[2] = "4 KiB file, scattered";
	p.series[3] = "4 KiB file, clustered";
	p.nr_series = 4;
	args.provider = GM_PROVIDER_INPLACE;
	cost_series(&p, 2, &args);
	cost_series(&p, 3, &args);
	args.provider = GM_PROVIDER_HUGE_FILE;
	args.file_page = GM_1G;
	cost_series(&p, 0, &args);
	cost_series(&p, 1, &args);
	plot_write(&p);
	bench_ratio(self, "1 GiB file, nothing converted", &p.point[0][0],
		    "4 KiB file, nothing converted", &p.point[2][0]);
	bench_ratio(self, "1 GiB file, 1 % scattered", &p.point[0][3],
		    "1 GiB file, nothing converted", &p.point[0][0]);
}

/* Converts one mapped page back and forth and touches it after that; each step is a series. */
static void one_conversion(struct gm_fixture *w, struct plot *p, unsigned int point)
{
	for (int r = 0; r < PLOT_REPEATS; r++) {
		uint64_t at = GM_BASE + gm_fixture_random(w, w->size / GM_PAGE_SIZE) * GM_PAGE_SIZE;
		double start;

		gm_guest_touch(w->vm, 0, at, 8, 8);
		start = bench_us();
		gm_convert(w->vm, at, GM_PAGE_SIZE, true);
		plot_add(p, 0, point, bench_us() - start);
		gm_guest_touch(w->vm, 0, at, 8, 8);
		start = bench_us();
		gm_convert(w->vm, at, GM_PAGE_SIZE, false);
		plot_add(p, 1, point, bench_us() - start);
		start = bench_us();
		gm_guest_touch(w->vm, 0, at, 8, 8);
		plot_add(p, 2, point, bench_us() - start);
	}
}

GM_CASE(bench_size, .name = "bench.convert_by_page", .text = "one conversion, by the page it hits",
	.huge_1g = 1, .huge_2m = 32)
{
	static const enum gm_mem_kind kind[] = { GM_MEM_SHMEM, GM_MEM_HUGE_2M, GM_MEM_HUGE_1G };
	static struct plot p = {
		.name = "convert_by_page",
		.title = "One 4 KiB conversion, by the page that it hits",
		.x = "page of the host",
		.y = "microseconds",
		.series = { "to private", "to shared", "touch after: rejoined" },
		.nr_series = 3,
		.label = { "4 KiB", "2 MiB", "1 GiB" },
		.nr_points = 3,
	};

	for (unsigned int i = 0; i < p.nr_points; i++) {
		struct gm_fixture *w = open_vm(kind[i], i == 2 ? GM_1G : 32 * GM_2M);

		one_conversion(w, &p, i);
		gm_fixture_free(w);
	}
	plot_write(&p);
}

GM_CASE(bench_slot, .name = "bench.convert_by_slot",
	.text = "one conversion, by the size of the slot", .providers = GM_PROVIDERS_X86)
{
	static const uint64_t mib[] = { 2, 64, 512, 4096, 32768 };
	static struct plot p = {
		.title = "One 4 KiB conversion, by the size of the slot",
		.x = "slot, MiB",
		.y = "microseconds",
		.series = { "to private", "to shared", "touch after" },
		.nr_series = 3,
		.label = { "2", "64", "512", "4096", "32768" },
		.nr_points = 5,
	};

	p.name = bench_name(self);
	for (unsigned int i = 0; i < p.nr_points; i++) {
		struct gm_fixture *w = GM_FIXTURE(.size = mib[i] << 20, .guest_page = GM_1G);

		gm_checked();
		one_conversion(w, &p, i);
		gm_fixture_free(w);
	}
	plot_write(&p);
}

/*
 * Rates of the bare exit to user space and back, of the exit with a conversion, and of the kernel's
 * own test (ranges of many sizes, which guest and host fill and compare).
 */
GM_CASE(bench_rate, .name = "bench.rate",
	.text = "conversions per second against the bare exit and the kernel's own test",
	.providers = GM_PROVIDERS_X86)
{
	static struct plot p = {
		.title = "Requests of the guest per second",
		.x = "what user space does",
		.y = "per second",
		.series = { "rate" },
		.nr_series = 1,
		.nr_points = 4,
		.apart = true,
		.label = { "nothing", "one page", "2 MiB", "private_mem_conversions_test" },
	};
	struct gm_fixture *w = open_vm(GM_MEM_SHMEM, 32 * GM_2M);
	double rate;

	p.name = bench_name(self);
	for (int r = 0; r < 9; r++)
		for (unsigned int i = 0; i < 3; i++) {
			struct gm_op op[64];
			double start;

			w->vm->args.on_convert = i ? NULL : bench_ignore;
			for (int o = 0; o < 64; o++)
				op[o] = (struct gm_op){
					.code = GM_OP_MAP_GPA,
					.nr = i == 2 ? 512 : 1,
					.addr = GM_BASE + gm_fixture_random(w, 32) * GM_2M,
					.val = o & 1 ? GM_MAP_SHARED : GM_MAP_PRIVATE
				};
			start = bench_us();
			for (int round = 0; round < 8; round++)
				gm_run(w->vm, 0, op, 64);
			plot_add(&p, 0, i, 8 * 64 * 1e6 / (bench_us() - start));
		}
	gm_fixture_free(w);
	for (int r = 0; r < 9; r++) {
		rate = bench_upstream_rate();
		if (rate > 0)
			plot_add(&p, 0, 3, rate);
	}
	if (!p.point[0][3].nr)
		p.nr_points = 3;
	plot_write(&p);
	for (unsigned int i = 1; i < p.nr_points; i++)
		bench_ratio(self, p.label[i], &p.point[0][i], "the bare exits", &p.point[0][0]);
}

/* The picture: a GiB before a conversion, after it, touched again, and converted back. */
GM_CASE(bench_picture, .name = "bench.picture",
	.text = "the map of a GiB around one conversion, as SVG", .huge_1g = 1)
{
	static const char *const title[] = { "all touched", "one page converted",
					     "all touched again", "converted back and touched" };
	struct gm_map_panel panel[4];
	const char *dir = getenv("GM_BENCH_DIR");
	char path[512];
	FILE *f;

	/* Observing a map destroys it, so each panel has a VM of its own. */
	for (int i = 0; i < 4; i++) {
		struct gm_shape *s = gm_shape_new(GM_BASE, GM_1G);
		uint64_t at = GM_BASE + 77 * GM_2M + 5 * GM_PAGE_SIZE;
		struct gm_fixture *w = open_vm(GM_MEM_HUGE_1G, GM_1G);

		if (i)
			gm_convert(w->vm, at, GM_PAGE_SIZE, true);
		gm_shape_convert(s, at, GM_PAGE_SIZE, i && i < 3);
		if (i > 1)
			gm_guest_touch(w->vm, 0, GM_BASE, GM_1G, GM_2M);
		if (i > 2) {
			gm_convert(w->vm, at, GM_PAGE_SIZE, false);
			/* Only a fault on the page itself restores the huge page. */
			gm_guest_touch(w->vm, 0, at, 8, 8);
		}
		panel[i] = (struct gm_map_panel){ title[i], gm_map_observe(w->vm, s) };
		gm_fixture_free(w);
		gm_shape_free(s);
	}
	snprintf(path, sizeof(path), "%s/map.svg", dir ? dir : ".");
	f = fopen(path, "we");
	GM_SETUP(f, "%s: %s", path, gm_errno_name(errno));
	gm_map_svg(f, "One 4 KiB conversion in a 1 GiB page", panel, 4);
	fclose(f);
	for (int i = 0; i < 4; i++)
		printf("%-28s %.64s\n", title[i], panel[i].cells + 64);
}
