// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table: what a memfd with seals allows, and which seals a memfd in use takes: iommu.seals.
 *
 * Rows are users of the memory; columns are sets of seals, kinds of memory, executable or not, and
 * read-only file descriptors. Each cell has a new memfd of one page. What is refused leaves the
 * memory as it was.
 *
 * No cell: a WRITEABLE map by file of a memfd that is sealed against writing or opened read-only
 * (iommu.map_file_fd_mode asks for it, and Linux 7.3 fails it); write() to hugetlbfs, which has
 * none; chmod() of a hugetlbfs memfd with F_SEAL_EXEC: only shmem_setattr() knows that seal.
 */
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "dma_memory.h"

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#define MFD_EXEC 0x0010U
#endif

GM_FILE(.clause = "iommu.seals", .profile = "IO", .iommu = GM_IOMMU_MOCK, .flags = GM_REFUSAL,
	.needs = GM_NEEDS(UDMABUF), .caps = GM_CAPS(CAP_IPC_LOCK))

#define WRITES (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define MARK 0x5ea15ea15ea15ea1UL

enum kind { KIND_SHMEM, KIND_THP, KIND_2M, KIND_1G };

struct column {
	enum kind kind;
	bool exec;
};

struct cell {
	const struct column *col;
	struct gm_iommu *iommu;
	uint32_t ioas;
	int udmabuf;
	int fd;
	uint64_t page, size; /* bytes of a page, of the file */
	unsigned int seals;
	uint8_t *hva; /* a writable mapping that is older than the seals; NULL: none */
};

static uint64_t page_size(enum kind kind)
{
	return kind == KIND_SHMEM ? GM_PAGE_SIZE : kind == KIND_1G ? GM_1G : GM_2M;
}

/* A memfd with the mark in its first word. */
static void cell_open(struct cell *c)
{
	unsigned int flags =
		MFD_CLOEXEC | MFD_ALLOW_SEALING | (c->col->exec ? MFD_EXEC : MFD_NOEXEC_SEAL);

	c->page = page_size(c->col->kind);
	c->size = c->page * (c->col->kind == KIND_1G ? 1 : 2);
	if (c->col->kind >= KIND_2M)
		flags |= MFD_HUGETLB | (c->col->kind == KIND_1G ? 30U : 21U) << 26;
	c->fd = GM_SETUP_OK(memfd_create("gm_seals", flags));
	GM_SETUP_OK(ftruncate(c->fd, c->size));
	c->hva = dma_memory_mmap(c->fd, c->size, c->page);
	*(volatile uint64_t *)c->hva = MARK;
	if (c->col->kind == KIND_THP)
		dma_memory_collapse(c->hva, 0);
}

static void drop_hva(struct cell *c)
{
	if (c->hva)
		munmap(c->hva, c->size);
	c->hva = NULL;
}

static void cell_close(struct cell *c)
{
	drop_hva(c);
	close(c->fd);
}

static void *map_shared(struct cell *c, int prot, int flags)
{
	void *p = mmap(NULL, c->page, prot, flags, c->fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static uint64_t peek(struct cell *c)
{
	volatile uint64_t *p = map_shared(c, PROT_READ, MAP_SHARED);
	uint64_t word;

	GM_ASSERT(p, "a read-only mapping, seals %#x: %s", c->seals, gm_errno_name(errno));
	word = *p;
	munmap((void *)p, c->page);
	return word;
}

/* --- users: 0, or the errno --- */

static int use_shared(struct cell *c)
{
	void *p = map_shared(c, PROT_READ | PROT_WRITE, MAP_SHARED);

	if (!p)
		return errno;
	munmap(p, c->page);
	return 0;
}

static int use_mprotect(struct cell *c)
{
	void *p = map_shared(c, PROT_READ, MAP_SHARED);
	int err;

	if (!p)
		return -errno;
	err = mprotect(p, c->page, PROT_READ | PROT_WRITE) ? errno : 0;
	munmap(p, c->page);
	return err;
}

/* A private mapping can be written, and the file does not change. */
static int use_private(struct cell *c)
{
	volatile uint64_t *p = map_shared(c, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	int err = 0;

	if (!p)
		return errno;
	if (c->col->kind < KIND_2M) { /* of huge pages there may be none left for the copy */
		*p = 1;
		err = *p == 1 ? 0 : EIO;
	}
	munmap((void *)p, c->page);
	return err;
}

static int use_pwrite(struct cell *c)
{
	uint64_t same = MARK;

	return pwrite(c->fd, &same, 8, 0) == 8 ? 0 : errno;
}

static int use_punch(struct cell *c)
{
	return fallocate(c->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, c->size - c->page,
			 c->page)
		       ? errno
		       : 0;
}

static int use_shrink(struct cell *c)
{
	return ftruncate(c->fd, c->size - c->page) ? errno : 0;
}

static int use_grow(struct cell *c)
{
	return ftruncate(c->fd, c->size + c->page) ? errno : 0;
}

static int use_fallocate(struct cell *c)
{
	return fallocate(c->fd, 0, c->size, c->page) ? errno : 0;
}

static int use_add(struct cell *c)
{
	return fcntl(c->fd, F_ADD_SEALS, F_SEAL_SHRINK) ? errno : 0;
}

static int use_chmod(struct cell *c)
{
	return fchmod(c->fd, c->col->exec ? 0666 : 0777) ? errno : 0;
}

static int use_udmabuf(struct cell *c)
{
	struct udmabuf_create arg = { .memfd = c->fd,
				      .flags = UDMABUF_FLAGS_CLOEXEC,
				      .size = c->page };
	int buf = ioctl(c->udmabuf, UDMABUF_CREATE, &arg);

	if (buf < 0)
		return errno;
	close(buf);
	return 0;
}

static int use_file_ro(struct cell *c)
{
	uint64_t at = IOVA;

	if (__gm_map_file(c->iommu, c->ioas, c->fd, 0, GM_PAGE_SIZE, &at, GM_RO))
		return errno;
	gm_unmap(c->iommu, c->ioas, at, GM_PAGE_SIZE);
	return 0;
}

static int use_file_rw(struct cell *c)
{
	uint64_t at = IOVA;

	if (c->seals & WRITES) /* no cell: see the top */
		return -1;
	if (__gm_map_file(c->iommu, c->ioas, c->fd, 0, GM_PAGE_SIZE, &at, GM_RW))
		return errno;
	gm_unmap(c->iommu, c->ioas, at, GM_PAGE_SIZE);
	return 0;
}

static int by_address(struct cell *c, int prot, int flags, uint32_t iommu_prot)
{
	void *p = map_shared(c, prot, flags);
	uint64_t at = IOVA;
	int err;

	if (!p)
		return -errno;
	err = __gm_map_hva(c->iommu, c->ioas, p, GM_PAGE_SIZE, &at, iommu_prot) ? errno : 0;
	if (!err)
		gm_unmap(c->iommu, c->ioas, at, GM_PAGE_SIZE);
	munmap(p, c->page);
	return err;
}

static int use_hva_ro(struct cell *c)
{
	return by_address(c, PROT_READ, MAP_SHARED, GM_RO);
}

static int use_hva_rw(struct cell *c)
{
	return by_address(c, PROT_READ, MAP_SHARED, GM_RW);
}

/* Writes through a read-only mapping: by another process's way, and by a debugger's. */
static int use_writev(struct cell *c)
{
	void *p = map_shared(c, PROT_READ, MAP_SHARED);
	uint64_t bad = 1;
	struct iovec from = { &bad, 8 }, to = { p, 8 };
	int err;

	if (!p)
		return -errno;
	(void)*(volatile uint64_t *)p;
	err = process_vm_writev(getpid(), &from, 1, &to, 1, 0) < 0 ? errno : 0;
	munmap(p, c->page);
	return err;
}

static int use_proc_mem(struct cell *c)
{
	void *p = map_shared(c, PROT_READ, MAP_SHARED);
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC), err;
	uint64_t bad = 1;

	if (!p)
		return -errno;
	GM_SETUP(fd >= 0, "/proc/self/mem: %s", gm_errno_name(errno));
	err = pwrite(fd, &bad, 8, (uintptr_t)p) < 0 ? errno : 0;
	close(fd);
	munmap(p, c->page);
	return err;
}

/* A row: the seals that refuse it, each alone, and the errno; `always`: refused in every column. */
static const struct user {
	const char *name;
	int (*use)(struct cell *c);
	unsigned int denied_by;
	int err;
	unsigned int needs; /* without these seals it is refused, too */
	bool always;
	bool shmem_only;
} users[] = {
	{ "mmap shared and writable", use_shared, WRITES, EPERM },
	{ "mprotect of a read-only mapping", use_mprotect, WRITES, EACCES },
	{ "mmap private and writable", use_private, 0, 0 },
	{ "pwrite", use_pwrite, WRITES, EPERM, .shmem_only = true },
	{ "PUNCH_HOLE", use_punch, WRITES, EPERM },
	{ "ftruncate to less", use_shrink, F_SEAL_SHRINK, EPERM },
	{ "ftruncate to more", use_grow, F_SEAL_GROW, EPERM },
	{ "fallocate past the end", use_fallocate, F_SEAL_GROW, EPERM },
	{ "F_ADD_SEALS", use_add, F_SEAL_SEAL, EPERM },
	{ "chmod of the x bits", use_chmod, F_SEAL_EXEC, EPERM, .shmem_only = true },
	{ "udmabuf", use_udmabuf, WRITES, EINVAL, .needs = F_SEAL_SHRINK },
	{ "a read-only map by file", use_file_ro, 0, 0 },
	{ "a writable map by file", use_file_rw, 0, 0 },
	{ "a read-only map by address", use_hva_ro, 0, 0 },
	{ "a writable map of a read-only mapping", use_hva_rw, 0, EFAULT, .always = true },
	{ "process_vm_writev to a read-only mapping", use_writev, 0, EFAULT, .always = true },
	{ "a write to /proc/self/mem, a read-only mapping", use_proc_mem, 0, EIO, .always = true },
};

/* A column: one line. */
static const unsigned int seal_sets[] = {
	0,
	F_SEAL_SEAL,
	F_SEAL_SHRINK,
	F_SEAL_GROW,
	F_SEAL_WRITE,
	F_SEAL_FUTURE_WRITE,
	F_SEAL_EXEC,
	F_SEAL_SHRINK | F_SEAL_GROW,
	F_SEAL_SHRINK | F_SEAL_WRITE,
	F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE,
	F_SEAL_SHRINK | F_SEAL_EXEC,
	F_SEAL_WRITE | F_SEAL_FUTURE_WRITE,
	F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE |
		F_SEAL_EXEC,
};

/* The seals that a set gives: F_SEAL_EXEC of an executable file implies those against writing. */
static unsigned int implied(const struct column *col, unsigned int set)
{
	if (set & F_SEAL_EXEC && col->exec)
		set |= F_SEAL_SHRINK | F_SEAL_GROW | WRITES;
	return set | (col->exec ? 0 : F_SEAL_EXEC);
}

static void expect_cell(struct cell *c, const struct user *u, unsigned int set)
{
	int want = u->always || c->seals & u->denied_by || u->needs & ~c->seals ? u->err : 0, got;

	got = u->use(c);
	if (got == -1)
		return;
	GM_EXPECT(got == want, "%s, seals %#x (%#x added): expected %s, observed %s", u->name,
		  c->seals, set, want ? gm_errno_name(want) : "success",
		  got ? gm_errno_name(got) : "success");
	if (!want)
		gm_control(!got, "a use that the seals allow");
	if (u->use != use_punch && u->use != use_shrink)
		GM_EXPECT_EQ(peek(c), MARK, "%s, seals %#x: the first word of the file", u->name,
			     c->seals);
}

static void table_open(struct cell *c, const struct gm_case *self)
{
	c->iommu = gm_iommu_new(self->iommu);
	c->ioas = gm_ioas_new(c->iommu);
	c->udmabuf = GM_SETUP_OK(open("/dev/udmabuf", O_RDWR | O_CLOEXEC));
}

GM_CASES(sealed, struct column, v)
{
	struct cell c = { .col = v };
	struct gm_iodev *dev;

	table_open(&c, self);
	dev = gm_iodev_new(c.iommu, c.ioas);
	for (unsigned int s = 0; s < sizeof(seal_sets) / sizeof(*seal_sets); s++)
		for (unsigned int i = 0; i < sizeof(users) / sizeof(*users); i++) {
			if (users[i].shmem_only && v->kind >= KIND_2M)
				continue;
			cell_open(&c);
			drop_hva(&c);
			c.seals = implied(v, seal_sets[s]);
			GM_EXPECT_OK(fcntl(c.fd, F_ADD_SEALS, seal_sets[s]), "seals %#x",
				     seal_sets[s]);
			GM_EXPECT_EQ(fcntl(c.fd, F_GET_SEALS), c.seals, "seals, %#x added",
				     seal_sets[s]);
			expect_cell(&c, &users[i], seal_sets[s]);
			cell_close(&c);
		}
	gm_iodev_free(dev);
	gm_iommu_free(c.iommu);
	close(c.udmabuf);
}

#define SEALED(id, row_name, what, ...)                                                            \
	GM_ROW(sealed, id, .name = "iommu.seals." row_name,                                        \
	       .text = what ": what each set of seals allows", __VA_ARGS__)

SEALED(shmem, "shmem", "4 KiB pages") = { KIND_SHMEM, false };
SEALED(shmem_x, "shmem_exec", "4 KiB pages, executable", .flags = GM_SAMPLED) = { KIND_SHMEM,
										  true };
SEALED(thp, "thp", "a huge page of shmem", .flags = GM_SAMPLED) = { KIND_THP, false };
SEALED(huge, "hugetlb_2m", "2 MiB pages", .huge_2m = 6, .flags = GM_SAMPLED) = { KIND_2M, false };
SEALED(huge_x, "hugetlb_2m_exec", "2 MiB pages, executable", .huge_2m = 6,
       .flags = GM_SAMPLED) = { KIND_2M, true };

/* --- seals while the memory is in use --- */

/* How the first page is held. Returns what release() takes. */
struct holder {
	const char *name;
	int (*hold)(struct cell *c);
	void (*release)(struct cell *c, int held);
	bool lets; /* F_SEAL_WRITE is granted all the same */
};

static int hold_file(struct cell *c)
{
	gm_map_file(c->iommu, c->ioas, c->fd, 0, GM_PAGE_SIZE, IOVA, GM_RW);
	return 0;
}

static int hold_file_ro(struct cell *c)
{
	gm_map_file(c->iommu, c->ioas, c->fd, 0, GM_PAGE_SIZE, IOVA, GM_RO);
	return 0;
}

/* The last part of the last page. */
static int hold_file_end(struct cell *c)
{
	gm_map_file(c->iommu, c->ioas, c->fd, c->size - GM_PAGE_SIZE, GM_PAGE_SIZE, IOVA, GM_RW);
	return 0;
}

static int hold_hva(struct cell *c)
{
	uint64_t at = IOVA;

	GM_SETUP_OK(__gm_map_hva(c->iommu, c->ioas, c->hva, GM_PAGE_SIZE, &at, GM_RW));
	return 0;
}

static void release_map(struct cell *c, int held __attribute__((unused)))
{
	gm_unmap(c->iommu, c->ioas, IOVA, GM_PAGE_SIZE);
}

static int hold_udmabuf(struct cell *c)
{
	struct udmabuf_create arg = { .memfd = c->fd,
				      .flags = UDMABUF_FLAGS_CLOEXEC,
				      .size = c->page };

	GM_SETUP_OK(fcntl(c->fd, F_ADD_SEALS, F_SEAL_SHRINK));
	c->seals |= F_SEAL_SHRINK;
	return GM_SETUP_OK(ioctl(c->udmabuf, UDMABUF_CREATE, &arg));
}

static void release_fd(struct cell *c __attribute__((unused)), int held)
{
	close(held);
}

static int hold_mapping(struct cell *c)
{
	void *p = map_shared(c, PROT_READ | PROT_WRITE, MAP_SHARED);

	GM_SETUP(p, "mmap: %s", gm_errno_name(errno));
	c->hva = p;
	return 0;
}

static void release_mapping(struct cell *c, int held __attribute__((unused)))
{
	munmap(c->hva, c->page);
	c->hva = NULL;
}

static int hold_reader(struct cell *c)
{
	c->hva = map_shared(c, PROT_READ, MAP_PRIVATE | MAP_NORESERVE);
	GM_SETUP(c->hva, "mmap: %s", gm_errno_name(errno));
	(void)*(volatile uint8_t *)c->hva;
	return 0;
}

static const struct holder holders[] = {
	{ "a map by file", hold_file, release_map },
	{ "a read-only map by file", hold_file_ro, release_map },
	{ "a map by file of the end", hold_file_end, release_map },
	{ "a map by address", hold_hva, release_map },
	{ "a udmabuf", hold_udmabuf, release_fd },
	{ "a writable mapping", hold_mapping, release_mapping },
	{ "a private mapping", hold_reader, release_mapping, .lets = true },
};

static void expect_held(struct cell *c, const struct holder *h)
{
	int held;

	cell_open(c);
	c->seals = c->col->exec ? 0 : F_SEAL_EXEC;
	if (h->hold != hold_hva)
		drop_hva(c);
	held = h->hold(c);
	if (h->hold == hold_hva)
		drop_hva(c);
	if (h->lets) {
		GM_EXPECT_OK(fcntl(c->fd, F_ADD_SEALS, F_SEAL_WRITE), "%s", h->name);
		h->release(c, held);
		cell_close(c);
		return;
	}
	GM_EXPECT_ERRNO(EBUSY, fcntl(c->fd, F_ADD_SEALS, F_SEAL_WRITE), "%s", h->name);
	GM_EXPECT_ERRNO(EBUSY, fcntl(c->fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW), "%s",
			h->name);
	if (c->col->exec)
		GM_EXPECT_ERRNO(EBUSY, fcntl(c->fd, F_ADD_SEALS, F_SEAL_EXEC), "%s", h->name);
	GM_EXPECT_EQ(fcntl(c->fd, F_GET_SEALS), c->seals, "%s: seals after the refusals", h->name);
	/* A refusal does not keep others from writing. */
	GM_EXPECT_EQ(use_shared(c), 0, "%s: a writable mapping after the refusals, errno", h->name);
	/* Seals that do not ask who can write now. */
	GM_EXPECT_OK(fcntl(c->fd, F_ADD_SEALS, F_SEAL_GROW), "%s", h->name);
	GM_EXPECT_OK(fcntl(c->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), "%s", h->name);
	c->seals |= F_SEAL_GROW | F_SEAL_FUTURE_WRITE;
	GM_EXPECT_EQ(fcntl(c->fd, F_GET_SEALS), c->seals, "%s: seals", h->name);
	GM_EXPECT_EQ(use_shared(c), EPERM, "%s: a new writable mapping, errno", h->name);
	h->release(c, held);
	gm_control(!fcntl(c->fd, F_ADD_SEALS, F_SEAL_WRITE), "F_SEAL_WRITE when nobody holds it");
	GM_EXPECT_EQ(fcntl(c->fd, F_GET_SEALS), c->seals | F_SEAL_WRITE, "%s: seals at the end",
		     h->name);
	GM_EXPECT_EQ(peek(c), MARK, "%s: the first word of the file", h->name);
	cell_close(c);
}

GM_CASES(held, struct column, v)
{
	struct cell c = { .col = v };
	struct gm_iodev *dev;

	table_open(&c, self);
	dev = gm_iodev_new(c.iommu, c.ioas);
	for (unsigned int i = 0; i < sizeof(holders) / sizeof(*holders); i++)
		expect_held(&c, &holders[i]);
	gm_iodev_free(dev);
	gm_iommu_free(c.iommu);
	close(c.udmabuf);
}

#define HELD(id, row_name, what, ...)                                                              \
	GM_ROW(held, id, .name = "iommu.seals.held_" row_name,                                     \
	       .text = what ": which seals a page takes that is pinned or mapped", __VA_ARGS__)

HELD(held_shmem, "shmem", "4 KiB pages", .flags = GM_SAMPLED) = { KIND_SHMEM, false };
HELD(held_shmem_x, "shmem_exec", "4 KiB pages, executable", .flags = GM_SAMPLED) = { KIND_SHMEM,
										     true };
HELD(held_thp, "thp", "a huge page of shmem", .flags = GM_SAMPLED) = { KIND_THP, false };
HELD(held_2m, "hugetlb_2m", "2 MiB pages", .huge_2m = 4, .flags = GM_SAMPLED) = { KIND_2M, false };
HELD(held_1g, "hugetlb_1g", "a 1 GiB page", .huge_1g = 1, .flags = GM_FULL_ONLY) = { KIND_1G,
										     true };

/* --- a descriptor that cannot write --- */

GM_CASE(read_only, .name = "iommu.seals.read_only", .huge_2m = 4,
	.text = "a read-only descriptor: no seal, no writable mapping, no size, no hole, whatever the memory")
{
	static const struct column cols[] = { { KIND_SHMEM, true }, { KIND_2M, true } };
	struct cell c = { 0 };
	struct gm_iodev *dev;

	table_open(&c, self);
	dev = gm_iodev_new(c.iommu, c.ioas);
	for (unsigned int i = 0; i < 2; i++) {
		char path[32];
		int fd, rw;

		c.col = &cols[i];
		cell_open(&c);
		drop_hva(&c);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", c.fd);
		fd = GM_SETUP_OK(open(path, O_RDONLY | O_CLOEXEC));
		rw = c.fd;
		c.fd = fd;
		GM_EXPECT_ERRNO(EPERM, fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
		GM_EXPECT_EQ(fcntl(fd, F_GET_SEALS), 0, "seals");
		GM_EXPECT_EQ(use_shared(&c), EACCES, "a writable mapping, errno");
		GM_EXPECT_EQ(use_mprotect(&c), EACCES, "mprotect, errno");
		GM_EXPECT_EQ(use_pwrite(&c), EBADF, "pwrite, errno");
		GM_EXPECT_EQ(use_shrink(&c), EINVAL, "ftruncate, errno");
		GM_EXPECT_EQ(use_punch(&c), EBADF, "PUNCH_HOLE, errno");
		GM_EXPECT_EQ(use_hva_rw(&c), EFAULT, "a writable map by address, errno");
		GM_EXPECT_EQ(use_proc_mem(&c), EIO, "/proc/self/mem, errno");
		gm_control(!use_hva_ro(&c) && !use_file_ro(&c), "read-only maps");
		GM_EXPECT_EQ(peek(&c), MARK, "the first word");
		close(fd);
		c.fd = rw;
		cell_close(&c);
	}
	gm_iodev_free(dev);
	gm_iommu_free(c.iommu);
	close(c.udmabuf);
}
