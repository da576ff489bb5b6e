/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the fd.* cases: a fixture of each flavour of guest_memfd, and files for controls. */
#ifndef FD_H
#define FD_H

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "fixture.h"
#include "flavour.h"
#include "gm.h"
#include "touch.h"

#ifndef GUEST_MEMFD_FLAG_MMAP
#define GUEST_MEMFD_FLAG_MMAP (1ULL << 0)
#endif
#ifndef GUEST_MEMFD_FLAG_INIT_SHARED
#define GUEST_MEMFD_FLAG_INIT_SHARED (1ULL << 1)
#endif

#define PG GM_PAGE_SIZE
#define FIRST GFN(GM_BASE)

/*
 * A fixture of the flavour with `span` bytes of guest memory; slot GM_SLOT at GM_BASE has the whole
 * file. No userspace_addr: MMU notifiers of a mapping there could do what guest_memfd must do
 * itself.
 */
#define FD_FIXTURE(f, span, ...)                                                                   \
	GM_FIXTURE(.flavour = (f), .size = (span), .uaddr = GM_UADDR_NONE,                         \
		   .extra_pages = (span) / GM_2M + 8, __VA_ARGS__)
/* Checks that the pages still have the state of the flavour, and frees the fixture. */
void fd_fixture_free(struct gm_fixture *w);
/* The flags of a KVM_EXIT_MEMORY_FAULT on pages whose file is closed. */
uint64_t fd_fault_flags(const struct gm_fixture *w);

/* The same for an ordinary VM with anonymous memory and no file. */
#define FD_ORDINARY(span, ...)                                                                     \
	GM_FIXTURE(.flavour = &gm_p1, .no_gmem = true, .size = (span),                             \
		   .extra_pages = (span) / GM_2M + 8, __VA_ARGS__)

/* Sets a slot without userspace_addr: -1 and errno. Does not change attributes. */
int __fd_slot_set(struct gm_vm *vm, uint32_t id, uint64_t gpa, uint64_t size, int gmem,
		  uint64_t off);
/* Positive control: [gpa, gpa + size) can be bound to the file at off. Undoes it. */
void fd_control_bind(struct gm_vm *vm, uint32_t id, uint64_t gpa, uint64_t size, int gmem,
		     uint64_t off);

/* A memfd of this size, for controls. */
int fd_memfd(uint64_t size);
/* mmap() of the whole file, shared, read-write; ERROR if it is refused. */
uint8_t *fd_mmap(int fd, uint64_t size);

/* Runs fn(arg) in a child. Returns fn's value, or -1 if the child died. */
int fd_in_child(int (*fn)(void *arg), void *arg);

/*
 * vCPU 0 reads the first word of the page at gpa (mapped 1:1 in the guest) in a loop, without an
 * exit. Once it has read `before`, change(arg) runs on another thread. Returns what the vCPU reads
 * after change().
 */
uint64_t fd_running_read(struct gm_vm *vm, uint64_t gpa, uint64_t before, void (*change)(void *arg),
			 void *arg);

/* Fills `bytes` of memory with a pattern and frees it, so that the kernel allocates it next. */
void fd_dirty_free_memory(uint64_t bytes);

#endif
