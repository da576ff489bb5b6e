// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host touches pages while they are converted: EAGAIN that a retry resolves, unlike that of a
 * lasting reference. vCPUs cause none. conv.inplace_transient, conv.inplace_vcpus.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "inplace.h"

GM_FILE(.clause = "conv.inplace_transient", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS)

#define NPAGES 64UL
#define SIZE (NPAGES * PG)
/* Pages that the host touches. */
#define LOW 20UL
#define HIGH 28UL

/* How the host takes a short reference of a page. */
enum way { SYSTEM_CALL, REMOTE, POPULATE };

struct race {
	struct gm_fixture *w;
	atomic_bool stop;
	atomic_ulong done, refused; /* the touchers' calls */
	enum way way;
};

/* Each way takes a short reference of the page. */
static long touch(struct race *r, uint64_t page, int zero)
{
	uint8_t *hva = r->w->hva + page * PG;
	uint64_t word = 0;
	struct iovec local = { &word, 8 }, remote = { hva + 8, 8 };

	switch (r->way) {
	case SYSTEM_CALL:
		return pread(zero, hva + 8, 8, 0);
	case REMOTE:
		return process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	default:
		return madvise(hva, PG, MADV_POPULATE_READ) ? -1 : 8;
	}
}

static void toucher(struct race *r)
{
	int zero = GM_SETUP_OK(open("/dev/zero", O_RDONLY | O_CLOEXEC));

	while (!atomic_load(&r->stop)) {
		for (uint64_t page = LOW; page < HIGH; page++) {
			if (touch(r, page, zero) >= 0)
				r->done++;
			else if (errno == EFAULT)
				r->refused++;
			else
				GM_FAIL("a touch of page %lu: %s", page, gm_errno_name(errno));
		}
	}
	close(zero);
}

/* Converts back and forth `times` times; error_offset must be a page that the host touches. */
static void converter(struct race *r, unsigned int times)
{
	unsigned int again = 0, most = 0;

	for (unsigned int i = 0; i < times && !gm_failures(); i++) {
		struct gm_memory_attributes2 arg;
		unsigned int tries = 0;
		int ret, err;

		do {
			arg = ip_arg(0, SIZE, true);
			ret = ip_set(r->w->gmem, &arg);
			err = errno;
			if (ret)
				GM_EXPECT(
					err == EAGAIN && arg.error_offset / PG >= LOW &&
						arg.error_offset / PG < HIGH,
					"conversion %u: expected success, or EAGAIN of pages %lu to %lu, observed %s at page %lu",
					i, LOW, HIGH, gm_errno_name(err), arg.error_offset / PG);
		} while (ret && err == EAGAIN && ++tries < GM_CONVERT_TRIES);
		again += tries;
		most = tries > most ? tries : most;
		GM_EXPECT(!ret, "conversion %u: still refused after %u tries", i, tries);
		arg = ip_arg(0, SIZE, false);
		GM_EXPECT(!ip_set(r->w->gmem, &arg), "conversion %u to shared: %s", i,
			  gm_errno_name(errno));
	}
	gm_note("%u conversions, %u refusals, at most %u in a row", times, again, most);
	atomic_store(&r->stop, true);
}

static unsigned int times_of(const struct gm_case *self)
{
	return self->flags & GM_FULL_ONLY ? 20000 : 1500;
}

struct threads {
	struct race race;
	unsigned int times;
};

static void host_thread(unsigned int i, void *arg)
{
	struct threads *p = arg;

	if (i)
		toucher(&p->race);
	else
		converter(&p->race, p->times);
}

struct touches {
	enum way way;
};

GM_CASES(host_touches, struct touches, v)
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct threads p = { .race = { .w = w, .way = v->way }, .times = times_of(self) };

	ip_all_shared(w);
	gm_parallel(3, host_thread, &p);
	gm_note("touches: %lu succeeded, %lu were EFAULT", atomic_load(&p.race.done),
		atomic_load(&p.race.refused));
	/* Word 0 of every page is only written by the fixture; the host wrote zeros to word 1. */
	ip_expect_state(w, 0, NPAGES, "at the end");
	gm_fixture_check_guest(w, 0, ip_gfn(w, 0), NPAGES, 8, "at the end");
	gm_fixture_free(w);
}
GM_ROW(host_touches, host_touches_call, .name = "conv.inplace_transient.system_call",
       .text = "two threads read() into pages while they are converted: error_offset is one of them, a retry succeeds") = {
	.way = SYSTEM_CALL,
};
GM_ROW(host_touches, host_touches_gup, .needs = GM_NEEDS(GMEM_GUP),
       .name = "conv.inplace_transient.remote",
       .text = "the same by process_vm_readv(), which takes a short reference of the page") = {
	.way = REMOTE,
};
GM_ROW(host_touches, host_touches_populate, .needs = GM_NEEDS(GMEM_GUP),
       .name = "conv.inplace_transient.populate",
       .text = "the same by MADV_POPULATE_READ") = { .way = POPULATE };
GM_ROW(host_touches, host_touches_call_long, .name = "conv.inplace_transient.system_call.long",
       .text = "the same, 20,000 times by read()", .flags = GM_FULL_ONLY,
       .timeout = 300) = { .way = SYSTEM_CALL };
GM_ROW(host_touches, host_touches_gup_long, .needs = GM_NEEDS(GMEM_GUP),
       .name = "conv.inplace_transient.remote.long",
       .text = "the same, 20,000 times by process_vm_readv()", .flags = GM_FULL_ONLY,
       .timeout = 300) = { .way = REMOTE };

/* A retry does not resolve the pin, only the short references. */
static void holder_thread(unsigned int i, void *arg)
{
	struct threads *p = arg;
	struct gm_fixture *w = p->race.w;
	bool end = false;

	if (i) {
		toucher(&p->race);
		return;
	}
	for (unsigned int k = 0; k < p->times && !end; k++) {
		struct gm_memory_attributes2 arg2 = ip_arg(0, SIZE, true);
		int ret = ip_set(w->gmem, &arg2), err = errno;
		uint64_t page = arg2.error_offset / PG;

		end = !GM_EXPECT(
			ret && err == EAGAIN && (page == HIGH + 2 || (page >= LOW && page < HIGH)),
			"a pinned page in the range: expected EAGAIN, observed %s at page %lu",
			ret ? gm_errno_name(err) : "success", page);
	}
	atomic_store(&p->race.stop, true);
}

GM_CASE(stays, .name = "conv.inplace_transient.told_apart",
	.text = "the host touches some pages and pins another one: no retry succeeds until the unpin",
	.needs = GM_NEEDS(GUP_TEST))
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct threads p = { .race = { .w = w }, .times = times_of(self) };
	uint64_t page = HIGH + 2;
	struct ip_hold h;

	ip_all_shared(w);
	ip_take(&h, &ip_gup_read, w, &page, 1);
	gm_parallel(2, holder_thread, &p);
	ip_expect_busy(w, 0, NPAGES, page, "the touches have ended");
	ip_drop(&h);
	ip_convert(w, 0, NPAGES, true, "after the release");
	ip_expect_state(w, 0, NPAGES, "private");
	gm_fixture_free(w);
}

static void vcpu_thread(unsigned int i, void *arg)
{
	struct threads *p = arg;
	struct gm_fixture *w = p->race.w;

	if (i == 2) {
		for (unsigned int k = 0; k < p->times && !gm_failures(); k++) {
			for (int private = 1; private >= 0; private --) {
				struct gm_memory_attributes2 a = ip_arg(0, SIZE, private);

				GM_EXPECT(!ip_set(w->gmem, &a), "conversion %u to %s: %s at %#lx",
					  k, private ? "private" : "shared", gm_errno_name(errno),
					  a.error_offset);
			}
			/* New pages, so that the guest's faults allocate. */
			if (k % 4 == 0)
				__gm_gmem_punch(w->gmem, 8 * PG, 8 * PG);
		}
		atomic_store(&p->race.stop, true);
		return;
	}
	while (!atomic_load(&p->race.stop)) {
		struct gm_op op = { .code = GM_OP_TOUCH_W,
				    .addr = w->gpa + i * 8,
				    .nr = NPAGES,
				    .val = PG,
				    .writer = GM_WRITER_GUEST,
				    .gen = 1 };

		p->race.done += gm_run_racing(w->vm, i, &op, 1);
	}
}

GM_CASES(vcpus_touch, struct ip_start, v)
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE, .vcpus = 2);
	struct threads p = { .race = { .w = w }, .times = times_of(self) / 3 };

	ip_all_shared(w);
	gm_parallel(3, vcpu_thread, &p);
	gm_note("%lu exits for a page that was being converted", atomic_load(&p.race.done));
	ip_expect_state(w, 0, NPAGES, "at the end");
	gm_fixture_free(w);
}
GM_ROW(vcpus_touch, vcpus_touch_quick, .name = "conv.inplace_vcpus.touch",
       .clause = "conv.inplace_vcpus",
       .text = "two vCPUs touch the pages that are converted, also new ones: never EAGAIN") = {
	.private_first = false,
};
GM_ROW(vcpus_touch, vcpus_touch_long, .name = "conv.inplace_vcpus.touch.private_first.long",
       .clause = "conv.inplace_vcpus", .text = "the same in a file that started private, longer",
       .flags = GM_FULL_ONLY, .timeout = 300) = { .private_first = true };

/* --- direct I/O in flight --- */

struct direct {
	struct gm_fixture *w;
	atomic_bool stop;
	atomic_ulong done, refused;
	int fd;
};

static void direct_thread(unsigned int i, void *arg)
{
	struct direct *d = arg;
	struct gm_fixture *w = d->w;

	if (i) {
		while (!atomic_load(&d->stop)) {
			ssize_t r = pread(d->fd, w->hva + LOW * PG, 8 * PG, 0);

			if (r < 0)
				GM_EXPECT(errno == EFAULT, "a direct read: %s",
					  gm_errno_name(errno));
			d->done += r > 0;
			d->refused += r < 0;
		}
		return;
	}
	for (unsigned int k = 0; k < 400 && !gm_failures(); k++) {
		struct gm_memory_attributes2 a;
		unsigned int tries = 0;
		uint64_t word;
		int ret;

		do {
			a = ip_arg(0, SIZE, true);
			ret = ip_set(w->gmem, &a);
		} while (ret && errno == EAGAIN && ++tries < GM_CONVERT_TRIES);
		GM_EXPECT(!ret, "conversion %u beside direct reads: %s at %#lx", k,
			  gm_errno_name(errno), a.error_offset);
		GM_EXPECT(!ip_load(w->hva + LOW * PG, &word), "a private page can be read");
		a = ip_arg(0, SIZE, false);
		GM_EXPECT(!ip_set(w->gmem, &a), "to shared: %s", gm_errno_name(errno));
	}
	atomic_store(&d->stop, true);
}

GM_CASE(direct, .name = "conv.inplace_transient.direct_io",
	.text = "direct reads from a disk into pages that are converted: refused only while reads are in flight",
	.needs = GM_NEEDS(DISK_DIO), .flags = GM_FULL_ONLY, .timeout = 300)
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct direct d = { .w = w };
	uint8_t *buf;

	GM_SETUP(!posix_memalign((void **)&buf, PG, 8 * PG), "out of memory");
	memset(buf, 0x33, 8 * PG);
	d.fd = open(gm_platform_dio_dir(), O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	GM_SETUP(d.fd >= 0, "O_TMPFILE: %s", gm_errno_name(errno));
	GM_SETUP(pwrite(d.fd, buf, 8 * PG, 0) == (ssize_t)(8 * PG), "pwrite: %s",
		 gm_errno_name(errno));
	ip_all_shared(w);
	gm_parallel(2, direct_thread, &d);
	gm_note("%lu direct reads succeeded, %lu were EFAULT", atomic_load(&d.done),
		atomic_load(&d.refused));
	ip_expect_state(w, 0, NPAGES, "at the end");
	close(d.fd);
	free(buf);
	gm_fixture_free(w);
}
