// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the stress engine makes of a machine: conversions per second, each with a write and a read
 * of the page, the oracle and the logs included, against the bare exits of the same request.
 */
#include <time.h>

#include "gm.h"
#include "plot.h"
#include "../stress/child.h"

#define BENCH                                                                                      \
	.clause = "bench", .profile = "P0", .needs = GM_NEEDS(SW_PROTECTED, HYPERCALL_EXIT, TDP),  \
	.flags = GM_FULL_ONLY, .timeout = 600

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int64_t ignore(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
		      uint64_t attrs)
{
	return 0;
}

#define BATCHES 40U

/* The request goes to user space and back, and nothing is done about it. */
static double bare_exits(void)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1, .on_convert = ignore);
	struct gm_op op[GM_MBOX_OPS];
	double start;

	for (unsigned int i = 0; i < GM_MBOX_OPS; i++)
		op[i] = (struct gm_op){ .code = GM_OP_MAP_GPA, .addr = GM_BASE, .nr = 1 };
	gm_run(vm, 0, op, GM_MBOX_OPS);
	start = seconds();
	for (unsigned int i = 0; i < BATCHES; i++)
		gm_run(vm, 0, op, GM_MBOX_OPS);
	start = seconds() - start;
	gm_vm_free(vm);
	return BATCHES * GM_MBOX_OPS / start;
}

/* The same conversions and touches by batches, with nothing judged and nothing logged. */
static double unjudged(void)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);
	struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, GM_2M);
	int gmem = gm_gmem_new(vm, GM_2M, 0);
	struct gm_op op[GM_MBOX_OPS];
	double start;

	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, GM_2M, mem->hva, gmem, 0);
	gm_vm_map(vm, GM_BASE, GM_2M, GM_2M);
	start = seconds();
	for (uint32_t b = 0; b < BATCHES; b++) {
		for (uint32_t i = 0; i < GM_MBOX_OPS; i += 2) {
			uint32_t n = b * GM_MBOX_OPS / 2 + i / 2;

			op[i] = (struct gm_op){ .code = GM_OP_MAP_GPA,
						.addr = GM_BASE + n / 2 % 64 * 7 * GM_PAGE_SIZE,
						.nr = 1,
						.val = n & 1 ? GM_MAP_SHARED : GM_MAP_PRIVATE };
			op[i + 1] = (struct gm_op){ .code = GM_OP_WRITE, .addr = op[i].addr };
		}
		gm_run(vm, 0, op, GM_MBOX_OPS);
	}
	start = seconds() - start;
	gm_vm_free(vm);
	close(gmem);
	gm_mem_free(mem);
	return BATCHES * GM_MBOX_OPS / 2 / start;
}

/* Each vCPU converts pages of its own, and touches each at once: a write and a read. */
static double convert_and_touch(unsigned int vcpus)
{
	struct st_result *r = st_result_new();
	struct st_prog p = {};
	enum st_end end;
	double rate;

	snprintf(p.head.layout, sizeof(p.head.layout), "anon");
	snprintf(p.head.profile, sizeof(p.head.profile), "bench");
	p.head.vcpus = vcpus;
	p.head.threads = 1;
	for (uint32_t i = 0; i < 1500; i++) {
		for (unsigned int v = 0; v < vcpus; v++) {
			struct gm_sop op = { .actor = v, .code = GM_SOP_CONV, .len = 1 };

			op.page = v * ST_2M + i / 2 % 64 * 7;
			op.arg = !(i & 1);
			st_prog_add(&p, op);
			op.arg = 0;
			op.code = GM_SOP_POKE;
			st_prog_add(&p, op);
			op.code = GM_SOP_PEEK;
			st_prog_add(&p, op);
		}
	}
	end = st_child_run(&p, r, 300000);
	GM_EXPECT(end == ST_HELD, "the measured program %s: %s", st_end_name(end), r->text);
	rate = 1500 * vcpus / (r->seconds > 0 ? r->seconds : 1);
	st_prog_free(&p);
	st_result_free(r);
	return rate;
}

GM_CASE(bench_stress, .name = "bench.stress",
	.text = "conversions with a touch per second, judged, against bare exits", BENCH)
{
	static const unsigned int vcpus[] = { 1, 2, 4 };
	static struct plot p = {
		.name = "stress",
		.title = "Conversions with a touch, judged, against bare exits",
		.x = "what",
		.y = "per second",
		.series = { "rate" },
		.nr_series = 1,
		.nr_points = 5,
		.label = { "bare exits", "not judged", "1 vCPU", "2 vCPUs", "4 vCPUs" },
	};

	for (int round = 0; round < 3; round++) {
		plot_add(&p, 0, 0, bare_exits());
		plot_add(&p, 0, 1, unjudged());
		for (unsigned int i = 0; i < 3; i++)
			plot_add(&p, 0, 2 + i, convert_and_touch(vcpus[i]));
	}
	gm_checked();
	plot_write(&p);
	printf("convert-and-touch on one vCPU: %.2f of the bare exits, %.2f of the same not judged\n",
	       plot_quartile(&p.point[0][2], 2) / plot_quartile(&p.point[0][0], 2),
	       plot_quartile(&p.point[0][2], 2) / plot_quartile(&p.point[0][1], 2));
}
