/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a case is declared: as data, which can be listed without running anything.
 *
 * A case tests one behaviour of the kernel; its name never changes. It runs in a process of its own
 * (see main.c and the runner); its function reads given - when - then. Does not use KVM: the unit
 * tests build this file without the framework.
 */
#ifndef GM_CASE_H
#define GM_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iommu_kind.h"
#include "need.h"
#include "protocol.h"
#include "provider.h"

struct gm_flavour;

/*
 * One of the flavours of guest_memfd that a case runs with: the suffix of its name, the flavour
 * (fixture.h), its providers, and its further needs. Lists end with a row of zeroes.
 */
struct gm_flavour_case {
	const char *suffix; /* NULL: the end of the list */
	const struct gm_flavour *flavour;
	const char *profile;
	unsigned int providers;
	gm_needs needs;
	/* Repeats what other flavours test: it gets GM_FULL_ONLY, and loses GM_REFUSAL. */
	bool twin;
};

/* The row of a flavour that this architecture does not have: it is skipped. */
#define GM_FLAVOUR_ABSENT                                                                          \
	{                                                                                          \
		.suffix = ""                                                                       \
	}

/*
 * GM_FILE states defaults for all cases of a file. Sets (needs, caps, flags, dma_flags, tokens) add
 * up: a case has those of the file and its own. Any other field of a case replaces that of the
 * file. flavours, providers, provider and profile belong together: a case that states one of them
 * gets none of them from the file. The same holds for iommus and iommu. Name, text, flavour, run
 * and arg have no defaults.
 */
struct gm_case {
	const char *name; /* [a-z0-9_.]+, "<area>.<clause>.<what>": never changes once published */
	const char *clause; /* id in contract/clauses.tsv */
	const char *text;   /* one line: what is tested */
	/* The flavours of guest_memfd that it runs with. The registry makes one case for each. */
	const struct gm_flavour_case *flavours;
	/* Set by the registry; in a declaration only if the case has this one and its own name. */
	const struct gm_flavour *flavour;
	/*
	 * GM_PROVIDERS(...): the conversion providers. The registry makes one case for each, with
	 * it as .provider, its profile and needs, and its suffix at the end of the name.
	 */
	unsigned int providers;
	/* Set by the registry; in a declaration only if the case has this one and its own name. */
	enum gm_provider_id provider;
	const char *profile; /* of the contract: "P0", "P1", "P1p", ...; "any": all */
	/*
	 * GM_IOMMUS(...): the devices for DMA. The registry makes one case for each, with it as
	 * .iommu, its needs, and its suffix at the end of the name.
	 */
	unsigned int iommus;
	/* Set by the registry; in a declaration only if the case has this one and its own name. */
	enum gm_iommu_kind iommu;
	unsigned int dma_flags; /* further enum gm_case_flag of the cases with real DMA */
	gm_needs needs;	      /* GM_NEEDS(...): missing ones make it SKIP, with reason and remedy */
	uint64_t caps;	      /* GM_CAPS(CAP_...): it runs with exactly these */
	unsigned int huge_2m; /* number of free 2 MiB huge pages that it needs */
	unsigned int huge_1g; /* number of free 1 GiB huge pages that it needs */
	unsigned int timeout; /* seconds; 0: GM_TIMEOUT */
	unsigned int flags;   /* enum gm_case_flag */
	unsigned int tokens;  /* enum gm_token; huge pages imply GM_TOKEN_HUGE */
	void (*run)(const struct gm_case *self);
	const void *arg;	    /* the row of values: see GM_CASES() */
	const struct gm_case *file; /* the defaults of its file */
};

#define GM_TIMEOUT 60

#define __GM_CAP(n) (1ULL << (n))
#define GM_CAPS_ALL (~0ULL)
#define GM_CAPS(...) GM_EACH(__GM_CAP, __VA_ARGS__)

/*
 * GM_FILE(.clause = "fd.create_args", .needs = GM_NEEDS(KVM), ...), once, above the first case: the
 * defaults of all cases of the file.
 */
#define GM_FILE(...) static const struct gm_case gm_file = { __VA_ARGS__ };
static const struct gm_case gm_file __attribute__((unused));

/*
 * GM_CASE(fn, .name = "fd.create_args.zero", .clause = "fd.create_args", ...) { body }
 * declares the case and opens its body; inside, `self` is the declaration.
 */
#define GM_CASE(fn, ...)                                                                           \
	static void fn(const struct gm_case *self);                                                \
	GM_VARIANT(fn, fn, __VA_ARGS__)                                                            \
	static void fn(const struct gm_case *self __attribute__((unused)))

/* Another case with the same function: GM_VARIANT(fn, ident, .name = ..., ...) */
#define GM_VARIANT(fn, ident, ...)                                                                 \
	static const struct gm_case gm_case_##ident = { .run = fn,                                 \
							.file = &gm_file,                          \
							__VA_ARGS__ };                             \
	static const struct gm_case *const gm_case_ptr_##ident                                     \
		__attribute__((used, retain, section("gm_cases"))) = &gm_case_##ident;

/*
 * Cases that differ in values: one function, and a row of values for each case.
 *
 *	struct border {
 *		uint64_t at;
 *		bool exec;
 *	};
 *
 *	GM_CASES(sweep, struct border, v)
 *	{
 *		... v->at ...
 *	}
 *	GM_ROW(sweep, sweep_2m, .name = "...", .text = "...") = { .at = GM_2M };
 *	GM_ROW(sweep, sweep_exec, .name = "...", .text = "...") = { .at = GM_2M, .exec = true };
 *
 * The function has `self`, too. (gm_type_of_sweep is declared for its type and never defined.)
 */
#define GM_CASES(fn, type, row)                                                                    \
	extern const type gm_type_of_##fn;                                                         \
	static void gm_body_of_##fn(const struct gm_case *self, const type *row);                  \
	static void fn(const struct gm_case *self)                                                 \
	{                                                                                          \
		gm_body_of_##fn(self, self->arg);                                                  \
	}                                                                                          \
	static void gm_body_of_##fn(const struct gm_case *self __attribute__((unused)),            \
				    const type *row)

#define GM_ROW(fn, ident, ...)                                                                     \
	static const __typeof__(gm_type_of_##fn) gm_row_##ident;                                   \
	GM_VARIANT(fn, ident, .arg = &gm_row_##ident, __VA_ARGS__)                                 \
	static const __typeof__(gm_type_of_##fn) gm_row_##ident

/*
 * For cases that are generated from tables: the registry calls `fn` once, which calls gm_case_add()
 * for each case. Declarations and their strings must live as long as the process.
 */
#define GM_GENERATE(fn)                                                                            \
	static void (*const gm_generate_##fn)(void)                                                \
		__attribute__((used, retain, section("gm_generators"))) = fn;

void gm_case_add(const struct gm_case *c);

/* The registry, sorted by name; cases live as long as the process. */
size_t gm_cases_nr(void);
const struct gm_case *gm_case_at(size_t i);
const struct gm_case *gm_case_find(const char *name);

/* NULL: the declaration is valid; else what is wrong with it (constant string). */
const char *gm_case_problem(const struct gm_case *c);

#endif
