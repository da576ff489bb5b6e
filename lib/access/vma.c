// SPDX-License-Identifier: GPL-2.0-only
/* Probes: the mapping is moved, duplicated, remapped, inherited or dumped, and then read. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access.h"
#include "check.h"
#include "text.h"

/* write() from an address to a file; buf gets the content of the file. */
static long copy_out(const struct gm_access *a, const void *from, size_t len)
{
	int fd = gm_acc_file(len, NULL), err;
	long r = pwrite(fd, from, len, 0);

	err = errno;
	GM_SETUP(pread(fd, a->buf, len, 0) == (ssize_t)len, "pread of a memfd");
	close(fd);
	errno = err;
	return r;
}

static long p_mremap_move(const struct gm_access *a)
{
	void *spot = mmap(NULL, a->len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *new = mremap(a->hva, a->len, a->len, MREMAP_MAYMOVE | MREMAP_FIXED, spot);
	int err;
	long r;

	if (new == MAP_FAILED)
		return -1;
	r = copy_out(a, new, a->len);
	err = errno;
	GM_SETUP(mremap(new, a->len, a->len, MREMAP_MAYMOVE | MREMAP_FIXED, a->hva) == a->hva,
		 "mremap back: %s", gm_errno_name(errno));
	errno = err;
	return r;
}

/* An old size of 0 creates a second mapping of the same pages. */
static long p_mremap_double(const struct gm_access *a)
{
	void *new = mremap(a->hva, 0, a->len, MREMAP_MAYMOVE);
	int err;
	long r;

	if (new == MAP_FAILED)
		return -1;
	r = copy_out(a, new, a->len);
	err = errno;
	munmap(new, a->len);
	errno = err;
	return r;
}

/* Remaps each page to its own offset: the kernel creates new mappings of the file. */
static long p_remap_file_pages(const struct gm_access *a)
{
	for (size_t i = 0; i < a->len; i += GM_ACC_PAGE)
		if (remap_file_pages(a->hva + i, GM_ACC_PAGE, 0, (a->off + i) / GM_ACC_PAGE, 0))
			return -1;
	return copy_out(a, a->hva, a->len);
}

static void reset_signals(void)
{
	struct rlimit none = { 0, 0 };

	signal(SIGBUS, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	setrlimit(RLIMIT_CORE, &none);
}

/* A child loads from its inherited mapping; SIGBUS ends it, and is EFAULT here. */
static long p_fork(const struct gm_access *a)
{
	pid_t child = GM_SETUP_OK(fork());
	int status;

	if (!child) {
		reset_signals();
		for (size_t i = 0; i < a->len / 8; i++)
			((volatile uint64_t *)a->buf)[i] = ((volatile uint64_t *)a->hva)[i];
		_exit(0);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status))
		return a->len;
	errno = WTERMSIG(status) == SIGBUS ? EFAULT : ECHILD;
	return -1;
}

/*
 * Copies the range from an ELF core file to buf; returns bytes, 0 if the range is not in the file.
 */
static long from_core(const struct gm_access *a, const char *path)
{
	struct {
		unsigned char ident[16];
		uint16_t type, machine;
		uint32_t version;
		uint64_t entry, phoff, shoff;
		uint32_t flags;
		uint16_t ehsize, phentsize, phnum;
	} __attribute__((packed)) eh;
	struct {
		uint32_t type, flags;
		uint64_t offset, vaddr, paddr, filesz, memsz, align;
	} ph;
	int fd = GM_SETUP_OK(open(path, O_RDONLY | O_CLOEXEC));
	uint64_t want = (uintptr_t)a->hva;
	long r = 0;

	GM_SETUP(pread(fd, &eh, sizeof(eh), 0) == sizeof(eh), "the core file is too short");
	for (int i = 0; i < eh.phnum; i++) {
		GM_SETUP(pread(fd, &ph, sizeof(ph), eh.phoff + i * eh.phentsize) == sizeof(ph),
			 "the core file's program headers are too short");
		if (ph.type != 1 || want < ph.vaddr || want >= ph.vaddr + ph.memsz)
			continue;
		if (want - ph.vaddr + a->len <= ph.filesz)
			r = pread(fd, a->buf, a->len, ph.offset + (want - ph.vaddr));
	}
	close(fd);
	/* Pages that could not be dumped are holes: all zeros count as no bytes. */
	for (long i = 0; i < r; i++)
		if (a->buf[i])
			return r;
	return 0;
}

static long p_core(const struct gm_access *a)
{
	char dir[] = "/tmp/gm-core.XXXXXX", core[64], pattern[128] = "", name[64];
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int status;
	pid_t child;
	long r;

	gm_read_text("/proc/sys/kernel/core_pattern", pattern, sizeof(pattern));
	if (!pattern[0] || strpbrk(pattern, "|/%@"))
		gm_skip("core dumps go elsewhere", "sysctl kernel.core_pattern=core");
	GM_SETUP(mkdtemp(dir), "mkdtemp: %s", gm_errno_name(errno));
	child = GM_SETUP_OK(fork());
	if (!child) {
		int fd = open("/proc/self/coredump_filter", O_WRONLY);

		signal(SIGABRT, SIG_DFL);
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		if (fd < 0 || write(fd, "0xff", 4) != 4 || chdir(dir) ||
		    setrlimit(RLIMIT_CORE, &all))
			_exit(1);
		abort();
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	snprintf(name, sizeof(name), "%s.%d", pattern, child);
	snprintf(core, sizeof(core), "%s/%.30s", dir, pattern);
	if (access(core, F_OK))
		snprintf(core, sizeof(core), "%s/%.40s", dir, name);
	if (!WIFSIGNALED(status) || !WCOREDUMP(status) || access(core, F_OK)) {
		rmdir(dir);
		gm_skip("no core dump was written",
			"kernel with CONFIG_COREDUMP=y, CONFIG_ELF_CORE=y");
	}
	r = from_core(a, core);
	unlink(core);
	rmdir(dir);
	return r;
}

#define NO_DUMP GM_NOTHING("mm/gup.c:get_dump_page() returns NULL; fs/coredump.c skips the page")
#define R GM_ACC_READ

const struct gm_probe gm_probes_vma[] = {
	{ .name = "mremap_move",
	  .text = "mremap() to another address, then read",
	  .path = GM_PATH_UACCESS,
	  .flags = R | GM_ACC_REMAPS | GM_ACC_NO_MIX,
	  .run = p_mremap_move },
	{ .name = "mremap_double",
	  .text = "mremap() with an old size of 0, then read",
	  .path = GM_PATH_UACCESS,
	  .flags = R | GM_ACC_SHMEM | GM_ACC_REMAPS | GM_ACC_NO_MIX | GM_ACC_SAME_PATH,
	  .run = p_mremap_double,
	  .want = { [GM_CLASS_SECRETMEM] = GM_ABSENT } },
	{ .name = "remap_file_pages",
	  .text = "remap_file_pages(), then read",
	  .path = GM_PATH_UACCESS,
	  .flags = R | GM_ACC_SHMEM | GM_ACC_REMAPS | GM_ACC_NO_MIX,
	  .run = p_remap_file_pages,
	  .want = { [GM_CLASS_SECRETMEM] = GM_ABSENT } },
	{ .name = "fork_load",
	  .text = "a child loads from the mapping it inherited",
	  .path = GM_PATH_UACCESS,
	  .flags = R | GM_ACC_SLOW | GM_ACC_NO_MIX | GM_ACC_SAME_PATH,
	  .run = p_fork,
	  .want = { [GM_CLASS_NO_ACCESS] = GM_ERR(ECHILD, "SIGSEGV ends the child") } },
	{ .name = "core_dump",
	  .text = "a core dump with every kind of mapping in it",
	  .path = GM_PATH_GUP,
	  .flags = R | GM_ACC_SLOW | GM_ACC_NO_MIX | GM_ACC_FILLED,
	  .run = p_core,
	  .want = { [GM_CLASS_PRIVATE] = NO_DUMP,
		    [GM_CLASS_NO_ACCESS] = GM_REACH("mm/gup.c:get_dump_page() has FOLL_FORCE"),
		    [GM_CLASS_SHARED_NOGUP] = NO_DUMP,
		    [GM_CLASS_SECRETMEM] = GM_ABSENT } },
	{ 0 }
};
