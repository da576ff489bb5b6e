/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fd.* cases share: the flavours of guest_memfd, a fixture of each, and files for controls. */
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

/* The flavours of guest_memfd, see the profiles of the contract: gm_p1, gm_p1p, and these. */
extern const struct gm_flavour fd_p0;
/* Converted to private; and back to shared; without any flag, private from the start. */
extern const struct gm_flavour fd_inplace, fd_inplace_back, fd_inplace_plain;

/*
 * One case per flavour: "<stem>.p1", "<stem>.p1p", "<stem>.p0", and "<stem>.inplace",
 * "<stem>.back.inplace", "<stem>.plain.inplace". The body follows.
 *
 * KVM that is virtualized in software emulates a guest's supervisor code, which then reaches
 * memory through userspace_addr: private memory not at all. Hence TDP for what runs in a guest.
 */
#define FD_P1(fn, stem, ...)                                                                       \
	GM_VARIANT(fn, fn##_p1, .name = stem ".p1", .profile = "P1", .arg = &gm_p1,                \
		   .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED), __VA_ARGS__)
#define FD_P1_TDP(fn, stem, ...)                                                                   \
	GM_VARIANT(fn, fn##_p1, .name = stem ".p1", .profile = "P1", .arg = &gm_p1,                \
		   .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP), __VA_ARGS__)
#define FD_P1P(fn, stem, ...)                                                                      \
	GM_VARIANT(fn, fn##_p1p, .name = stem ".p1p", .profile = "P1p", .arg = &gm_p1p,            \
		   .needs = GM_NEEDS(GMEM_MMAP), __VA_ARGS__)
#define FD_P1P_TDP(fn, stem, ...)                                                                  \
	GM_VARIANT(fn, fn##_p1p, .name = stem ".p1p", .profile = "P1p", .arg = &gm_p1p,            \
		   .needs = GM_NEEDS(GMEM_MMAP, ORDINARY_PRIVATE, TDP), __VA_ARGS__)
/*
 * Where P0, whose memory is private, and P1, whose file is mapped, say what this one could: in the
 * full profile. (GM_REFUSAL is left to the twins.)
 */
#define FD_P1P_TWIN(fn, stem, ...) FD_P1P(fn, stem, __VA_ARGS__, .flags = GM_FULL_ONLY)
#define FD_P1P_TWIN_TDP(fn, stem, ...) FD_P1P_TDP(fn, stem, __VA_ARGS__, .flags = GM_FULL_ONLY)
#ifdef __x86_64__
#define FD_P0(fn, stem, ...)                                                                       \
	GM_VARIANT(fn, fn##_p0, .name = stem ".p0", .profile = "P0", .arg = &fd_p0,                \
		   .needs = GM_NEEDS(ATTRIBUTES), __VA_ARGS__)
/* Nothing is converted: any kernel with the VM type will do. */
#define FD_P0_HOST(fn, stem, ...)                                                                  \
	GM_VARIANT(fn, fn##_p0, .name = stem ".p0", .profile = "P0", .arg = &fd_p0,                \
		   .needs = GM_NEEDS(SW_PROTECTED), __VA_ARGS__)
#define FD_INPLACE(fn, stem, ...)                                                                  \
	GM_VARIANT(fn, fn##_inplace, .name = stem, .arg = &fd_inplace,                             \
		   .providers = GM_PROVIDERS(INPLACE), __VA_ARGS__)
#define FD_INPLACE_BACK(fn, stem, ...)                                                             \
	GM_VARIANT(fn, fn##_inplace_back, .name = stem ".back", .arg = &fd_inplace_back,           \
		   .providers = GM_PROVIDERS(INPLACE), __VA_ARGS__)
#define FD_INPLACE_PLAIN(fn, stem, ...)                                                            \
	GM_VARIANT(fn, fn##_inplace_plain, .name = stem ".plain", .arg = &fd_inplace_plain,        \
		   .providers = GM_PROVIDERS(INPLACE), __VA_ARGS__)
#else
#define FD_P0(fn, stem, ...)
#define FD_P0_HOST(fn, stem, ...)
#define FD_INPLACE(fn, stem, ...)
#define FD_INPLACE_BACK(fn, stem, ...)
#define FD_INPLACE_PLAIN(fn, stem, ...)
#endif
/* Those that say what others could: in the full profile. (GM_REFUSAL is left to the others.) */
#define FD_INPLACE_BACK_TWIN(fn, stem, ...)                                                        \
	FD_INPLACE_BACK(fn, stem, __VA_ARGS__, .flags = GM_FULL_ONLY)
#define FD_INPLACE_PLAIN_TWIN(fn, stem, ...)                                                       \
	FD_INPLACE_PLAIN(fn, stem, __VA_ARGS__, .flags = GM_FULL_ONLY)
/* A guest runs on files that are converted in place. */
#define FD_INPLACE_GUEST(fn, stem, ...)                                                            \
	FD_INPLACE(fn, stem, __VA_ARGS__)                                                          \
	FD_INPLACE_BACK_TWIN(fn, stem, __VA_ARGS__)                                                \
	FD_INPLACE_PLAIN_TWIN(fn, stem, __VA_ARGS__)
#define FD_DECLARE(fn) static void fn(const struct gm_case *self)
#define FD_BODY(fn) static void fn(const struct gm_case *self __attribute__((unused)))
/* A guest runs, and what it reads through userspace_addr would do as well. */
#define FD_EACH(fn, stem, ...)                                                                     \
	FD_DECLARE(fn);                                                                            \
	FD_P1(fn, stem, __VA_ARGS__)                                                               \
	FD_P1P_TWIN_TDP(fn, stem, __VA_ARGS__)                                                     \
	FD_P0(fn, stem, __VA_ARGS__)                                                               \
	FD_INPLACE_GUEST(fn, stem, __VA_ARGS__)                                                    \
	FD_BODY(fn)
/* A guest runs, and its faults have to be its own. */
#define FD_EACH_TDP(fn, stem, ...)                                                                 \
	FD_DECLARE(fn);                                                                            \
	FD_P1_TDP(fn, stem, __VA_ARGS__)                                                           \
	FD_P1P_TWIN_TDP(fn, stem, __VA_ARGS__)                                                     \
	FD_P0(fn, stem, __VA_ARGS__)                                                               \
	FD_INPLACE_GUEST(fn, stem, __VA_ARGS__)                                                    \
	FD_BODY(fn)
/* The same, with every state of the pages in the quick profile. */
#define FD_EACH_TDP_QUICK(fn, stem, ...)                                                           \
	FD_DECLARE(fn);                                                                            \
	FD_P1_TDP(fn, stem, __VA_ARGS__)                                                           \
	FD_P1P_TDP(fn, stem, __VA_ARGS__)                                                          \
	FD_P0(fn, stem, __VA_ARGS__)                                                               \
	FD_INPLACE(fn, stem, __VA_ARGS__)                                                          \
	FD_INPLACE_BACK(fn, stem, __VA_ARGS__)                                                     \
	FD_INPLACE_PLAIN_TWIN(fn, stem, __VA_ARGS__)                                               \
	FD_BODY(fn)
/* No guest runs. */
#define FD_EACH_HOST(fn, stem, ...)                                                                \
	FD_DECLARE(fn);                                                                            \
	FD_P1(fn, stem, __VA_ARGS__)                                                               \
	FD_P1P_TWIN(fn, stem, __VA_ARGS__)                                                         \
	FD_P0_HOST(fn, stem, __VA_ARGS__)                                                          \
	FD_INPLACE(fn, stem, __VA_ARGS__)                                                          \
	FD_INPLACE_BACK_TWIN(fn, stem, __VA_ARGS__)                                                \
	FD_BODY(fn)
/* No guest runs, and the host can map the file. */
#define FD_MAPPABLE(fn, stem, ...)                                                                 \
	FD_DECLARE(fn);                                                                            \
	FD_P1(fn, stem, __VA_ARGS__)                                                               \
	FD_P1P(fn, stem, __VA_ARGS__)                                                              \
	FD_INPLACE(fn, stem, __VA_ARGS__)                                                          \
	FD_INPLACE_BACK_TWIN(fn, stem, __VA_ARGS__)                                                \
	FD_BODY(fn)
/* About pages that the host reaches: one name for P1, as it was before there were others. */
#define FD_HOST_SEES(fn, id, ...)                                                                  \
	FD_DECLARE(fn);                                                                            \
	GM_VARIANT(fn, fn##_p1, .name = id, .profile = "P1", .arg = &gm_p1,                        \
		   .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED), __VA_ARGS__)                         \
	FD_INPLACE_BACK_TWIN(fn, id, __VA_ARGS__)                                                  \
	FD_BODY(fn)

/*
 * A fixture of the flavour with `span` bytes of guest memory, its file whole in slot GM_SLOT at GM_BASE. No
 * userspace_addr: it would let the notifiers of a mapping do what the file has to do itself.
 */
#define FD_FIXTURE(f, span, ...)                                                                   \
	GM_FIXTURE(.flavour = (f), .size = (span), .uaddr = GM_UADDR_NONE,                         \
		   .extra_pages = (span) / GM_2M + 8, __VA_ARGS__)
/* The state of the file's pages is looked at before: nothing but a conversion changes it. */
void fd_fixture_free(struct gm_fixture *w);
/* The flags of a KVM_EXIT_MEMORY_FAULT on pages whose file is gone. */
uint64_t fd_fault_flags(const struct gm_fixture *w);

/* The same of an ordinary VM with anonymous memory and no file. */
#define FD_ORDINARY(span, ...)                                                                     \
	GM_FIXTURE(.flavour = &gm_p1, .no_gmem = true, .size = (span),                             \
		   .extra_pages = (span) / GM_2M + 8, __VA_ARGS__)

/* Without userspace_addr: -1 and errno. Leaves attributes alone. */
int __fd_slot_set(struct gm_vm *vm, uint32_t id, uint64_t gpa, uint64_t size, int gmem,
		  uint64_t off);
/* Proves that [gpa, gpa + size) can be bound to the file at off, and undoes it. */
void fd_control_bind(struct gm_vm *vm, uint32_t id, uint64_t gpa, uint64_t size, int gmem,
		     uint64_t off);

/* A memfd of this size, for controls. */
int fd_memfd(uint64_t size);
/* mmap() of the whole file, shared, read-write; an ERROR of the suite if it is refused. */
uint8_t *fd_mmap(int fd, uint64_t size);

/* Runs fn(arg) in a child; its return value, or -1 if it died. */
int fd_in_child(int (*fn)(void *arg), void *arg);

/*
 * vCPU 0 reads the first word of the page at gpa (which the guest has mapped at that address) in a loop,
 * without an exit; once it has seen `before`, change(arg) runs on another thread. What the vCPU reads
 * when change() has returned.
 */
uint64_t fd_running_read(struct gm_vm *vm, uint64_t gpa, uint64_t before, void (*change)(void *arg),
			 void *arg);

/* Leaves `bytes` of free memory that hold a pattern, for the kernel to hand out next. */
void fd_dirty_free_memory(uint64_t bytes);

#endif
