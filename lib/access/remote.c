// SPDX-License-Identifier: GPL-2.0-only
/* Probes: memory of another address space, by process_vm_*, /proc/pid/mem and ptrace. */
#include <errno.h>
#include <fcntl.h>
#include <linux/elf.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access.h"
#include "check.h"

static long vm_read(const struct gm_access *a, pid_t pid)
{
	struct iovec mine = { a->buf, a->len }, theirs = { a->hva, a->len };

	return process_vm_readv(pid, &mine, 1, &theirs, 1, 0);
}

static long vm_write(const struct gm_access *a, pid_t pid)
{
	struct iovec mine = { a->buf, a->len }, theirs = { a->hva, a->len };

	return process_vm_writev(pid, &mine, 1, &theirs, 1, 0);
}

/* One element of the vector per page, as debuggers and checkpointing tools do. */
static long vm_read_vec(const struct gm_access *a, pid_t pid)
{
	struct iovec mine = { a->buf, a->len }, theirs[64];
	size_t n = a->len / GM_ACC_PAGE;

	if (n > 64)
		n = 64;
	for (size_t i = 0; i < n; i++)
		theirs[i] = (struct iovec){ a->hva + i * GM_ACC_PAGE, GM_ACC_PAGE };
	return process_vm_readv(pid, &mine, 1, theirs, n, 0);
}

static long mem_io(const struct gm_access *a, pid_t pid, int flags)
{
	char path[32];
	long r;
	int fd, err;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return -1;
	r = flags == O_RDONLY ? pread(fd, a->buf, a->len, (uintptr_t)a->hva)
			      : pwrite(fd, a->buf, a->len, (uintptr_t)a->hva);
	err = errno;
	close(fd);
	errno = err;
	return r;
}

static long mem_read(const struct gm_access *a, pid_t pid)
{
	return mem_io(a, pid, O_RDONLY);
}

/* In two parts, so that the kernel's chunks of a page cross the pages of the range. */
static long mem_read_odd(const struct gm_access *a)
{
	const size_t half = GM_ACC_PAGE / 2;
	struct gm_access part = *a;
	long r, n;

	part.len = half;
	r = mem_read(&part, getpid());
	if (r != (long)half)
		return r;
	part.hva += half;
	part.buf += half;
	part.len = a->len - half;
	n = mem_read(&part, getpid());
	return n < 0 ? r : r + n;
}

static long mem_write(const struct gm_access *a, pid_t pid)
{
	return mem_io(a, pid, O_WRONLY);
}

/* FOLL_FORCE: the mapping does not allow the access. */
static long mem_forced(const struct gm_access *a, int prot,
		       long (*fn)(const struct gm_access *a, pid_t pid))
{
	long r;
	int err;

	GM_SETUP_OK(mprotect(a->hva, a->len, prot));
	r = fn(a, getpid());
	err = errno;
	GM_SETUP_OK(mprotect(a->hva, a->len, PROT_READ | PROT_WRITE));
	errno = err;
	return r;
}

/* SKIP if the kernel is configured not to use FOLL_FORCE (CONFIG_PROC_MEM_*_FORCE). */
static void check_force(void)
{
	char *p = mmap(NULL, GM_ACC_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), c = 1;
	struct gm_access a = { .hva = (uint8_t *)p, .buf = (uint8_t *)&c, .len = 1 };
	long r = mem_write(&a, getpid());

	munmap(p, GM_ACC_PAGE);
	if (r < 0)
		gm_skip("/proc/pid/mem does not use FOLL_FORCE",
			"boot with proc_mem.force_override=always");
}

static long mem_read_force(const struct gm_access *a)
{
	check_force();
	return mem_forced(a, PROT_NONE, mem_read);
}

static long mem_write_force(const struct gm_access *a)
{
	return mem_forced(a, PROT_READ, mem_write);
}

static long stop(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, 0, 0))
		return -1;
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) || waitpid(pid, NULL, __WALL) != pid) {
		ptrace(PTRACE_DETACH, pid, 0, 0);
		return -1;
	}
	return 0;
}

/* Reads only the first word of each page: each word is a system call. */
static long peek(const struct gm_access *a, pid_t pid)
{
	size_t done = 0;
	int err = 0;

	if (stop(pid))
		return -1;
	for (; done < a->len && !err; done += err ? 0 : GM_ACC_PAGE) {
		long w;

		errno = 0;
		w = ptrace(PTRACE_PEEKDATA, pid, a->hva + done, 0);
		err = errno;
		if (!err)
			*(long *)(a->buf + done) = w;
	}
	ptrace(PTRACE_DETACH, pid, 0, 0);
	errno = err;
	return done ? (long)done : -1;
}

static long poke(const struct gm_access *a, pid_t pid)
{
	size_t done = 0;
	int err = 0;

	if (stop(pid))
		return -1;
	for (; done < a->len && !err; done += err ? 0 : GM_ACC_PAGE)
		if (ptrace(PTRACE_POKEDATA, pid, a->hva + done, *(long *)(a->buf + done)))
			err = errno;
	ptrace(PTRACE_DETACH, pid, 0, 0);
	errno = err;
	return done ? (long)done : -1;
}

static long as_caller(const struct gm_access *a, long (*fn)(const struct gm_access *, pid_t))
{
	return gm_access_as(a->probe->val, a, fn);
}

static long p_vm_read(const struct gm_access *a)
{
	return as_caller(a, vm_read);
}
static long p_vm_write(const struct gm_access *a)
{
	return as_caller(a, vm_write);
}
static long p_vm_read_vec(const struct gm_access *a)
{
	return as_caller(a, vm_read_vec);
}
static long p_mem_read(const struct gm_access *a)
{
	return as_caller(a, mem_read);
}
static long p_mem_write(const struct gm_access *a)
{
	return as_caller(a, mem_write);
}
static long p_peek(const struct gm_access *a)
{
	return as_caller(a, peek);
}
static long p_poke(const struct gm_access *a)
{
	return as_caller(a, poke);
}

#define R GM_ACC_READ
#define W GM_ACC_WRITE
#define ALL(e, s)                                                                                  \
	{                                                                                          \
		[GM_CLASS_ORDINARY] = GM_ERR(e, s), [GM_CLASS_SECRETMEM] = GM_ERR(e, s),           \
		[GM_CLASS_SHARED] = GM_ERR(e, s), [GM_CLASS_SHARED_NOGUP] = GM_ERR(e, s),          \
		[GM_CLASS_PRIVATE] = GM_ERR(e, s)                                                  \
	}
#define VM_DENIED ALL(EPERM, "mm/process_vm_access.c:process_vm_rw_core(): mm_access(), EPERM")
#define MEM_DENIED ALL(EACCES, "fs/proc/base.c: mem has mode 0600 and another owner")
#define TRACE_DENIED ALL(EPERM, "kernel/ptrace.c:__ptrace_may_access()")
/* FOLL_FORCE writes only to copy-on-write mappings, so that the file does not change. */
#define NO_COW "mm/gup.c:check_vma_flags(): no FOLL_FORCE write to a shared mapping"

const struct gm_probe gm_probes_remote[] = {
	{ .name = "process_vm_readv",
	  .text = "process_vm_readv() of the process itself",
	  .path = GM_PATH_REMOTE,
	  .flags = R,
	  .run = p_vm_read,
	  .val = GM_SELF },
	{ .name = "process_vm_readv_vec",
	  .text = "process_vm_readv(), one vector element per page",
	  .path = GM_PATH_REMOTE,
	  .flags = R | GM_ACC_SAME_PATH | GM_ACC_PAGES,
	  .run = p_vm_read_vec,
	  .val = GM_SELF },
	{ .name = "process_vm_readv_child",
	  .text = "process_vm_readv() from a child",
	  .path = GM_PATH_REMOTE,
	  .flags = R | GM_ACC_SLOW | GM_ACC_SAME_PATH,
	  .run = p_vm_read,
	  .val = GM_CHILD },
	{ .name = "process_vm_readv_other",
	  .text = "process_vm_readv() from an unrelated process with CAP_SYS_PTRACE",
	  .path = GM_PATH_REMOTE,
	  .flags = R | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_SAME_PATH,
	  .run = p_vm_read,
	  .val = GM_OTHER },
	{ .name = "process_vm_readv_nocap",
	  .text = "process_vm_readv() from an unrelated process without a capability",
	  .path = GM_PATH_REMOTE,
	  .flags = R | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_DENIED,
	  .run = p_vm_read,
	  .val = GM_NOCAP,
	  .mix = GM_MIX_WHOLE,
	  .want = VM_DENIED,
	  .control = "process_vm_readv_other" },
	{ .name = "process_vm_writev",
	  .text = "process_vm_writev() of the process itself",
	  .path = GM_PATH_REMOTE,
	  .flags = W,
	  .run = p_vm_write,
	  .val = GM_SELF },
	{ .name = "process_vm_writev_child",
	  .text = "process_vm_writev() from a child",
	  .path = GM_PATH_REMOTE,
	  .flags = W | GM_ACC_SLOW | GM_ACC_SAME_PATH,
	  .run = p_vm_write,
	  .val = GM_CHILD },
	{ .name = "process_vm_writev_other",
	  .text = "process_vm_writev() from an unrelated process with CAP_SYS_PTRACE",
	  .path = GM_PATH_REMOTE,
	  .flags = W | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_SAME_PATH,
	  .run = p_vm_write,
	  .val = GM_OTHER },
	{ .name = "process_vm_writev_nocap",
	  .text = "process_vm_writev() from an unrelated process without a capability",
	  .path = GM_PATH_REMOTE,
	  .flags = W | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_DENIED,
	  .run = p_vm_write,
	  .val = GM_NOCAP,
	  .mix = GM_MIX_WHOLE,
	  .want = VM_DENIED,
	  .control = "process_vm_writev_other" },
	{ .name = "proc_mem_read",
	  .text = "read of /proc/self/mem",
	  .path = GM_PATH_PROCMEM,
	  .flags = R,
	  .run = p_mem_read,
	  .val = GM_SELF },
	{ .name = "proc_mem_read_odd",
	  .text = "read of /proc/self/mem in chunks that cross pages",
	  .path = GM_PATH_PROCMEM,
	  .flags = R | GM_ACC_SAME_PATH | GM_ACC_PAGES,
	  .run = mem_read_odd },
	{ .name = "proc_mem_read_force",
	  .text = "read of /proc/self/mem where the mapping is PROT_NONE",
	  .path = GM_PATH_PROCMEM,
	  .flags = R | GM_ACC_REMAPS,
	  .run = mem_read_force,
	  .want = { [GM_CLASS_NO_ACCESS] = GM_ABSENT } },
	{ .name = "proc_mem_read_child",
	  .text = "read of /proc/pid/mem by a child",
	  .path = GM_PATH_PROCMEM,
	  .flags = R | GM_ACC_SLOW | GM_ACC_SAME_PATH,
	  .run = p_mem_read,
	  .val = GM_CHILD },
	{ .name = "proc_mem_read_nocap",
	  .text = "read of /proc/pid/mem by an unrelated process without a capability",
	  .path = GM_PATH_PROCMEM,
	  .flags = R | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_DENIED,
	  .run = p_mem_read,
	  .val = GM_NOCAP,
	  .mix = GM_MIX_WHOLE,
	  .want = MEM_DENIED,
	  .control = "proc_mem_read_child" },
	{ .name = "proc_mem_write",
	  .text = "write to /proc/self/mem",
	  .path = GM_PATH_PROCMEM,
	  .flags = W,
	  .run = p_mem_write,
	  .val = GM_SELF },
	{ .name = "proc_mem_write_force",
	  .text = "write to /proc/self/mem where the mapping is read-only",
	  .path = GM_PATH_PROCMEM,
	  .flags = W | GM_ACC_SHMEM | GM_ACC_DENIED,
	  .run = mem_write_force,
	  .mix = GM_MIX_EITHER,
	  .want = ALL(EIO, NO_COW),
	  .control = "proc_mem_write" },
	{ .name = "proc_mem_write_child",
	  .text = "write to /proc/pid/mem by a child",
	  .path = GM_PATH_PROCMEM,
	  .flags = W | GM_ACC_SLOW | GM_ACC_SAME_PATH,
	  .run = p_mem_write,
	  .val = GM_CHILD },
	{ .name = "ptrace_peek",
	  .text = "PTRACE_PEEKDATA by a child",
	  .path = GM_PATH_PROCMEM,
	  .flags = R | GM_ACC_WORD | GM_ACC_SLOW,
	  .run = p_peek,
	  .val = GM_CHILD },
	{ .name = "ptrace_peek_other",
	  .text = "PTRACE_PEEKDATA by an unrelated process with CAP_SYS_PTRACE",
	  .path = GM_PATH_PROCMEM,
	  .flags = R | GM_ACC_WORD | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_SAME_PATH,
	  .run = p_peek,
	  .val = GM_OTHER },
	{ .name = "ptrace_peek_nocap",
	  .text = "PTRACE_SEIZE by an unrelated process without a capability",
	  .path = GM_PATH_PROCMEM,
	  .flags = R | GM_ACC_WORD | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_DENIED,
	  .run = p_peek,
	  .val = GM_NOCAP,
	  .mix = GM_MIX_WHOLE,
	  .want = TRACE_DENIED,
	  .control = "ptrace_peek_other" },
	{ .name = "ptrace_poke",
	  .text = "PTRACE_POKEDATA by a child",
	  .path = GM_PATH_PROCMEM,
	  .flags = W | GM_ACC_WORD | GM_ACC_SLOW,
	  .run = p_poke,
	  .val = GM_CHILD },
	{ 0 }
};
