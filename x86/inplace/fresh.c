// SPDX-License-Identifier: GPL-2.0-only
/*
 * A new page is not in use: conv.inplace_fresh. The per-CPU batches of the LRU lists hold
 * references of new pages (mm/swap.c), which must not make a conversion fail.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "inplace.h"

GM_FILE(.clause = "conv.inplace_fresh", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS)

#define NPAGES 256UL
#define SIZE (NPAGES * PG)
#define CPUS_MAX 64U

/* How the host uses a page for the first time. */
enum use { STORE, LOAD, READ_CALL, WRITE_CALL, POPULATE, REMOTE, NR_USES };

struct user {
	struct gm_fixture *w;
	int cpu;
	uint64_t first, step, n; /* pages */
	enum use use;
	int fd; /* of /dev/zero */
};

static void use_page(const struct user *u, uint8_t *hva)
{
	uint64_t word = 0;
	struct iovec local = { &word, 8 }, remote = { hva, 8 };

	switch (u->use) {
	case STORE:
		*(volatile uint64_t *)hva = 1;
		break;
	case LOAD:
		(void)*(volatile uint64_t *)hva;
		break;
	case READ_CALL:
		GM_SETUP(pread(u->fd, hva, 8, 0) == 8, "read(): %s", gm_errno_name(errno));
		break;
	case WRITE_CALL:
		/* A system call that reads the page, and then fails for another reason. */
		GM_SETUP(access((char *)hva, F_OK) && errno != EFAULT, "access(): %s",
			 gm_errno_name(errno));
		break;
	case POPULATE:
		gm_need(GM_NEED_GMEM_GUP);
		GM_SETUP_OK(madvise(hva, PG, MADV_POPULATE_WRITE));
		break;
	case REMOTE:
		GM_SETUP(process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == 8,
			 "process_vm_writev(): %s", gm_errno_name(errno));
		break;
	default:
		break;
	}
}

static void use_pages(unsigned int i, void *arg)
{
	const struct user *u = &((struct user *)arg)[i];
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(u->cpu, &one);
	GM_SETUP_OK(sched_setaffinity(0, sizeof(one), &one));
	for (uint64_t k = 0; k < u->n; k++)
		use_page(u, u->w->hva + (u->first + k * u->step) % NPAGES * PG);
}

static unsigned int cpus(int cpu[CPUS_MAX])
{
	unsigned int n = 0;
	cpu_set_t all;

	GM_SETUP_OK(sched_getaffinity(0, sizeof(all), &all));
	for (int i = 0; i < CPU_SETSIZE && n < CPUS_MAX; i++)
		if (CPU_ISSET(i, &all))
			cpu[n++] = i;
	return n;
}

GM_CASES(by_host, struct ip_start, v)
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	struct user user[CPUS_MAX];
	int cpu[CPUS_MAX], zero = GM_SETUP_OK(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	unsigned int n = cpus(cpu);
	/*
	 * A batch has up to 31 pages (include/linux/folio_batch.h): a part of one, a full one, and
	 * more.
	 */
	static const uint64_t pages[] = { 1, 3, 15, 31, 33, 64 };

	for (enum use use = 0; use < NR_USES; use++) {
		for (size_t k = 0; k < sizeof(pages) / sizeof(pages[0]); k++) {
			ip_convert(w, 0, NPAGES, false, "at the start");
			gm_gmem_punch(w->gmem, 0, SIZE);
			for (unsigned int i = 0; i < n; i++)
				user[i] = (struct user){ w, cpu[i], i, n, pages[k], use, zero };
			gm_parallel(n, use_pages, user);
			if (!ip_convert(w, 0, NPAGES, true, "pages just used"))
				goto out;
		}
	}
out:
	close(zero);
	gm_fixture_free(w);
}
GM_ROW(by_host, by_host_shared, .name = "conv.inplace_fresh.host",
       .text = "pages that the host has just used for the first time, on every CPU, can be converted") = {
	.private_first = false,
};
GM_ROW(by_host, by_host_private, .name = "conv.inplace_fresh.host.private_first",
       .text = "the same in a file that started private") = { .private_first = true };

IP_CASES(by_guest, v, "conv.inplace_fresh.guest",
	 "pages just allocated by two vCPUs, prefault or fallocate() can be converted",
	 .needs = GM_NEEDS(PREFAULT))
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE, .vcpus = 2);

	for (int round = 0; round < 12; round++) {
		uint64_t gpa = w->gpa + 128 * PG, size = 64 * PG;

		ip_convert(w, 0, NPAGES, false, "at the start");
		gm_gmem_punch(w->gmem, 0, SIZE);
		gm_guest_touch(w->vm, 0, w->gpa, 128 * PG, PG);
		gm_guest_touch(w->vm, 1, w->gpa + 64 * PG, 64 * PG, PG);
		GM_EXPECT_OK(gm_prefault(w->vm, round & 1, &gpa, &size, 0));
		gm_gmem_allocate(w->gmem, 192 * PG, 64 * PG);
		if (!ip_convert(w, round, NPAGES - round, true, "pages just allocated"))
			break;
	}
	gm_fixture_free(w);
}
