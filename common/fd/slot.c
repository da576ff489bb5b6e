// SPDX-License-Identifier: GPL-2.0-only
/* A slot of a guest_memfd cannot be modified, only deleted: fd.slot_flags. */
#include "fd.h"

GM_FILE(.clause = "fd.slot_flags", .flavours = FD_EACH_HOST)

#define SIZE (16 * PG)

/* An ordinary slot, for the controls. */
#define PLAIN_SLOT (GM_SLOT + 1)
#define PLAIN_GPA (GM_BASE + GM_1G)

struct pair {
	struct gm_vm *vm;
	struct gm_mem *mem;
	int gmem;
};

static struct pair pair_new(const struct gm_case *self)
{
	const struct gm_flavour *f = self->flavour;
	struct pair p;

	p.vm = GM_VM_NEW(.kind = f->kind);
	p.mem = gm_mem_new(GM_MEM_SHMEM, SIZE);
	p.gmem = gm_flavour_gmem(p.vm, f, SIZE);
	return p;
}

static void pair_free(struct pair *p)
{
	gm_vm_free(p->vm);
	close(p->gmem);
	gm_mem_free(p->mem);
}

static int plain_set(struct pair *p, uint32_t flags, uint64_t gpa, uint64_t size, void *hva)
{
	return __gm_slot_set(p->vm, PLAIN_SLOT, flags, gpa, size, hva, -1, 0);
}

static int gmem_set(struct pair *p, uint32_t flags, uint64_t gpa, uint64_t size, void *hva,
		    uint64_t off)
{
	return __gm_slot_set(p->vm, GM_SLOT, flags, gpa, size, hva, p->gmem, off);
}

GM_CASE(flags_create, .name = "fd.slot_flags.every_flag",
	.text = "a new slot with any of the 31 other flags beside GUEST_MEMFD: EINVAL",
	.flags = GM_REFUSAL)
{
	struct pair p = pair_new(self);

	gm_promise(!gmem_set(&p, 0, GM_BASE, SIZE, NULL, 0), "no other flag");
	gm_slot_delete(p.vm, GM_SLOT);
	gm_promise(!plain_set(&p, KVM_MEM_LOG_DIRTY_PAGES, PLAIN_GPA, SIZE, p.mem->hva),
		   "dirty logging of an ordinary slot");
	gm_slot_delete(p.vm, PLAIN_SLOT);
	for (int bit = 0; bit < 32; bit++) {
		if (1U << bit == KVM_MEM_GUEST_MEMFD)
			continue;
		GM_EXPECT_ERRNO(EINVAL, gmem_set(&p, 1U << bit, GM_BASE, SIZE, p.mem->hva, 0),
				"flag bit %d", bit);
	}
	GM_EXPECT_ERRNO(EINVAL, gmem_set(&p, KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY, GM_BASE,
					 SIZE, p.mem->hva, 0));
	GM_EXPECT_OK(gmem_set(&p, 0, GM_BASE, SIZE, NULL, 0), "the legal slot afterwards");
	pair_free(&p);
}

GM_CASE(flags_readonly, .name = "fd.slot_flags.readonly",
	.flavours = FD_FLAVOURS(FD_P1_BARE, FD_INPLACE),
	.text = "READONLY, if ordinary slots can be: EINVAL", .flags = GM_REFUSAL)
{
	struct pair p = pair_new(self);

	if (!vm_check_cap(p.vm->kvm, KVM_CAP_READONLY_MEM))
		gm_skip("the VM has no read-only slots", "a VM type with KVM_CAP_READONLY_MEM");
	gm_promise(!plain_set(&p, KVM_MEM_READONLY, PLAIN_GPA, SIZE, p.mem->hva),
		   "an ordinary slot can be READONLY");
	GM_EXPECT_ERRNO(EINVAL, gmem_set(&p, KVM_MEM_READONLY, GM_BASE, SIZE, NULL, 0));
	GM_EXPECT_ERRNO(EINVAL, gmem_set(&p, KVM_MEM_READONLY, GM_BASE, SIZE, p.mem->hva, 0));
	pair_free(&p);
}

GM_CASE(modify, .name = "fd.slot_flags.modify",
	.text = "an existing slot: move, resize, other file or offset, the same values again: EINVAL",
	.flags = GM_REFUSAL)
{
	struct pair p = pair_new(self);
	int other = gm_flavour_gmem(p.vm, self->flavour, SIZE);

	gm_promise(!gmem_set(&p, 0, GM_BASE, SIZE / 2, NULL, 0), "the slot itself");
	gm_promise(!plain_set(&p, 0, PLAIN_GPA, SIZE, p.mem->hva) &&
			   !plain_set(&p, 0, PLAIN_GPA, SIZE, p.mem->hva),
		   "an ordinary slot, set twice");
	gm_promise(!plain_set(&p, KVM_MEM_LOG_DIRTY_PAGES, PLAIN_GPA, SIZE, p.mem->hva) &&
			   !plain_set(&p, 0, PLAIN_GPA, SIZE, p.mem->hva),
		   "dirty logging on and off");
	gm_promise(!plain_set(&p, 0, PLAIN_GPA + GM_2M, SIZE, p.mem->hva),
		   "an ordinary slot moves");
	GM_EXPECT_ERRNO(EEXIST, plain_set(&p, 0, GM_BASE, SIZE, p.mem->hva),
			"an ordinary slot moves onto the file's");
	GM_EXPECT_ERRNO(EEXIST, plain_set(&p, 0, GM_BASE + SIZE / 2 - PG, SIZE, p.mem->hva),
			"onto its last page");
	GM_EXPECT_ERRNO(EEXIST, plain_set(&p, 0, GM_BASE - SIZE + PG, SIZE, p.mem->hva),
			"onto its first page");
	GM_EXPECT_OK(plain_set(&p, 0, GM_BASE + SIZE / 2, SIZE, p.mem->hva), "right above it");
	GM_EXPECT_OK(plain_set(&p, 0, GM_BASE + SIZE / 2 + PG, SIZE, p.mem->hva),
		     "a page further, overlapping its old range");

	GM_EXPECT_ERRNO(EINVAL, gmem_set(&p, 0, GM_BASE, SIZE / 2, NULL, 0),
			"the same values again");
	GM_EXPECT_ERRNO(EINVAL, gmem_set(&p, 0, GM_BASE + SIZE, SIZE / 2, NULL, 0), "moved");
	GM_EXPECT_ERRNO(EINVAL, gmem_set(&p, 0, GM_BASE, SIZE, NULL, 0), "grown");
	GM_EXPECT_ERRNO(EINVAL, gmem_set(&p, 0, GM_BASE, PG, NULL, 0), "shrunk");
	GM_EXPECT_ERRNO(EINVAL, gmem_set(&p, 0, GM_BASE, SIZE / 2, NULL, SIZE / 2), "offset");
	GM_EXPECT_ERRNO(EINVAL, gmem_set(&p, 0, GM_BASE, SIZE / 2, p.mem->hva, 0), "address");
	GM_EXPECT_ERRNO(EINVAL, __fd_slot_set(p.vm, GM_SLOT, GM_BASE, SIZE / 2, other, 0), "file");
	GM_EXPECT_ERRNO(EINVAL, gmem_set(&p, KVM_MEM_LOG_DIRTY_PAGES, GM_BASE, SIZE / 2, NULL, 0),
			"dirty logging on");
	GM_EXPECT_ERRNO(EINVAL, gmem_set(&p, KVM_MEM_READONLY, GM_BASE, SIZE / 2, NULL, 0),
			"read-only");
	close(other);
	pair_free(&p);
}

GM_CASE(change_kind, .name = "fd.slot_flags.change_kind",
	.text = "an ordinary slot cannot get a guest_memfd, nor a slot of a guest_memfd lose it",
	.flags = GM_REFUSAL)
{
	struct pair p = pair_new(self);
	uint8_t *hva = p.mem->hva;

	gm_promise(!plain_set(&p, 0, PLAIN_GPA, SIZE, hva), "an ordinary slot");
	gm_promise(!gmem_set(&p, 0, GM_BASE, SIZE, hva, 0), "a slot of the file");
	GM_EXPECT_ERRNO(EINVAL, __gm_slot_set(p.vm, PLAIN_SLOT, 0, PLAIN_GPA, SIZE, hva, p.gmem, 0),
			"get a guest_memfd");
	GM_EXPECT_ERRNO(EINVAL, __gm_slot_set(p.vm, GM_SLOT, 0, GM_BASE, SIZE, hva, -1, 0),
			"lose it");
	GM_EXPECT_ERRNO(EINVAL, __gm_slot_set(p.vm, GM_SLOT, 0, GM_BASE + GM_2M, SIZE, hva, -1, 0),
			"lose it and move");
	gm_slot_delete(p.vm, GM_SLOT);
	GM_EXPECT_OK(__gm_slot_set(p.vm, GM_SLOT, 0, GM_BASE, SIZE, hva, -1, 0),
		     "the same slot after deletion, ordinary");
	GM_EXPECT_OK(__gm_slot_set(p.vm, GM_SLOT + 2, 0, GM_BASE + GM_2M, SIZE, hva, p.gmem, 0),
		     "the file in another slot");
	pair_free(&p);
}

GM_CASE(dirty_log, .name = "fd.slot_flags.get_dirty_log", .text = "KVM_GET_DIRTY_LOG: ENOENT",
	.flags = GM_REFUSAL)
{
	struct pair p = pair_new(self);
	uint64_t bitmap[8] = { 0 };
	struct kvm_dirty_log get = { .slot = PLAIN_SLOT, .dirty_bitmap = bitmap };

	gm_promise(!plain_set(&p, KVM_MEM_LOG_DIRTY_PAGES, PLAIN_GPA, SIZE, p.mem->hva) &&
			   !ioctl(p.vm->kvm->fd, KVM_GET_DIRTY_LOG, &get),
		   "the log of an ordinary slot");
	GM_SETUP_OK(gmem_set(&p, 0, GM_BASE, SIZE, NULL, 0));
	get.slot = GM_SLOT;
	GM_EXPECT_ERRNO(ENOENT, ioctl(p.vm->kvm->fd, KVM_GET_DIRTY_LOG, &get));
	pair_free(&p);
}

GM_CASE(delete_args, .name = "fd.slot_flags.delete",
	.text = "size 0 deletes, with and without GUEST_MEMFD and a valid fd; twice is EINVAL",
	.flags = GM_REFUSAL)
{
	struct pair p = pair_new(self);

	for (int way = 0; way < 3; way++) {
		gm_promise(!gmem_set(&p, 0, GM_BASE, SIZE, NULL, 0), "the slot, round %d", way);
		if (way == 0)
			GM_EXPECT_OK(__gm_slot_set(p.vm, GM_SLOT, 0, 0, 0, NULL, -1, 0));
		else if (way == 1)
			GM_EXPECT_OK(gmem_set(&p, 0, GM_BASE, 0, NULL, 0));
		else
			GM_EXPECT_OK(__gm_slot_set(p.vm, GM_SLOT, KVM_MEM_GUEST_MEMFD, GM_BASE, 0,
						   NULL, -1, 0));
		GM_EXPECT_ERRNO(EINVAL, __gm_slot_set(p.vm, GM_SLOT, 0, 0, 0, NULL, -1, 0),
				"deleted already");
	}
	pair_free(&p);
}

GM_CASE(refused_content, .name = "fd.slot_flags.content_stays", .flavours = FD_EACH_TDP,
	.text = "refused changes do not affect the guest's mappings and content",
	.flags = GM_REFUSAL)
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, SIZE);
	struct gm_op op[2];

	gm_fixture_fill(w, 0, FIRST, 16);
	gm_fixture_check_guest(w, 0, FIRST, 16, 1, "before");
	gm_control(!gm_failures(), "the guest's content");
	GM_EXPECT_ERRNO(EINVAL, __fd_slot_set(w->vm, GM_SLOT, GM_BASE, SIZE, w->gmem, 0));
	GM_EXPECT_ERRNO(EINVAL, __fd_slot_set(w->vm, GM_SLOT, GM_BASE + SIZE, SIZE, w->gmem, 0));
	GM_EXPECT_ERRNO(EINVAL, __gm_slot_set(w->vm, GM_SLOT, KVM_MEM_READONLY, GM_BASE, SIZE, NULL,
					      w->gmem, 0));
	GM_EXPECT_ERRNO(EEXIST, __fd_slot_set(w->vm, GM_SLOT + 1, GM_BASE, SIZE, w->gmem, 0));
	gm_fixture_check_guest(w, 0, FIRST, 16, 1, "after the refusals");
	op[0] = (struct gm_op){ .code = GM_OP_WRITE, .addr = GM_BASE, .val = 5 };
	op[1] = (struct gm_op){ .code = GM_OP_READ, .addr = GM_BASE };
	gm_run(w->vm, 0, op, 2);
	GM_EXPECT_EQ(op[1].val, 5, "a word written afterwards");
	fd_fixture_free(w);
}

GM_CASE(readonly_write, .name = "fd.slot_flags.readonly_write", .profile = "P1",
	.needs = GM_NEEDS(TDP),
	.text = "an ordinary READONLY slot: the guest reads it, its writes exit with address and data")
{
	struct gm_fixture *w = FD_ORDINARY(GM_2M, .no_slot = true);
	struct kvm_run *run = w->vm->vcpu[0]->run;

	gm_slot_set(w->vm, GM_SLOT, KVM_MEM_READONLY, GM_BASE, GM_2M, w->hva, -1, 0);
	for (unsigned int i = 0; i < 8; i++) {
		uint64_t gfn = GM_BASE / PG + i, at = GM_BASE + i * PG + 24,
			 word = gm_word(gfn, GM_WRITER_PRIVATE, 1, 3);
		struct gm_op write = { .code = GM_OP_WRITE, .addr = at, .val = word };
		struct gm_exit ex;

		gm_fixture_host_write(w, gfn, 1);
		/* Every other page is mapped read-only before the write. */
		if (i & 1)
			gm_fixture_check_guest(w, 0, gfn, 1, 1, "before");
		GM_EXPECT_AT(
			GM_PAGE(.gpa = GM_AT(at & -PG), .hva = GM_AT((uintptr_t)w->hva + i * PG)),
			!__gm_run(w->vm, 0, &write, 1, &ex, NULL) && !ex.ret &&
				ex.reason == KVM_EXIT_MMIO && run->mmio.is_write &&
				run->mmio.phys_addr == at && run->mmio.len == 8 &&
				!memcmp(run->mmio.data, &word, 8),
			"a write at %#lx: expected KVM_EXIT_MMIO there with its 8 bytes, observed %s, address %#llx, %u bytes",
			at, gm_exit_str(&ex), run->mmio.phys_addr, run->mmio.len);
		gm_fixture_check_guest(w, 0, gfn, 1, 1, "the write has no effect");
		gm_fixture_check_host(w, gfn, 1, 1, "the memory of the slot");
	}
	gm_fixture_free(w);
}
