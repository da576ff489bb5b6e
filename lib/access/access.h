/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of the ways in which the host can access a page, and their expected results.
 *
 * A probe makes one kind of access; it does not depend on guest_memfd, states or verdicts. The
 * matrix (matrix.h) runs probes on kinds of memory; the expectations (expect.c) have the exact
 * errno or signal and the kernel source that it comes from.
 */
#ifndef GM_ACCESS_H
#define GM_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "need.h"
#include "page.h"

/* The kernel path that a probe takes to the page. */
enum gm_path {
	GM_PATH_CPU,	  /* a load or store of user space */
	GM_PATH_UACCESS,  /* copy_to_user, copy_from_user, get_user, put_user */
	GM_PATH_GUP,	  /* get_user_pages*, FOLL_GET */
	GM_PATH_PIN,	  /* pin_user_pages*, FOLL_PIN */
	GM_PATH_LONGTERM, /* ... with FOLL_LONGTERM */
	GM_PATH_REMOTE,	  /* pin_user_pages_remote() of another mm */
	GM_PATH_PROCMEM,  /* access_remote_vm() */
	GM_PATH_KVM,	  /* hva_to_pfn() of another VM */
	GM_PATH_MM,	  /* a memory-management call on the range */
	GM_PATH_FD,	  /* through the file, without a mapping */
	GM_PATH_NR,
};

/* The kind of memory, as far as the expected result depends on it. */
enum gm_class {
	GM_CLASS_ORDINARY,     /* memfd, anonymous, THP, hugetlb: the control */
	GM_CLASS_SECRETMEM,    /* memfd_secret: no GUP and no direct map */
	GM_CLASS_SHARED,       /* guest_memfd, the page is shared */
	GM_CLASS_SHARED_NOGUP, /* the same on a kernel that refuses GUP of guest_memfd (P5) */
	GM_CLASS_PRIVATE,      /* guest_memfd, the page is private: every fault is SIGBUS */
	GM_CLASS_NO_VMA,       /* guest_memfd that cannot be mapped: a file without an address */
	GM_CLASS_READ_ONLY,    /* guest_memfd, shared, mapped read-only: for probes that write */
	GM_CLASS_NO_ACCESS,    /* the same, mapped PROT_NONE: for probes that read */
	GM_CLASS_NR,
};

enum gm_access_flag {
	GM_ACC_READ = 1 << 0,	  /* copies the memory to buf */
	GM_ACC_WRITE = 1 << 1,	  /* copies buf to the memory */
	GM_ACC_WORD = 1 << 2,	  /* only the first word of each page */
	GM_ACC_OPAQUE = 1 << 3,	  /* writes other data than that of buf */
	GM_ACC_SLOW = 1 << 4,	  /* needs a process, a VM or I/O: not for every page */
	GM_ACC_DROPS = 1 << 5,	  /* success drops the content */
	GM_ACC_REMAPS = 1 << 6,	  /* unmaps or moves the range: needs its own mapping */
	GM_ACC_NO_MIX = 1 << 7,	  /* no requests that span two mappings */
	GM_ACC_FD = 1 << 8,	  /* works on the file, also without a VMA */
	GM_ACC_NO_VA = 1 << 9,	  /* works on the file only */
	GM_ACC_ROOT = 1 << 10,	  /* needs rights that an ordinary user lacks */
	GM_ACC_SHMEM = 1 << 11,	  /* control only on a memfd */
	GM_ACC_FULL = 1 << 12,	  /* not in the quick profile */
	GM_ACC_HARMFUL = 1 << 13, /* success loses a page frame: runs last */
	GM_ACC_DENIED = 1 << 14,  /* the caller lacks the right: fails on any memory */
	GM_ACC_COUNT = 1 << 15,	  /* no data, but returns a number of bytes */
	GM_ACC_FILLED = 1 << 17,  /* only for pages with content: zeros do not show success */
	GM_ACC_SCRATCH = 1 << 18, /* after success the kernel may still write to the pages */
	/* The same kernel path as another probe: on shared pages only in the full profile. */
	GM_ACC_SAME_PATH = 1 << 19,
	GM_ACC_PAGES = 1 << 20, /* whole pages only */
	GM_ACC_ANON = 1 << 16,	/* control only on anonymous memory */
};

/*
 * The expected result of a request that starts in ordinary memory and continues in refused pages.
 */
enum gm_mix {
	GM_MIX_SHORT,  /* a short count, exactly up to the border */
	GM_MIX_WHOLE,  /* the refusal, as without ordinary memory */
	GM_MIX_EITHER, /* one of the two */
	GM_MIX_OK,     /* success on any pages */
};

struct gm_probe;

/* One request. */
struct gm_access {
	const struct gm_probe *probe;
	uint8_t *hva; /* page aligned; NULL: no VMA */
	size_t len;   /* bytes, whole pages */
	int fd;	      /* the file behind the range; -1: none */
	uint64_t off; /* of the range in fd; not for a mixed request */
	bool mixed;   /* the range spans two mappings */
	uint8_t *buf; /* len bytes of ordinary memory, shared with child processes */
};

/* The result: a signal, or the return value and errno. */
struct gm_outcome {
	long ret;	/* bytes copied; without data: 0 or more */
	int err;	/* errno, if ret is -1 */
	int sig, code;	/* signal and si_code; sig 0: no signal */
	uintptr_t addr; /* si_addr of the signal */
};

enum gm_want_kind {
	GM_WANT_DEFAULT, /* the default of the path */
	GM_WANT_REACH,	 /* success: the whole length, the right content */
	GM_WANT_ERRNO,
	GM_WANT_SIGNAL,
	GM_WANT_NOTHING, /* success with 0 bytes */
	GM_WANT_ABSENT,	 /* not applicable: no such case */
};

struct gm_want {
	enum gm_want_kind kind;
	int val, code;	 /* errno; signal and si_code */
	const char *src; /* file:function (or line) of Linux 7.3.4 with this behaviour */
};

#define GM_REACH(s)                                                                                \
	{                                                                                          \
		GM_WANT_REACH, 0, 0, s                                                             \
	}
#define GM_ERR(e, s)                                                                               \
	{                                                                                          \
		GM_WANT_ERRNO, e, 0, s                                                             \
	}
#define GM_SIG(sig, code, s)                                                                       \
	{                                                                                          \
		GM_WANT_SIGNAL, sig, code, s                                                       \
	}
#define GM_NOTHING(s)                                                                              \
	{                                                                                          \
		GM_WANT_NOTHING, 0, 0, s                                                           \
	}
#define GM_ABSENT                                                                                  \
	{                                                                                          \
		GM_WANT_ABSENT, 0, 0, ""                                                           \
	}

struct gm_probe {
	const char *name; /* the middle part of the case's name: never changes */
	const char *text; /* what is tried */
	enum gm_path path;
	gm_needs needs;
	unsigned int flags; /* enum gm_access_flag */
	enum gm_mix mix;
	int mix_err; /* errno of a mixed request; 0: the usual one */
	/* Returns bytes, or -1 and errno. Skips the case if the kernel lacks the facility. */
	long (*run)(const struct gm_access *a);
	long val;			  /* for run(): an advice, a flag */
	struct gm_want want[GM_CLASS_NR]; /* differences to the path's defaults */
	const char *control;		  /* a further probe for the control; NULL: none */
};

extern const struct gm_probe *const gm_probes[]; /* tables, each ends with a probe without a name */
/* The i-th of all probes; NULL: there are no more. */
const struct gm_probe *gm_probe_at(size_t i);
const struct gm_probe *gm_probe_find(const char *name);

/* Runs the probe; SIGBUS or SIGSEGV in this thread ends it and is the outcome. */
struct gm_outcome gm_access_run(const struct gm_access *a);
/*
 * "EFAULT", "SIGBUS code 2 at 0x...", "success (8192)"; valid until four more calls in this thread.
 */
const char *gm_outcome_str(const struct gm_outcome *o);
const char *gm_want_str(const struct gm_want *w);
/* The expected outcome of this probe on that kind of memory. */
struct gm_want gm_access_want(const struct gm_probe *p, enum gm_class class);

/* --- for probes --- */

#define GM_ACC_PAGE ((size_t)GM_PAGE_SIZE)

enum gm_caller {
	GM_SELF,
	GM_CHILD, /* a child of the process that has the memory */
	GM_OTHER, /* an unrelated process of another user, only with CAP_SYS_PTRACE */
	GM_NOCAP, /* an unrelated process of another user, without capabilities */
};

/*
 * Runs fn(a, pid) in a process of this kind, on the memory of the current process (pid). Returns
 * its result, and sets errno. Both processes share buf.
 */
long gm_access_as(enum gm_caller who, const struct gm_access *a,
		  long (*fn)(const struct gm_access *a, pid_t pid));

/* A memfd of len bytes with the content of src (NULL: zeros). */
int gm_acc_file(size_t len, const void *src);
/* A file of len bytes with the content of src, opened with O_DIRECT; SKIP without direct I/O. */
int gm_acc_dio_file(size_t len, const void *src);
/* Runs io(), which writes the range to fd; copies the file to buf and closes fd. */
long gm_acc_to_file(const struct gm_access *a, int fd,
		    long (*io)(const struct gm_access *a, int fd));
/* Two ends of a TCP connection over loopback. */
void gm_acc_connection(int s[2]);
/* SKIP if errno of the last call means that the kernel does not have it. */
void gm_acc_absent(const char *reason, const char *remedy);
/* The address for frames on lo with a protocol of this thread. SKIP if lo is down. */
struct sockaddr_ll;
void gm_acc_lo(struct sockaddr_ll *to);

/* --- tables of probes --- */
extern const struct gm_probe gm_probes_cpu[], gm_probes_uaccess[], gm_probes_remote[],
	gm_probes_disk[], gm_probes_pipe[], gm_probes_uring[], gm_probes_net[], gm_probes_gup[],
	gm_probes_mm[], gm_probes_move[], gm_probes_vma[], gm_probes_kvm[], gm_probes_iommu[],
	gm_probes_fd[], gm_probes_ring[];

#endif
