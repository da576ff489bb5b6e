// SPDX-License-Identifier: GPL-2.0-only
/* Conversion providers: a case for each of them, and in-place conversion slot by slot. */
#include <errno.h>

#include "unit.h"

/* Keeps lib/kvm/vm.h from including the selftests framework, which this test does not use. */
#define GM_FRAMEWORK_H
#define KVM_MEMORY_ATTRIBUTE_PRIVATE (1ULL << 3)
#define GUEST_MEMFD_FLAG_MMAP (1ULL << 0)
#define GUEST_MEMFD_FLAG_INIT_SHARED (1ULL << 1)

struct kvm_vm;
struct kvm_vcpu;

static int fake_ioctl(int fd, unsigned long request, void *arg);
#define ioctl fake_ioctl
#include "case.h"
#include "../../lib/kvm/provider/inplace.c"

/* --- the fake kernel --- */

#define PAGE 4096UL

static struct call {
	int fd;
	uint64_t off, len;
	bool to_private;
} calls[8];
static unsigned int nr_calls;
static int refuse_fd;
static uint64_t refuse_at; /* offset in that file */

static int fake_ioctl(int fd, unsigned long request, void *p)
{
	struct gm_memory_attributes2 *arg = p;

	assert_int_equal(request, 0xc080aed2);
	assert_int_equal(sizeof(*arg), 128);
	assert_int_equal((char *)&arg->error_offset - (char *)arg, 32);
	assert_int_equal(arg->flags, 0);
	for (unsigned int i = 0; i < 11; i++)
		assert_int_equal(arg->reserved[i], 0);
	assert_true(nr_calls < 8);
	calls[nr_calls++] = (struct call){ fd, arg->offset, arg->size, arg->attributes == 8 };
	if (fd != refuse_fd)
		return 0;
	errno = EAGAIN;
	if (refuse_at - arg->offset < arg->size)
		arg->error_offset = refuse_at;
	return -1;
}

/* Two adjacent slots with two files at different offsets, and after them one without a file. */
static struct gm_slot slots[] = {
	{ .id = 1, .gpa = 16 * PAGE, .size = 4 * PAGE, .gmem = 7, .gmem_off = 100 * PAGE },
	{ .id = 2, .gpa = 20 * PAGE, .size = 8 * PAGE, .gmem = 9, .gmem_off = 2 * PAGE },
	{ .id = 3, .gpa = 28 * PAGE, .size = 8 * PAGE, .gmem = -1 },
};

struct gm_slot *gm_slot_at(struct gm_vm *vm, uint64_t gpa)
{
	(void)vm;
	for (unsigned int i = 0; i < ARRAY_SIZE(slots); i++)
		if (gpa - slots[i].gpa < slots[i].size)
			return &slots[i];
	return NULL;
}

static int convert_pages(uint64_t page, uint64_t n, uint64_t *done)
{
	*done = ~0UL;
	nr_calls = 0;
	errno = 0;
	return gm_provider_inplace.convert(NULL, page * PAGE, n * PAGE, true, done);
}

static void is_call(unsigned int i, int fd, uint64_t off, uint64_t n)
{
	assert_int_equal(calls[i].fd, fd);
	assert_int_equal(calls[i].off, off * PAGE);
	assert_int_equal(calls[i].len, n * PAGE);
	assert_true(calls[i].to_private);
}

static void goes_slot_by_slot(void **state)
{
	uint64_t done;

	refuse_fd = -1;
	assert_int_equal(convert_pages(17, 2, &done), 0);
	assert_int_equal(nr_calls, 1);
	is_call(0, 7, 101, 2);
	assert_int_equal(done, 2 * PAGE);
	assert_int_equal(convert_pages(18, 10, &done), 0);
	assert_int_equal(nr_calls, 2);
	is_call(0, 7, 102, 2);
	is_call(1, 9, 2, 8);
	assert_int_equal(done, 10 * PAGE);
}

/* `done` counts from the gpa, whatever the file's offset. */
static void done_counts_from_the_gpa(void **state)
{
	uint64_t done;

	refuse_fd = 9;
	refuse_at = 5 * PAGE;
	assert_int_equal(convert_pages(18, 10, &done), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(nr_calls, 2);
	assert_int_equal(done, 5 * PAGE);
	/* error_offset not set, or outside the range: nothing of that slot counts as done. */
	refuse_at = 90 * PAGE;
	assert_int_equal(convert_pages(18, 10, &done), -1);
	assert_int_equal(done, 2 * PAGE);
	refuse_fd = 7;
	refuse_at = 100 * PAGE;
	assert_int_equal(convert_pages(16, 12, &done), -1);
	assert_int_equal(nr_calls, 1);
	assert_int_equal(done, 0);
}

static void slot_without_a_file_is_refused(void **state)
{
	uint64_t done;

	refuse_fd = -1;
	assert_int_equal(convert_pages(30, 1, &done), -1);
	assert_int_equal(errno, ENXIO);
	assert_int_equal(nr_calls, 0);
	assert_int_equal(done, 0);
	assert_int_equal(convert_pages(40, 1, &done), -1);
	assert_int_equal(nr_calls, 0);
	/* ... and a range that goes past the last slot with a file */
	assert_int_equal(convert_pages(27, 2, &done), -1);
	assert_int_equal(errno, ENXIO);
	assert_int_equal(nr_calls, 1);
	assert_int_equal(done, PAGE);
}

static void promises_of_inplace(void **state)
{
	assert_int_equal(gm_provider_inplace.id, GM_PROVIDER_INPLACE);
	assert_int_equal(gm_provider_inplace.content, GM_CONTENT_ONE_MEMORY);
	assert_int_equal(gm_provider_inplace.flags_shared, 3);
	assert_int_equal(gm_provider_inplace.flags_private, 1);
	assert_true(gm_provider_inplace.file_serves_shared);
}

/* --- the registry --- */

GM_CASE(plain, .name = "a.plain", .clause = "a.plain", .text = "t", .profile = "P1",
	.needs = GM_NEEDS(KVM))
{
}

static const int arg_of_both;

GM_CASE(both, .name = "a.both", .clause = "a.both", .text = "t", .providers = GM_PROVIDERS_X86,
	.needs = GM_NEEDS(THP), .flags = GM_FULL_ONLY, .timeout = 7, .arg = &arg_of_both)
{
}

GM_CASE(one, .name = "a.one.inside", .clause = "a.one", .text = "t",
	.providers = GM_PROVIDERS(PKVM))
{
}

/* Sorts between the two that "a.both" becomes. */
GM_CASE(between, .name = "a.both.a", .clause = "a.both", .text = "t", .profile = "any") {}

static void each_provider_has_its_case(void **state)
{
	const struct gm_case *attributes = gm_case_find("a.both"),
			     *inplace = gm_case_find("a.both.inplace"),
			     *pkvm = gm_case_find("a.one.inside.pkvm"), *none;

	assert_int_equal(gm_cases_nr(), 5);
	for (size_t i = 1; i < gm_cases_nr(); i++)
		assert_true(strcmp(gm_case_at(i - 1)->name, gm_case_at(i)->name) < 0);
	for (size_t i = 0; i < gm_cases_nr(); i++)
		assert_null(gm_case_problem(gm_case_at(i)));

	none = gm_case_find("a.plain");
	assert_int_equal(none->provider, GM_PROVIDER_NONE);
	assert_string_equal(none->profile, "P1");
	assert_int_equal(none->needs, GM_NEEDS(KVM));

	assert_int_equal(attributes->provider, GM_PROVIDER_ATTRIBUTES);
	assert_string_equal(attributes->profile, "P0");
	assert_int_equal(attributes->needs, GM_NEEDS(THP, ATTRIBUTES));
	assert_int_equal(inplace->provider, GM_PROVIDER_INPLACE);
	assert_string_equal(inplace->profile, "P3");
	assert_int_equal(inplace->needs, GM_NEEDS(THP, SW_PROTECTED, INPLACE));
	assert_string_equal(inplace->clause, "a.both");
	assert_int_equal(inplace->flags, GM_FULL_ONLY);
	assert_int_equal(inplace->timeout, 7);
	assert_ptr_equal(inplace->arg, &arg_of_both);
	assert_ptr_equal(inplace->run, attributes->run);

	/* The declaration itself is not among the cases. */
	assert_null(gm_case_find("a.one.inside"));
	assert_string_equal(pkvm->profile, "P2");
	assert_int_equal(pkvm->needs, GM_NEEDS(PROTECTED));
}

static void words(void **state)
{
	assert_string_equal(gm_provider_name(GM_PROVIDER_NONE), "none");
	assert_string_equal(gm_provider_suffix(GM_PROVIDER_NONE), "");
	assert_int_equal(gm_provider_needs(GM_PROVIDER_NONE), 0);
	for (enum gm_provider_id p = 1; p < GM_PROVIDER_NR; p++) {
		assert_true(*gm_provider_name(p) && *gm_provider_profile(p));
		assert_true(gm_provider_needs(p));
		/* Case names end in it: only the first provider has none, and they all differ. */
		assert_int_equal(!*gm_provider_suffix(p), p == GM_PROVIDER_ATTRIBUTES);
		for (enum gm_provider_id q = 1; q < p; q++)
			assert_string_not_equal(gm_provider_suffix(q), gm_provider_suffix(p));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_slot_by_slot),
		cmocka_unit_test(done_counts_from_the_gpa),
		cmocka_unit_test(slot_without_a_file_is_refused),
		cmocka_unit_test(promises_of_inplace),
		cmocka_unit_test(each_provider_has_its_case),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
