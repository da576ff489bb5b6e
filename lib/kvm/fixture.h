/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest-memory fixture: a VM, one slot over a guest_memfd, memory of the host beside it, and the
 * model of what all of it must hold. Each step goes to the kernel and to the model. Who converts is
 * the running case's provider; the steps are the same for all of them. A flavour is a VM and a file
 * of the case's own choice instead, whose pages are in the flavour's state.
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

/* A VM and its guest_memfd, where that is not the provider's choice. */
struct gm_flavour {
	enum gm_vm_kind kind;
	uint64_t flags; /* of KVM_CREATE_GUEST_MEMFD */
	/* In place, of the whole file, when it is new: 1 makes it private, 2 shared again. */
	unsigned int conversions;
};

/* All pages of its file begin private. Where that is an attribute of the VM a slot makes them so. */
bool gm_flavour_private(const struct gm_flavour *f);
/* The host reaches the pages through a mapping of the file. */
bool gm_flavour_host(const struct gm_flavour *f);
/* Whose name the guest's words carry, see word.h. */
enum gm_half gm_flavour_half(const struct gm_flavour *f);
/* Such a file, converted; the caller closes it. */
int gm_flavour_gmem(struct gm_vm *vm, const struct gm_flavour *f, uint64_t size);
/* Of the ordinary VM, which converts nothing, and mapped: shared pages; private ones. */
extern const struct gm_flavour gm_p1, gm_p1p;

/* What slots get as userspace_addr. */
enum gm_uaddr {
	/*
	 * Memory of the host. Where the file serves shared accesses no guest access may reach it:
	 * gm_fixture_free() looks whether one did.
	 */
	GM_UADDR_MEM,
	/* What serves shared accesses, as VMMs have it: KVM itself reads and writes memory there. */
	GM_UADDR_SHARED,
	/*
	 * NULL, so that no notifier of a mapping does what the file has to do by itself. Without
	 * GM_NEED_TDP a guest cannot do without: then as GM_UADDR_SHARED.
	 */
	GM_UADDR_NONE,
};

struct gm_fixture_args {
	uint64_t gpa, size;		  /* bytes; gpa 0: GM_BASE */
	const struct gm_flavour *flavour; /* of the guest_memfd; NULL: the provider's */
	uint64_t file_size;		  /* of the guest_memfd; 0: size */
	uint64_t more_flags;		  /* of the guest_memfd, beside the others */
	bool starts_private;		  /* all pages of the slots; a flavour says it itself */
	enum gm_mem_kind mem;		  /* of the memory at userspace_addr */
	uint64_t mem_size;		  /* of it, bytes; 0: size */
	enum gm_uaddr uaddr;
	bool uses_uaddr;    /* the case touches that memory itself: nobody looks at it in the end */
	unsigned int vcpus; /* 0: one */
	uint64_t guest_page; /* size of the guest's own mappings; 0: 2 MiB */
	bool no_slot;	     /* the case makes the slots itself, with gm_fixture_slot() */
	/* No guest_memfd. Not for the slot of gm_fixture_new() where pages are converted in files. */
	bool no_gmem;
	bool no_map; /* the case maps the guest's pages itself */
	/* The host touches pages while they are converted: EAGAIN that a retry resolves is fine. */
	bool host_touches;
	uint64_t extra_pages; /* for guest page tables, beyond what `size` takes */
	/* Who converts, where that is not the running case's provider; 0: that one. */
	enum gm_provider_id provider;
	/* As struct gm_vm_args has them; the VM's user pointer is the fixture's until the caller sets it. */
	int64_t (*on_convert)(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
			      uint64_t attrs);
	bool (*on_exit)(struct gm_vm *vm, unsigned int vcpu, const struct gm_exit *ex);
};

struct gm_fixture {
	struct gm_vm *vm;
	const struct gm_provider *provider; /* of the VM; NULL: nobody converts */
	struct gm_flavour file;		    /* what gm_fixture_file() makes */
	bool file_serves_shared;	    /* as struct gm_provider has it */
	bool starts_private;
	struct gm_mem *mem; /* the memory at userspace_addr; NULL: none */
	int gmem;
	/* Where the host sees shared pages: mem, or a mapping of the file. NULL: nowhere. */
	uint8_t *hva;
	uint8_t *uaddr;		       /* what slots get as userspace_addr; NULL: none */
	bool uaddr_is_hva, uses_uaddr; /* see enum gm_uaddr */
	struct gm_model *model;
	uint64_t gpa, size, file_size; /* bytes */
	bool host_touches;
	atomic_uint gen;   /* the last generation that was given out */
	struct gm_rng rng; /* of the case's seed */
};

struct gm_fixture *gm_fixture_new(const struct gm_fixture_args *args);
#define GM_FIXTURE(...) gm_fixture_new(&(const struct gm_fixture_args){ __VA_ARGS__ })
/* A case that closed the VM left NULL in w->vm. */
void gm_fixture_free(struct gm_fixture *w);
/* A new guest_memfd, and the host's mapping of it, for a case that closed the first one. */
void gm_fixture_file(struct gm_fixture *w);
/* The host's mapping of the file goes; with gm_fixture_close() the file, too. */
void gm_fixture_unmap(struct gm_fixture *w);
void gm_fixture_close(struct gm_fixture *w);
/* A page is one memory: what was written in one state is there in the other. */
bool gm_fixture_one_memory(const struct gm_fixture *w);
/*
 * A slot over [off, off + size) of the file, and of the memory at userspace_addr. Its pages become
 * private where they start so by an attribute of the VM.
 */
void gm_fixture_slot(struct gm_fixture *w, uint32_t id, uint64_t gpa, uint64_t size, uint64_t off);
/* Never 0, never the one before. */
unsigned int gm_fixture_gen(struct gm_fixture *w);
uint64_t gm_fixture_random(struct gm_fixture *w, uint64_t n);
/*
 * Both the kernel and the model. Where attributes live in the file, pages without a slot are
 * converted too, at the offset that the fixture's own slot gives them.
 */
void gm_fixture_convert(struct gm_fixture *w, uint64_t gfn, uint64_t n, bool to_private);
void gm_fixture_punch(struct gm_fixture *w, uint64_t gfn, uint64_t n);
/* A hole of the file, bytes, wherever slots have its pages. */
void gm_fixture_punch_file(struct gm_fixture *w, uint64_t off, uint64_t len);
/* The guest writes every word of the pages, whatever their state, on vCPU v. */
void gm_fixture_fill(struct gm_fixture *w, unsigned int v, uint64_t gfn, uint64_t n);
/* The first word of the page as the guest must read it. */
uint64_t gm_fixture_word(struct gm_fixture *w, uint64_t gfn);
/* The host writes pages; where the file serves shared accesses, those that are shared. */
void gm_fixture_host_write(struct gm_fixture *w, uint64_t gfn, uint64_t n);
/* Whether system calls can read the host's page. Where they can, its page tables have it after. */
bool gm_host_sees(const void *hva);
/*
 * What serves shared accesses as the host reads it, words `stride` apart. Where that is the file,
 * private pages must be out of the host's reach.
 */
void gm_fixture_check_host(struct gm_fixture *w, uint64_t gfn, uint64_t n, unsigned int stride,
			   const char *when);
/* What the guest sees of [gfn, gfn + n), words `stride` apart (1: all of them). */
void gm_fixture_check_guest(struct gm_fixture *w, unsigned int v, uint64_t gfn, uint64_t n,
			    unsigned int stride, const char *when);
/*
 * One word of every page. Where the file serves shared accesses, reading allocates pages: there it is
 * the first and the last of each 2 MiB.
 */
void gm_fixture_check_each(struct gm_fixture *w, unsigned int v, const char *when);
/*
 * All memory of every page: what the guest sees now, then after converting all to private, then
 * after converting all to shared, which is how it ends.
 */
void gm_fixture_check_all(struct gm_fixture *w, unsigned int v, const char *when);

#endif
