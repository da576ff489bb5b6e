// SPDX-License-Identifier: GPL-2.0-only
/* Guarded loads and stores: the signal is an outcome there, and nowhere else. */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "unit.h"

#include "guard.h"

#define PAGE 4096

static uint64_t *page(int prot)
{
	void *p = mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

/* In each test: cmocka has handlers of its own, from the start of a test to its end. */
static void catch_both(void)
{
	assert_int_equal(gm_guard_catch(SIGSEGV, NULL), 0);
	assert_int_equal(gm_guard_catch(SIGBUS, NULL), 0);
}

static void what_is_allowed_is_done(void **state)
{
	uint64_t *p = page(PROT_READ | PROT_WRITE), val = 0;
	struct gm_fault f = { 1, 2, 3 };

	catch_both();
	assert_true(gm_guard_store(p + 5, 77, &f));
	assert_true(gm_guard_load(p + 5, &val, &f));
	assert_int_equal(val, 77);
	assert_int_equal(f.sig, 1);
	munmap(p, PAGE);
}

static void signal_is_told_with_code_and_address(void **state)
{
	uint64_t *p = page(PROT_READ), val = 9;
	struct gm_fault f;

	catch_both();
	/* Twice: a signal that came once is not blocked. */
	for (int i = 0; i < 2; i++) {
		assert_false(gm_guard_store(p + 3, 1, &f));
		assert_int_equal(f.sig, SIGSEGV);
		assert_int_equal(f.code, SEGV_ACCERR);
		assert_int_equal(f.addr, (uintptr_t)(p + 3));
	}
	assert_true(gm_guard_load(p + 3, &val, &f));
	assert_int_equal(val, 0);
	val = 9;
	munmap(p, PAGE);
	assert_false(gm_guard_load(p + 3, &val, &f));
	assert_int_equal(f.code, SEGV_MAPERR);
	assert_int_equal(val, 9);
}

static void *many(void *arg)
{
	uint64_t *p = arg, val;
	struct gm_fault f;

	for (int i = 0; i < 2000; i++)
		if (gm_guard_load(p, &val, &f) || f.addr != (uintptr_t)p)
			return p;
	return NULL;
}

static void threads_have_outcomes_of_their_own(void **state)
{
	uint64_t *p = page(PROT_NONE);
	pthread_t t[2];
	void *ret;

	catch_both();
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, many, p + i), 0);
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], &ret);
		assert_null(ret);
	}
	munmap(p, PAGE);
}

static void other_code_dies_of_it(void **state)
{
	volatile uint64_t *p = page(PROT_NONE);
	int status;
	pid_t pid;

	catch_both();
	pid = fork();
	if (!pid) {
		*p = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_allowed_is_done),
		cmocka_unit_test(signal_is_told_with_code_and_address),
		cmocka_unit_test(threads_have_outcomes_of_their_own),
		cmocka_unit_test(other_code_dies_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
