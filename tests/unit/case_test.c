// SPDX-License-Identifier: GPL-2.0-only
/* What a file states for its cases, and what a case that states it itself makes of that. */
#include <linux/capability.h>
#include <stdbool.h>

#include "case.h"
#include "unit.h"

GM_FILE(.clause = "a.file", .providers = GM_PROVIDERS(INPLACE), .needs = GM_NEEDS(TDP),
	.caps = GM_CAPS(CAP_SETUID), .flags = GM_REFUSAL, .tokens = GM_TOKEN_ALONE, .huge_2m = 3,
	.timeout = 7)

GM_CASE(nothing, .name = "a.file.nothing", .text = "t") {}

GM_CASE(sets, .name = "a.file.sets", .text = "t", .needs = GM_NEEDS(THP),
	.caps = GM_CAPS(CAP_IPC_LOCK), .flags = GM_FULL_ONLY, .tokens = GM_TOKEN_MODULE)
{
}

GM_CASE(own, .name = "a.own", .clause = "a.own", .text = "t", .profile = "P1", .huge_2m = 1,
	.huge_1g = 2, .timeout = 9)
{
}

GM_CASE(other, .name = "a.file.other", .text = "t", .providers = GM_PROVIDERS(PKVM)) {}

GM_CASE(alone, .name = "a.file.alone", .text = "t", .provider = GM_PROVIDER_INPLACE,
	.profile = "P3")
{
}

GM_CASE(devices, .name = "a.file.devices", .text = "t", .iommus = GM_IOMMUS(MOCK, VFIO),
	.dma_flags = GM_FULL_ONLY)
{
}

GM_CASE(one_device, .name = "a.file.one_device", .text = "t", .iommu = GM_IOMMU_MOCK) {}

static const char one_flavour[1], another[1];

#define FLAVOUR(x) ((const struct gm_flavour *)(x))

static const struct gm_flavour_case two_flavours[] = {
	{ .suffix = ".one",
	  .flavour = FLAVOUR(one_flavour),
	  .profile = "P1",
	  .needs = GM_NEEDS(GMEM_MMAP) },
	GM_FLAVOUR_ABSENT,
	{ .suffix = "",
	  .flavour = FLAVOUR(another),
	  .providers = GM_PROVIDERS(PKVM),
	  .twin = true },
	{},
};

GM_CASE(flavours, .name = "a.file.flavours", .text = "t", .flags = GM_DESTRUCTIVE,
	.flavours = two_flavours)
{
}

struct pair {
	unsigned int a;
	bool b;
};

static unsigned int seen;

GM_CASES(rows, struct pair, v)
{
	seen = v->a * 2 + v->b + (self->timeout == 7 ? 100 : 0);
}
GM_ROW(rows, rows_4, .name = "a.file.rows_4", .text = "t") = { .a = 4 };
GM_ROW(rows, rows_5, .name = "a.file.rows_5", .text = "t", .timeout = 1) = { .a = 5, .b = true };

/* An engine's: it belongs to no file. */
static void generate(void)
{
	static const struct gm_case made = {
		.name = "a.made", .clause = "a.made", .text = "t", .profile = "P1", .run = nothing
	};

	gm_case_add(&made);
}
GM_GENERATE(generate)

static void what_a_case_leaves_out(void **state)
{
	const struct gm_case *c = gm_case_find("a.file.nothing.inplace");

	assert_string_equal(c->clause, "a.file");
	assert_int_equal(c->provider, GM_PROVIDER_INPLACE);
	assert_string_equal(c->profile, "P3");
	assert_int_equal(c->needs, GM_NEEDS(TDP, SW_PROTECTED, INPLACE));
	assert_int_equal(c->caps, GM_CAPS(CAP_SETUID));
	assert_int_equal(c->flags, GM_REFUSAL);
	assert_int_equal(c->tokens, GM_TOKEN_ALONE);
	assert_int_equal(c->huge_2m, 3);
	assert_int_equal(c->huge_1g, 0);
	assert_int_equal(c->timeout, 7);
	for (size_t i = 0; i < gm_cases_nr(); i++)
		assert_null(gm_case_problem(gm_case_at(i)));
}

static void sets_add_up(void **state)
{
	const struct gm_case *c = gm_case_find("a.file.sets.inplace");

	assert_int_equal(c->needs, GM_NEEDS(THP, TDP, SW_PROTECTED, INPLACE));
	assert_int_equal(c->caps, GM_CAPS(CAP_SETUID, CAP_IPC_LOCK));
	assert_int_equal(c->flags, GM_REFUSAL | GM_FULL_ONLY);
	assert_int_equal(c->tokens, GM_TOKEN_ALONE | GM_TOKEN_MODULE);
}

static void the_rest_is_replaced(void **state)
{
	const struct gm_case *c = gm_case_find("a.own");

	assert_string_equal(c->clause, "a.own");
	assert_string_equal(c->profile, "P1");
	assert_int_equal(c->provider, GM_PROVIDER_NONE);
	assert_int_equal(c->needs, GM_NEEDS(TDP));
	assert_int_equal(c->huge_2m, 1);
	assert_int_equal(c->huge_1g, 2);
	assert_int_equal(c->timeout, 9);
	assert_non_null(gm_case_find("a.file.other.pkvm"));
	assert_null(gm_case_find("a.file.other.inplace"));
	assert_int_equal(gm_case_find("a.file.alone")->provider, GM_PROVIDER_INPLACE);
	assert_null(gm_case_find("a.file.alone.inplace"));
}

static void rows_reach_the_function(void **state)
{
	const struct gm_case *c = gm_case_find("a.file.rows_4.inplace");

	c->run(c);
	assert_int_equal(seen, 108);
	c = gm_case_find("a.file.rows_5.inplace");
	c->run(c);
	assert_int_equal(seen, 11);
}

static void each_device_has_its_case(void **state)
{
	const struct gm_case *mock = gm_case_find("a.file.devices.mock.inplace"),
			     *dma = gm_case_find("a.file.devices.dma.inplace"),
			     *one = gm_case_find("a.file.one_device.inplace");

	assert_int_equal(mock->iommu, GM_IOMMU_MOCK);
	assert_int_equal(mock->needs, GM_NEEDS(TDP, SW_PROTECTED, INPLACE, IOMMUFD, IOAS_MAP_FILE,
					       IOMMUFD_TEST));
	assert_int_equal(mock->flags, GM_REFUSAL);
	assert_int_equal(mock->tokens, GM_TOKEN_ALONE | GM_TOKEN_IOMMU);
	assert_int_equal(dma->iommu, GM_IOMMU_VFIO);
	assert_int_equal(dma->needs,
			 GM_NEEDS(TDP, SW_PROTECTED, INPLACE, IOMMUFD, IOAS_MAP_FILE, VFIO_EDU));
	assert_int_equal(dma->flags, GM_REFUSAL | GM_FULL_ONLY);
	assert_int_equal(one->iommu, GM_IOMMU_MOCK);
	assert_int_equal(one->needs, mock->needs);
	assert_int_equal(gm_case_find("a.file.sets.inplace")->iommu, GM_IOMMU_NONE);
	assert_null(gm_case_find("a.file.devices.inplace"));
	assert_null(gm_case_find("a.file.one_device.mock.inplace"));
}

static void each_flavour_has_its_case(void **state)
{
	const struct gm_case *one = gm_case_find("a.file.flavours.one"),
			     *twin = gm_case_find("a.file.flavours.pkvm");

	assert_ptr_equal(one->flavour, one_flavour);
	assert_string_equal(one->profile, "P1");
	assert_int_equal(one->provider, GM_PROVIDER_NONE);
	assert_int_equal(one->needs, GM_NEEDS(TDP, GMEM_MMAP));
	assert_int_equal(one->flags, GM_REFUSAL | GM_DESTRUCTIVE);
	assert_ptr_equal(twin->flavour, another);
	assert_string_equal(twin->profile, "P2");
	assert_int_equal(twin->provider, GM_PROVIDER_PKVM);
	assert_int_equal(twin->needs, GM_NEEDS(TDP, PROTECTED));
	assert_int_equal(twin->flags, GM_FULL_ONLY | GM_DESTRUCTIVE);
	assert_null(gm_case_find("a.file.flavours"));
	assert_null(gm_case_find("a.file.flavours.inplace"));
	assert_null(gm_case_find("a.file.nothing.inplace")->flavour);
}

static void made_by_an_engine(void **state)
{
	const struct gm_case *c = gm_case_find("a.made");

	assert_string_equal(c->clause, "a.made");
	assert_int_equal(c->needs, 0);
	assert_int_equal(c->timeout, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_case_leaves_out),
		cmocka_unit_test(sets_add_up),
		cmocka_unit_test(the_rest_is_replaced),
		cmocka_unit_test(rows_reach_the_function),
		cmocka_unit_test(each_device_has_its_case),
		cmocka_unit_test(each_flavour_has_its_case),
		cmocka_unit_test(made_by_an_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
