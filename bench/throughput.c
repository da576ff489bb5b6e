// SPDX-License-Identifier: GPL-2.0-only
/*
 * The throughput of the stress engine: conversions per second, each with a read and write of the
 * page, including oracle and logs, compared with bare exits for the same request.
 */
#include "fixture.h"
#include "gm.h"
#include "plot.h"
#include "rate.h"
#include "../stress/child.h"

#define BATCHES 40U

/* Requests per second if user space returns without a conversion. */
static double bare_exits(void)
{
	struct gm_vm *vm =
		GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1, .on_convert = bench_ignore);
	struct gm_op op[GM_MBOX_OPS];
	double start;

	for (unsigned int i = 0; i < GM_MBOX_OPS; i++)
		op[i] = (struct gm_op){ .code = GM_OP_MAP_GPA, .addr = GM_BASE, .nr = 1 };
	gm_run(vm, 0, op, GM_MBOX_OPS);
	start = bench_us() / 1e6;
	for (unsigned int i = 0; i < BATCHES; i++)
		gm_run(vm, 0, op, GM_MBOX_OPS);
	start = bench_us() / 1e6 - start;
	gm_vm_free(vm);
	return BATCHES * GM_MBOX_OPS / start;
}

/* Conversions with a touch per second by batches, without judging and logging. */
static double unjudged(void)
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	struct gm_op op[GM_MBOX_OPS];
	double start;

	start = bench_us() / 1e6;
	for (uint32_t b = 0; b < BATCHES; b++) {
		for (uint32_t i = 0; i < GM_MBOX_OPS; i += 2) {
			uint32_t n = b * GM_MBOX_OPS / 2 + i / 2;

			op[i] = (struct gm_op){ .code = GM_OP_MAP_GPA,
						.addr = GM_BASE + n / 2 % 64 * 7 * GM_PAGE_SIZE,
						.nr = 1,
						.val = n & 1 ? GM_MAP_SHARED : GM_MAP_PRIVATE };
			op[i + 1] = (struct gm_op){ .code = GM_OP_WRITE, .addr = op[i].addr };
		}
		gm_run(w->vm, 0, op, GM_MBOX_OPS);
	}
	start = bench_us() / 1e6 - start;
	gm_fixture_free(w);
	return BATCHES * GM_MBOX_OPS / 2 / start;
}

#define CHUNK 256U /* conversions before their touches */
#define CHUNKS 8U

static void add(struct st_prog *p, uint8_t actor, uint8_t code, uint8_t arg, uint32_t page,
		uint32_t len)
{
	st_prog_add(p,
		    (struct gm_sop){
			    .actor = actor, .code = code, .arg = arg, .page = page, .len = len });
}

/*
 * Each vCPU converts its own pages, one request a page, and then adds to a counter in each: a read
 * and a write, which are judged. `prefault`: the VMM maps the converted pages before the touches,
 * in one ioctl (KVM_PRE_FAULT_MEMORY); otherwise each touch is a fault.
 */
static double convert_and_touch(enum gm_provider_id provider, unsigned int vcpus, bool prefault)
{
	struct st_result *r = st_result_new();
	struct st_prog p = {};
	enum st_end end;
	double rate;

	snprintf(p.head.layout, sizeof(p.head.layout), "anon");
	snprintf(p.head.mix, sizeof(p.head.mix), "bench");
	p.head.provider = provider;
	p.head.vcpus = vcpus;
	p.head.threads = 1;
	for (uint32_t c = 0; c < CHUNKS; c++) {
		for (unsigned int v = 0; v < vcpus; v++)
			for (uint32_t i = 0; i < CHUNK; i++)
				add(&p, v, ST_OP_CONV, !(c & 1), v * ST_2M + i, 1);
		if (prefault) {
			add(&p, 0, ST_OP_SYNC, 0, 0, 1);
			for (unsigned int v = 0; v < vcpus; v++)
				add(&p, GM_SOP_HOST, ST_OP_PREFAULT, 0, v * ST_2M, CHUNK);
			add(&p, 0, ST_OP_SYNC, 0, 0, 1);
		}
		for (unsigned int v = 0; v < vcpus; v++)
			for (uint32_t i = 0; i < CHUNK; i++)
				add(&p, v, ST_OP_ADD, 0, v * ST_2M + i, 1);
	}
	end = st_child_run(&p, r, 300000);
	GM_EXPECT(end == ST_HELD, "the measured program %s: %s", st_end_name(end), r->text);
	rate = CHUNK * CHUNKS * vcpus / (r->seconds > 0 ? r->seconds : 1);
	st_prog_free(&p);
	st_result_free(r);
	return rate;
}

enum { UPSTREAM, BARE, UNJUDGED, FAULTS, ONE, TWO, FOUR, NR };

#define ROUNDS 9

GM_CASE(bench_stress, .name = "bench.stress", .clause = "bench",
	.text = "conversions with a touch per second, judged, against bare exits",
	.providers = GM_PROVIDERS_X86, .needs = GM_NEEDS(HYPERCALL_EXIT, TDP),
	.flags = GM_FULL_ONLY, .timeout = 600)
{
	static struct plot p = {
		.title = "Conversions with a touch, judged, against bare exits",
		.x = "what",
		.y = "per second",
		.series = { "rate" },
		.nr_series = 1,
		.nr_points = NR,
		.apart = true,
		.label = { "upstream", "bare exits", "not judged", "a fault each", "1 vCPU",
			   "2 vCPUs", "4 vCPUs" },
	};
	enum gm_provider_id provider = self->provider;
	double upstream = bench_upstream_rate();
	const struct point *got = p.point[0];

	p.name = bench_name(self);

	for (int round = 0; round < ROUNDS; round++) {
		plot_add(&p, 0, UPSTREAM, upstream);
		plot_add(&p, 0, UNJUDGED, unjudged());
		plot_add(&p, 0, BARE, bare_exits());
		plot_add(&p, 0, ONE, convert_and_touch(provider, 1, true));
		plot_add(&p, 0, FAULTS, convert_and_touch(provider, 1, false));
		plot_add(&p, 0, TWO, convert_and_touch(provider, 2, true));
		plot_add(&p, 0, FOUR, convert_and_touch(provider, 4, true));
	}
	gm_checked();
	plot_write(&p);
	bench_ratio(self, "convert-and-touch on one vCPU", &got[ONE], "the bare exits", &got[BARE]);
	bench_ratio(self, "the same with a fault for each", &got[FAULTS], "the bare exits",
		    &got[BARE]);
	bench_ratio(self, "convert-and-touch", &got[ONE], "the same not judged", &got[UNJUDGED]);
	bench_ratio(self, "on two vCPUs", &got[TWO], "one", &got[ONE]);
	bench_ratio(self, "on four vCPUs", &got[FOUR], "one", &got[ONE]);
	if (upstream > 0)
		bench_ratio(self, "convert-and-touch", &got[ONE], "private_mem_conversions_test",
			    &got[UPSTREAM]);
}
