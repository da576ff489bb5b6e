// SPDX-License-Identifier: GPL-2.0-only
/* Policies that take the nodes in turn spread the pages of a file, whoever touches them first: fd.mempolicy. */
#include <linux/mempolicy.h>

#include "fd.h"
#include "journal.h"
#include "node.h"

GM_FILE(.clause = "fd.mempolicy", .needs = GM_NEEDS(GMEM_FS, NUMA), .caps = GM_CAPS_ALL)

#ifndef MPOL_WEIGHTED_INTERLEAVE
#define MPOL_WEIGHTED_INTERLEAVE 6
#endif

/* A multiple of every period here: a thread takes the nodes in turn wherever it stands (mm/mempolicy.c:2116). */
#define EACH 24U
#define WEIGHTS "/sys/kernel/mm/mempolicy/weighted_interleave"

static struct gm_journal journal;

static void restore(void *arg __attribute__((unused)))
{
	gm_journal_restore(&journal);
}

static void set(const char *path, const char *value)
{
	int err = gm_journal_set(&journal, path, value);

	GM_SETUP(!err, "%s = %s: %s", path, value, gm_errno_name(-err));
}

/* Three pages of one node, then one of the other. */
static void set_weights(const int *node)
{
	char path[96];

	if (access(WEIGHTS, F_OK))
		gm_skip("no weights of memory nodes", "Linux 6.9 or later with CONFIG_NUMA=y");
	GM_SETUP(!gm_journal_open(&journal, gm_journal_dir()), "no journal");
	gm_cleanup(restore, NULL);
	/* Weights that are set end the automatic ones, and would not bring them back. */
	if (!access(WEIGHTS "/auto", F_OK))
		set(WEIGHTS "/auto", "false");
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), WEIGHTS "/node%d", node[i]);
		set(path, i ? "1" : "3");
	}
}

/* Pages [first, first + EACH) of the file: `want` on node[0], the rest on node[1]. */
static void expect_spread(const struct gm_fixture *w, unsigned int first, const int *node,
			  unsigned int want, const char *who)
{
	unsigned int on[2] = { 0 };

	for (unsigned int p = first; p < first + EACH; p++) {
		int at;

		/* Only what is mapped has a node. */
		(void)*(volatile uint8_t *)(w->hva + p * PG);
		at = gm_node_of(w->hva + p * PG);
		on[0] += at == node[0];
		on[1] += at == node[1];
	}
	GM_EXPECT(
		on[0] == want && on[1] == EACH - want,
		"%u pages, %s: expected %u on node %d and %u on node %d, observed %u and %u (and %u elsewhere)",
		EACH, who, want, node[0], EACH - want, node[1], on[0], on[1], EACH - on[0] - on[1]);
}

static void spread(const struct gm_flavour *f, int mode, bool converted)
{
	int node[] = { gm_node_other(-1), gm_node_other(gm_node_other(-1)) };
	unsigned int want = mode == MPOL_INTERLEAVE ? EACH / 2 : EACH * 3 / 4;
	struct gm_fixture *w;
	unsigned long mask;

	if (node[1] < 0)
		gm_skip("one memory node only", "a machine with two NUMA nodes");
	if (mode == MPOL_WEIGHTED_INTERLEAVE)
		set_weights(node);
	w = FD_FIXTURE(f, 3 * EACH * PG);
	mask = 1UL << node[0] | 1UL << node[1];
	GM_SETUP_OK(syscall(SYS_mbind, w->hva, 3 * EACH * PG, mode, &mask, 64, 0));
	if (converted)
		gm_fixture_convert(w, FIRST, 3 * EACH, true);
	gm_gmem_allocate(w->gmem, 0, EACH * PG);
	gm_guest_touch(w->vm, 0, GM_BASE + EACH * PG, EACH * PG, PG);
	if (converted)
		gm_fixture_convert(w, FIRST, 3 * EACH, false);
	for (unsigned int p = 2 * EACH; p < 3 * EACH; p++)
		w->hva[p * PG] = 1;
	expect_spread(w, 0, node, want, "allocated");
	expect_spread(w, EACH, node, want, "touched by the guest");
	expect_spread(w, 2 * EACH, node, want, "touched by the host");
	gm_fixture_free(w);
}

GM_CASE(interleave, .name = "fd.mempolicy.interleave.p1", .profile = "P1",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP),
	.text = "MPOL_INTERLEAVE: as many pages on one node as on the other: allocated, touched by guest or host")
{
	spread(&gm_p1, MPOL_INTERLEAVE, false);
}

GM_CASE(weighted, .name = "fd.mempolicy.weighted_interleave.p1", .profile = "P1",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP, ROOT), .tokens = GM_TOKEN_MODULE,
	.text = "MPOL_WEIGHTED_INTERLEAVE with weights 3 and 1: three pages of four on one node")
{
	spread(&gm_p1, MPOL_WEIGHTED_INTERLEAVE, false);
}

#ifdef __x86_64__
GM_CASE(interleave_private, .name = "fd.mempolicy.interleave", .providers = GM_PROVIDERS(INPLACE),
	.text = "MPOL_INTERLEAVE for private pages: allocated, touched by the guest; and then for shared ones")
{
	spread(NULL, MPOL_INTERLEAVE, true);
}
#endif
