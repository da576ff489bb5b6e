// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who pays for the huge pages of a file: the hugetlb cgroup of its creator for the reservation, that
 * of the task that allocates for the page: fungible.huge_charge.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "fungible_huge.h"
#include "guard.h"
#include "text.h"

#define NR 4

GM_FILE(.clause = "fungible.huge_charge", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = FH_NEEDS | GM_NEEDS(MEMCG, ROOT), .huge_2m = NR, .caps = GM_CAPS_ALL)

/* A cgroup with two children; the case is in one of the children. */
enum group { PARENT, FIRST, SECOND, NR_GROUPS };

static struct {
	char path[NR_GROUPS][256];
} groups;

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

static bool set(enum group g, const char *file, const char *text)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/%s", groups.path[g], file);
	return put(path, text);
}

static void must_set(enum group g, const char *file, const char *text)
{
	GM_SETUP(set(g, file, text), "%s of %s: %s", file, groups.path[g], gm_errno_name(errno));
}

static void enter(enum group g)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	must_set(g, "cgroup.procs", pid);
}

static void leave(void *arg __attribute__((unused)))
{
	char pid[16], path[320];

	snprintf(pid, sizeof(pid), "%d", getpid());
	snprintf(path, sizeof(path), "%s/cgroup.procs", gm_platform_memcg());
	put(path, pid);
	for (int g = NR_GROUPS - 1; g >= 0; g--)
		rmdir(groups.path[g]);
}

static void groups_new(void)
{
	const char *top = gm_platform_memcg();
	char path[320];

	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", top);
	if (!put(path, "+hugetlb"))
		gm_skip("no hugetlb controller in a version 2 cgroup hierarchy",
			"CONFIG_CGROUP_HUGETLB=y, and mount -t cgroup2 none %s", top);
	snprintf(groups.path[PARENT], sizeof(groups.path[0]), "%s/gm-huge-%d", top, getpid());
	snprintf(groups.path[FIRST], sizeof(groups.path[0]), "%s/gm-huge-%d/first", top, getpid());
	snprintf(groups.path[SECOND], sizeof(groups.path[0]), "%s/gm-huge-%d/second", top,
		 getpid());
	gm_cleanup(leave, NULL);
	for (int g = 0; g < NR_GROUPS; g++) {
		GM_SETUP(!mkdir(groups.path[g], 0755), "mkdir %s: %s", groups.path[g],
			 gm_errno_name(errno));
		if (g == PARENT)
			must_set(PARENT, "cgroup.subtree_control", "+hugetlb");
	}
	enter(FIRST);
}

static long counter(enum group g, const char *file)
{
	unsigned long val;
	char path[320];

	snprintf(path, sizeof(path), "%s/hugetlb.2MB.%s", groups.path[g], file);
	GM_SETUP(gm_read_number(path, &val), "%s cannot be read", path);
	return val;
}

/* The sum over the nodes in hugetlb.2MB.numa_stat: "total=N N0=N N1=N ...". */
static long over_nodes(enum group g)
{
	char path[320], text[256];
	long total = 0;

	snprintf(path, sizeof(path), "%s/hugetlb.2MB.numa_stat", groups.path[g]);
	GM_SETUP(gm_read_text(path, text, sizeof(text)) > 0, "%s cannot be read", path);
	for (const char *at = strstr(text, " N"); at; at = strstr(at + 1, " N"))
		total += strtol(strchr(at, '=') + 1, NULL, 10);
	return total;
}

/* Expects the charges of a group, in huge pages: allocated and reserved. */
static void expect(enum group g, long current, long rsvd, const char *when)
{
	static const char *const name[] = { "the parent", "the first", "the second" };
	long now = counter(g, "current"), reserved = counter(g, "rsvd.current");

	/* Pages that come back when a file ends may do so a moment later. */
	for (int i = 0; i < 100 && (now != current * (long)GM_2M || reserved != rsvd * (long)GM_2M);
	     i++) {
		usleep(20 * 1000);
		now = counter(g, "current");
		reserved = counter(g, "rsvd.current");
	}
	GM_EXPECT(now == current * (long)GM_2M && reserved == rsvd * (long)GM_2M,
		  "%s, %s: expected %ld huge pages and %ld reserved, observed %ld and %ld bytes",
		  when, name[g], current, rsvd, now, reserved);
	GM_EXPECT_EQ(over_nodes(g), current * GM_2M, "%s, %s: sum of the nodes", when, name[g]);
}

GM_CASE(charged, .name = "fungible.huge_charge.exact",
	.text = "creation charges the reservation, each first touch one huge page, once; a hole and the close uncharge; splits and joins charge nothing")
{
	const uint64_t in_one = GM_2M / PG;
	struct gm_fixture *w;

	groups_new();
	expect(FIRST, 0, 0, "before");
	w = fh_new(GM_2M, NR);
	expect(FIRST, 0, NR, "the file is made");
	gm_fixture_fill(w, 0, fh_gfn(w, 5), 1);
	expect(FIRST, 1, NR, "the guest touched a page");
	gm_fixture_convert(w, fh_gfn(w, in_one + 5), 1, false);
	gm_fixture_host_write(w, fh_gfn(w, in_one + 5), 1);
	expect(FIRST, 2, NR, "the host touched a shared page");
	gm_gmem_allocate(w->gmem, 2 * GM_2M, GM_2M);
	expect(FIRST, 3, NR, "fallocate()");
	for (uint64_t p = 0; p < 3 * in_one; p += 61) {
		gm_fixture_convert(w, fh_gfn(w, p), 1, false);
		gm_fixture_host_write(w, fh_gfn(w, p), 1);
	}
	expect(FIRST, 3, NR, "split");
	gm_fixture_convert(w, fh_gfn(w, 0), 3 * in_one, true);
	gm_fixture_fill(w, 0, fh_gfn(w, 0), 3 * in_one);
	expect(FIRST, 3, NR, "whole again");
	gm_fixture_convert(w, fh_gfn(w, in_one), 1, false);
	gm_fixture_punch(w, fh_gfn(w, in_one), in_one);
	expect(FIRST, 2, NR, "a hole over a split huge page");
	gm_fixture_punch(w, fh_gfn(w, 0), in_one);
	expect(FIRST, 1, NR, "a hole over a whole one");
	gm_fixture_fill(w, 0, fh_gfn(w, 3), 1);
	expect(FIRST, 2, NR, "the hole is touched");
	expect(PARENT, 2, NR, "the parent has what its children have");
	expect(SECOND, 0, 0, "nothing is the sibling's");
	gm_fixture_free(w);
	expect(FIRST, 0, 0, "the VM and the file are gone");
	expect(PARENT, 0, 0, "the VM and the file are gone");
}

GM_CASE(payer, .name = "fungible.huge_charge.payer",
	.text = "the creator pays for the reservation, who touches first pays for the page, wherever the tasks go later")
{
	const uint64_t in_one = GM_2M / PG;
	struct gm_fixture *w;

	groups_new();
	w = fh_new(GM_2M, NR);
	gm_fixture_fill(w, 0, fh_gfn(w, 5), 1);
	enter(SECOND);
	expect(FIRST, 1, NR, "the task went away");
	expect(SECOND, 0, 0, "the task came");
	gm_fixture_convert(w, fh_gfn(w, 0), NR * in_one, false);
	gm_fixture_host_write(w, fh_gfn(w, 0), 2 * in_one);
	expect(FIRST, 1, NR, "touched by another group");
	expect(SECOND, 1, 0, "touched by this group");
	gm_gmem_punch(w->gmem, 0, GM_2M);
	expect(FIRST, 0, NR, "a hole over its page");
	expect(SECOND, 1, 0, "a hole over the other's page");
	gm_gmem_allocate(w->gmem, 0, GM_2M);
	expect(SECOND, 2, 0, "allocated again, by this group");
	gm_fixture_free(w);
	expect(FIRST, 0, 0, "the file is gone");
	expect(SECOND, 0, 0, "the file is gone");
}

/* False: SIGBUS. */
static bool host_writes(uint8_t *hva)
{
	struct gm_fault f;

	return gm_guard_store(hva, 1, &f);
}

GM_CASE(limit, .name = "fungible.huge_charge.limit", .flags = GM_REFUSAL,
	.text = "hugetlb.2MB.max: an allocation beyond it is ENOMEM for guest and fallocate(), SIGBUS for the host; nothing is taken, and the retry works")
{
	const uint64_t in_one = GM_2M / PG;
	struct gm_op op = { .code = GM_OP_READ };
	struct gm_pool before;
	struct gm_fixture *w;
	struct gm_exit ex;

	groups_new();
	GM_SETUP_OK(gm_guard_catch(SIGBUS, NULL));
	gm_pool_read(&before, GM_2M);
	must_set(FIRST, "hugetlb.2MB.max", "2097152");
	w = fh_new(GM_2M, NR);
	expect(FIRST, 0, NR, "a limit of one: the reservation is not under it");
	gm_fixture_fill(w, 0, fh_gfn(w, 5), 1);
	gm_fixture_convert(w, fh_gfn(w, in_one), in_one, false);
	for (int i = 0; i < 3; i++) {
		op.addr = w->gpa + 2 * GM_2M;
		GM_EXPECT(!__gm_run(w->vm, 0, &op, 1, &ex, NULL) && ex.ret && ex.err == ENOMEM,
			  "the guest: expected ENOMEM, observed %s", gm_exit_str(&ex));
		GM_EXPECT(!host_writes(w->hva + GM_2M), "the host: expected SIGBUS");
		GM_EXPECT_ERRNO(ENOMEM, __gm_gmem_allocate(w->gmem, 3 * GM_2M, GM_2M));
		expect(FIRST, 1, NR, "after the refusals");
		gm_pool_expect(&before, 1, NR - 1, "after the refusals");
	}
	must_set(FIRST, "hugetlb.2MB.max", "max");
	gm_control(host_writes(w->hva + GM_2M), "the host, without limit");
	gm_fixture_fill(w, 0, fh_gfn(w, 2 * in_one), 1);
	gm_gmem_allocate(w->gmem, 3 * GM_2M, GM_2M);
	expect(FIRST, NR, NR, "without limit");
	gm_pool_expect(&before, NR, 0, "without limit");
	gm_fixture_check_guest(w, 0, fh_gfn(w, 5), 1, 1, "after the refusals");
	gm_fixture_free(w);
	expect(FIRST, 0, 0, "the file is gone");
	fh_settle(&before, 0, 0, "the file is gone");
}

GM_CASE(rsvd_limit, .name = "fungible.huge_charge.rsvd_limit", .flags = GM_REFUSAL,
	.text = "hugetlb.2MB.rsvd.max: a file of more is ENOMEM, with nothing reserved or charged; also a limit of the parent")
{
	struct gm_vm *vm;
	struct gm_pool before;

	groups_new();
	gm_pool_read(&before, GM_2M);
	vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);
	for (enum group g = PARENT; g <= FIRST; g++) {
		int fd, more;

		must_set(g, "hugetlb.2MB.rsvd.max", "4194304");
		GM_EXPECT_ERRNO(ENOMEM, __fh_file(vm, GM_2M, 3), "three, two are allowed");
		expect(FIRST, 0, 0, "after the refusal");
		gm_pool_expect(&before, 0, 0, "after the refusal");
		fd = __fh_file(vm, GM_2M, 2);
		gm_control(fd >= 0, "two, two are allowed: %s", gm_errno_name(errno));
		expect(FIRST, 0, 2, "two reserved");
		GM_EXPECT_ERRNO(ENOMEM, __fh_file(vm, GM_2M, 1), "a second file");
		gm_gmem_allocate(fd, 0, 2 * GM_2M);
		gm_gmem_punch(fd, 0, GM_2M);
		/* The file keeps the right to its page, and its charge. */
		GM_EXPECT_ERRNO(ENOMEM, __fh_file(vm, GM_2M, 1), "the first file has a hole");
		expect(FIRST, 1, 2, "a hole");
		close(fd);
		more = __fh_file(vm, GM_2M, 1);
		gm_control(more >= 0, "the first file is closed: %s", gm_errno_name(errno));
		close(more);
		must_set(g, "hugetlb.2MB.rsvd.max", "max");
	}
	gm_vm_free(vm);
	expect(FIRST, 0, 0, "at the end");
	fh_settle(&before, 0, 0, "at the end");
}

GM_CASE(refused, .name = "fungible.huge_charge.refused", .flags = GM_REFUSAL,
	.text = "a file that the pool refuses is not charged; one that it has pages for is charged for these until it is closed")
{
	/* Reserved, and charged, outside of the groups. */
	struct fh_rest rest = fh_rest_but(GM_2M, 2);
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);
	int fd;

	groups_new();
	for (int i = 0; i < 2; i++)
		GM_EXPECT_ERRNO(ENOMEM, __fh_file(vm, GM_2M, 3), "three, two are free");
	expect(FIRST, 0, 0, "after the refusals");
	fd = __fh_file(vm, GM_2M, 2);
	gm_control(fd >= 0, "two, two are free: %s", gm_errno_name(errno));
	expect(FIRST, 0, 2, "a file of two");
	close(fd);
	expect(FIRST, 0, 0, "the file is closed");
	gm_vm_free(vm);
	fh_rest_end(&rest);
}

static long dying(enum group g)
{
	char path[320];
	long n = -1;

	snprintf(path, sizeof(path), "%s/cgroup.stat", groups.path[g]);
	GM_SETUP(gm_read_field(path, "nr_dying_descendants", &n), "%s has no field", path);
	return n;
}

GM_CASE(offline, .name = "fungible.huge_charge.offline",
	.text = "the cgroup is removed while its huge pages are whole and split: its parent has the charge, exactly, until hole and close")
{
	const uint64_t in_one = GM_2M / PG;
	struct gm_fixture *w;

	groups_new();
	w = fh_new(GM_2M, NR);
	gm_fixture_fill(w, 0, fh_gfn(w, 0), 3 * in_one);
	gm_fixture_convert(w, fh_gfn(w, in_one + 1), 1, false);
	gm_fixture_host_write(w, fh_gfn(w, in_one + 1), 1);
	enter(SECOND);
	gm_gmem_allocate(w->gmem, 3 * GM_2M, GM_2M);
	GM_SETUP(!rmdir(groups.path[FIRST]), "rmdir %s: %s", groups.path[FIRST],
		 gm_errno_name(errno));
	/* The charge moves in a work item. */
	usleep(300 * 1000);
	expect(PARENT, NR, NR, "the group is removed");
	expect(SECOND, 1, 0, "the group is removed");
	gm_fixture_check_guest(w, 0, fh_gfn(w, 0), 3 * in_one, 8, "the group is removed");
	gm_fixture_punch(w, fh_gfn(w, in_one), in_one);
	expect(PARENT, NR - 1, NR, "a hole over a split huge page");
	gm_fixture_punch(w, fh_gfn(w, 0), in_one);
	expect(PARENT, NR - 2, NR, "a hole over a whole one");
	gm_fixture_fill(w, 0, fh_gfn(w, 0), 1);
	expect(PARENT, NR - 1, NR, "touched again, by another group");
	expect(SECOND, 2, 0, "touched again, by this group");
	gm_fixture_free(w);
	expect(PARENT, 0, 0, "the file is gone");
	expect(SECOND, 0, 0, "the file is gone");
	/* Nothing refers to the removed group any more. */
	for (int i = 0; i < 200 && dying(PARENT); i++)
		usleep(50 * 1000);
	GM_EXPECT_EQ(dying(PARENT), 0, "removed groups that still exist");
}
