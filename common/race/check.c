// SPDX-License-Identifier: GPL-2.0-only
/* Checks after a round: slot, file, mapping, and every page. */
#include "race.h"
#include "touch.h"

static bool private_now(const struct race *r)
{
	bool began = r->memory == RACE_ATTRIBUTES || r->memory == RACE_PRIVATE;

	return began != r->converted;
}

/*
 * Expects that the guest's access to the first page at gpa exits this way. Without memory at
 * userspace_addr there is nothing but EFAULT.
 */
void race_expect_exit(struct race *r, uint64_t gpa, unsigned int reason, int err, const char *when)
{
	struct gm_op op = { .code = GM_OP_READ, .addr = gpa };
	struct gm_exit ex;

	if (!GM_EXPECT(!__gm_run(r->w->vm, 1, &op, 1, &ex, NULL), "%s: the guest reads %#lx", when,
		       op.val))
		return;
	if (r->memory == RACE_ANON && err == EFAULT)
		reason = ex.reason;
	GM_EXPECT(ex.reason == reason && ex.err == err, "%s: %s", when, gm_exit_str(&ex));
}

static void read_words(struct race *r, unsigned int word, uint64_t out[RACE_PAGES])
{
	struct gm_op op[RACE_PAGES] = {};

	for (uint64_t i = 0; i < RACE_PAGES; i++)
		op[i] = (struct gm_op){ .code = GM_OP_READ, .addr = r->at + i * PG + word * 8 };
	gm_run(r->w->vm, 1, op, RACE_PAGES);
	for (uint64_t i = 0; i < RACE_PAGES; i++)
		out[i] = op[i].val;
}

/* Word 1, which the guest may have written: in all pages if its call succeeded. */
static bool legal(const struct race *r, uint64_t page, uint64_t val)
{
	bool writes = r->user->effect & RACE_WRITES && r->call[1].ran;

	if (writes && val == race_new(r, page))
		return true;
	if (r->hole)
		return !val;
	return val == race_old(r, page, 1) && !(writes && !r->call[1].ret);
}

static void check_guest(struct race *r, uint64_t first[RACE_PAGES], uint64_t second[RACE_PAGES])
{
	read_words(r, 0, first);
	read_words(r, 1, second);
	for (uint64_t i = 0; i < RACE_PAGES && !gm_failures(); i++) {
		struct gm_page page = gm_vm_page(r->w->vm, r->at + i * PG);

		GM_EXPECT_AT(&page, first[i] == (r->hole ? 0 : race_old(r, i, 0)),
			     "page %lu: the first word is %s", i, gm_word_str(first[i]));
		GM_EXPECT_AT(&page, legal(r, i, second[i]), "page %lu: the second word is %s", i,
			     gm_word_str(second[i]));
	}
}

/*
 * Expects that the host reads what the guest reads in shared pages, and cannot read private ones.
 */
static void check_host(struct race *r, const uint64_t *first, const uint64_t *second)
{
	for (uint64_t i = 0; r->map && i < RACE_PAGES && !gm_failures(); i++) {
		const volatile uint64_t *hva =
			(const volatile uint64_t *)(r->map + RACE_OFF + i * PG);

		if (private_now(r)) {
			GM_EXPECT(!gm_host_sees((const void *)hva),
				  "page %lu: private, and the host reads it", i);
			continue;
		}
		if (!GM_EXPECT(gm_host_sees((const void *)hva),
			       "page %lu: shared, and the host cannot read it", i))
			return;
		GM_EXPECT(!first || (hva[0] == first[i] && hva[1] == second[i]),
			  "page %lu: the host reads %s and %s, the guest %s and %s", i,
			  gm_word_str(hva[0]), gm_word_str(hva[1]), gm_word_str(first[i]),
			  gm_word_str(second[i]));
		GM_EXPECT(hva[0] == (r->hole ? 0 : race_old(r, i, 0)),
			  "page %lu: the host reads %s in its first word", i, gm_word_str(hva[0]));
	}
}

/* Expects that the log has every page that the guest writes now. */
static void check_log(struct race *r)
{
	struct gm_op op = { .code = GM_OP_TOUCH_W,
			    .addr = r->at + 16,
			    .nr = RACE_PAGES,
			    .val = PG,
			    .writer = GM_WRITER_SHARED,
			    .gen = r->gen };
	uint64_t bitmap = 0;
	struct kvm_dirty_log log = { .slot = RACE_SLOT, .dirty_bitmap = &bitmap };
	int vm = r->w->vm->kvm->fd;

	GM_EXPECT_OK(ioctl(vm, KVM_GET_DIRTY_LOG, &log), "the dirty log");
	gm_run(r->w->vm, 1, &op, 1);
	bitmap = 0;
	GM_EXPECT_OK(ioctl(vm, KVM_GET_DIRTY_LOG, &log), "the dirty log");
	GM_EXPECT_EQ(bitmap, (1UL << RACE_PAGES) - 1, "the log of %lu pages that are written",
		     RACE_PAGES);
}

void race_check(struct race *r)
{
	uint64_t first[RACE_PAGES], second[RACE_PAGES];

	if (!r->w) {
		check_host(r, NULL, NULL);
		return;
	}
	if (r->deleted) {
		/*
		 * Attributes of the VM outlive the slot, and a private page cannot be MMIO. In
		 * place a private page is not touched without a slot, because of a known defect:
		 * conv.before_slot.
		 */
		if (r->memory == RACE_ATTRIBUTES)
			race_expect_exit(r, r->at, KVM_EXIT_MEMORY_FAULT, EFAULT,
					 "without the slot");
		else if (!private_now(r))
			race_expect_exit(r, r->at, KVM_EXIT_MMIO, 0, "without the slot");
		/* Nothing is left to put into a slot. */
		if (r->closed || (r->gmem < 0 && !(r->uaddr && r->map)))
			return;
		GM_EXPECT_OK(race_set(r, r->at, RACE_SIZE), "the slot again");
	} else if (r->closed || (r->memory == RACE_ANON && r->unmapped)) {
		race_expect_exit(r, r->at, KVM_EXIT_MEMORY_FAULT, EFAULT, "without the memory");
		return;
	}
	if (r->at == RACE_MOVED)
		race_expect_exit(r, RACE_GPA, KVM_EXIT_MMIO, 0, "where the slot was");
	check_guest(r, first, second);
	check_host(r, first, second);
	if (r->flags & KVM_MEM_LOG_DIRTY_PAGES && !gm_failures())
		check_log(r);
}
