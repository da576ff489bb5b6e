// SPDX-License-Identifier: GPL-2.0-only
/* The registry of all cases in this program, sorted by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"

/* The linker's symbols for the two sections of case.h; an absent section is an empty range. */
extern const struct gm_case *const __start_gm_cases[] __attribute__((weak));
extern const struct gm_case *const __stop_gm_cases[] __attribute__((weak));
extern void (*const __start_gm_generators[])(void) __attribute__((weak));
extern void (*const __stop_gm_generators[])(void) __attribute__((weak));

static const struct {
	const char *suffix;
	gm_needs needs;
} iommus[GM_IOMMU_NR] = { { "", 0 },
#define X(id, suffix, needs) { suffix, needs },
			  GM_IOMMU_LIST(X)
#undef X
};

static const struct gm_case **cases;
static size_t cases_nr, cases_room;

/* Adds a copy of the case, with `end` appended to its name. It lives as long as the process. */
static void add(const struct gm_case *c, const char *end)
{
	struct gm_case *mine = malloc(sizeof(*mine));
	char *name;

	if (cases_nr == cases_room) {
		cases_room = cases_room ? 2 * cases_room : 256;
		cases = realloc(cases, cases_room * sizeof(*cases));
	}
	if (!cases || !mine || asprintf(&name, "%s%s", c->name, end) < 0)
		abort();
	*mine = *c;
	mine->name = name;
	cases[cases_nr++] = mine;
}

/* --- one case for each value of an axis; `end` has the name suffixes of the axes before it --- */

struct end {
	char s[64];
};

static struct end append(struct end end, const char *suffix)
{
	strncat(end.s, suffix, sizeof(end.s) - strlen(end.s) - 1);
	return end;
}

static void add_for_providers(const struct gm_case *c, struct end end)
{
	struct gm_case mine = *c;

	if (!c->providers)
		add(c, end.s);
	for (enum gm_provider_id p = 0; p < GM_PROVIDER_NR; p++)
		if (c->providers & (1U << p)) {
			mine.provider = p;
			mine.profile = gm_provider_profile(p);
			mine.needs = c->needs | gm_provider_needs(p);
			add(&mine, append(end, gm_provider_suffix(p)).s);
		}
}

static void add_for_iommus(const struct gm_case *c, struct end end)
{
	for (enum gm_iommu_kind kind = 0; kind < GM_IOMMU_NR; kind++) {
		bool of_a_set = !c->iommu && c->iommus;
		struct gm_case mine = *c;

		if (of_a_set ? !(c->iommus & (1U << kind)) : kind != c->iommu)
			continue;
		mine.iommu = kind;
		mine.needs |= iommus[kind].needs;
		if (kind != GM_IOMMU_NONE)
			mine.tokens |= GM_TOKEN_IOMMU;
		if (kind == GM_IOMMU_VFIO || kind == GM_IOMMU_TYPE1)
			mine.flags |= c->dma_flags;
		add_for_providers(&mine, of_a_set ? append(end, iommus[kind].suffix) : end);
	}
}

static void add_for_flavours(const struct gm_case *c)
{
	const struct end none = {};

	if (!c->flavours)
		add_for_iommus(c, none);
	for (const struct gm_flavour_case *f = c->flavours; f && f->suffix; f++) {
		struct gm_case mine = *c;

		if (!f->flavour)
			continue;
		mine.flavour = f->flavour;
		mine.profile = f->profile;
		mine.providers = f->providers;
		mine.needs |= f->needs;
		if (f->twin)
			mine.flags = (c->flags & ~GM_REFUSAL) | GM_FULL_ONLY;
		add_for_iommus(&mine, append(none, f->suffix));
	}
}

void gm_case_add(const struct gm_case *c)
{
	static const struct gm_case nothing;
	const struct gm_case *file = c->file ?: &nothing;
	struct gm_case mine = *c;

	mine.clause = c->clause ?: file->clause;
	if (!c->flavours && !c->providers && !c->provider && !c->profile) {
		mine.flavours = file->flavours;
		mine.providers = file->providers;
		mine.provider = file->provider;
		mine.profile = file->profile;
	}
	if (!c->iommus && !c->iommu) {
		mine.iommus = file->iommus;
		mine.iommu = file->iommu;
	}
	mine.dma_flags = c->dma_flags | file->dma_flags;
	mine.needs = c->needs | file->needs;
	mine.caps = c->caps | file->caps;
	mine.flags = c->flags | file->flags;
	mine.tokens = c->tokens | file->tokens;
	mine.huge_2m = c->huge_2m ?: file->huge_2m;
	mine.huge_1g = c->huge_1g ?: file->huge_1g;
	mine.timeout = c->timeout ?: file->timeout;
	add_for_flavours(&mine);
}

static int by_name(const void *a, const void *b)
{
	const struct gm_case *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void collect(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	for (const struct gm_case *const *p = __start_gm_cases; p < __stop_gm_cases; p++)
		gm_case_add(*p);
	for (void (*const *g)(void) = __start_gm_generators; g < __stop_gm_generators; g++)
		(*g)();
	if (cases_nr)
		qsort(cases, cases_nr, sizeof(*cases), by_name);
}

size_t gm_cases_nr(void)
{
	collect();
	return cases_nr;
}

const struct gm_case *gm_case_at(size_t i)
{
	collect();
	return i < cases_nr ? cases[i] : NULL;
}

const struct gm_case *gm_case_find(const char *name)
{
	struct gm_case key = { .name = name };
	const struct gm_case *k = &key, **hit;

	collect();
	if (!cases_nr)
		return NULL;
	hit = bsearch(&k, cases, cases_nr, sizeof(*cases), by_name);
	return hit ? *hit : NULL;
}

const char *gm_case_problem(const struct gm_case *c)
{
	if (!c->name || !*c->name)
		return "no name";
	for (const char *p = c->name; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_.", *p))
			return "a name has lower case letters, digits, '_' and '.' only";
	if (!c->clause || !*c->clause)
		return "no clause";
	if (strncmp(c->name, c->clause, strlen(c->clause)) ||
	    (c->name[strlen(c->clause)] != '.' && c->name[strlen(c->clause)]))
		return "a name starts with its clause";
	if (!c->text || !*c->text || strpbrk(c->text, "\n\t"))
		return "the text is one line";
	if (!c->profile)
		return "no profile";
	if (!c->run)
		return "nothing to run";
	return NULL;
}
