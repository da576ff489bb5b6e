// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stress programs: a seed always gives the same program, a written program reads back unchanged,
 * and a shrunk program still fails and is short.
 */
#include "unit.h"

#include "gen.h"
#include "layout.h"
#include "minimize.h"
#include "mix.h"

static void generate(struct st_prog *p, const struct st_gen *g)
{
	char why[200];

	assert_int_equal(st_gen(g, p, why, sizeof(why)), 0);
}

static void same_seed_same_program(void **state)
{
	struct st_prog a = {}, b = {};

	for (unsigned int i = 0; st_mix_at(i); i++) {
		struct st_gen g = { .seed = 7 + i, .mix = st_mix_at(i)->name };

		generate(&a, &g);
		generate(&b, &g);
		assert_int_equal(a.nr, b.nr);
		assert_memory_equal(a.op, b.op, a.nr * sizeof(*a.op));
		g.seed += 1000;
		generate(&b, &g);
		assert_true(a.nr != b.nr || memcmp(a.op, b.op, a.nr * sizeof(*a.op)));
	}
	st_prog_free(&a);
	st_prog_free(&b);
}

static void operations_stay_inside(void **state)
{
	struct st_prog p = {};

	for (uint64_t seed = 1; seed < 60; seed++) {
		struct st_gen g = { .seed = seed, .mix = st_mix_at(seed % 5)->name };
		const struct st_layout *l;

		generate(&p, &g);
		l = st_layout_find(p.head.layout);
		assert_non_null(l);
		for (uint32_t i = 0; i < p.nr; i++) {
			const struct gm_sop *op = &p.op[i];

			assert_true(op->code < ST_OP_NR);
			assert_true(st_actor_nr(op) <
				    (st_is_vcpu(op) ? p.head.vcpus : p.head.threads));
			if (!st_in_layout(op))
				continue;
			assert_true(op->len >= 1);
			assert_true((uint64_t)op->page + op->len <= l->pages);
		}
	}
	st_prog_free(&p);
}

static void files_read_back(void **state)
{
	struct st_gen g = { .seed = 11, .mix = "everything", .order = 3 };
	struct st_prog a = {}, b = {};
	char *text, why[200];
	size_t size;
	FILE *f;

	generate(&a, &g);
	f = open_memstream(&text, &size);
	st_prog_write(&a, f);
	fclose(f);
	f = fmemopen(text, size, "r");
	assert_int_equal(st_prog_read(&b, f, why, sizeof(why)), 0);
	fclose(f);
	assert_int_equal(a.nr, b.nr);
	assert_memory_equal(a.op, b.op, a.nr * sizeof(*a.op));
	assert_memory_equal(&a.head, &b.head, sizeof(a.head));
	free(text);
	st_prog_free(&a);
	st_prog_free(&b);
}

/* A program file keeps the provider. Programs in place do not use the pool of huge pages. */
static void in_place_programs(void **state)
{
	struct st_gen g = { .provider = GM_PROVIDER_INPLACE, .mix = "everything" };
	bool private = false, shared = false;
	struct st_prog a = {}, b = {};
	char *text, why[200];
	size_t size;
	FILE *f;

	for (g.seed = 1; g.seed < 20; g.seed++) {
		generate(&a, &g);
		assert_int_equal(a.head.provider, GM_PROVIDER_INPLACE);
		*(a.head.start_private ? &private : &shared) = true;
		for (uint32_t i = 0; i < a.nr; i++)
			assert_true(a.op[i].code != ST_OP_POOL);
		f = open_memstream(&text, &size);
		st_prog_write(&a, f);
		fclose(f);
		f = fmemopen(text, size, "r");
		assert_int_equal(st_prog_read(&b, f, why, sizeof(why)), 0);
		fclose(f);
		free(text);
		assert_memory_equal(&a.head, &b.head, sizeof(a.head));
	}
	assert_true(private && shared);
	st_prog_free(&a);
	st_prog_free(&b);
}

/* The enum and the rows agree, and each row has a function that runs it. */
static void rows_are_complete(void **state)
{
	for (unsigned int i = 0; i < ST_OP_NR; i++) {
		const struct st_op *op = st_ops[i];
		bool idle = i == ST_OP_NOP || i == ST_OP_SYNC;

		assert_int_equal(st_op_find(op->name), i);
		assert_true(op->text && *op->text);
		assert_int_equal(!!op->guest, op->flags & ST_VCPU ? 1 : 0);
		assert_int_equal(!!op->run, !idle && !(op->flags & ST_VCPU));
		assert_true(!(op->flags & ST_CONVERTS) || (op->observe && op->expect));
	}
}

static int reads(const char *text)
{
	struct st_prog p = {};
	char why[200] = "";
	FILE *f = fmemopen((void *)text, strlen(text), "r");
	int ret = st_prog_read(&p, f, why, sizeof(why));

	fclose(f);
	st_prog_free(&p);
	return ret;
}

#define HEAD "kvm-gmem-stress 1\nlayout thp\nvcpus 2\nthreads 1\norder strict\n"

static void nonsense_is_refused(void **state)
{
	assert_int_equal(reads(HEAD "# a comment\n\nv1 conv private 0x1ff 3\nt0 punch 2\n"), 0);
	assert_int_equal(reads(""), -1);
	assert_int_equal(reads("vcpus 1\n"), -1);
	assert_int_equal(reads("kvm-gmem-stress 2\n"), -1);
	assert_int_equal(reads(HEAD "v2 read 0 1\n"), -1);
	assert_int_equal(reads(HEAD "t1 punch 0 1\n"), -1);
	assert_int_equal(reads(HEAD "v0 punch 0 1\n"), -1);
	assert_int_equal(reads(HEAD "v0 conv sideways 0 1\n"), -1);
	assert_int_equal(reads(HEAD "v0 read\n"), -1);
	assert_int_equal(reads(HEAD "v0 read 0 0\n"), -1);
	assert_int_equal(reads(HEAD "v0 read -1 1\n"), -1);
	assert_int_equal(reads(HEAD "v0 read 0 1 2\n"), -1);
	assert_int_equal(reads(HEAD "v0 read 0 1 meet=256\n"), -1);
	assert_int_equal(reads(HEAD "order sideways\n"), -1);
	assert_int_equal(reads(HEAD "provider inplace\nstart private\nt0 madvise dontneed 2\n"), 0);
	assert_int_equal(reads(HEAD "provider pkvm\n"), -1);
	assert_int_equal(reads(HEAD "start sideways\n"), -1);
}

static void weights_choose(void **state)
{
	struct st_gen g = { .seed = 3, .weights = "conv=0,hconv=0,punch=50", .order = 1 };
	unsigned int punches = 0;
	struct st_prog p = {};
	char why[200];

	generate(&p, &g);
	for (uint32_t i = 0; i < p.nr; i++) {
		assert_true(p.op[i].code != ST_OP_CONV && p.op[i].code != ST_OP_HCONV);
		punches += p.op[i].code == ST_OP_PUNCH;
	}
	assert_true(punches > p.nr / 20);
	g.weights = "conv";
	assert_int_equal(st_gen(&g, &p, why, sizeof(why)), -1);
	g.weights = "sing=1";
	assert_int_equal(st_gen(&g, &p, why, sizeof(why)), -1);
	st_prog_free(&p);
}

/* Fails if page 700000 is made private and vCPU 1 then reads it. */
static bool bad(const struct st_prog *p, void *arg)
{
	bool private = false;

	for (uint32_t i = 0; i < p->nr; i++) {
		const struct gm_sop *op = &p->op[i];

		if (700000 - op->page >= op->len)
			continue;
		if (op->code == ST_OP_CONV || op->code == ST_OP_HCONV)
		private = op->arg;
		if (op->code == ST_OP_READ && op->actor == 1 && private)
			return true;
	}
	return false;
}

static void shrunk_to_the_core(void **state)
{
	struct st_gen g = { .seed = 21, .vcpus = 3, .ops = 4000, .order = 1, .layout = "anon" };
	struct st_min m = { .fails = bad, .op = UINT32_MAX, .page = 700000, .pages = 3 * ST_1G };
	struct st_prog p = {};

	generate(&p, &g);
	st_prog_add(
		&p,
		(struct gm_sop){
			.actor = 2, .code = ST_OP_CONV, .arg = 1, .page = 699000, .len = 5000 });
	st_prog_add(&p,
		    (struct gm_sop){ .actor = 1, .code = ST_OP_READ, .page = 699998, .len = 8 });
	for (int i = 0; i < 500; i++)
		st_prog_add(&p, p.op[i]);
	assert_true(bad(&p, NULL));
	st_minimize(&p, &m);
	assert_true(bad(&p, NULL));
	assert_int_equal(p.nr, 2);
	assert_int_equal(p.op[0].len, 1);
	assert_int_equal(p.op[1].len, 1);
	assert_true(m.tries < 200);
	st_prog_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_seed_same_program), cmocka_unit_test(operations_stay_inside),
		cmocka_unit_test(files_read_back),	  cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(in_place_programs),	  cmocka_unit_test(weights_choose),
		cmocka_unit_test(shrunk_to_the_core),	  cmocka_unit_test(rows_are_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
