// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of guest_memfd are not in memory that must be movable, and never move: the page frames of
 * mappable guest_memfds, from /proc/self/pagemap.
 */
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "gm.h"
#include "journal.h"
#include "node.h"
#include "pool.h"
#include "quiet.h"

GM_FILE(.clause = "fungible.unmovable", .profile = "P1", .needs = GM_NEEDS(INIT_SHARED, ROOT),
	.caps = GM_CAPS_ALL)

#define POOL_1G "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"
#define AREAS 16

/* A mapped guest_memfd of an ordinary VM without vCPUs, every page allocated and written. */
struct file {
	struct gm_vm *vm;
	int fd;
	uint8_t *hva;
	uint64_t size;
};

static void file_new(struct file *f, uint64_t size)
{
	f->vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 0);
	f->size = size;
	f->fd = gm_gmem_new(f->vm, size, GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED);
	f->hva = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	GM_SETUP(f->hva != MAP_FAILED, "mmap of a guest_memfd: %s", gm_errno_name(errno));
	for (uint64_t off = 0; off < size; off += GM_PAGE_SIZE)
		*(uint64_t *)(f->hva + off) = gm_word(off / GM_PAGE_SIZE, GM_WRITER_SHARED, 1, 0);
}

static void file_free(struct file *f)
{
	munmap(f->hva, f->size);
	close(f->fd);
	gm_vm_free(f->vm);
}

static uint64_t pfn_of(const void *hva)
{
	uint64_t pfn = gm_pfn_of(hva);

	if (!pfn)
		gm_skip("pagemap does not show page frames", "run as root");
	return pfn;
}

#define UNMOVABLE_LEN (8UL << 20)

/* Compaction and reclaim do not move these pages: same frame, same content. */
GM_CASE(unmovable, .name = "fungible.unmovable.compaction",
	.text = "compaction, MADV_PAGEOUT and MADV_COLD leave every page in its frame",
	.tokens = GM_TOKEN_MODULE)
{
	const uint64_t nr = UNMOVABLE_LEN / GM_PAGE_SIZE;
	uint64_t *before = calloc(nr, sizeof(*before));
	struct file f;
	int fd;

	GM_SETUP(before, "out of memory");
	file_new(&f, UNMOVABLE_LEN);
	/* Makes holes, so that compaction has work. */
	for (uint64_t i = 0; i < nr; i += 3)
		gm_gmem_punch(f.fd, i * GM_PAGE_SIZE, GM_PAGE_SIZE);
	for (uint64_t i = 0; i < nr; i++)
		before[i] = i % 3 ? pfn_of(f.hva + i * GM_PAGE_SIZE) : 0;
	fd = open("/proc/sys/vm/compact_memory", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		gm_skip("no compaction", "CONFIG_COMPACTION=y");
	GM_SETUP_OK(write(fd, "1", 1));
	close(fd);
	madvise(f.hva, f.size, MADV_COLD);
	madvise(f.hva, f.size, MADV_PAGEOUT);
	for (uint64_t i = 0; i < nr; i++) {
		uint64_t *word = (uint64_t *)(f.hva + i * GM_PAGE_SIZE), pfn;

		if (!(i % 3))
			continue;
		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(i * GM_PAGE_SIZE), .hva = GM_AT((uintptr_t)word)),
			     *word == gm_word(i, GM_WRITER_SHARED, 1, 0),
			     "expected its own word, observed %s", gm_word_str(*word));
		pfn = pfn_of(word);
		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(i * GM_PAGE_SIZE), .pfn = GM_AT(pfn)),
			     pfn == before[i], "moved from frame %#lx to frame %#lx", before[i],
			     pfn);
	}
	file_free(&f);
	free(before);
}

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

/*
 * The only way to move pages on a machine with one node: the kernel takes a frame out of use, and
 * moves its content. It must refuse pages of guest_memfd, since the guest's mappings would not
 * follow.
 */
GM_CASE(soft_offline, .name = "fungible.unmovable.soft_offline",
	.text = "soft offline of pages is EBUSY; guest and host keep the same frame",
	.needs = GM_NEEDS(GMEM_MMAP, TDP, HWPOISON), .tokens = GM_TOKEN_MODULE)
{
	const uint64_t nr = 16;
	struct gm_fixture *w =
		GM_FIXTURE(.flavour = &gm_p1, .size = nr * GM_PAGE_SIZE, .uaddr = GM_UADDR_NONE);

	gm_fixture_fill(w, 0, GFN(w->gpa), nr);
	gm_fixture_check_host(w, GFN(w->gpa), nr, 1, "before");
	for (uint64_t p = 0; p < nr; p += 5) {
		uint8_t *hva = w->hva + p * GM_PAGE_SIZE;
		uint64_t before = pfn_of(hva), after;

		GM_EXPECT_ERRNO(EBUSY, madvise(hva, GM_PAGE_SIZE, MADV_SOFT_OFFLINE), "page %lu",
				p);
		after = pfn_of(hva);
		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(p * GM_PAGE_SIZE), .pfn = GM_AT(after)),
			     before == after, "moved from frame %#lx to frame %#lx", before, after);
		gm_prove_same_page(w->vm, 0, w->gpa + p * GM_PAGE_SIZE, hva);
	}
	gm_fixture_check_guest(w, 0, GFN(w->gpa), nr, 1, "afterwards");
	gm_fixture_free(w);
}

#define MOVED 64UL

/* Moves all pages to a node. Returns how many were not moved, or -1. */
static long move_to(uint8_t *hva, int to)
{
	int status[MOVED], node[MOVED];
	void *page[MOVED];

	for (unsigned long i = 0; i < MOVED; i++) {
		page[i] = hva + i * GM_PAGE_SIZE;
		node[i] = to;
	}
	return syscall(SYS_move_pages, 0, MOVED, page, node, status, MPOL_MF_MOVE_ALL);
}

static long bind_to(uint8_t *hva, int to)
{
	unsigned long mask = 1UL << to;

	return syscall(SYS_mbind, hva, MOVED * GM_PAGE_SIZE, MPOL_BIND, &mask, 64,
		       MPOL_MF_MOVE_ALL | MPOL_MF_STRICT);
}

/* Control: both calls move ordinary memory. */
static void control_moves(int there)
{
	struct gm_mem *mem = gm_mem_new(GM_MEM_SHMEM, 2 * MOVED * GM_PAGE_SIZE);
	uint8_t *second = mem->hva + MOVED * GM_PAGE_SIZE;
	long ret;

	memset(mem->hva, 1, mem->size);
	ret = move_to(mem->hva, there);
	gm_control(ret == 0 && gm_node_of(mem->hva) == there, "move_pages() of a memfd gave %ld",
		   ret);
	ret = bind_to(second, there);
	gm_control(ret == 0 && gm_node_of(second) == there, "mbind() of a memfd gave %ld", ret);
	gm_mem_free(mem);
}

GM_CASE(move_pages, .name = "fungible.unmovable.move_pages",
	.text = "move_pages() to another node and mbind() with MOVE_ALL: no page moves, every page keeps its frame",
	.needs = GM_NEEDS(NUMA), .flags = GM_REFUSAL)
{
	uint64_t before[MOVED];
	struct file f;
	int there;

	file_new(&f, MOVED * GM_PAGE_SIZE);
	for (uint64_t i = 0; i < MOVED; i++)
		before[i] = pfn_of(f.hva + i * GM_PAGE_SIZE);
	there = gm_node_other(gm_node_of(f.hva));
	if (there < 0) {
		file_free(&f);
		gm_skip("one memory node only", "a machine with two NUMA nodes");
	}
	control_moves(there);
	/* The number of pages that stayed (mm/migrate.c, move_pages_and_store_status()). */
	GM_EXPECT_EQ(move_to(f.hva, there), MOVED, "pages that move_pages() did not move");
	GM_EXPECT_ERRNO(EIO, bind_to(f.hva, there));
	for (uint64_t i = 0; i < MOVED; i++) {
		uint64_t *word = (uint64_t *)(f.hva + i * GM_PAGE_SIZE), pfn = pfn_of(word);

		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(i * GM_PAGE_SIZE), .pfn = GM_AT(pfn)),
			     pfn == before[i], "moved from frame %#lx to frame %#lx", before[i],
			     pfn);
		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(i * GM_PAGE_SIZE)),
			     *word == gm_word(i, GM_WRITER_SHARED, 1, 0),
			     "expected its own word, observed %s", gm_word_str(*word));
	}
	file_free(&f);
}

#define BLANK "\n "

/* Sums free lists: "Node 0, zone DMA, type Movable" and then a number for each order. */
static long free_of_line(char *numbers)
{
	long order = 0, sum = 0;
	char *save;

	for (char *word = strtok_r(numbers, BLANK, &save); word;
	     word = strtok_r(NULL, BLANK, &save))
		sum += atol(word + (*word == '>')) << order++;
	return sum;
}

/* The n-th word of the line, or NULL. */
static char *nth_word(char *line, long n)
{
	char *save, *at = strtok_r(line, BLANK, &save);

	while (at && n--)
		at = strtok_r(NULL, BLANK, &save);
	return at;
}

static long which_word(char *line, const char *word)
{
	char *save;
	long n = 0;

	for (char *at = strtok_r(line, BLANK, &save); at; at = strtok_r(NULL, BLANK, &save), n++)
		if (!strcmp(at, word))
			return n;
	return -1;
}

/* Pages in use in the allocator's blocks of this type, of /proc/pagetypeinfo. */
static long used_in_blocks(const char *type)
{
	static const char header[] = "Number of blocks type";
	FILE *f = fopen("/proc/pagetypeinfo", "re");
	long order = 9, free_pages = 0, blocks = 0, column = -1;
	char line[512];

	if (!f)
		gm_skip("/proc/pagetypeinfo cannot be read", "run as root");
	while (fgets(line, sizeof(line), f)) {
		char *at = strstr(line, type), *word;

		sscanf(line, "Page block order: %ld", &order);
		if (!strncmp(line, header, sizeof(header) - 1)) {
			column = which_word(line + sizeof(header) - 1, type);
		} else if (column >= 0 && !strncmp(line, "Node", 4)) {
			/* "Node 0, zone DMA", and then a number for each type. */
			word = nth_word(line, 4 + column);
			blocks += word ? atol(word) : 0;
		} else if (at && !strncmp(line, "Node", 4)) {
			free_pages += free_of_line(at + strlen(type));
		}
	}
	fclose(f);
	return (blocks << order) - free_pages;
}

#define BLOCKS_LEN (48L << 20)
#define PIPE_LEN (1L << 20) /* the largest of an ordinary user, fs/pipe.c pipe_max_size */
#define PIPES (BLOCKS_LEN / PIPE_LEN)
#define MOST (BLOCKS_LEN / (long)GM_PAGE_SIZE * 3 / 4)

/* With much of it free, memory that can move comes from CMA, too. */
static long used_movable(void)
{
	return used_in_blocks("Movable") + used_in_blocks("CMA");
}

static long used_unmovable(void)
{
	return used_in_blocks("Unmovable");
}

/* How many pages of as much memory in pipes, which is unmovable, come from unmovable blocks. */
static long unmovable_of_pipes(void)
{
	/* Not static: the guest has a copy of the program. */
	char *block = calloc(1, PIPE_LEN);
	long before = used_unmovable(), taken;
	int fd[PIPES][2];

	GM_SETUP(block, "out of memory");
	for (int i = 0; i < PIPES; i++) {
		GM_SETUP_OK(pipe2(fd[i], O_CLOEXEC | O_NONBLOCK));
		GM_SETUP_OK(fcntl(fd[i][1], F_SETPIPE_SZ, PIPE_LEN));
		GM_SETUP(write(fd[i][1], block, PIPE_LEN) == PIPE_LEN, "a pipe is full");
	}
	taken = used_unmovable() - before;
	for (int i = 0; i < PIPES; i++) {
		close(fd[i][0]);
		close(fd[i][1]);
	}
	free(block);
	return taken;
}

/* The allocator of a fragmented machine takes what there is: then this memory is no measure. */
static void require_separation(long pages, const char *what)
{
	gm_note("of %ld pages of %s %ld come from blocks of their kind", BLOCKS_LEN / GM_PAGE_SIZE,
		what, pages);
	if (pages <= MOST)
		gm_skip("free memory is fragmented, or others use it: other memory comes from blocks of another kind, too",
			"run it soon after a boot, while the machine does nothing else");
}

/*
 * Also without CMA and ZONE_MOVABLE the allocator separates movable and unmovable pages. A page of
 * guest_memfd in a movable block would prevent huge pages. Blocks are counted over the whole
 * machine, so anonymous memory and pipes show before and after that they are separated.
 */
GM_CASE(blocks, .name = "fungible.cma.unmovable_blocks", .clause = "fungible.cma",
	.text = "48 MiB of guest_memfd come from unmovable blocks, as pipes do",
	.tokens = GM_TOKEN_ALONE)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 0);
	int fd = gm_gmem_new(vm, BLOCKS_LEN, GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED);
	long before, unmovable;
	struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, BLOCKS_LEN);

	GM_SETUP_OK(madvise(mem->hva, BLOCKS_LEN, MADV_NOHUGEPAGE));
	before = used_movable();
	memset(mem->hva, 1, BLOCKS_LEN);
	require_separation(used_movable() - before, "anonymous memory");
	gm_mem_free(mem);
	require_separation(unmovable_of_pipes(), "pipes");
	before = used_unmovable();
	gm_gmem_allocate(fd, 0, BLOCKS_LEN);
	unmovable = used_unmovable() - before;
	if (unmovable <= MOST) {
		close(fd);
		require_separation(unmovable_of_pipes(), "pipes, afterwards");
		gm_require_quiet(used_unmovable, MOST / 4);
	}
	GM_EXPECT(
		unmovable > MOST,
		"of %ld pages of a guest_memfd %ld come from unmovable blocks, expected more than %ld",
		BLOCKS_LEN / GM_PAGE_SIZE, unmovable, MOST);
	close(fd);
	gm_vm_free(vm);
}

/* Sets the size of the pool of 1 GiB pages. Returns the new size. */
static long pool_set(struct gm_journal *j, long nr)
{
	struct gm_pool now;
	char text[16];

	snprintf(text, sizeof(text), "%ld", nr);
	GM_SETUP(!gm_journal_set(j, POOL_1G, text), "%s cannot be written", POOL_1G);
	gm_pool_read(&now, GM_1G);
	return now.nr;
}

struct cma {
	struct gm_journal journal;
	uint64_t area[AREAS]; /* first frame of each GiB that the area provides */
	long nr;
};

static void cma_restore(void *arg)
{
	struct cma *c = arg;

	gm_journal_restore(&c->journal);
}

/* Finds the area by the frames of its 1 GiB pages, since the kernel does not report it. */
static void cma_find(struct cma *c)
{
	struct gm_pool before;
	struct gm_mem *mem;

	GM_SETUP(!gm_journal_open(&c->journal, gm_journal_dir()), "no journal");
	gm_cleanup(cma_restore, c);
	gm_pool_read(&before, GM_1G);
	c->nr = pool_set(&c->journal, before.nr + AREAS) - before.nr;
	if (c->nr <= 0)
		gm_skip("the hugetlb CMA area has no free 1 GiB page", "boot with hugetlb_cma=2G");
	mem = gm_mem_new(GM_MEM_HUGE_1G, c->nr * GM_1G);
	for (long i = 0; i < c->nr; i++) {
		mem->hva[i * GM_1G] = 1;
		c->area[i] = pfn_of(mem->hva + i * GM_1G);
	}
	gm_mem_free(mem);
	GM_SETUP(pool_set(&c->journal, before.nr) == before.nr, "the pool does not shrink");
}

static bool in_cma(const struct cma *c, uint64_t pfn)
{
	for (long i = 0; i < c->nr; i++)
		if (pfn - c->area[i] < GM_1G / GM_PAGE_SIZE)
			return true;
	return false;
}

/* First frame of ZONE_MOVABLE; all ones if it is empty. */
static uint64_t movable_start(void)
{
	FILE *f = fopen("/proc/zoneinfo", "re");
	uint64_t start = ~0UL, val, present = 0;
	bool movable = false;
	char line[128];

	while (f && fgets(line, sizeof(line), f)) {
		if (strstr(line, "zone "))
			movable = strstr(line, "Movable");
		if (movable && sscanf(line, " present %lu", &val) == 1)
			present = val;
		if (movable && present && sscanf(line, " start_pfn: %lu", &val) == 1 && val < start)
			start = val;
	}
	if (f)
		fclose(f);
	return start;
}

#define CMA_FILES 3
#define CMA_LEN (512UL << 20)

GM_CASE(cma, .name = "fungible.cma.outside", .clause = "fungible.cma",
	.text = "guest_memfd is not in the CMA area or in ZONE_MOVABLE, and 1 GiB pages still come from there",
	.needs = GM_NEEDS(CMA), .tokens = GM_TOKEN_HUGE | GM_TOKEN_ALONE, .flags = GM_FULL_ONLY,
	.timeout = 300)
{
	uint64_t movable = movable_start(), bad = 0, there = 0, pfn;
	static struct cma c;
	struct file f[CMA_FILES];
	struct gm_mem *mem;
	struct gm_pool pool;

	cma_find(&c);
	gm_pool_read(&pool, GM_1G);
	/* Control: movable memory comes from there. */
	mem = gm_mem_new(GM_MEM_ANON, CMA_LEN);
	for (uint64_t off = 0; off < CMA_LEN; off += GM_PAGE_SIZE) {
		mem->hva[off] = 1;
		there += in_cma(&c, pfn_of(mem->hva + off));
	}
	gm_control(there, "no page of %lu MiB of anonymous memory is in the CMA area",
		   CMA_LEN >> 20);
	gm_note("%lu of %lu anonymous pages are in the CMA area", there, CMA_LEN / GM_PAGE_SIZE);
	for (int i = 0; i < CMA_FILES; i++) {
		file_new(&f[i], CMA_LEN);
		for (uint64_t off = 0; off < CMA_LEN; off += GM_PAGE_SIZE) {
			pfn = pfn_of(f[i].hva + off);
			if (!in_cma(&c, pfn) && pfn < movable)
				continue;
			if (!bad++)
				GM_FAIL_AT(GM_PAGE(.off = GM_AT(off), .pfn = GM_AT(pfn)),
					   "file %d: a guest_memfd page is in %s", i,
					   pfn >= movable ? "ZONE_MOVABLE"
							  : "the hugetlb CMA area");
		}
	}
	GM_EXPECT(!bad, "%lu guest_memfd pages are in memory that must be movable", bad);
	gm_mem_free(mem);
	/* The area provides all its huge pages, both with the files and without them. */
	GM_EXPECT_EQ(pool_set(&c.journal, pool.nr + c.nr) - pool.nr, c.nr,
		     "1 GiB pages from the area with %d guest_memfds", CMA_FILES);
	pool_set(&c.journal, pool.nr);
	for (int i = 0; i < CMA_FILES; i++)
		file_free(&f[i]);
	GM_EXPECT_EQ(pool_set(&c.journal, pool.nr + c.nr) - pool.nr, c.nr,
		     "1 GiB pages from the area after the close");
	pool_set(&c.journal, pool.nr);
}
