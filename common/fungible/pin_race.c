// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page of a hugetlb memfd that is pinned while another thread touches it first takes no reservation
 * of anybody: fungible.pool_back. Linux 7.3.4 fails it, see findings/memfd-hugetlb-reserve.
 */
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "gm.h"
#include "pool.h"

GM_FILE(.clause = "fungible.pool_back", .profile = "any", .huge_2m = 3, .needs = GM_NEEDS(UDMABUF))

#define TRIES 200

struct race {
	volatile uint8_t *hva; /* a mapping of the memfd without a reservation */
	atomic_uint go, done;
};

/* The kernel zeroes the page before it is in the page cache: that is long enough for a pin. */
static void *touch(void *arg)
{
	struct race *r = arg;

	for (unsigned int i = 1; i <= TRIES; i++) {
		while (atomic_load(&r->go) < i)
			;
		*r->hva = i;
		atomic_store(&r->done, i);
	}
	return NULL;
}

GM_CASE(pin_race, .name = "fungible.pool_back.pin_race", .flags = GM_FULL_ONLY | GM_DESTRUCTIVE,
	.text = "a udmabuf of a huge page during its first touch: all reservations are still there")
{
	int udmabuf = GM_SETUP_OK(open("/dev/udmabuf", O_RDWR | O_CLOEXEC)), memfd, fd;
	struct udmabuf_create arg = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = GM_2M };
	uint8_t *other =
		mmap(NULL, GM_2M, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | (21 << MAP_HUGE_SHIFT), -1, 0);
	struct race r = { 0 };
	struct gm_pool before;
	unsigned int i, pinned = 0;
	pthread_t thread;

	GM_SETUP(other != MAP_FAILED, "mmap of a huge page: %s", gm_errno_name(errno));
	memfd = GM_SETUP_OK(memfd_create("gm_race", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB |
							    (21U << 26)));
	GM_SETUP_OK(ftruncate(memfd, GM_2M));
	GM_SETUP_OK(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	r.hva = mmap(NULL, GM_2M, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memfd, 0);
	GM_SETUP(r.hva != MAP_FAILED, "mmap of the memfd: %s", gm_errno_name(errno));
	arg.memfd = memfd;
	gm_pool_read(&before, GM_2M);
	GM_SETUP(!pthread_create(&thread, NULL, touch, &r), "pthread_create");
	for (i = 1; i <= TRIES; i++) {
		atomic_store(&r.go, i);
		for (volatile unsigned int k = 0; k < i * 200; k++)
			;
		fd = ioctl(udmabuf, UDMABUF_CREATE, &arg);
		while (atomic_load(&r.done) < i)
			;
		GM_EXPECT(fd >= 0, "try %u: a udmabuf of an allocated page: %s", i,
			  gm_errno_name(errno));
		pinned += fd >= 0;
		if (fd >= 0)
			close(fd);
		GM_SETUP_OK(fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, GM_2M));
		if (!gm_pool_expect(&before, 0, 0, "pinned and given back"))
			break;
	}
	atomic_store(&r.go, TRIES);
	pthread_join(thread, NULL);
	gm_promise(pinned, "a udmabuf of a huge page");
	munmap((void *)r.hva, GM_2M);
	close(memfd);
	munmap(other, GM_2M);
	close(udmabuf);
}
