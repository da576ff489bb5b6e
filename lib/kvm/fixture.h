/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest-memory fixture: a VM, one slot with a guest_memfd, host memory at userspace_addr, and
 * the model of all this memory. Each function applies its operation to the kernel and to the model.
 * The VM and its file are those of the running case's conversion provider, or those of a flavour.
 */
#ifndef GM_FIXTURE_H
#define GM_FIXTURE_H

#include <stdatomic.h>

#include "convert.h"
#include "model.h"
#include "seed.h"
#include "vm.h"

#define GFN(gpa) ((gpa) / GM_PAGE_SIZE)
#define GPA(gfn) ((gfn)*GM_PAGE_SIZE)
#define PAGES(bytes) ((bytes) / GM_PAGE_SIZE)

/* A kind of VM and of guest_memfd, for cases that do not use those of the provider. */
struct gm_flavour {
	enum gm_vm_kind kind;
	uint64_t flags; /* of KVM_CREATE_GUEST_MEMFD */
	/*
	 * Number of in-place conversions of the whole new file, each to the other state: of a shared
	 * one, 1 makes it private, 2 shared again.
	 */
	unsigned int conversions;
};

/* Is the file private at first? With attributes of the VM, gm_fixture_slot() makes it so. */
bool gm_flavour_private(const struct gm_flavour *f);
/* Can the host access the pages by a mapping of the file? */
bool gm_flavour_host(const struct gm_flavour *f);
/* The writer in words that the guest writes, see word.h. */
enum gm_writer gm_flavour_writer(const struct gm_flavour *f);
/* A new guest_memfd of the flavour, converted; the caller closes it. */
int gm_flavour_gmem(struct gm_vm *vm, const struct gm_flavour *f, uint64_t size);
/*
 * On an ordinary VM, without conversion, with GUEST_MEMFD_FLAG_MMAP: shared pages; private pages.
 */
extern const struct gm_flavour gm_p1, gm_p1p;

/* The userspace_addr of slots. */
enum gm_uaddr {
	/*
	 * Host memory. If shared memory is in the file, no access may reach this memory, and
	 * gm_fixture_free() checks that.
	 */
	GM_UADDR_MEM,
	/* The shared memory, as in VMMs: KVM itself reads and writes there. */
	GM_UADDR_SHARED,
	/*
	 * NULL, so that the MMU notifier of a mapping cannot hide that the file fails to unmap
	 * pages. Without GM_NEED_TDP a guest needs userspace_addr: then as GM_UADDR_SHARED.
	 */
	GM_UADDR_NONE,
};

struct gm_fixture_args {
	uint64_t gpa, size;		  /* bytes; gpa 0: GM_BASE */
	const struct gm_flavour *flavour; /* of the guest_memfd; NULL: the provider's */
	uint64_t file_size;		  /* of the guest_memfd; 0: size */
	uint64_t more_flags;		  /* further flags of the guest_memfd */
	/*
	 * The size of the file's pages, GM_2M or GM_1G of the hugetlb pool; 0: the provider's. The
	 * file is rounded up to it.
	 */
	uint64_t file_page;
	bool starts_private;  /* all pages of the slots; not used with a flavour */
	enum gm_mem_kind mem; /* of the memory at userspace_addr */
	uint64_t mem_size;    /* of that memory, bytes; 0: size */
	enum gm_uaddr uaddr;
	bool uses_uaddr; /* the case accesses that memory itself: no check in gm_fixture_free() */
	unsigned int vcpus;  /* 0: one */
	uint64_t guest_page; /* size of the guest's own mappings; 0: 2 MiB */
	bool no_slot;	     /* the case calls gm_fixture_slot() itself */
	/* No guest_memfd. If pages are converted in files, only together with no_slot. */
	bool no_gmem;
	bool no_map; /* the case maps the guest's pages itself */
	/* The host accesses pages while they are converted: retry conversions on EAGAIN. */
	bool host_touches;
	uint64_t extra_pages; /* further pages for guest page tables */
	/* Converts instead of the running case's provider; 0: that provider. */
	enum gm_provider_id provider;
	/* As in struct gm_vm_args. gm_vm.user is the fixture; the caller may replace it. */
	int64_t (*on_convert)(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
			      uint64_t attrs);
	bool (*on_exit)(struct gm_vm *vm, unsigned int vcpu, const struct gm_exit *ex);
};

struct gm_fixture {
	struct gm_vm *vm;
	const struct gm_provider *provider; /* of the VM; NULL: no conversion */
	struct gm_flavour file;		    /* for gm_fixture_file() */
	bool file_serves_shared;	    /* see struct gm_provider */
	bool starts_private;
	struct gm_mem *mem; /* the memory at userspace_addr; NULL: none */
	int gmem;
	/* The host's mapping of shared pages: of mem or of the file; NULL: none. */
	uint8_t *hva;
	uint8_t *uaddr;		       /* userspace_addr of slots; NULL: none */
	bool uaddr_is_hva, uses_uaddr; /* see enum gm_uaddr */
	struct gm_model *model;
	uint64_t gpa, size, file_size; /* bytes */
	uint64_t file_page;	       /* of a file of huge pages; 0: none */
	bool host_touches;
	atomic_uint gen;   /* the last generation in use */
	struct gm_rng rng; /* from the case's seed */
};

struct gm_fixture *gm_fixture_new(const struct gm_fixture_args *args);
#define GM_FIXTURE(...) gm_fixture_new(&(const struct gm_fixture_args){ __VA_ARGS__ })
/* w->vm is NULL if the case has freed the VM itself. */
void gm_fixture_free(struct gm_fixture *w);
/* Creates and maps a new guest_memfd, for a case that closed the first one. */
void gm_fixture_file(struct gm_fixture *w);
/* Unmaps the host's mapping of the file; gm_fixture_close() also closes the file. */
void gm_fixture_unmap(struct gm_fixture *w);
void gm_fixture_close(struct gm_fixture *w);
/*
 * Do pages have one memory, so that content that is written in one state can be read in the other?
 */
bool gm_fixture_one_memory(const struct gm_fixture *w);
/*
 * A slot for [off, off + size) of the file, and of the memory at userspace_addr. With
 * starts_private and attributes of the VM, makes its pages private.
 */
void gm_fixture_slot(struct gm_fixture *w, uint32_t id, uint64_t gpa, uint64_t size, uint64_t off);
/* A new generation: not 0, and not the previous one. */
unsigned int gm_fixture_gen(struct gm_fixture *w);
uint64_t gm_fixture_random(struct gm_fixture *w, uint64_t n);
/*
 * Converts in the kernel and in the model. If the attributes are in the file, also pages without a
 * slot, at their offset in the fixture's own slot.
 */
void gm_fixture_convert(struct gm_fixture *w, uint64_t gfn, uint64_t n, bool to_private);
void gm_fixture_punch(struct gm_fixture *w, uint64_t gfn, uint64_t n);
/* A hole in the file, in bytes; in the model, in all slots with these pages. */
void gm_fixture_punch_file(struct gm_fixture *w, uint64_t off, uint64_t len);
/* vCPU v writes every word of the pages, private or shared. */
void gm_fixture_fill(struct gm_fixture *w, unsigned int v, uint64_t gfn, uint64_t n);
/* The first word of the page that the guest must read. */
uint64_t gm_fixture_word(struct gm_fixture *w, uint64_t gfn);
/* The host writes the shared memory of the pages; if that is in the file, only of shared pages. */
void gm_fixture_host_write(struct gm_fixture *w, uint64_t gfn, uint64_t n);
/* Can system calls read the page? If so, it is in the host's page tables afterwards. */
bool gm_host_sees(const void *hva);
/*
 * The host checks shared memory, words `stride` apart. If it is in the file, private pages must not
 * be accessible to the host.
 */
void gm_fixture_check_host(struct gm_fixture *w, uint64_t gfn, uint64_t n, unsigned int stride,
			   const char *when);
/* The guest checks [gfn, gfn + n), words `stride` apart (1: all of them). */
void gm_fixture_check_guest(struct gm_fixture *w, unsigned int v, uint64_t gfn, uint64_t n,
			    unsigned int stride, const char *when);
/*
 * The guest checks one word of every page. If shared memory is in the file, reads allocate pages:
 * then only of the first and the last page of each 2 MiB.
 */
void gm_fixture_check_each(struct gm_fixture *w, unsigned int v, const char *when);
/*
 * Checks all memory of every page: now, after a conversion of all pages to private, and after one
 * to shared, which is the state at the end.
 */
void gm_fixture_check_all(struct gm_fixture *w, unsigned int v, const char *when);

#endif
