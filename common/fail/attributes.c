// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_SET_MEMORY_ATTRIBUTES with failing allocations: of a range whose pages have one state or
 * several, which goes over several nodes of KVM's record. A refused call changes no page, and
 * another VM can set the same range at once.
 */
#include <fcntl.h>

#include "fail.h"

#define GEN 78
#define COUNT 200UL /* pages: four nodes of the record */
#define SOME 70UL   /* pages that are private before, if some are, from SOME_AT on */
#define SOME_AT 50UL

static int other_vm;

/* Shared memory of the slot has words, private memory is empty. */
static void once(struct fail_sweep *s)
{
	struct gm_vm *vm = s->w->vm;
	int kvm = GM_SETUP_OK(open("/dev/kvm", O_RDWR | O_CLOEXEC));

	s->mem = gm_mem_new(GM_MEM_ANON, FAIL_OTHER_SIZE);
	gm_host_fill(s->mem->hva, GFN(FAIL_OTHER), FAIL_OTHER_PAGES, GM_WRITER_GUEST, GEN);
	s->gmem = gm_gmem_new(vm, FAIL_OTHER_SIZE, s->w->file.flags);
	gm_vm_map(vm, FAIL_OTHER, FAIL_OTHER_SIZE, GM_2M);
	gm_slot_set(vm, FAIL_OTHER_SLOT, 0, FAIL_OTHER, FAIL_OTHER_SIZE, s->mem->hva, s->gmem, 0);
	other_vm = GM_SETUP_OK(ioctl(kvm, KVM_CREATE_VM, gm_arch_vm_type(vm->args.kind)));
	close(kvm);
}

static void end(struct fail_sweep *s)
{
	gm_slot_delete(s->w->vm, FAIL_OTHER_SLOT);
	close(s->gmem);
	close(other_vm);
	gm_mem_free(s->mem);
	s->mem = NULL;
}

/* Expects that the guest reads pages [from, to) as private, and all others of the slot as shared. */
static void expect_private(struct fail_sweep *s, uint64_t from, uint64_t to, const char *when)
{
	struct gm_op op[3] = {
		{ .code = GM_OP_CHECK, .addr = FAIL_OTHER, .nr = from },
		{ .code = GM_OP_CHECK_ZERO, .addr = FAIL_OTHER + from * PG, .nr = to - from },
		{ .code = GM_OP_CHECK, .addr = FAIL_OTHER + to * PG, .nr = FAIL_OTHER_PAGES - to },
	};

	for (unsigned int i = 0; i < 3; i++) {
		op[i].writer = GM_WRITER_GUEST;
		op[i].gen = GEN;
		op[i].stride = 512;
	}
	gm_run(s->w->vm, 1, op, 3);
	for (unsigned int i = 0; i < 3; i++)
		GM_EXPECT(!op[i].bad, "step %u, %s: %lu pages of [%lu, %lu) are not %s, first %#lx",
			  s->n, when, op[i].bad, i ? (i == 1 ? from : to) : 0,
			  i == 0   ? from
			  : i == 1 ? to
				   : FAIL_OTHER_PAGES,
			  i == 1 ? "private" : "shared", op[i].bad_addr);
}

/* From a record without nodes for the range, to one that some pages have. */
static void prepare_shared(struct fail_sweep *s)
{
	gm_convert(s->w->vm, FAIL_OTHER, FAIL_OTHER_SIZE, false);
}

static void prepare_mixed(struct fail_sweep *s)
{
	prepare_shared(s);
	gm_convert(s->w->vm, FAIL_OTHER + SOME_AT * PG, SOME * PG, true);
}

static int set(struct fail_sweep *s)
{
	return __gm_convert(s->w->vm, FAIL_OTHER, COUNT * PG, true);
}

static void is_set(struct fail_sweep *s)
{
	expect_private(s, 0, COUNT, "set");
}

static void retry(struct fail_sweep *s)
{
	struct kvm_memory_attributes attr = { .address = FAIL_OTHER,
					      .size = COUNT * PG,
					      .attributes = KVM_MEMORY_ATTRIBUTE_PRIVATE };

	GM_EXPECT_OK(ioctl(other_vm, KVM_SET_MEMORY_ATTRIBUTES, &attr), "another VM, step %u",
		     s->n);
	GM_EXPECT_OK(set(s), "the same call, after step %u failed", s->n);
	if (!gm_failures())
		is_set(s);
}

static void not_set_shared(struct fail_sweep *s, int err)
{
	expect_private(s, 0, 0, "refused");
	retry(s);
}

static void not_set_mixed(struct fail_sweep *s, int err)
{
	expect_private(s, SOME_AT, SOME_AT + SOME, "refused");
	retry(s);
}

#define ATTRIBUTES                                                                                 \
	.budget = 500, .clause = "fail.attributes", .memory = FAIL_ATTRIBUTES, .err = { ENOMEM },  \
	.once = once, .call = set, .done = is_set, .end = end

const struct fail_op fail_attributes_ops[] = {
	{ .name = "attributes.shared",
	  ATTRIBUTES,
	  .prepare = prepare_shared,
	  .refused = not_set_shared,
	  .text = "200 shared pages become private: all of them or none, and another VM can set the same ones" },
	{ .name = "attributes.mixed",
	  ATTRIBUTES,
	  .prepare = prepare_mixed,
	  .refused = not_set_mixed,
	  .text = "200 pages, 70 of them private, become private: all of them or none, and another VM can set the same ones" },
	{},
};
