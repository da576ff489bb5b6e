// SPDX-License-Identifier: GPL-2.0-only
/* Once a conversion has returned, no other vCPU sees the old state: conv.cross_vcpu. */
#include <sched.h>

#include "conv.h"

GM_FILE(.clause = "conv.cross_vcpu", .providers = GM_PROVIDERS_HUGE)

/*
 * State shared by host and guest, in guest memory. An even epoch is a stable state, an odd one a
 * change in progress. A watcher that finds the same even epoch before and after its read must have
 * read that epoch's content.
 */
struct shared_state {
	volatile uint64_t epoch, stop;
	volatile uint64_t expect; /* the word of the even epoch */
	struct {
		volatile uint64_t ack; /* the last even epoch that it checked */
		volatile uint64_t reads, bad, bad_epoch, expected, observed;
	} v[GM_MAX_VCPUS] __attribute__((aligned(64)));
};

static struct shared_state shared __attribute__((aligned(4096)));

static void report(unsigned int v, uint64_t epoch, uint64_t expected, uint64_t observed)
{
	if (shared.v[v].bad++)
		return;
	shared.v[v].bad_epoch = epoch;
	shared.v[v].expected = expected;
	shared.v[v].observed = observed;
}

static uint64_t access_word(uint64_t addr, bool exec)
{
	return exec ? ((uint64_t(*)(void))addr)() : *(volatile uint64_t *)addr;
}

/* Reads in a loop until stop is set. Exits only on a fault. */
static uint64_t watch(uint64_t v, uint64_t addr, bool exec)
{
	uint64_t epoch, expected, seen;

	while (!shared.stop) {
		epoch = shared.epoch;
		expected = shared.expect;
		seen = access_word(addr, exec);
		if (epoch & 1 || shared.epoch != epoch)
			continue;
		if (seen != expected)
			report(v, epoch, expected, seen);
		shared.v[v].reads++;
		shared.v[v].ack = epoch;
	}
	return shared.v[v].reads;
}

static uint64_t guest_watch(uint64_t v, uint64_t addr, uint64_t unused)
{
	return watch(v, addr, false);
}

static uint64_t guest_exec(uint64_t v, uint64_t addr, uint64_t unused)
{
	return watch(v, addr, true);
}

/* Writes in a loop; the host checks where the writes arrive. */
static uint64_t guest_write(uint64_t v, uint64_t addr, uint64_t unused)
{
	uint64_t n = 0;

	while (!shared.stop) {
		*(volatile uint64_t *)addr = ++n;
		shared.v[v].reads = n;
		shared.v[v].ack = shared.epoch;
	}
	return n;
}

struct cross {
	struct gm_fixture *w;
	struct shared_state *b; /* the host's mapping */
	unsigned int watchers;	/* vCPUs 1... */
	uint64_t gpa;		/* of the page */
	uint64_t (*fn)(uint64_t, uint64_t, uint64_t);
	uint64_t from, size; /* the range that is converted; bytes */
	uint64_t word;	     /* in place: the page's content */
	unsigned int gen;    /* in place: the number of writes */
};

static void watcher(unsigned int i, void *arg)
{
	struct cross *x = arg;
	struct gm_op op = { .code = GM_OP_CALL, .addr = (uintptr_t)x->fn, .val = i, .nr = x->gpa };

	gm_run_racing(x->w->vm, i, &op, 1);
}

/* fn drives the case on the thread of vCPU 0; the others watch. */
struct drive {
	struct cross *x;
	void (*fn)(struct cross *x);
};

static void cross_thread(unsigned int i, void *arg)
{
	struct drive *d = arg;

	if (i) {
		watcher(i, d->x);
		return;
	}
	d->fn(d->x);
	d->x->b->stop = 1;
}

/* Waits until every watcher has checked the current epoch. */
static void wait_all(struct cross *x)
{
	for (unsigned int v = 1; v <= x->watchers; v++)
		while (x->b->v[v].ack != x->b->epoch)
			sched_yield();
}

static void begin_change(struct cross *x)
{
	x->b->epoch++;
}

static void end_change(struct cross *x, uint64_t expect)
{
	x->b->expect = expect;
	x->b->epoch++;
	wait_all(x);
}

static void cross_run(struct cross *x, void (*drive)(struct cross *))
{
	struct drive d = { .x = x, .fn = drive };
	struct gm_page page = gm_vm_page(x->w->vm, x->gpa & -GM_PAGE_SIZE);

	gm_parallel(x->watchers + 1, cross_thread, &d);
	for (unsigned int v = 1; v <= x->watchers; v++)
		GM_EXPECT_AT(
			&page, !x->b->v[v].bad,
			"vCPU %u read old content in %lu of %lu reads, first in epoch %lu: expected %s, observed %s",
			v, x->b->v[v].bad, x->b->v[v].reads, x->b->v[v].bad_epoch,
			gm_word_str(x->b->v[v].expected), gm_word_str(x->b->v[v].observed));
}

static struct cross *cross_new(unsigned int watchers, enum gm_mem_kind mem, uint64_t at,
			       uint64_t (*fn)(uint64_t, uint64_t, uint64_t))
{
	struct cross *x = calloc(1, sizeof(*x));

	GM_SETUP(x, "out of memory");
	x->w = GM_FIXTURE(.size = mem == GM_MEM_HUGE_1G ? GM_1G : GM_2M, .vcpus = watchers + 1,
			  .mem = mem);
	x->b = addr_gva2hva(x->w->vm->kvm, (gva_t)&shared);
	memset(x->b, 0, sizeof(*x->b));
	x->watchers = watchers;
	x->gpa = x->w->gpa + GPA(at);
	x->from = x->gpa;
	x->size = GM_PAGE_SIZE;
	x->fn = fn;
	return x;
}

static void cross_free(struct cross *x)
{
	gm_fixture_free(x->w);
	free(x);
}

static void put(struct gm_vm *vm, uint64_t gpa, uint64_t val)
{
	struct gm_op op = { .code = GM_OP_WRITE, .addr = gpa, .val = val };

	gm_run(vm, 0, &op, 1);
}

#define IN_SHARED(x) gm_word(GFN((x)->gpa), GM_WRITER_SHARED, 1, 0)
#define IN_PRIVATE(x) gm_word(GFN((x)->gpa), GM_WRITER_PRIVATE, 1, 0)

/* Writes what the watchers find: the word, or a function that returns it. */
static void put_word(struct cross *x, uint64_t word, bool by_host)
{
	uint8_t code[16] = { 0x48, 0xb8, [10] = 0xc3 }; /* movabs $word, %rax; ret */
	bool exec = x->fn == guest_exec;
	uint64_t val[2] = { word };

	if (exec) {
		memcpy(code + 2, &word, 8);
		memcpy(val, code, sizeof(val));
	}
	for (int i = 0; i <= exec; i++) {
		if (by_host)
			((volatile uint64_t *)gm_hva(x->w->vm, x->gpa))[i] = val[i];
		else
			put(x->w->vm, x->gpa + 8 * i, val[i]);
	}
}

/* Writes a word to private and shared memory (in place: to the page); all is shared after it. */
static void put_both(struct cross *x)
{
	gm_convert(x->w->vm, x->from, x->size, true);
	put_word(x, IN_PRIVATE(x), false);
	gm_convert(x->w->vm, x->from, x->size, false);
	put_word(x, IN_SHARED(x), false);
	x->word = IN_SHARED(x);
	x->b->expect = x->word;
}

/* Number of faults of all watchers. */
static uint64_t faults(struct cross *x)
{
	uint64_t n = 0;

	for (unsigned int v = 1; v <= x->watchers; v++)
		n += gm_vcpu_stat(x->w->vm, v, "pf_taken");
	return n;
}

/*
 * In place the data is the same in both states: a new fault and the host's access show that the
 * conversion unmapped the page everywhere.
 */
static void expect_unmapped(struct cross *x, bool to_private, uint64_t before)
{
	struct gm_page page = gm_vm_page(x->w->vm, x->gpa);

	GM_EXPECT_AT(&page, faults(x) > before,
		     "converted to %s: the watchers read without a fault",
		     to_private ? "private" : "shared");
	GM_EXPECT_AT(&page, gm_host_sees(gm_hva(x->w->vm, x->gpa)) == !to_private,
		     "converted to %s: the host %s the page", to_private ? "private" : "shared",
		     to_private ? "sees" : "does not see");
}

/* Converts by one ioctl of the VMM, every other time by hypercalls of vCPU 0. */
static void flip(struct cross *x, bool to_private, unsigned int turn)
{
	struct gm_fixture *w = x->w;
	bool one = gm_fixture_one_memory(w);
	uint64_t before = one ? faults(x) : 0;

	begin_change(x);
	if (turn & 2)
		gm_guest_convert(w->vm, 0, x->from, PAGES(x->size), to_private);
	else if (w->provider->file_serves_shared)
		gm_gmem_convert(w->gmem, x->from - w->gpa, x->size, to_private);
	else
		gm_convert(w->vm, x->from, x->size, to_private);
	if (!one) {
		end_change(x, to_private ? IN_PRIVATE(x) : IN_SHARED(x));
		return;
	}
	end_change(x, x->word);
	expect_unmapped(x, to_private, before);
	/* A vCPU that runs code without an exit may see new code late. */
	if (x->fn == guest_exec)
		return;
	/* New content, by the guest or, if shared, by the host: the watchers must read it. */
	x->word =
		gm_word(GFN(x->gpa), to_private ? GM_WRITER_PRIVATE : GM_WRITER_HOST, ++x->gen, 0);
	begin_change(x);
	put_word(x, x->word, !to_private);
	end_change(x, x->word);
}

static void drive_flips(struct cross *x)
{
	/* A conversion in a 1 GiB page scans all of it. */
	unsigned int turns = x->w->size == GM_1G ? 8 : x->watchers > 1 ? 30 : 60;

	for (unsigned int turn = 0; turn < turns && !gm_failures(); turn++)
		flip(x, !(turn & 1), turn);
}

struct watched {
	unsigned int watchers;
	enum gm_mem_kind mem;
};

GM_CASES(flips, struct watched, v)
{
	struct cross *x = cross_new(v->watchers, v->mem, 77, guest_watch);

	put_both(x);
	cross_run(x, drive_flips);
	cross_free(x);
}
GM_ROW(flips, flips_1, .name = "conv.cross_vcpu.read", .text = "a vCPU reads the page in a loop",
       .flags = GM_FULL_ONLY) = { .watchers = 1, .mem = GM_MEM_ANON };
GM_ROW(flips, flips_thp, .name = "conv.cross_vcpu.read_thp",
       .text = "the same over a transparent huge page") = { .watchers = 1, .mem = GM_MEM_THP };
GM_ROW(flips, flips_1g, .name = "conv.cross_vcpu.read_1g", .text = "the same over a 1 GiB page",
       .providers = GM_PROVIDERS(ATTRIBUTES),
       .huge_1g = 1) = { .watchers = 1, .mem = GM_MEM_HUGE_1G };
GM_ROW(flips, flips_3, .name = "conv.cross_vcpu.read_3",
       .text = "three vCPUs read the page in a loop") = { .watchers = 3, .mem = GM_MEM_THP };

static void drive_slots(struct cross *x)
{
	for (unsigned int turn = 0; turn < 20 && !gm_failures(); turn++)
		flip(x, !(turn & 1), 0);
}

/* A conversion of two slots, of which only the first is mapped: its vCPU must be flushed. */
GM_CASE(two_slots, .name = "conv.cross_vcpu.read_beside_cold_slot",
	.text = "a vCPU reads one slot while it is converted together with one never touched")
{
	struct cross *x = cross_new(1, GM_MEM_ANON, 77, guest_watch);
	struct gm_fixture *w = x->w;

	gm_slot_delete(w->vm, GM_SLOT);
	for (unsigned int i = 0; i < 2; i++)
		gm_fixture_slot(w, GM_SLOT + i, w->gpa + i * GM_2M / 2, GM_2M / 2, i * GM_2M / 2);
	x->from = w->gpa;
	x->size = w->size;
	put_both(x);
	cross_run(x, drive_slots);
	cross_free(x);
}

/* A page next to a converted one never changes, not even during the conversion. */
static void drive_beside(struct cross *x)
{
	uint64_t gpa = x->gpa;

	for (unsigned int turn = 0; turn < 60; turn++) {
		gm_convert(x->w->vm, gpa + (turn & 2 ? -GM_PAGE_SIZE : GM_PAGE_SIZE), GM_PAGE_SIZE,
			   !(turn & 1));
		if (turn % 4 == 3)
			wait_all(x);
	}
}

struct neighbour {
	bool private; /* the page that is read */
};

GM_CASES(beside, struct neighbour, v)
{
	struct cross *x = cross_new(1, GM_MEM_THP, 255, guest_watch);

	gm_convert(x->w->vm, x->gpa, GM_PAGE_SIZE, v->private);
	put(x->w->vm, x->gpa, IN_PRIVATE(x));
	x->b->expect = IN_PRIVATE(x);
	cross_run(x, drive_beside);
	cross_free(x);
}
GM_ROW(beside, beside_private, .name = "conv.cross_vcpu.beside_private",
       .text = "a vCPU reads a private page while its neighbours are converted") = {
	.private = true,
};
GM_ROW(beside, beside_shared, .name = "conv.cross_vcpu.beside_shared",
       .text = "a vCPU reads a shared page while its neighbours are converted") = {
	.private = false,
};

GM_CASE(exec, .name = "conv.cross_vcpu.exec", .text = "a vCPU runs code in the page in a loop")
{
	struct cross *x = cross_new(1, GM_MEM_THP, 130, guest_exec);

	put_both(x);
	cross_run(x, drive_flips);
	cross_free(x);
}

/*
 * After the conversion to private no write reaches the shared memory. In place the host cannot
 * access the page, which gets the writes.
 */
static void drive_writer(struct cross *x)
{
	volatile uint64_t *word = (volatile uint64_t *)gm_hva(x->w->vm, x->gpa);
	struct gm_page page = gm_vm_page(x->w->vm, x->gpa);
	bool one = gm_fixture_one_memory(x->w);
	uint64_t stood, then, before = 0;

	for (unsigned int turn = 0; turn < 60 && !gm_failures(); turn++) {
		if (one)
			before = faults(x);
		stood = *word;
		gm_convert(x->w->vm, x->gpa, GM_PAGE_SIZE, true);
		if (!one)
			stood = *word;
		/*
		 * Wait for two acknowledgements of the writer, so that it has written in between.
		 */
		for (int i = 0; i < 2; i++) {
			x->b->epoch++;
			wait_all(x);
		}
		if (one)
			expect_unmapped(x, true, before);
		else
			then = *word;
		gm_convert(x->w->vm, x->gpa, GM_PAGE_SIZE, false);
		if (one)
			then = *word;
		if (!GM_EXPECT_AT(
			    &page, one ? then > stood : then == stood,
			    "turn %u: while the page was private, the shared word changed from %lu to %lu",
			    turn, stood, then))
			return;
		/* After the conversion to shared the writes arrive again. */
		stood = *word;
		while (*word == stood && !x->b->v[1].bad)
			sched_yield();
	}
}

struct written {
	enum gm_mem_kind mem;
};

GM_CASES(writer, struct written, v)
{
	struct cross *x = cross_new(1, v->mem, 300, guest_write);

	cross_run(x, drive_writer);
	cross_free(x);
}
GM_ROW(writer, writer_anon, .name = "conv.cross_vcpu.write",
       .text = "a vCPU writes the page in a loop", .flags = GM_FULL_ONLY) = { .mem = GM_MEM_ANON };
GM_ROW(writer, writer_thp, .name = "conv.cross_vcpu.write_thp",
       .text = "the same over a transparent huge page") = { .mem = GM_MEM_THP };

/* The page is punched, and written again by vCPU 0. */
static void drive_punch(struct cross *x)
{
	for (unsigned int turn = 0; turn < 40; turn++) {
		uint64_t word = gm_word(GFN(x->gpa), GM_WRITER_PRIVATE, turn + 1, 0);

		begin_change(x);
		gm_gmem_punch(x->w->gmem, x->gpa - x->w->gpa, GM_PAGE_SIZE);
		end_change(x, 0);
		begin_change(x);
		put(x->w->vm, x->gpa, word);
		end_change(x, word);
	}
}

struct punched {
	unsigned int watchers;
};

GM_CASES(punch, struct punched, v)
{
	struct cross *x = cross_new(v->watchers, GM_MEM_ANON, 19, guest_watch);

	gm_convert(x->w->vm, x->w->gpa, GM_2M, true);
	cross_run(x, drive_punch);
	cross_free(x);
}
GM_ROW(punch, punch_1, .name = "conv.cross_vcpu.punch", .providers = GM_PROVIDERS_X86,
       .text = "a vCPU reads a private page that is punched") = { .watchers = 1 };
GM_ROW(punch, punch_3, .name = "conv.cross_vcpu.punch_3", .providers = GM_PROVIDERS_X86,
       .text = "the same with three vCPUs", .flags = GM_FULL_ONLY) = { .watchers = 3 };

/* Another vCPU prefaults all pages right after each conversion. */
static void drive_prefault(struct cross *x)
{
	for (unsigned int turn = 0; turn < 40; turn++) {
		uint64_t gpa = x->w->gpa, size = GM_2M;

		flip(x, !(turn & 1), 0);
		/* Maps all pages again, between two reads of the watcher. */
		if (gm_prefault(x->w->vm, 0, &gpa, &size, 0))
			GM_FAIL("prefault: %s", gm_errno_name(errno));
		wait_all(x);
	}
}

GM_CASE(prefaulted, .name = "conv.cross_vcpu.prefault",
	.text = "a vCPU reads while another prefaults the converted pages",
	.needs = GM_NEEDS(PREFAULT, TDP))
{
	struct cross *x = cross_new(1, GM_MEM_THP, 400, guest_watch);

	put_both(x);
	cross_run(x, drive_prefault);
	cross_free(x);
}
