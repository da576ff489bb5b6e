// SPDX-License-Identifier: GPL-2.0-only
/*
 * The leak scan and the kernel log: each kind of leak is found, and there are no false alarms.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include "unit.h"

#include "klog.h"
#include "leakscan.h"

static char output[4096];

static void __attribute__((format(printf, 2, 3))) put(const char *path, const char *fmt, ...)
{
	char full[256], command[300], text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(full, sizeof(full), "%s%s", unit_dir, path);
	snprintf(command, sizeof(command), "mkdir -p \"$(dirname '%s')\"", full);
	assert_int_equal(system(command), 0);
	unit_write(full, text);
}

static void put_pool(const char *kb, int free_pages, int resv, int surplus)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%skB/free_hugepages", kb);
	put(path, "%d\n", free_pages);
	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%skB/resv_hugepages", kb);
	put(path, "%d\n", resv);
	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%skB/surplus_hugepages",
		 kb);
	put(path, "%d\n", surplus);
}

static void put_vm(pid_t pid)
{
	put("/sys/kernel/debug/kvm/exits", "0\n");
	if (pid) {
		char path[128];

		snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-12/mmu", pid);
		put(path, "0\n");
	}
}

static int make(void **state)
{
	if (unit_make_dir(state))
		return -1;
	gm_leakscan_root = unit_dir;
	output[0] = '\0';
	put_pool("2048", 8, 0, 0);
	put_pool("1048576", 3, 1, 0);
	put("/proc/sys/kernel/tainted", "4096\n");
	put("/proc/vmstat",
	    "nr_free_pages 5\nnr_foll_pin_acquired 100\nnr_foll_pin_released 98\nx 1\n");
	put_vm(0);
	return 0;
}

static void print(void *arg, const char *clause, const char *text)
{
	size_t len = strlen(output);

	snprintf(output + len, sizeof(output) - len, "%s: %s\n", clause, text);
}

static pid_t dead_pid(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid;
}

static void nothing_changed(void **state)
{
	struct gm_leakscan before, after;

	gm_leakscan_take(&before);
	assert_int_equal(before.nr_pools, 2);
	assert_true(before.has_vms && before.has_taint && before.has_pins);
	assert_int_equal(before.pins, 2);
	gm_leakscan_take(&after);
	assert_int_equal(gm_leakscan_diff(&before, &after, GM_LEAK_ALL, print, NULL), 0);
	assert_string_equal(output, "");
}

static void each_count_is_seen(void **state)
{
	static const struct {
		int free_pages, resv, surplus;
		const char *text;
	} changes[] = {
		{ 2, 1, 0, "free huge pages of 1048576 KiB: 3 before, 2 after (-1)" },
		{ 4, 1, 0, "free huge pages of 1048576 KiB: 3 before, 4 after (+1)" },
		{ 3, 2, 0, "reserved huge pages of 1048576 KiB: 1 before, 2 after (+1)" },
		{ 3, 1, 1, "surplus huge pages of 1048576 KiB: 0 before, 1 after (+1)" },
	};
	struct gm_leakscan before, after;

	gm_leakscan_take(&before);
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		output[0] = '\0';
		put_pool("1048576", changes[i].free_pages, changes[i].resv, changes[i].surplus);
		gm_leakscan_take(&after);
		assert_int_equal(gm_leakscan_diff(&before, &after, GM_LEAK_HUGE, print, NULL), 1);
		assert_non_null(strstr(output, "leak.huge_pages: "));
		assert_non_null(strstr(output, changes[i].text));
		/* No other kind of leak includes it. */
		assert_int_equal(
			gm_leakscan_diff(&before, &after, GM_LEAK_ALL & ~GM_LEAK_HUGE, NULL, NULL),
			0);
	}
}

static void vm_without_process_is_seen(void **state)
{
	struct gm_leakscan before, after;

	gm_leakscan_take(&before);
	put_vm(dead_pid());
	gm_leakscan_take(&after);
	assert_int_equal(gm_leakscan_diff(&before, &after, GM_LEAK_ALL, print, NULL), 1);
	assert_non_null(strstr(output, "leak.vms: VM "));
	/* A VM that existed before is no leak. */
	assert_int_equal(gm_leakscan_diff(&after, &after, GM_LEAK_ALL, print, NULL), 0);
}

static void vm_of_a_live_process_is_no_leak(void **state)
{
	struct gm_leakscan before, after;

	gm_leakscan_take(&before);
	put_vm(getpid());
	gm_leakscan_take(&after);
	assert_int_equal(gm_leakscan_diff(&before, &after, GM_LEAK_ALL, print, NULL), 0);
}

static void taint_is_named(void **state)
{
	struct gm_leakscan before, after;

	gm_leakscan_take(&before);
	put("/proc/sys/kernel/tainted", "%d\n", 4096 | 512 | 128);
	gm_leakscan_take(&after);
	assert_int_equal(gm_leakscan_diff(&before, &after, GM_LEAK_ALL, print, NULL), 2);
	assert_non_null(strstr(output, "bit 9 (WARNING)"));
	assert_non_null(strstr(output, "bit 7 (died"));
}

static void user_taint_can_be_excluded(void **state)
{
	struct gm_leakscan before, after;

	gm_leakscan_take(&before);
	put("/proc/sys/kernel/tainted", "%d\n", 4096 | 64);
	gm_leakscan_take(&after);
	assert_int_equal(gm_leakscan_diff(&before, &after, GM_LEAK_ALL, print, NULL), 1);
	assert_int_equal(
		gm_leakscan_diff(&before, &after, GM_LEAK_ALL & ~GM_LEAK_TAINT_USER, NULL, NULL),
		0);
	put("/proc/sys/kernel/tainted", "%d\n", 4096 | 64 | 512);
	gm_leakscan_take(&after);
	assert_int_equal(
		gm_leakscan_diff(&before, &after, GM_LEAK_ALL & ~GM_LEAK_TAINT_USER, NULL, NULL),
		1);
}

static void pins_are_seen(void **state)
{
	struct gm_leakscan before, after;

	gm_leakscan_take(&before);
	put("/proc/vmstat", "nr_foll_pin_acquired 200\nnr_foll_pin_released 197\n");
	gm_leakscan_take(&after);
	assert_int_equal(gm_leakscan_diff(&before, &after, GM_LEAK_ALL, print, NULL), 1);
	assert_non_null(
		strstr(output, "leak.pins: pinned pages (acquired - released): 2 before, 3 after"));
	/* Others gave theirs back; but nobody can give back more than were taken. */
	put("/proc/vmstat", "nr_foll_pin_acquired 200\nnr_foll_pin_released 200\n");
	gm_leakscan_take(&after);
	assert_int_equal(gm_leakscan_diff(&before, &after, GM_LEAK_ALL, print, NULL), 0);
	put("/proc/vmstat", "nr_foll_pin_acquired 200\nnr_foll_pin_released 201\n");
	gm_leakscan_take(&after);
	assert_int_equal(gm_leakscan_diff(&before, &after, GM_LEAK_ALL, print, NULL), 1);
}

static void what_cannot_be_read_is_left_out(void **state)
{
	struct gm_leakscan before, after;

	gm_leakscan_root = "/nonexistent";
	gm_leakscan_take(&before);
	gm_leakscan_root = unit_dir;
	gm_leakscan_take(&after);
	assert_int_equal(gm_leakscan_diff(&before, &after, GM_LEAK_ALL, print, NULL), 0);
	assert_int_equal(gm_leakscan_diff(&after, &before, GM_LEAK_ALL, print, NULL), 0);
}

static void splats_are_recognized(void **state)
{
	static const char *const lines[] = {
		"WARNING: CPU: 0 PID: 12 at virt/kvm/guest_memfd.c:100 kvm_gmem_x+0x1/0x2",
		"WARNING: virt/kvm/kvm_main.c:7 at kvm_x+0x0/0x1, CPU#1: fd_test/81",
		"BUG: kernel NULL pointer dereference, address: 0000000000000008",
		"BUG: KASAN: slab-use-after-free in kvm_gmem_x+0x1/0x2",
		"Oops: general protection fault, probably for non-canonical address: 0000 [#1]",
		"Oops: 0002 [#1] SMP NOPTI",
		"kernel BUG at mm/huge_memory.c:3000!",
		"BUG: Bad page state in process fd_test  pfn:12345",
		"BUG: Bad rss-counter state mm:0 type:MM_FILEPAGES val:1",
		"UBSAN: shift-out-of-bounds in arch/x86/kvm/mmu/mmu.c:1:2",
		"refcount_t: underflow; use-after-free.",
		"INFO: task fd_test:81 blocked for more than 120 seconds.",
		"rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
		"watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [fd_test:81]",
		"WARNING: possible circular locking dependency detected",
		"WARNING: suspicious RCU usage",
		"BUG: sleeping function called from invalid context at mm/x.c:1",
		"BUG: scheduling while atomic: fd_test/81/0x00000002",
		"Kernel panic - not syncing: Fatal exception",
		"list_del corruption. prev->next should be x, but was y",
		"Unable to handle kernel paging request at virtual address 0",
		"Internal error: Oops - BUG: 00000000f2000800 [#1]  SMP",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (!gm_klog_is_splat(lines[i]))
			fail_msg("not recognized: %s", lines[i]);
}

static void ordinary_lines_are_no_splats(void **state)
{
	static const char *const lines[] = {
		"Memory failure: 0x12345: recovery action for huge page: Recovered",
		"Memory failure: 0x12345: Sending SIGBUS to fd_test:81 due to hardware memory corruption",
		"soft offline: 0x1234: page migration failed",
		"kvm: SMP vm created on host with unstable TSC; guest TSC will not be reliable",
		"Kernel command line: console=ttyS0 panic=-1 oops=panic debug=BUG:",
		"iommu: Default domain type: Translated",
		"hung_task: initialized",
		"process '/bin/fd_test' started with executable stack",
		"x86/fpu: Supporting XSAVE feature 0x001: 'x87 floating point registers'",
		"vmstat_refresh: nr_foll_pin_acquired -1",
		"EDAC MC: Ver: 3.0.0",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (gm_klog_is_splat(lines[i]))
			fail_msg("taken for a splat: %s", lines[i]);
}

static void take_line(void *arg, const char *line, const char *text, bool kernel)
{
	print(NULL, kernel ? "kernel" : "user", line);
	assert_non_null(strstr(line, text));
}

/* Between scans with no case in between: only what was taken is the work of others. */
static void what_others_take_is_told(void **state)
{
	struct gm_leakscan first, second, third;

	put("/proc/vmstat", "nr_foll_pin_acquired 9\nnr_foll_pin_released 5\n");
	gm_leakscan_take(&first);
	assert_int_equal(gm_leakscan_others(&first, &first), 0);
	put("/proc/vmstat", "nr_foll_pin_acquired 10\nnr_foll_pin_released 5\n");
	put_pool("2048", 7, 0, 0);
	gm_leakscan_take(&second);
	assert_int_equal(gm_leakscan_others(&first, &second), GM_LEAK_PINS | GM_LEAK_HUGE);
	put_pool("2048", 8, 1, 0);
	gm_leakscan_take(&third);
	assert_int_equal(gm_leakscan_others(&second, &third), GM_LEAK_HUGE);
	/* What is given back is the end of the case's own use. */
	put("/proc/vmstat", "nr_foll_pin_acquired 10\nnr_foll_pin_released 9\n");
	put_pool("2048", 8, 0, 0);
	gm_leakscan_take(&second);
	assert_int_equal(gm_leakscan_others(&third, &second), 0);
}

static void kmsg_records_are_parsed(void **state)
{
	struct gm_klog log;
	char path[128];

	snprintf(path, sizeof(path), "%s/kmsg", unit_dir);
	unit_write(path, "6,1,1234567,-;a line; with semicolon\n SUBSYSTEM=pci\n"
			 "12,2,2000001,-;from user space\nno record\n");
	assert_int_equal(gm_klog_open(&log, path), 0);
	gm_klog_read(&log, take_line, NULL);
	gm_klog_close(&log);
	assert_string_equal(output, "kernel: [    1.234567] a line; with semicolon\n"
				    "user: [    2.000001] from user space\n");
	assert_int_not_equal(gm_klog_open(&log, "/nonexistent"), 0);
	gm_klog_read(&log, take_line, NULL);
	gm_klog_close(&log);
}

#define leak_test(test) cmocka_unit_test_setup_teardown(test, make, unit_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		leak_test(nothing_changed),
		leak_test(each_count_is_seen),
		leak_test(vm_without_process_is_seen),
		leak_test(vm_of_a_live_process_is_no_leak),
		leak_test(taint_is_named),
		leak_test(user_taint_can_be_excluded),
		leak_test(pins_are_seen),
		leak_test(what_others_take_is_told),
		leak_test(what_cannot_be_read_is_left_out),
		leak_test(splats_are_recognized),
		leak_test(ordinary_lines_are_no_splats),
		leak_test(kmsg_records_are_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
