/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a case is declared: as data, complete and printable without running anything.
 *
 * A case is one question put to the kernel, under one name that stays stable for ever. It runs in
 * a process of its own (see main.c and the runner); its function reads given - when - then.
 * Knows no KVM: the runner's unit tests build this file without the framework.
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
 * One of the flavours of guest_memfd that a case is put to: the end of the name, the flavour (fixture.h),
 * who converts, and what the case has besides. Lists end with a row of zeroes.
 */
struct gm_flavour_case {
	const char *suffix; /* NULL: the end of the list */
	const struct gm_flavour *flavour;
	const char *profile;
	unsigned int providers;
	gm_needs needs;
	/* Others say what this one could: it is in the full profile only, and leaves GM_REFUSAL to them. */
	bool twin;
};

/* A row for a flavour that this architecture does not have. */
#define GM_FLAVOUR_ABSENT                                                                          \
	{                                                                                          \
		.suffix = ""                                                                       \
	}

/*
 * What a case leaves out, its file may state for all of its cases (GM_FILE). The sets needs, caps,
 * flags and tokens add up: a case has what its file states and what it states itself. Everything else
 * that a case states replaces what its file states; of flavours, providers, provider and profile, which
 * together say who converts, a case that states one has none of its file's. Likewise iommus and iommu.
 * Name, text, flavour, run and arg are the case's own.
 */
struct gm_case {
	const char *name; /* [a-z0-9_.]+, "<area>.<clause>.<what>": never changes once published */
	const char *clause; /* id in contract/clauses.tsv */
	const char *text;   /* one line: what is put to the kernel */
	/* Flavours of guest_memfd that it is put to. The registry makes one case for each. */
	const struct gm_flavour_case *flavours;
	/* The registry's; in a declaration only where the case is about that one and has its own name. */
	const struct gm_flavour *flavour;
	/*
	 * GM_PROVIDERS(...): who converts. The registry makes one case for each, which has that
	 * one as .provider, the provider's profile and needs, and its suffix at the end of the name.
	 */
	unsigned int providers;
	/* The registry's; in a declaration only where the case is about that one and has its own name. */
	enum gm_provider_id provider;
	const char *
		profile; /* of CONTRACT.md: "P0", "P1", "P1p", ...; "any" where it does not matter */
	/*
	 * GM_IOMMUS(...): which devices do its DMA. The registry makes one case for each, which has
	 * that one as .iommu, what that one needs, and its suffix at the end of the name.
	 */
	unsigned int iommus;
	/* The registry's; in a declaration where the case is about that one and has its own name. */
	enum gm_iommu_kind iommu;
	unsigned int dma_flags; /* enum gm_case_flag that the case with a real device has besides */
	gm_needs needs;	      /* GM_NEEDS(...): missing ones make it SKIP, with reason and remedy */
	uint64_t caps;	      /* GM_CAPS(CAP_...): it runs with exactly these */
	unsigned int huge_2m; /* free 2 MiB huge pages it takes */
	unsigned int huge_1g; /* free 1 GiB huge pages it takes */
	unsigned int timeout; /* seconds; 0 is GM_TIMEOUT */
	unsigned int flags;   /* enum gm_case_flag */
	unsigned int tokens;  /* enum gm_token; huge pages imply GM_TOKEN_HUGE */
	void (*run)(const struct gm_case *self);
	const void *arg; /* what tells cases of one function apart: GM_CASES() gives it its type */
	const struct gm_case *file; /* what its file states for all of its cases */
};

#define GM_TIMEOUT 60

#define __GM_CAP(n) (1ULL << (n))
#define GM_CAPS_ALL (~0ULL)
#define GM_CAPS(...) GM_EACH(__GM_CAP, __VA_ARGS__)

/*
 * GM_FILE(.clause = "fd.create_args", .needs = GM_NEEDS(KVM), ...), once, above the first case: what
 * all cases of the file have. A file without it states nothing.
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

/* One more case over a function that is already declared: GM_VARIANT(fn, ident, .name = ..., ...) */
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
 * For cases that an engine makes out of tables: `fn` is called once, at start-up, and hands over
 * each case with gm_case_add(). Declarations and their strings live as long as the process.
 */
#define GM_GENERATE(fn)                                                                            \
	static void (*const gm_generate_##fn)(void)                                                \
		__attribute__((used, retain, section("gm_generators"))) = fn;

void gm_case_add(const struct gm_case *c);

/* The registry, sorted by name; both stay valid as long as the process. */
size_t gm_cases_nr(void);
const struct gm_case *gm_case_at(size_t i);
const struct gm_case *gm_case_find(const char *name);

/* NULL when the declaration is sound, else what is wrong with it (constant string). */
const char *gm_case_problem(const struct gm_case *c);

#endif
