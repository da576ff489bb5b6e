// SPDX-License-Identifier: GPL-2.0-only
/* Many conversions of a guest cost bounded memory, all charged to its VMM: fungible.dos. */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fixture.h"
#include "fungible_p0.h"
#include "text.h"
#include "time_factor.h"

GM_FILE(.clause = "fungible.dos", .providers = GM_PROVIDERS_X86)

struct group {
	char path[256];
};

static void put(const struct group *g, const char *file, const char *text)
{
	char path[320];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", g->path, file);
	fd = GM_SETUP_OK(open(path, O_WRONLY | O_CLOEXEC));
	GM_SETUP(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s > %s: %s", text, path,
		 gm_errno_name(errno));
	close(fd);
}

static void leave(void *arg)
{
	struct group *g = arg, top;
	char pid[16];

	snprintf(top.path, sizeof(top.path), "%s", gm_platform_memcg());
	snprintf(pid, sizeof(pid), "%d", getpid());
	put(&top, "cgroup.procs", pid);
	rmdir(g->path);
}

/* Moves this process into a new memory cgroup until the end of the case. */
static void join(struct group *g)
{
	char pid[16], control[320];
	struct group top;

	snprintf(top.path, sizeof(top.path), "%s", gm_platform_memcg());
	snprintf(control, sizeof(control), "%s/cgroup.subtree_control", top.path);
	if (access(control, W_OK))
		gm_skip("no version 2 cgroup hierarchy", "mount -t cgroup2 none %s", top.path);
	put(&top, "cgroup.subtree_control", "+memory");
	snprintf(g->path, sizeof(g->path), "%s/gm-fungible-%d", top.path, getpid());
	GM_SETUP(!mkdir(g->path, 0755), "mkdir %s: %s", g->path, gm_errno_name(errno));
	snprintf(pid, sizeof(pid), "%d", getpid());
	put(g, "cgroup.procs", pid);
	gm_cleanup(leave, g);
}

static int64_t current(const struct group *g)
{
	char path[320];
	unsigned long val;

	snprintf(path, sizeof(path), "%s/memory.current", g->path);
	GM_SETUP(gm_read_number(path, &val), "%s cannot be read", path);
	return val;
}

/*
 * The possible error of memory.current: each CPU has up to 64 charged pages in stock
 * (MEMCG_CHARGE_BATCH, mm/memcontrol.c), for several cgroups. Callers also wait for frees after RCU
 * grace periods.
 */
static int64_t slack(void)
{
	return 2 * 64 * sysconf(_SC_NPROCESSORS_ONLN) * GM_PAGE_SIZE;
}

/* Expects that current() becomes base + change, within the slack. */
static void expect_charge(const struct group *g, int64_t base, int64_t change, const char *when)
{
	int64_t now = 0;

	for (int i = 0; i < gm_time_limit(100); i++) {
		now = current(g) - base - change;
		if (now <= slack() && now >= -slack())
			break;
		usleep(50 * 1000);
	}
	/* Ends the case, since later checks would be wrong by the same amount. */
	GM_ASSERT(now <= slack() && now >= -slack(),
		  "%s: expected %ld kB more than at the start, within %ld kB, observed %ld kB",
		  when, change / 1024, slack() / 1024, (now + change) / 1024);
}

#define LEN (64UL << 20)

/*
 * A VM with one slot of `len` bytes, all private. The host does not map the file: the mapping is a
 * reference, and close() must free the pages. The caller closes *gmem.
 */
static struct gm_vm *private_vm(uint64_t len, int *gmem)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);

	*gmem = gm_gmem_new(vm, len, vm->provider->flags_shared);
	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, len, vm->mbox, *gmem, 0);
	gm_vm_map(vm, GM_BASE, GM_1G, GM_1G);
	gm_convert(vm, GM_BASE, len, true);
	return vm;
}

/* Every page of private memory is charged, and uncharged when it is freed. */
GM_CASE(charged, .name = "fungible.dos.charged",
	.text = "64 MiB of private memory: charged to the VMM page by page, uncharged when punched and when closed",
	.needs = GM_NEEDS(MEMCG), .caps = GM_CAPS_ALL)
{
	static struct group g;
	struct gm_vm *vm;
	int64_t base, before;
	int gmem;

	join(&g);
	before = current(&g);
	vm = private_vm(LEN, &gmem);
	gm_guest_fill(vm, 0, GM_BASE, 1, GM_WRITER_PRIVATE, 1);
	base = current(&g);
	/* By fallocate. */
	gm_gmem_allocate(gmem, 0, LEN);
	expect_charge(&g, base, LEN, "allocated");
	gm_gmem_punch(gmem, 0, LEN);
	expect_charge(&g, base, 0, "punched");
	/* By the guest's faults; page tables of 4 KiB pages are a 512th part. */
	gm_guest_touch(vm, 0, GM_BASE, LEN, GM_PAGE_SIZE);
	expect_charge(&g, base, LEN + LEN / 512, "touched by the guest");
	gm_gmem_punch(gmem, 0, LEN / 2);
	expect_charge(&g, base, LEN / 2 + LEN / 512, "half of it punched");
	gm_slot_delete(vm, GM_SLOT);
	close(gmem);
	expect_charge(&g, base, LEN / 512, "slot deleted, file closed");
	gm_vm_free(vm);
	expect_charge(&g, before, 0, "VM freed");
}

/* Page cache charged to the group: `file` of memory.stat. */
static int64_t charged_file(const struct group *g)
{
	char path[320];
	long file;

	snprintf(path, sizeof(path), "%s/memory.stat", g->path);
	GM_SETUP(gm_read_field(path, "file", &file), "%s has no field file", path);
	return file;
}

/* Waits, since per-CPU statistics are summed every two seconds (FLUSH_TIME, mm/memcontrol.c). */
static void expect_file(const struct group *g, int64_t want, const char *when)
{
	int64_t now = charged_file(g);

	for (int i = 0; i < gm_time_limit(200) && now != want; i++) {
		usleep(50 * 1000);
		now = charged_file(g);
	}
	GM_EXPECT(now == want, "%s: expected %ld bytes charged, observed %ld: %ld pages off", when,
		  want, now, (now - want) / (int64_t)GM_PAGE_SIZE);
}

/* The statistics are exact to the page, unlike memory.current. */
GM_CASE(charged_exactly, .name = "fungible.dos.charged_exactly",
	.text = "3000 pages of private memory and holes in them: charged to the VMM to the page",
	.needs = GM_NEEDS(MEMCG), .caps = GM_CAPS_ALL, .flags = GM_FULL_ONLY)
{
	const uint64_t pages = 3000;
	static struct group g;
	struct gm_vm *vm;
	int64_t base, last;
	int gmem;

	join(&g);
	vm = private_vm(2 * LEN, &gmem);
	/* After three seconds without a change all earlier statistics are summed. */
	base = charged_file(&g);
	for (int same = 0, i = 0; same < 30 && i < gm_time_limit(200); i++) {
		usleep(100 * 1000);
		last = base;
		base = charged_file(&g);
		same = base == last ? same + 1 : 0;
	}
	gm_gmem_allocate(gmem, 0, pages * GM_PAGE_SIZE);
	expect_file(&g, base + pages * GM_PAGE_SIZE, "allocated");
	gm_gmem_punch(gmem, 512 * GM_PAGE_SIZE, GM_PAGE_SIZE);
	expect_file(&g, base + (pages - 1) * GM_PAGE_SIZE, "one page punched");
	gm_guest_touch(vm, 0, GM_BASE, 2 * pages * GM_PAGE_SIZE, GM_PAGE_SIZE);
	expect_file(&g, base + 2 * pages * GM_PAGE_SIZE, "as many again touched by the guest");
	gm_slot_delete(vm, GM_SLOT);
	close(gmem);
	expect_file(&g, base, "slot deleted, file closed");
	gm_vm_free(vm);
}

/* Every other page of 256 MiB is the worst case for the memory of attributes. */
GM_CASE(attributes, .name = "fungible.dos.attributes",
	.text = "conversions of every other page: memory of the attributes is bounded, and freed when all is shared",
	.providers = GM_PROVIDERS(ATTRIBUTES), .needs = GM_NEEDS(MEMCG), .caps = GM_CAPS_ALL)
{
	static struct group g;
	const uint64_t pages = 65536;
	struct gm_vm *vm;
	int64_t base, before, most;

	join(&g);
	before = current(&g);
	vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);
	base = current(&g);
	for (int round = 0; round < 3; round++) {
		for (uint64_t i = round & 1; i < pages; i += 2)
			gm_convert(vm, GM_BASE + i * GM_PAGE_SIZE, GM_PAGE_SIZE, true);
		most = current(&g) - base;
		/* A node of 64 slots is 576 bytes (lib/xarray.c); two levels more are a 64th. */
		GM_EXPECT(most <= (int64_t)(pages / 64 * 1024) + slack(),
			  "round %d: %ld kB for the attributes of %lu pages", round, most / 1024,
			  pages);
		for (uint64_t i = 0; i < pages; i += 1024)
			gm_convert(vm, GM_BASE + i * GM_PAGE_SIZE, 1024 * GM_PAGE_SIZE, false);
	}
	/* Repeats often enough that a leak exceeds the slack. */
	for (int round = 0; round < 8; round++) {
		uint64_t at = GM_BASE + (round + 1) * 4 * GM_1G;

		gm_convert(vm, at, pages * GM_PAGE_SIZE, true);
		gm_convert(vm, at, pages * GM_PAGE_SIZE, false);
	}
	expect_charge(&g, base, 0, "all shared again");
	/* Attributes are freed with the VM: 8192 nodes here. */
	gm_convert(vm, GM_BASE + 64 * GM_1G, 2 * GM_1G, true);
	GM_EXPECT(current(&g) - base > slack(), "2 GiB of attributes cost nothing: %ld kB",
		  (current(&g) - base) / 1024);
	gm_vm_free(vm);
	expect_charge(&g, before, 0, "VM freed");
}

/* Expects at most `most` bytes more than base; waits for frees after RCU grace periods. */
static void expect_bounded(const struct group *g, int64_t base, int64_t most, const char *when)
{
	int64_t now = current(g) - base;

	for (int i = 0; i < gm_time_limit(100) && now > most + slack(); i++) {
		usleep(50 * 1000);
		now = current(g) - base;
	}
	GM_EXPECT(now <= most + slack(), "%s: expected at most %ld kB, observed %ld kB", when,
		  (most + slack()) / 1024, now / 1024);
}

/*
 * The record of conversions belongs to the file, and has at most as many ranges as pages. A node of
 * 256 bytes has at least four ranges (lib/maple_tree.c); upper levels add a third.
 */
GM_CASE(records, .name = "fungible.dos.records",
	.text = "conversions of every other page of a file: its record is bounded, and freed when all is shared or the file is closed",
	.providers = GM_PROVIDERS(INPLACE), .needs = GM_NEEDS(MEMCG), .caps = GM_CAPS_ALL)
{
	static struct group g;
	const uint64_t pages = 65536;
	struct gm_vm *vm;
	int64_t base, before;
	int gmem;

	join(&g);
	before = current(&g);
	vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);
	gmem = gm_gmem_new(vm, pages * GM_PAGE_SIZE, vm->provider->flags_shared);
	base = current(&g);
	for (int round = 0; round < 3; round++) {
		for (uint64_t i = round & 1; i < pages; i += 2)
			gm_gmem_convert(gmem, i * GM_PAGE_SIZE, GM_PAGE_SIZE, true);
		expect_bounded(&g, base, pages / 4 * 256 * 4 / 3, "every other page private");
		if (round == 2)
			break;
		for (uint64_t i = 0; i < pages; i += 1024)
			gm_gmem_convert(gmem, i * GM_PAGE_SIZE, 1024 * GM_PAGE_SIZE, false);
		expect_charge(&g, base, 0, "all shared again");
	}
	close(gmem);
	expect_charge(&g, base, 0, "the file closed");
	gm_vm_free(vm);
	expect_charge(&g, before, 0, "VM freed");
}

/* --- the host still works --- */

struct dos {
	struct gm_vm *vm;
	atomic_bool done;
	atomic_ulong conversions[2];
};

/*
 * Two threads run a vCPU each, which converts its own region by hypercalls in a loop; the third
 * runs another process.
 */
static void storm_thread(unsigned int i, void *arg)
{
	struct dos *s = arg;
	uint64_t at = GM_BASE + i * GM_2M;

	if (i == 2) {
		pid_t pid = GM_SETUP_OK(fork());
		int status;

		/* Another process with a fixed amount of work, which must end. */
		if (!pid) {
			for (int n = 0; n < 20; n++) {
				uint8_t *p = mmap(NULL, GM_2M, PROT_READ | PROT_WRITE,
						  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

				if (p == MAP_FAILED)
					_exit(1);
				for (uint64_t off = 0; off < GM_2M; off += GM_PAGE_SIZE)
					p[off] = n;
				munmap(p, GM_2M);
			}
			_exit(0);
		}
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		GM_EXPECT(WIFEXITED(status) && !WEXITSTATUS(status),
			  "the other process ended with %#x", status);
		atomic_store(&s->done, true);
		return;
	}
	while (!atomic_load(&s->done)) {
		struct gm_op op[32];

		for (unsigned int n = 0; n < ARRAY_SIZE(op); n++)
			op[n] = (struct gm_op){ .code = GM_OP_MAP_GPA,
						.addr = at + n * 37 % 512 * GM_PAGE_SIZE,
						.nr = 1,
						.val = n & 1 ? GM_MAP_SHARED : GM_MAP_PRIVATE };
		gm_run(s->vm, i, op, ARRAY_SIZE(op));
		for (unsigned int n = 0; n < ARRAY_SIZE(op); n++)
			GM_ASSERT(!op[n].ret,
				  "vCPU %u, page %#lx to %s: the guest got %ld, expected 0", i,
				  op[n].addr, n & 1 ? "shared" : "private", op[n].ret);
		atomic_fetch_add(&s->conversions[i], ARRAY_SIZE(op));
	}
}

GM_CASE(host_works, .name = "fungible.dos.host_works",
	.text = "two vCPUs convert in a loop: another process still completes its work, and the conversions end")
{
	struct gm_fixture *w = GM_FIXTURE(.size = 2 * GM_2M, .vcpus = 2);
	struct dos s = { .vm = w->vm };

	gm_parallel(3, storm_thread, &s);
	gm_note("%lu and %lu conversions meanwhile", atomic_load(&s.conversions[0]),
		atomic_load(&s.conversions[1]));
	/* Conversions and both vCPUs still work. */
	gm_convert(s.vm, GM_BASE, 2 * GM_2M, true);
	gm_guest_fill(s.vm, 0, GM_BASE, 8, GM_WRITER_PRIVATE, 1);
	gm_guest_check(s.vm, 1, GM_BASE, 8, GM_WRITER_PRIVATE, 1, "after the conversions");
	gm_fixture_free(w);
}
