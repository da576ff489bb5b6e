// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table: who pays for pinned memory, and until when: iommu.pays.
 *
 * Rows are ways to pin with an account of their own; columns are pages of 4 KiB and of 2 MiB. In
 * each cell a mapping process of a user of its own pins memory, and then unmaps it, executes another
 * program, exits, or leaves the unmap to another user; a child of it comes and goes. VmPin and VmLck
 * of the process are exact after each step, and so is what its user can still pin, which another
 * process of that user tries: so many pages, and not one more.
 *
 * No cell: type 1 and the exit of the mapping process with the container passed on, since the
 * container holds its memory and has no account by user (iommu.vfio_compat); cgroups, which iommufd
 * does not charge for pins.
 */
#include <liburing.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "dma_memory.h"
#include "text.h"

GM_FILE(.clause = "iommu.pays", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.flags = GM_REFUSAL | GM_SAMPLED, .caps = GM_CAPS(CAP_SETUID, CAP_SYS_RESOURCE, CAP_KILL))

#define PG GM_PAGE_SIZE
/* Each event has a user of its own, to whom only this case charges pages. */
#define USER 60080
#define LIMIT 600UL

enum payer { BY_USER, BY_PROCESS, BY_VFIO, BY_URING };

enum event { EV_UNMAP, EV_OTHER, EV_EXEC, EV_EXIT, EV_FORK, EV_NR };

static const char *const events[EV_NR] = {
	"unmapped by the process", "unmapped by another user", "another program executed",
	"the process exits",	   "a child came and went",
};

struct row {
	enum payer payer;
	uint64_t pages; /* one map has so many of 4 KiB */
	bool huge;
};

struct cell {
	const struct row *row;
	struct dma_memory m; /* its map is asked */
	struct dma_memory probe;
	uid_t uid;
	pid_t pid;
	int to, from;	    /* pipes to and from the mapping process */
	unsigned long base; /* pages that its user pays for other things */
};

static void set_limit(void)
{
	struct rlimit r = { .rlim_cur = LIMIT * PG, .rlim_max = LIMIT * PG };

	GM_SETUP_OK(setrlimit(RLIMIT_MEMLOCK, &r));
}

static void become(uid_t uid)
{
	set_limit();
	GM_SETUP_OK(setresuid(uid, uid, uid));
	GM_SETUP_OK(prctl(PR_SET_DUMPABLE, 1));
}

static unsigned long pages_of(pid_t pid, const char *key)
{
	char path[48];
	long kb = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	GM_SETUP(gm_read_field(path, key, &kb), "%s has no %s", path, key);
	return kb / 4;
}

/* A process of the user pins n pages with an address space of its own. 0, or the errno. */
static int try_pin(struct cell *c, uint64_t n)
{
	pid_t pid = GM_SETUP_OK(fork());
	int status;

	if (!pid) {
		uint64_t at = IOVA, len = n * PG;

		become(c->uid);
		if (__gm_map_file(c->probe.iommu, c->probe.ioas, c->probe.fd, 0, len, &at, GM_RW))
			_exit(errno);
		_exit(__gm_unmap(c->probe.iommu, c->probe.ioas, at, &len) ? 200 : 0);
	}
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_SETUP(WIFEXITED(status) && WEXITSTATUS(status) != 200, "probe: status %#x", status);
	return WEXITSTATUS(status);
}

static void expect_user(struct cell *c, unsigned long paid, const char *when)
{
	unsigned long left = LIMIT - c->base - paid;

	GM_EXPECT_EQ(try_pin(c, left + 1), ENOMEM,
		     "%s: the user pays %lu of %lu pages, errno of %lu more", when, paid + c->base,
		     LIMIT, left + 1);
	if (left)
		gm_control(!try_pin(c, left), "the user can pin what is left");
}

static void expect_process(struct cell *c, unsigned long pinned, const char *when)
{
	GM_EXPECT_EQ(pages_of(c->pid, "VmPin"), pinned, "%s: VmPin, pages", when);
	GM_EXPECT_EQ(pages_of(c->pid, "VmLck"), c->row->payer == BY_PROCESS ? pinned : 0,
		     "%s: VmLck, pages", when);
}

static unsigned long by_user(struct cell *c)
{
	/* VFIO's calls on /dev/iommu, too: only where it is opened as /dev/vfio/vfio it is by process. */
	return c->row->payer == BY_PROCESS ? 0 : c->row->pages;
}

/* --- the mapping process --- */

static struct io_uring ring;

static int do_map(struct cell *c, uint64_t pages, uint64_t iova)
{
	struct iovec iov = { c->m.hva, pages * PG };
	int ret;

	switch (c->row->payer) {
	case BY_USER:
	case BY_PROCESS:
		return __gm_map_file(c->m.iommu, c->m.ioas, c->m.fd, 0, pages * PG, &iova, GM_RW)
			       ? errno
			       : 0;
	case BY_VFIO:
		return __gm_type1_map(c->m.iommu->fd, c->m.hva, pages * PG, iova, GM_RW) ? errno
											 : 0;
	case BY_URING:
		ret = io_uring_register_buffers(&ring, &iov, 1);
		return -ret;
	}
	return -1;
}

static int do_unmap(struct cell *c)
{
	uint64_t len = c->row->pages * PG;

	if (c->row->payer == BY_URING)
		return -io_uring_unregister_buffers(&ring);
	return __gm_unmap(c->m.iommu, c->m.ioas, IOVA, &len) ? errno : 0;
}

/* Commands are bytes; each but those that end the process is answered by an errno. */
static void serve(struct cell *c, int from, int to)
{
	uint8_t cmd, err;
	pid_t pid;

	while (read(from, &cmd, 1) == 1) {
		err = 0;
		switch (cmd) {
		case 'r':
			err = io_uring_queue_init(4, &ring, 0) ? 1 : 0;
			break;
		case 'm':
			err = do_map(c, c->row->pages, IOVA);
			break;
		case 'b': /* beyond the limit */
			err = do_map(c, LIMIT + 1, IOVA + GM_1G / 16);
			break;
		case 'u':
			err = do_unmap(c);
			break;
		case 'f':
			pid = fork();
			if (!pid) {
				err = gm_vm_pinned() || gm_vm_locked();
				_exit(err);
			}
			waitpid(pid, &(int){ 0 }, 0);
			break;
		case 'x':
			if (write(to, &err, 1) == 1)
				execlp("sleep", "sleep", "60", NULL);
			_exit(127);
		case 'q':
			if (write(to, &err, 1) == 1)
				_exit(0);
			_exit(1);
		}
		if (write(to, &err, 1) != 1)
			break;
	}
	_exit(0);
}

static int ask(struct cell *c, char cmd)
{
	uint8_t err = 0;

	GM_SETUP(write(c->to, &cmd, 1) == 1 && read(c->from, &err, 1) == 1,
		 "the mapping process does not answer '%c'", cmd);
	return err;
}

static void start(struct cell *c)
{
	int to[2], from[2];

	GM_SETUP_OK(pipe2(to, O_CLOEXEC));
	GM_SETUP_OK(pipe2(from, O_CLOEXEC));
	c->pid = GM_SETUP_OK(fork());
	if (!c->pid) {
		close(to[1]);
		close(from[0]);
		become(c->uid);
		serve(c, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	c->to = to[1];
	c->from = from[0];
}

static void finish(struct cell *c)
{
	int status;

	close(c->to);
	close(c->from);
	kill(c->pid, SIGKILL);
	GM_SETUP_OK(waitpid(c->pid, &status, 0));
}

static void wait_for_exec(struct cell *c)
{
	char path[48], name[32] = "";

	snprintf(path, sizeof(path), "/proc/%d/comm", c->pid);
	for (int i = 0; i < 1000 && strncmp(name, "sleep", 5); i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && read(fd, name, sizeof(name) - 1) < 0)
			name[0] = '\0';
		close(fd);
		usleep(1000);
	}
	GM_SETUP(!strncmp(name, "sleep", 5), "there is no program `sleep`");
}

static struct dma_memory memory(const struct row *row)
{
	struct iommu_option mode = { .size = sizeof(mode),
				     .option_id = IOMMU_OPTION_RLIMIT_MODE,
				     .op = IOMMU_OPTION_OP_SET,
				     .val64 = 1 };
	struct iommu_vfio_ioas set = { .size = sizeof(set), .op = IOMMU_VFIO_IOAS_SET };
	struct dma_memory m = { .size = row->huge ? 2 * GM_2M : (LIMIT + 1) * PG };

	m.iommu = gm_iommu_new(GM_IOMMU_MOCK);
	if (row->payer == BY_PROCESS)
		GM_SETUP_OK(ioctl(m.iommu->fd, IOMMU_OPTION, &mode));
	m.ioas = gm_ioas_new(m.iommu);
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	set.ioas_id = m.ioas;
	if (row->payer == BY_VFIO)
		GM_SETUP_OK(ioctl(m.iommu->fd, IOMMU_VFIO_IOAS, &set));
	m.fd = gm_memfd_new(m.size, row->huge ? GM_2M : 0);
	m.hva = dma_memory_mmap(m.fd, m.size, GM_2M);
	return m;
}

static void other_user_unmaps(struct cell *c)
{
	pid_t pid = GM_SETUP_OK(fork());
	int status;

	if (!pid) {
		become(USER - 1);
		_exit(do_unmap(c));
	}
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_EXPECT(WIFEXITED(status) && !WEXITSTATUS(status), "unmap by another user: status %#x",
		  status);
}

static void one_event(struct cell *c, enum event ev)
{
	const char *when = events[ev];
	unsigned long n = c->row->pages;
	bool uring = c->row->payer == BY_URING;

	/* No cell: another process cannot unregister buffers of a ring that it does not have. */
	if (uring && ev == EV_OTHER)
		return;
	c->uid = USER + 8 * c->row->payer + ev;
	c->base = 0;
	start(c);
	if (uring) {
		GM_SETUP(!ask(c, 'r'), "io_uring_queue_init");
		/* The ring's own memory is charged, too. */
		while (c->base < 64 && try_pin(c, LIMIT - c->base))
			c->base++;
	}
	expect_process(c, 0, "nothing is pinned");
	expect_user(c, 0, "nothing is pinned");
	GM_EXPECT_EQ(ask(c, 'b'), ENOMEM, "a map of more than the limit: errno");
	expect_process(c, 0, "after the refused map");
	expect_user(c, 0, "after the refused map");
	GM_ASSERT(!ask(c, 'm'), "map of %lu pages", n);
	expect_process(c, n, "pinned");
	expect_user(c, by_user(c), "pinned");
	switch (ev) {
	case EV_UNMAP:
		GM_EXPECT_EQ(ask(c, 'u'), 0, "unmap: errno");
		expect_process(c, 0, when);
		expect_user(c, 0, when);
		break;
	case EV_OTHER:
		other_user_unmaps(c);
		expect_process(c, 0, when);
		expect_user(c, 0, when);
		break;
	case EV_FORK:
		GM_EXPECT_EQ(ask(c, 'f'), 0, "VmPin or VmLck of a child");
		expect_process(c, n, when);
		expect_user(c, by_user(c), when);
		GM_EXPECT_EQ(ask(c, 'u'), 0, "unmap: errno");
		expect_process(c, 0, "unmapped after the child");
		expect_user(c, 0, "unmapped after the child");
		break;
	case EV_EXEC:
		ask(c, 'x');
		wait_for_exec(c);
		/* The new program has its own account; the user still pays. */
		expect_process(c, 0, when);
		if (uring) /* the ring was closed by the exec */
			break;
		expect_user(c, by_user(c), when);
		GM_EXPECT_EQ(do_unmap(c), 0, "unmap: errno");
		expect_process(c, 0, "unmapped after the exec");
		expect_user(c, 0, "unmapped after the exec");
		break;
	case EV_EXIT:
		ask(c, 'q');
		GM_SETUP_OK(waitid(P_PID, c->pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT));
		if (uring)
			break;
		expect_user(c, by_user(c), when);
		GM_EXPECT_EQ(do_unmap(c), 0, "unmap: errno");
		expect_user(c, 0, "unmapped after the exit");
		break;
	case EV_NR:
		break;
	}
	finish(c);
	/* Rings end in the background. */
	for (int i = 0; uring && i < 500 && try_pin(c, LIMIT); i++)
		usleep(10000);
	c->base = 0;
	expect_user(c, 0, "at the end");
}

GM_CASES(pays, struct row, v)
{
	static const struct row plain = { BY_USER, 1, false };
	struct cell c = { .row = v };

	c.probe = memory(&plain);
	c.m = memory(v);
	for (enum event ev = 0; ev < EV_NR; ev++)
		one_event(&c, ev);
	dma_memory_free(&c.m);
	dma_memory_free(&c.probe);
}

/* One line for each payer and size. */
#define ROW(id, row_name, what, ...)                                                               \
	GM_ROW(pays, id, .name = "iommu.pays." row_name,                                           \
	       .text = what ": who pays, over unmap, exec, exit, fork and another user",           \
	       __VA_ARGS__)

ROW(user, "user", "iommufd, by user") = { BY_USER, 37, false };
ROW(user_2m, "user_2m", "iommufd, by user, 2 MiB pages", .huge_2m = 2) = { BY_USER, 512, true };
ROW(process, "process", "iommufd, by process") = { BY_PROCESS, 37, false };
ROW(process_2m, "process_2m", "iommufd, by process, 2 MiB pages", .huge_2m = 2) = { BY_PROCESS, 512,
										    true };
ROW(vfio, "vfio", "VFIO's calls on an iommufd") = { BY_VFIO, 37, false };
ROW(vfio_2m, "vfio_2m", "VFIO's calls, 2 MiB pages", .huge_2m = 2) = { BY_VFIO, 512, true };
ROW(uring, "uring", "buffers of io_uring", .needs = GM_NEEDS(IO_URING)) = { BY_URING, 37, false };
ROW(uring_2m, "uring_2m", "buffers of io_uring, 2 MiB pages", .needs = GM_NEEDS(IO_URING),
    .huge_2m = 2) = { BY_URING, 512, true };
