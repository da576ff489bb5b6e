// SPDX-License-Identifier: GPL-2.0-only
/* Concurrent access to the same 2 MiB: some order explains every read: conv.concurrent. */
#include <sys/uio.h>

#include "conv.h"

GM_FILE(.clause = "conv.concurrent", .providers = GM_PROVIDERS_HUGE,
	.needs = GM_NEEDS(HYPERCALL_EXIT, TDP))

/*
 * Each page has an owner, which alone converts, writes or punches it; all threads read all pages.
 * The owner keeps a journal of each page: entry n is the word between change n and change n + 1. It
 * announces a change before it begins and confirms it after it. A reader takes `confirmed` before
 * its read and `announced` after it: the entries between explain the read. No order explains any
 * other word.
 */
#define NPAGES 64U
#define JOURNAL 64U

struct shared_page {
	volatile uint64_t announced, confirmed;
	volatile uint64_t word[JOURNAL];
};

struct shared_state {
	struct shared_page page[NPAGES];
	volatile uint64_t base;	  /* gpa of page 0 */
	volatile uint64_t stride; /* bytes from page to page */
	volatile uint64_t one;	  /* in place: a conversion keeps the content */
	volatile uint64_t stop;
	struct {
		volatile uint64_t reads, bad, page, from, to, observed, refused;
	} v[GM_MAX_VCPUS + 1]; /* the last is the host */
};

static struct shared_state shared __attribute__((aligned(4096)));

static uint64_t xorshift(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Checks a read of page p that began when change `from` was confirmed. */
static void check_read(struct shared_state *a, uint64_t v, unsigned int p, uint64_t from,
		       uint64_t seen)
{
	struct shared_page *page = &a->page[p];
	uint64_t to = page->announced;

	/* The journal has wrapped meanwhile: the read cannot be checked. */
	if (to - from >= JOURNAL - 2)
		return;
	a->v[v].reads++;
	for (uint64_t n = from; n <= to; n++)
		if (page->word[n % JOURNAL] == seen)
			return;
	if (a->v[v].bad++)
		return;
	a->v[v].page = p;
	a->v[v].from = page->word[from % JOURNAL];
	a->v[v].to = page->word[to % JOURNAL];
	a->v[v].observed = seen;
}

/* Reads and checks page p. */
static void read_one(uint64_t v, unsigned int p)
{
	uint64_t from = shared.page[p].confirmed;

	check_read(&shared, v, p, from, *(volatile uint64_t *)(shared.base + p * shared.stride));
}

static void announce(struct shared_page *page, uint64_t word)
{
	uint64_t n = page->announced + 1;

	page->word[n % JOURNAL] = word;
	page->announced = n;
}

/* A vCPU that owns pages v, v + share, ...; `arg` is share << 32 | rounds. */
static uint64_t guest_part(uint64_t v, uint64_t arg, uint64_t seed)
{
	uint64_t content[NPAGES][2] = {}, rng = seed * 0x9e3779b97f4a7c15ULL + v + 1, gen = 0;
	unsigned int share = arg >> 32, rounds = (uint32_t)arg;
	bool private[NPAGES] = {};

	for (unsigned int i = 0; i < rounds; i++) {
		unsigned int p = xorshift(&rng) % (NPAGES / share) * share + v;
		uint64_t addr = shared.base + p * shared.stride;
		struct shared_page *page = &shared.page[p];

		if (xorshift(&rng) & 1) {
			uint64_t word = gm_word(addr / 4096,
						private[p] ? GM_WRITER_PRIVATE : GM_WRITER_SHARED,
						++gen, v);

			announce(page, word);
			*(volatile uint64_t *)addr = word;
			content[p][private[p] && !shared.one] = word;
		} else {
			struct gm_op op = { .code = GM_OP_MAP_GPA,
					    .addr = addr,
					    .nr = 1,
					    .val = private[p] ? GM_MAP_SHARED : GM_MAP_PRIVATE };

			announce(page, content[p][!private[p] && !shared.one]);
			gm_guest_op(&op);
			if (op.ret)
				shared.v[v].refused++;
			private[p] = !private[p];
		}
		page->confirmed = page->announced;
		for (int k = 0; k < 8; k++)
			read_one(v, xorshift(&rng) % NPAGES);
		read_one(v, p);
	}
	return gen;
}

/* Reads until stop is set. Exits only on faults. */
static uint64_t guest_reader(uint64_t v, uint64_t unused, uint64_t seed)
{
	uint64_t rng = seed * 0x9e3779b97f4a7c15ULL + v + 1;

	while (!shared.stop)
		read_one(v, xorshift(&rng) % NPAGES);
	return 0;
}

struct race_threads {
	struct gm_fixture *w;
	struct shared_state *a; /* the host's view */
	unsigned int owners;	/* vCPUs that own pages */
	unsigned int readers;	/* vCPUs that only read */
	bool host_owner;	/* the host owns pages too: converts, writes, punches */
	bool prefaulter;	/* a thread prefaults all pages in a loop */
	bool host_reader;	/* a thread of the host reads all pages in a loop */
	unsigned int rounds;
	atomic_uint running;
	atomic_uint races;
};

/* Checks a page of the host, which no vCPU changes. */
static void expect_host(struct gm_fixture *w, uint64_t gpa, bool private, uint64_t want)
{
	volatile uint64_t *word = (volatile uint64_t *)gm_hva(w->vm, gpa);
	struct gm_page page = gm_vm_page(w->vm, gpa);

	if (GM_EXPECT_AT(&page, gm_host_sees((void *)word) == !private,
			 "the page is %s, and the host %s it", private ? "private" : "shared",
			 private ? "sees" : "does not see") &&
	    !private)
		GM_EXPECT_AT(&page, *word == want, "the host read %s, expected %s",
			     gm_word_str(*word), gm_word_str(want));
}

static void host_part(struct race_threads *t)
{
	unsigned int share = t->owners + 1, turn = t->owners;
	uint64_t content[NPAGES][2] = {}, gen = 0;
	bool private[NPAGES] = {}, two = !t->a->one;
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed_derive(gm_seed(), "host"));
	for (unsigned int i = 0; i < t->rounds; i++) {
		unsigned int p = gm_rng_below(&rng, NPAGES / share) * share + turn;
		uint64_t gpa = t->a->base + p * t->a->stride;
		volatile uint64_t *word = (volatile uint64_t *)gm_hva(t->w->vm, gpa);
		struct shared_page *page = &t->a->page[p];
		unsigned int what = gm_rng_below(&rng, 3);

		/* In place the host can write a page only while it is shared. */
		if (what == 1 && private[p] && !two)
			what = 2;
		switch (what) {
		case 0: /* convert */
			announce(page, content[p][!private[p] && two]);
			gm_convert(t->w->vm, gpa, GM_PAGE_SIZE, !private[p]);
			private[p] = !private[p];
			if (!two)
				expect_host(t->w, gpa, private[p], content[p][0]);
			break;
		case 1: /* write the shared memory */
			content[p][0] = gm_word(GFN(gpa), GM_WRITER_HOST, ++gen, 0);
			announce(page, content[p][private[p] && two]);
			*word = content[p][0];
			break;
		default: /* punch the private memory */
			content[p][two] = 0;
			announce(page, content[p][private[p] && two]);
			gm_gmem_punch(t->w->gmem, gpa - t->w->gpa, GM_PAGE_SIZE);
		}
		page->confirmed = page->announced;
	}
}

/*
 * process_vm_readv() takes a reference of the page during the read. In place the host must read
 * what the guest reads; else it reads the separate shared memory, which is not checked.
 */
static void host_reader(struct race_threads *t)
{
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed_derive(gm_seed(), "reader"));
	while (t->running) {
		unsigned int p = gm_rng_below(&rng, NPAGES);
		uint64_t from = t->a->page[p].confirmed, seen;
		struct iovec to = { &seen, sizeof(seen) };
		struct iovec at = { gm_hva(t->w->vm, t->a->base + p * t->a->stride), sizeof(seen) };

		if (process_vm_readv(getpid(), &to, 1, &at, 1, 0) < 0)
			GM_EXPECT(errno == EFAULT && t->a->one, "process_vm_readv: %s",
				  gm_errno_name(errno));
		else if (t->a->one)
			check_read(t->a, GM_MAX_VCPUS, p, from, seen);
	}
}

static void prefault_part(struct race_threads *t)
{
	unsigned int v = t->w->vm->vcpus - 1;

	while (t->running) {
		uint64_t gpa = t->a->base, size = GPA(NPAGES) * (t->a->stride / GM_PAGE_SIZE);

		/* A conversion during the prefault may end it early. */
		if (gm_prefault(t->w->vm, v, &gpa, &size, 0) && errno != EFAULT &&
		    errno != EAGAIN) {
			GM_FAIL("prefault at %#lx: %s", gpa, gm_errno_name(errno));
			return;
		}
	}
}

static void guest(struct race_threads *t, unsigned int v,
		  uint64_t (*fn)(uint64_t, uint64_t, uint64_t))
{
	struct gm_op op = { .code = GM_OP_CALL,
			    .addr = (uintptr_t)fn,
			    .val = v,
			    .nr = (uint64_t)(t->owners + t->host_owner) << 32 | t->rounds,
			    .stride = gm_seed() | 1 };

	t->races += gm_run_racing(t->w->vm, v, &op, 1);
}

static void race_thread(unsigned int i, void *arg)
{
	struct race_threads *t = arg;

	if (i < t->owners) {
		guest(t, i, guest_part);
	} else if (i < t->owners + t->readers) {
		guest(t, i, guest_reader);
		return;
	} else if (i == t->owners + t->readers && t->host_owner) {
		host_part(t);
	} else {
		(t->host_reader ? host_reader : prefault_part)(t);
		return;
	}
	if (!--t->running)
		t->a->stop = 1;
}

/* The threads, and the memory. */
struct threads {
	unsigned int owners; /* vCPUs that own pages */
	bool reader;	     /* one more vCPU only reads */
	bool host_owner;     /* the host owns pages too */
	bool prefaulter;     /* a thread prefaults all pages in a loop */
	bool host_reader;    /* a thread of the host reads all pages in a loop */
	bool apart;	     /* every third page only */
	enum gm_mem_kind mem;
};

GM_CASES(together, struct threads, c)
{
	struct race_threads t = {
		.owners = c->owners,
		.readers = c->reader,
		.host_owner = c->host_owner,
		.prefaulter = c->prefaulter,
		.host_reader = c->host_reader,
		.rounds = self->flags & GM_FULL_ONLY ? 4000 : 250,
	};
	unsigned int vcpus = t.owners + t.readers + t.prefaulter;
	struct gm_op warm = { .code = GM_OP_NOP };

	t.w = GM_FIXTURE(.size = GM_2M, .vcpus = vcpus, .mem = c->mem,
			 .host_touches = t.host_reader);
	t.a = addr_gva2hva(t.w->vm->kvm, (gva_t)&shared);
	memset(t.a, 0, sizeof(*t.a));
	t.a->base = t.w->gpa + GPA(200);
	t.a->stride = GM_PAGE_SIZE * (c->apart ? 3 : 1);
	t.a->one = gm_fixture_one_memory(t.w);
	t.running = t.owners + t.host_owner;
	/* Prefault needs a vCPU with an MMU root: one that has run. */
	for (unsigned int v = 0; v < vcpus; v++)
		gm_run(t.w->vm, v, &warm, 1);
	gm_parallel(t.owners + t.readers + t.host_owner + t.host_reader + t.prefaulter, race_thread,
		    &t);
	GM_EXPECT(!t.a->v[GM_MAX_VCPUS].bad, "the host: %lu reads of %lu are explained by no order",
		  t.a->v[GM_MAX_VCPUS].bad, t.a->v[GM_MAX_VCPUS].reads);
	for (unsigned int v = 0; v < t.owners + t.readers; v++) {
		struct gm_page page = gm_vm_page(t.w->vm, t.a->base + t.a->v[v].page * t.a->stride);

		GM_EXPECT_AT(
			&page, !t.a->v[v].bad,
			"vCPU %u: %lu reads of %lu are explained by no order; the first: expected between %s and %s, observed %s",
			v, t.a->v[v].bad, t.a->v[v].reads, gm_word_str(t.a->v[v].from),
			gm_word_str(t.a->v[v].to), gm_word_str(t.a->v[v].observed));
		GM_EXPECT(!t.a->v[v].refused,
			  "vCPU %u: %lu conversions were refused, expected none", v,
			  t.a->v[v].refused);
		GM_EXPECT(t.a->v[v].reads, "vCPU %u made no read that could be checked", v);
	}
	gm_note("%u faults raced with a conversion", t.races);
	gm_fixture_free(t.w);
}

GM_ROW(together, together_2, .name = "conv.concurrent.vcpus_2",
       .text = "two vCPUs convert and write every other page, and read all") = {
	.owners = 2,
	.mem = GM_MEM_ANON,
};
GM_ROW(together, together_2r, .name = "conv.concurrent.vcpus_2_reader",
       .text = "the same with a third vCPU that only reads") = {
	.owners = 2,
	.reader = true,
	.mem = GM_MEM_THP,
};
GM_ROW(together, together_4, .name = "conv.concurrent.vcpus_4",
       .text = "four vCPUs convert, write and read every third page") = {
	.owners = 4,
	.apart = true,
	.mem = GM_MEM_THP,
};
GM_ROW(together, together_host, .name = "conv.concurrent.host", .providers = GM_PROVIDERS_X86,
       .text = "a vCPU and the host, which converts, writes and punches its pages") = {
	.owners = 1,
	.reader = true,
	.host_owner = true,
	.mem = GM_MEM_ANON,
};
GM_ROW(together, together_touch, .name = "conv.concurrent.host_reads",
       .text = "two vCPUs, while a thread of the host reads their pages") = {
	.owners = 2,
	.host_reader = true,
	.mem = GM_MEM_ANON,
};
GM_ROW(together, together_pre, .name = "conv.concurrent.prefault",
       .text = "two vCPUs, while another thread prefaults all pages") = {
	.owners = 2,
	.prefaulter = true,
	.mem = GM_MEM_ANON,
};
GM_ROW(together, together_all, .name = "conv.concurrent.all", .providers = GM_PROVIDERS_X86,
       .text = "two vCPUs, a reader, the host and a prefaulting thread") = {
	.owners = 2,
	.reader = true,
	.host_owner = true,
	.prefaulter = true,
	.mem = GM_MEM_THP,
};
GM_ROW(together, together_long, .name = "conv.concurrent.all_long", .providers = GM_PROVIDERS_X86,
       .text = "the same for sixteen times as long", .flags = GM_FULL_ONLY, .timeout = 300) = {
	.owners = 2,
	.reader = true,
	.host_owner = true,
	.prefaulter = true,
	.mem = GM_MEM_THP,
};
