/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one table of ways by which a host can try to reach a page, and what each must meet with.
 *
 * A probe knows how to try; it knows nothing of guest_memfd, of states or of verdicts. The matrix
 * (matrix.h) crosses probes with kinds of memory; the expectations (expect.c) name the exact errno
 * or signal and the kernel source it comes from.
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
	GM_PATH_MM,	  /* asks memory management to do something with the range */
	GM_PATH_FD,	  /* through the file, without a mapping */
	GM_PATH_NR,
};

/* What the memory is, as far as a probe can tell the difference. */
enum gm_class {
	GM_CLASS_ORDINARY,     /* memfd, anonymous, THP, hugetlb: the control */
	GM_CLASS_SECRETMEM,    /* memfd_secret: faults, but no GUP and no direct map */
	GM_CLASS_SHARED,       /* guest_memfd, the page is shared */
	GM_CLASS_SHARED_NOGUP, /* the same on a kernel that refuses GUP of it (P5) */
	GM_CLASS_PRIVATE,      /* guest_memfd, the page is private: every fault is SIGBUS */
	GM_CLASS_NO_VMA,    /* guest_memfd that cannot be mapped: there is a file and no address */
	GM_CLASS_READ_ONLY, /* guest_memfd, shared, mapped read-only: what writes is asked */
	GM_CLASS_NO_ACCESS, /* the same, mapped without any right: what reads is asked */
	GM_CLASS_NR,
};

enum gm_access_flag {
	GM_ACC_READ = 1 << 0,	  /* content arrives in buf */
	GM_ACC_WRITE = 1 << 1,	  /* content of buf arrives in the memory */
	GM_ACC_WORD = 1 << 2,	  /* ... the first word of each page only */
	GM_ACC_OPAQUE = 1 << 3,	  /* ... or something, and not that of buf */
	GM_ACC_SLOW = 1 << 4,	  /* costs a process, a VM or an I/O: not for every page */
	GM_ACC_DROPS = 1 << 5,	  /* success takes the content away, by design */
	GM_ACC_REMAPS = 1 << 6,	  /* unmaps or moves the range: gets a mapping of its own */
	GM_ACC_NO_MIX = 1 << 7,	  /* a request that spans two mappings means nothing */
	GM_ACC_FD = 1 << 8,	  /* works on the file: also where there is no VMA */
	GM_ACC_NO_VA = 1 << 9,	  /* works on the file only */
	GM_ACC_ROOT = 1 << 10,	  /* takes rights that an ordinary user lacks */
	GM_ACC_SHMEM = 1 << 11,	  /* the control is a memfd and nothing else */
	GM_ACC_FULL = 1 << 12,	  /* left out of the quick profile */
	GM_ACC_HARMFUL = 1 << 13, /* where it succeeds a page frame is lost: runs last */
	GM_ACC_DENIED = 1 << 14,  /* the caller lacks the right: refused on any memory */
	GM_ACC_COUNT = 1 << 15,	  /* no data, but the bytes reached are counted */
	GM_ACC_FILLED = 1 << 17,  /* zeros would not tell success: only pages with content */
	GM_ACC_SCRATCH =
		1 << 18, /* success leaves the pages to the kernel, for a while: any content */
	GM_ACC_TWIN = 1 << 19,	/* reaches shared pages as another does: there, full profile only */
	GM_ACC_PAGES = 1 << 20, /* takes whole pages and no parts of them */
	GM_ACC_ANON = 1 << 16,	/* the control is anonymous memory and nothing else */
};

/* How a request that starts in ordinary memory and runs into refused pages must end. */
enum gm_mix {
	GM_MIX_SHORT,  /* a short count that ends at the border, to the byte */
	GM_MIX_WHOLE,  /* the refusal, as if nothing had been ordinary */
	GM_MIX_EITHER, /* one of the two */
	GM_MIX_OK,     /* the request does not care what the pages are */
};

struct gm_probe;

/* One request. */
struct gm_access {
	const struct gm_probe *probe;
	uint8_t *hva; /* page aligned; NULL where there is no VMA */
	size_t len;   /* bytes, whole pages */
	int fd;	      /* the file behind the range; -1: none */
	uint64_t off; /* of the range in fd; meaningless in a mixed request */
	bool mixed;   /* the range spans two mappings */
	uint8_t *buf; /* len bytes of ordinary memory that child processes share */
};

/* How it ended: a signal, or the return value with errno. */
struct gm_outcome {
	long ret;	/* bytes that moved; of a request without data: 0 or more */
	int err;	/* errno, where ret is -1 */
	int sig, code;	/* a signal and its si_code, where sig is not 0 */
	uintptr_t addr; /* ... and its si_addr */
};

enum gm_want_kind {
	GM_WANT_DEFAULT, /* what the path says */
	GM_WANT_REACH,	 /* succeeds: the whole length, the right content */
	GM_WANT_ERRNO,
	GM_WANT_SIGNAL,
	GM_WANT_NOTHING, /* succeeds and moves nothing */
	GM_WANT_ABSENT,	 /* the question has no sense here: no such case */
};

struct gm_want {
	enum gm_want_kind kind;
	int val, code;	 /* errno; signal and si_code */
	const char *src; /* file:function (or line) of Linux 7.3.4 that says so */
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
	const char *name; /* the middle of the case's name: stable for ever */
	const char *text; /* what is tried */
	enum gm_path path;
	gm_needs needs;
	unsigned int flags; /* enum gm_access_flag */
	enum gm_mix mix;
	int mix_err; /* errno of a mixed request, where it is another; 0: it is not */
	/* Bytes, or -1 and errno. Skips the case where the kernel lacks the facility. */
	long (*run)(const struct gm_access *a);
	long val;			  /* the probe's own: an advice, a flag */
	struct gm_want want[GM_CLASS_NR]; /* where it differs from the path's default */
	const char *control;		  /* the probe whose success is the control; NULL: itself */
};

extern const struct gm_probe *const gm_probes[]; /* families, each ended by a nameless one */
/* The i-th probe of all; NULL past the last. */
const struct gm_probe *gm_probe_at(size_t i);
const struct gm_probe *gm_probe_find(const char *name);

/* Runs the probe; a SIGBUS or SIGSEGV of this thread ends it and becomes the outcome. */
struct gm_outcome gm_access_run(const struct gm_access *a);
/* "EFAULT", "SIGBUS code 2 at 0x...", "8192 bytes"; valid until four more calls in this thread. */
const char *gm_outcome_str(const struct gm_outcome *o);
const char *gm_want_str(const struct gm_want *w);
/* What this probe must meet with on that kind of memory. */
struct gm_want gm_access_want(const struct gm_probe *p, enum gm_class class);

/* --- for probes --- */

#define GM_ACC_PAGE ((size_t)GM_PAGE_SIZE)

enum gm_caller {
	GM_SELF,
	GM_CHILD, /* a child of the process whose memory it is */
	GM_OTHER, /* unrelated, another user, with CAP_SYS_PTRACE and nothing else */
	GM_NOCAP, /* unrelated, another user, no capability at all */
};

/*
 * Runs fn(a, pid) in a process of the kind, on the memory of this one (pid), and gives what it
 * returned, errno too. buf is shared with it.
 */
long gm_access_as(enum gm_caller who, const struct gm_access *a,
		  long (*fn)(const struct gm_access *a, pid_t pid));

/* A memfd of len bytes, filled from src where src is not NULL; an ERROR if it cannot be had. */
int gm_acc_file(size_t len, const void *src);
/* A file of len bytes that O_DIRECT goes past the page cache of; SKIPs where there is none. */
int gm_acc_dio_file(size_t len, const void *src);
/* Runs io() on the range and a file, and leaves in buf what arrived there. */
long gm_acc_to_file(const struct gm_access *a, int fd,
		    long (*io)(const struct gm_access *a, int fd));
/* Two ends of a TCP connection over loopback. */
void gm_acc_connection(int s[2]);
/* SKIPs if the last call failed because the kernel does not have it. */
void gm_acc_absent(const char *reason, const char *remedy);
/* The address of frames that this thread alone sends and receives: on lo. SKIPs where lo is down. */
struct sockaddr_ll;
void gm_acc_lo(struct sockaddr_ll *to);

/* --- families, one table each --- */
extern const struct gm_probe gm_probes_cpu[], gm_probes_uaccess[], gm_probes_remote[],
	gm_probes_disk[], gm_probes_pipe[], gm_probes_uring[], gm_probes_net[], gm_probes_gup[],
	gm_probes_mm[], gm_probes_move[], gm_probes_vma[], gm_probes_kvm[], gm_probes_iommu[],
	gm_probes_fd[], gm_probes_ring[];

#endif
