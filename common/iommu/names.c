// SPDX-License-Identifier: GPL-2.0-only
/* Ids without an object, arguments that cannot be read or written, a process that has exited. */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "calls.h"

GM_FILE(.clause = "iommu.map_file_args", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK), .flags = GM_REFUSAL)

#define PG GM_PAGE_SIZE

GM_CASE(ids, .name = "iommu.map_file_args.ids",
	.text = "every ioctl with an unused id, id 0 and the id of another kind of object: ENOENT")
{
	struct dma_memory m = iommu_calls_memory();

	for (unsigned int i = 0; i < iommu_calls_nr; i++) {
		const struct iommu_call *c = &iommu_calls[i];

		for (unsigned int k = 0; k < ARRAY_SIZE(c->id) && c->id[k].at; k++) {
			const uint32_t wrong[] = { 4711, 0, c->id[k].device ? m.ioas : m.dev->idev,
						   m.dev->hwpt };

			for (unsigned int w = 0; w < ARRAY_SIZE(wrong); w++)
				GM_EXPECT_ERRNO(ENOENT,
						iommu_call_with(c, &m, c->id[k].at,
								sizeof(wrong[w]), wrong[w]),
						"%s: %u in the id at byte %u", c->name, wrong[w],
						c->id[k].at);
		}
		iommu_call_good(c, &m);
	}
	dma_memory_free(&m);
}

/* The id that the next object gets: the lowest free one. */
static uint32_t next_id(struct dma_memory *m)
{
	uint32_t id = gm_ioas_new(m->iommu);

	gm_iommu_destroy(m->iommu, id);
	return id;
}

GM_CASE(unwritable, .name = "iommu.map_file_args.unwritable",
	.text = "an argument in read-only memory: EFAULT from each call that answers in it, and no object of that call is left")
{
	void *page = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	GM_SETUP(page != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	for (unsigned int i = 0; i < iommu_calls_nr; i++) {
		const struct iommu_call *c = &iommu_calls[i];
		/* A map stays, so each call has memory of its own. */
		struct dma_memory m = iommu_calls_memory();
		union iommu_call_arg arg;
		uint32_t next;

		iommu_call_good(c, &m);
		iommu_call_fill(c, &m, &arg);
		next = next_id(&m);
		GM_SETUP_OK(mprotect(page, PG, PROT_READ | PROT_WRITE));
		memcpy(page, &arg, sizeof(arg));
		GM_SETUP_OK(mprotect(page, PG, PROT_READ));
		if (c->answers) {
			GM_EXPECT_ERRNO(EFAULT, ioctl(m.iommu->fd, c->nr, page), "%s", c->name);
			GM_EXPECT_EQ(next_id(&m), next, "%s: the next object's id", c->name);
		} else {
			gm_promise(!ioctl(m.iommu->fd, c->nr, page), "%s does not answer", c->name);
		}
		dma_memory_free(&m);
	}
	munmap(page, PG);
}

GM_CASE(unreadable, .name = "iommu.map_file_args.unreadable",
	.text = "an argument, or a list that it points to, with unmapped memory at its end: EFAULT")
{
	struct dma_memory m = iommu_calls_memory();
	uint8_t *area =
		mmap(NULL, 2 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *end = area + PG;
	uint64_t list = (uintptr_t)end - 8;
	union iommu_call_arg arg;
	struct iommu_ioas_allow_iovas *allow = (void *)&arg;

	GM_SETUP(area != MAP_FAILED && !munmap(end, PG), "mmap: %s", gm_errno_name(errno));
	for (unsigned int i = 0; i < iommu_calls_nr; i++) {
		const struct iommu_call *c = &iommu_calls[i];

		iommu_call_fill(c, &m, &arg);
		memcpy(end - c->size + 8, &arg, c->size - 8);
		GM_EXPECT_ERRNO(EFAULT, ioctl(m.iommu->fd, c->nr, end - c->size + 8),
				"%s: the last 8 bytes are unmapped", c->name);
		memcpy(end - c->size, &arg, c->size);
		gm_promise(!ioctl(m.iommu->fd, c->nr, end - c->size), "%s: a readable argument",
			   c->name);
		if (c->undo)
			c->undo(&m, end - c->size);
	}
	BAD(&m, EFAULT, IOMMU_IOAS_IOVA_RANGES, iommu_ioas_iova_ranges, allowed_iovas, list,
	    "ranges to a buffer of 8 bytes");
	iommu_call_fill(iommu_call(IOMMU_IOAS_ALLOW_IOVAS), &m, &arg);
	allow->num_iovas = 1;
	allow->allowed_iovas = list;
	GM_EXPECT_ERRNO(EFAULT, ioctl(m.iommu->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg),
			"a range of which 8 bytes are readable");
	munmap(area, PG);
	dma_memory_free(&m);
}

GM_CASE(gone, .name = "iommu.map_hva.process_gone", .clause = "iommu.map_hva",
	.text = "memory of a process that has exited: neither device nor in-kernel user gets it; the unmap works")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, PG, 0);
	uint64_t at = IOVA, len = 4 * PG, word;
	int begin[2], end[2], status, user, pins;
	char c = 0;
	void *mem;
	pid_t pid;

	GM_SETUP_OK(pipe2(begin, O_CLOEXEC));
	GM_SETUP_OK(pipe2(end, O_CLOEXEC));
	/* This process has memory at the same address: it must not be used instead. */
	mem = mmap(NULL, 4 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	GM_SETUP(mem != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	pid = GM_SETUP_OK(fork());
	if (!pid) {
		close(end[1]);
		if (__gm_map_hva(m.iommu, m.ioas, mem, 4 * PG, &at, GM_RW) ||
		    write(begin[1], &c, 1) != 1)
			_exit(1);
		_exit(read(end[0], &c, 1) != 0);
	}
	close(end[0]);
	GM_SETUP(read(begin[0], &c, 1) == 1, "the child did not map its memory");
	user = gm_access_new(m.iommu, m.ioas, false);
	pins = gm_access_new(m.iommu, m.ioas, true);
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	gm_promise(!__gm_dma_read(m.dev, IOVA, &word, 8), "attach while the process lives");
	gm_iodev_free(m.dev);
	m.dev = NULL;
	close(end[1]);
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_SETUP(!status, "the child's status: %#x", status);
	GM_EXPECT_ERRNO(EFAULT, (m.dev = __gm_iodev_new(m.iommu, m.ioas)) ? 0 : -1,
			"attach after the exit");
	GM_EXPECT_ERRNO(EFAULT, __gm_access_rw(m.iommu, user, IOVA, &word, 8, false), "a user");
	GM_EXPECT_ERRNO(EFAULT, __gm_access_pin(m.iommu, pins, IOVA, PG, NULL, false), "a pin");
	GM_EXPECT_OK(__gm_unmap(m.iommu, m.ioas, IOVA, &len));
	GM_EXPECT_EQ(len, 4 * PG, "bytes unmapped");
	close(user);
	close(pins);
	close(begin[0]);
	close(begin[1]);
	munmap(mem, 4 * PG);
	dma_memory_free(&m);
}
