// SPDX-License-Identifier: GPL-2.0-only
/* Small text files: what is read of them, and what is not there. */
#include <errno.h>

#include "unit.h"

#include "text.h"

static char path[80];

static int make(void **state)
{
	if (unit_make_dir(state))
		return -1;
	snprintf(path, sizeof(path), "%s/f", unit_dir);
	return 0;
}

static void text_loses_one_newline(void **state)
{
	char buf[8];

	unit_write(path, "abc\n\n");
	assert_int_equal(gm_read_text(path, buf, sizeof(buf)), 4);
	assert_string_equal(buf, "abc\n");
	unit_write(path, "abc");
	assert_int_equal(gm_read_text(path, buf, sizeof(buf)), 3);
	unit_write(path, "");
	assert_int_equal(gm_read_text(path, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
}

static void text_is_cut_to_the_buffer(void **state)
{
	char buf[8];

	unit_write(path, "0123456789");
	assert_int_equal(gm_read_text(path, buf, sizeof(buf)), 7);
	assert_string_equal(buf, "0123456");
}

static void no_file_leaves_the_buffer(void **state)
{
	char buf[8] = "as was";
	unsigned long n = 7;
	long l = 8;

	assert_int_equal(gm_read_text("/proc/none", buf, sizeof(buf)), -1);
	assert_int_equal(errno, ENOENT);
	assert_string_equal(buf, "as was");
	assert_false(gm_read_number("/proc/none", &n));
	assert_false(gm_read_field("/proc/none", "a", &l));
	assert_int_equal(n, 7);
	assert_int_equal(l, 8);
}

static void number_is_the_first(void **state)
{
	unsigned long n;

	unit_write(path, "12 34\n");
	assert_true(gm_read_number(path, &n));
	assert_int_equal(n, 12);
	/* As the kernel prints a counter that went below zero. */
	unit_write(path, "18446744073709551615\n");
	assert_true(gm_read_number(path, &n));
	assert_true(n == -1UL);
	unit_write(path, "Y\n");
	assert_false(gm_read_number(path, &n));
	unit_write(path, "");
	assert_false(gm_read_number(path, &n));
}

static void field_is_of_the_whole_name(void **state)
{
	long n;

	unit_write(path, "SlabOther: 1 kB\nSlab:   \t 234 kB\nfile_mapped 5\nfile 678\nlast");
	assert_true(gm_read_field(path, "Slab", &n));
	assert_int_equal(n, 234);
	assert_true(gm_read_field(path, "file", &n));
	assert_int_equal(n, 678);
	assert_false(gm_read_field(path, "lab", &n));
	assert_false(gm_read_field(path, "last", &n));
	assert_false(gm_read_field(path, "las", &n));
	assert_int_equal(n, 678);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_loses_one_newline),
		cmocka_unit_test(text_is_cut_to_the_buffer),
		cmocka_unit_test(no_file_leaves_the_buffer),
		cmocka_unit_test(number_is_the_first),
		cmocka_unit_test(field_is_of_the_whole_name),
	};

	return cmocka_run_group_tests(tests, make, unit_remove_dir);
}
