// SPDX-License-Identifier: GPL-2.0-only
/* Worlds: a VM with one slot whose two halves a model follows. */
#include "conv.h"

struct world *world_new(const struct world_args *args)
{
	struct world *w = calloc(1, sizeof(*w));
	struct gm_vm_args vm = { .kind = GM_VM_SW_PROTECTED,
				 .vcpus = args->vcpus ?: 1,
				 .on_convert = args->on_convert };

	GM_SETUP(w, "out of memory");
	w->gpa = args->gpa ?: GM_BASE;
	w->size = args->size;
	w->gmem = -1;
	/* One page table of the guest per GiB, and what the case says. */
	vm.extra_pages = args->size / GM_1G + 8 + args->extra_pages;
	w->vm = gm_vm_new(&vm);
	w->vm->user = w;
	w->mem = gm_mem_new(args->mem, args->size);
	w->model = gm_model_new(GFN(w->gpa), PAGES(w->size));
	gm_rng_init(&w->rng, gm_seed());
	if (!args->no_gmem)
		w->gmem = gm_gmem_new(w->vm, args->size, 0);
	if (!args->no_slot)
		gm_slot_set(w->vm, GM_SLOT, 0, w->gpa, w->size, w->mem->hva, w->gmem, 0);
	if (!args->no_map)
		gm_vm_map(w->vm, w->gpa, w->size, args->guest_page ?: GM_2M);
	return w;
}

void world_free(struct world *w)
{
	gm_vm_free(w->vm);
	if (w->gmem >= 0)
		close(w->gmem);
	gm_mem_free(w->mem);
	gm_model_free(w->model);
	free(w);
}

unsigned int world_gen(struct world *w)
{
	return ++w->gen % 65535 + 1;
}

uint64_t world_random(struct world *w, uint64_t n)
{
	return gm_rng_below(&w->rng, n);
}

void world_convert(struct world *w, uint64_t gfn, uint64_t n, bool to_private)
{
	gm_convert(w->vm, GPA(gfn), GPA(n), to_private);
	gm_model_convert(w->model, gfn, n, to_private);
}

void world_punch(struct world *w, uint64_t gfn, uint64_t n)
{
	gm_gmem_punch(w->gmem, GPA(gfn) - w->gpa, GPA(n));
	gm_model_punched(w->model, gfn, n);
}

void world_host_write(struct world *w, uint64_t gfn, uint64_t n)
{
	unsigned int gen = world_gen(w);

	gm_host_fill(w->mem->hva + GPA(gfn) - w->gpa, gfn, n, GM_HALF_HOST, gen);
	gm_model_host_wrote(w->model, gfn, n, GM_HALF_HOST, gen);
}

void world_check_host(struct world *w, uint64_t gfn, uint64_t n, unsigned int stride,
		      const char *when)
{
	for (uint64_t end = gfn + n; gfn < end; gfn++) {
		volatile uint64_t *word = (void *)(w->mem->hva + GPA(gfn) - w->gpa);
		struct gm_content c = gm_model_half(w->model, gfn, false);
		unsigned int step = c.stride > stride ? c.stride : stride;
		struct gm_page page = gm_vm_page(w->vm, GPA(gfn));

		for (unsigned int i = 0; i < 512; i += step) {
			uint64_t want = c.half ? gm_word(gfn, c.half, c.gen, i) : 0, got = word[i];

			if (got != want) {
				GM_FAIL_AT(
					&page,
					"%s: the host read word %u of the shared half: expected %s, observed %s",
					when, i, gm_word_str(want), gm_word_str(got));
				break;
			}
		}
		gm_checked();
		if (gm_failures() > 8)
			gm_end();
	}
}

void world_check_guest(struct world *w, unsigned int v, uint64_t gfn, uint64_t n,
		       unsigned int stride, const char *when)
{
	struct script s;

	script_init(&s, w, v);
	s.now.when = when;
	script_check(&s, gfn, n, stride);
	script_flush(&s);
}

void world_check_halves(struct world *w, unsigned int v, const char *when)
{
	uint64_t gfn = GFN(w->gpa), n = PAGES(w->size);

	world_check_guest(w, v, gfn, n, 1, when);
	world_check_host(w, gfn, n, 1, when);
	world_convert(w, gfn, n, true);
	world_check_guest(w, v, gfn, n, 1, when);
	world_convert(w, gfn, n, false);
	world_check_guest(w, v, gfn, n, 1, when);
	world_check_host(w, gfn, n, 1, when);
}

void expect_absent(const void *hva, uint64_t size, enum gm_half half, const char *when)
{
	const volatile uint64_t *w = hva;

	for (uint64_t i = 0; i < size / 8; i++)
		if (gm_word_ok(w[i]) && gm_word_half(w[i]) == half)
			GM_FAIL_AT(GM_PAGE(.hva = (uintptr_t)&w[i]),
				   "%s: expected nothing of the guest's own, observed %s", when,
				   gm_word_str(w[i]));
	gm_checked();
}

uint64_t vm_stat(struct gm_vm *vm, const char *name)
{
	u64 val = 0;

	kvm_get_stat(&vm->kvm->stats, name, &val, 1);
	return val;
}

uint64_t vcpu_stat(struct gm_vm *vm, unsigned int v, const char *name)
{
	u64 val = 0;

	kvm_get_stat(&vm->vcpu[v]->stats, name, &val, 1);
	return val;
}

int prefault(struct gm_vm *vm, unsigned int v, uint64_t *gpa, uint64_t *size, uint64_t flags)
{
	struct kvm_pre_fault_memory range = { .gpa = *gpa, .size = *size, .flags = flags };
	int ret;

	gm_underway("KVM_PRE_FAULT_MEMORY");
	ret = __vcpu_ioctl(vm->vcpu[v], KVM_PRE_FAULT_MEMORY, &range);
	gm_underway_end();
	*gpa = range.gpa;
	*size = range.size;
	return ret;
}
