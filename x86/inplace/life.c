// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes belong to the file: they outlive slots and the VM's fds, and any process with the file
 * can convert. conv.inplace_outlives, conv.inplace_who, conv.inplace_signal.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "inplace.h"
#include "uffd.h"

GM_FILE(.provider = GM_PROVIDER_INPLACE, .profile = "P3", .needs = IP_NEEDS)

#define NPAGES 128UL
#define SIZE (NPAGES * PG)

/* Checks word 8 of each page at another gpa of the same pages; each fill writes it. */
static void expect_at(struct gm_fixture *w, uint64_t gpa, const char *when)
{
	struct gm_op op[GM_MBOX_OPS];

	for (uint64_t first = 0; first < NPAGES; first += GM_MBOX_OPS) {
		for (uint64_t i = 0; i < GM_MBOX_OPS; i++)
			op[i] = (struct gm_op){ .code = GM_OP_READ,
						.addr = gpa + (first + i) * PG + 64 };
		gm_run(w->vm, 0, op, GM_MBOX_OPS);
		for (uint64_t i = 0; i < GM_MBOX_OPS; i++) {
			uint64_t gfn = ip_gfn(w, first + i);
			struct gm_content c = gm_model_guest(w->model, gfn);
			uint64_t want = c.writer ? gm_word(gfn, c.writer, c.gen, 8) : 0;
			bool same = GM_EXPECT(op[i].val == want,
					      "%s: page %lu, at gpa %#lx: expected %s, observed %s",
					      when, first + i, op[i].addr, gm_word_str(want),
					      gm_word_str(op[i].val));

			if (!same)
				return;
		}
	}
}

IP_CASES(
	slots, v, "conv.inplace_outlives.slots",
	"conversions without a slot, and with a slot at another gpa: state and content are correct",
	.clause = "conv.inplace_outlives")
{
	struct gm_fixture *w =
		IP_FIXTURE(v->private_first, .size = SIZE, .guest_page = PG, .extra_pages = 8);
	uint64_t elsewhere = w->gpa + GM_1G;

	ip_striped(w);
	gm_vm_map(w->vm, elsewhere, SIZE, PG);
	for (int turn = 0; turn < 3; turn++) {
		gm_slot_delete(w->vm, GM_SLOT);
		ip_expect_state(w, 0, NPAGES, "without a slot");
		ip_convert(w, 10 + turn, 20, turn & 1, "without a slot");
		ip_convert(w, 90 + turn, 20, !(turn & 1), "without a slot");
		ip_expect_state(w, 0, NPAGES, "converted without a slot");
		gm_fixture_slot(w, GM_SLOT, elsewhere, SIZE, 0);
		ip_expect_state(w, 0, NPAGES, "with a slot elsewhere");
		expect_at(w, elsewhere, "with a slot elsewhere");
		ip_convert(w, 50, 30, !(turn & 1), "with a slot elsewhere");
		expect_at(w, elsewhere, "converted with a slot elsewhere");
		gm_slot_delete(w->vm, GM_SLOT);
		gm_fixture_slot(w, GM_SLOT, w->gpa, SIZE, 0);
		ip_expect_all(w, "with the slot at the first gpa");
	}
	gm_fixture_free(w);
}

IP_CASES(before_slots, v, "conv.inplace_outlives.before_any_slot",
	 "a file that never had a slot is converted, and its first slot has that state",
	 .clause = "conv.inplace_outlives")
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE, .no_slot = true);

	ip_convert(w, 0, NPAGES, !v->private_first, "no slot yet");
	ip_convert(w, 20, 60, v->private_first, "no slot yet");
	ip_expect_state(w, 0, NPAGES, "no slot yet");
	for (uint64_t i = 0; i < NPAGES; i += 2)
		if (!gm_model_private(w->model, ip_gfn(w, i)))
			gm_fixture_host_write(w, ip_gfn(w, i), 1);
	ip_convert(w, 10, 50, true, "written by the host");
	gm_fixture_slot(w, GM_SLOT, w->gpa, SIZE, 0);
	ip_expect_all(w, "with a slot");
	ip_convert(w, 0, NPAGES, false, "with a slot");
	ip_expect_all(w, "shared");
	gm_fixture_free(w);
}

/* The fixture's VM is closed before its file. */
GM_CASE(closed, .name = "conv.inplace_outlives.vm_closed", .clause = "conv.inplace_outlives",
	.text = "VM and vCPUs are closed: the file keeps its state, and can still be converted")
{
	for (int shared_first = 0; shared_first < 2; shared_first++) {
		struct gm_fixture *w = IP_FIXTURE(!shared_first, .size = SIZE);
		uint64_t word, first = GFN(w->gpa);
		bool private;

		gm_fixture_convert(w, first, NPAGES, false);
		gm_fixture_fill(w, 0, first, NPAGES);
		gm_fixture_convert(w, first + 40, 40, true);
		gm_vm_free(w->vm);
		w->vm = NULL;
		for (int turn = 0; turn < 3; turn++) {
			for (uint64_t i = 0; i < NPAGES; i++) {
				private = turn == 1 || (!turn && i >= 40 && i < 80);
				if (!GM_EXPECT(ip_load(w->hva + i * PG, &word) == !private,
					       "page %lu is not %s", i,
					       private ? "private" : "shared"))
					break;
			}
			if (turn < 2)
				GM_EXPECT_OK(__gm_gmem_convert(w->gmem, 0, SIZE, !turn, NULL),
					     "turn %d, the VM is closed", turn);
		}
		gm_model_convert(w->model, first, NPAGES, false);
		gm_fixture_check_host(w, first, NPAGES, 1, "the VM is closed");
		GM_EXPECT_ERRNO(EINVAL, __gm_gmem_convert(w->gmem, 0, SIZE + PG, true, NULL));
		gm_fixture_free(w);
	}
}

/* --- conv.inplace_who --- */

/* Runs fn in a child. Returns its wait status, 0 for success. */
static int child(int (*fn)(struct gm_fixture *w, int arg), struct gm_fixture *w, int arg)
{
	pid_t pid = GM_SETUP_OK(fork());
	int status;

	if (!pid)
		_exit(fn(w, arg));
	GM_SETUP_OK(waitpid(pid, &status, 0));
	return status;
}

/* Converts a part to private and another to shared. The parent updates the model. */
static int convert_both(struct gm_fixture *w, int fd)
{
	uint64_t word;

	if (__gm_gmem_convert(fd, 10 * PG, 30 * PG, true, NULL))
		return 1;
	if (__gm_gmem_convert(fd, 60 * PG, 30 * PG, false, NULL))
		return 2;
	if (ip_load(w->hva + 10 * PG, &word))
		return 3;
	return !ip_load(w->hva + 60 * PG, &word) ? 4 : 0;
}

static int in_child(struct gm_fixture *w, int fd)
{
	/* The VM belongs to another process. */
	if (ioctl(w->vm->kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_GUEST_MEMFD) != -1 || errno != EIO)
		return 5;
	return convert_both(w, fd);
}

static void expect_converted(struct gm_fixture *w, int status, const char *who)
{
	GM_EXPECT(
		!status,
		"%s: status %#x (1: to private refused, 2: to shared refused, 3: still shared, 4: still private, 5: the VM's ioctl did not fail with EIO)",
		who, WIFEXITED(status) ? WEXITSTATUS(status) : status);
	gm_model_convert(w->model, ip_gfn(w, 10), 30, true);
	gm_model_convert(w->model, ip_gfn(w, 60), 30, false);
	ip_expect_all(w, who);
}

IP_CASES(forked, v, "conv.inplace_who.child",
	 "a forked child can convert, although ioctls of the VM are EIO for it",
	 .clause = "conv.inplace_who")
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);

	ip_striped(w);
	expect_converted(w, child(in_child, w, w->gmem), "a child");
	ip_convert(w, 0, NPAGES, true, "the parent");
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}

GM_CASE(duplicate, .name = "conv.inplace_who.dup", .clause = "conv.inplace_who",
	.text = "any descriptor of the file can convert it, also after the close of the first")
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	int fd = GM_SETUP_OK(fcntl(w->gmem, F_DUPFD_CLOEXEC, 3));

	ip_striped(w);
	expect_converted(w, convert_both(w, fd), "another descriptor");
	close(w->gmem);
	w->gmem = fd;
	ip_convert(w, 0, NPAGES, true, "the remaining descriptor");
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}

/* The receiver has only a socket: no VM, no mapping, no inherited fd of the file. */
static int receiver(int sock)
{
	char data, control[CMSG_SPACE(sizeof(int))];
	struct iovec v = { &data, 1 };
	struct msghdr msg = { .msg_iov = &v,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd;

	if (recvmsg(sock, &msg, 0) != 1)
		return 90;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return 91;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	if (__gm_gmem_convert(fd, 10 * PG, 30 * PG, true, NULL))
		return 1;
	return __gm_gmem_convert(fd, 60 * PG, 30 * PG, false, NULL) ? 2 : 0;
}

static void send_fd(int sock, int fd)
{
	char data = 'x', control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec v = { &data, 1 };
	struct msghdr msg = { .msg_iov = &v,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	GM_SETUP_OK(sendmsg(sock, &msg, 0));
}

GM_CASE(passed, .name = "conv.inplace_who.passed", .clause = "conv.inplace_who",
	.text = "a process that received the file over a socket can convert it")
{
	struct gm_fixture *w;
	int sock[2], status;
	pid_t pid;

	GM_SETUP_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock));
	pid = GM_SETUP_OK(fork());
	if (!pid)
		_exit(receiver(sock[1]));
	w = IP_FIXTURE(false, .size = SIZE);
	ip_striped(w);
	send_fd(sock[0], w->gmem);
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_SETUP(!WIFEXITED(status) || WEXITSTATUS(status) < 90, "the file was not passed: %#x",
		 status);
	expect_converted(w, status, "the process that received the file");
	close(sock[0]);
	close(sock[1]);
	gm_fixture_free(w);
}

/* --- conv.inplace_signal --- */

static volatile sig_atomic_t alarms;

static void on_alarm(int sig __attribute__((unused)))
{
	alarms++;
}

GM_CASE(interrupted, .name = "conv.inplace_signal.pending", .clause = "conv.inplace_signal",
	.text = "frequent signals while pages are converted: never EINTR, never a part of a range")
{
	struct itimerval often = { .it_interval = { .tv_usec = 300 },
				   .it_value = { .tv_usec = 300 } };
	struct itimerval off = { .it_value = { 0 } };
	struct sigaction sa = { .sa_handler = on_alarm }, old;
	struct gm_fixture *w = IP_FIXTURE(false, .size = GM_2M);
	uint64_t n = PAGES(w->size), word;
	unsigned int interrupted = 0;

	GM_SETUP_OK(sigaction(SIGALRM, &sa, &old));
	for (uint64_t i = 0; i < n; i++)
		*(volatile uint64_t *)(w->hva + i * PG) = i;
	for (int i = 0; i < 200 && interrupted < 30; i++) {
		struct gm_memory_attributes2 arg = ip_arg(0, w->size, !(i & 1));
		sig_atomic_t before;
		int ret, err;

		/* Mapped pages to unmap make the call longer. */
		for (uint64_t p = 0; !(i & 1) && p < n; p += 2)
			*(volatile uint64_t *)(w->hva + p * PG) = p;
		before = alarms;
		GM_SETUP_OK(setitimer(ITIMER_REAL, &often, NULL));
		ret = ip_set(w->gmem, &arg);
		err = errno;
		GM_SETUP_OK(setitimer(ITIMER_REAL, &off, NULL));
		interrupted += alarms != before;
		if (!GM_EXPECT(!ret, "conversion %d to %s: expected success, observed %s", i,
			       arg.attributes ? "private" : "shared", gm_errno_name(err)))
			break;
		if (GM_EXPECT(ip_load(w->hva + n / 2 * PG, &word) == (i & 1) &&
				      ip_load(w->hva + w->size - PG, &word) == (i & 1),
			      "conversion %d did not convert the whole range", i))
			continue;
		break;
	}
	gm_note("%u conversions ran during a signal", interrupted);
	GM_SETUP_OK(sigaction(SIGALRM, &old, NULL));
	gm_fixture_free(w);
}

struct waiting {
	int uffd;
	pthread_t caller;
	struct gm_memory_attributes2 *arg; /* its page faults until the signal is pending */
	struct gm_memory_attributes2 given;
};

/* Provides the page of the argument once a signal is pending for the thread that reads it. */
static void *provide_late(void *p)
{
	struct waiting *w = p;
	uint8_t *page = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	gm_uffd_wait(w->uffd);
	memcpy(page, &w->given, sizeof(w->given));
	pthread_kill(w->caller, SIGALRM);
	gm_uffd_copy(w->uffd, w->arg, page, PG);
	munmap(page, PG);
	return NULL;
}

GM_CASE(signal_first, .name = "conv.inplace_signal.before_range", .clause = "conv.inplace_signal",
	.text = "a signal is pending when the argument has been read: the whole conversion succeeds",
	.needs = GM_NEEDS(USERFAULTFD), .caps = GM_CAPS(CAP_SYS_PTRACE))
{
	struct sigaction sa = { .sa_handler = on_alarm }, old;
	struct gm_fixture *w = IP_FIXTURE(false, .size = GM_2M);
	struct waiting late = { .caller = pthread_self() };
	uint64_t word;

	GM_SETUP_OK(sigaction(SIGALRM, &sa, &old));
	for (int i = 0; i < 8; i++) {
		sig_atomic_t before = alarms;
		pthread_t provider;
		int ret, err;

		late.arg =
			mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		GM_SETUP(late.arg != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
		late.uffd = gm_uffd_new(late.arg, PG);
		late.given = ip_arg(0, w->size, !(i & 1));
		GM_SETUP(!pthread_create(&provider, NULL, provide_late, &late), "no thread");
		ret = ip_set(w->gmem, late.arg);
		err = errno;
		pthread_join(provider, NULL);
		gm_control(alarms == before + 1, "the signal came once, observed %d",
			   (int)(alarms - before));
		GM_EXPECT(!ret, "conversion %d to %s: expected success, observed %s", i,
			  late.given.attributes ? "private" : "shared", gm_errno_name(err));
		GM_EXPECT(ip_load(w->hva, &word) == (i & 1) &&
				  ip_load(w->hva + w->size - PG, &word) == (i & 1),
			  "conversion %d did not convert the whole range", i);
		close(late.uffd);
		munmap(late.arg, PG);
	}
	GM_SETUP_OK(sigaction(SIGALRM, &old, NULL));
	gm_fixture_free(w);
}
