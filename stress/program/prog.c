// SPDX-License-Identifier: GPL-2.0-only
/* Stress programs in memory, and reading and writing of .gmops files. */
#include <stdlib.h>
#include <string.h>

#include "prog.h"

void st_prog_init(struct st_prog *p)
{
	memset(p, 0, sizeof(*p));
}

void st_prog_free(struct st_prog *p)
{
	free(p->op);
	st_prog_init(p);
}

static void grow(struct st_prog *p, uint32_t room)
{
	if (room <= p->room)
		return;
	p->room = room + room / 2 + 64;
	p->op = realloc(p->op, p->room * sizeof(*p->op));
	if (!p->op) {
		fputs("stress: out of memory\n", stderr);
		abort();
	}
}

void st_prog_copy(struct st_prog *to, const struct st_prog *from)
{
	grow(to, from->nr);
	to->head = from->head;
	to->nr = from->nr;
	if (from->nr)
		memcpy(to->op, from->op, from->nr * sizeof(*to->op));
}

void st_prog_add(struct st_prog *p, struct gm_sop op)
{
	grow(p, p->nr + 1);
	p->op[p->nr++] = op;
}

void st_head_write(const struct st_head *h, const char *eol, FILE *f)
{
	fprintf(f, "kvm-gmem-stress 1%sseed %llu%s", eol, (unsigned long long)h->seed, eol);
	fprintf(f, "profile %s%slayout %s%s", h->mix, eol, h->layout, eol);
	fprintf(f, "provider %s%s", gm_provider_name(h->provider), eol);
	if (h->start_private)
		fprintf(f, "start private%s", eol);
	fprintf(f, "vcpus %u%sthreads %u%s", h->vcpus, eol, h->threads, eol);
	fprintf(f, "order %s%s", h->strict ? "strict" : "free", eol);
}

void st_prog_write(const struct st_prog *p, FILE *f)
{
	const struct st_head *h = &p->head;

	st_head_write(h, "\n", f);
	if (h->suite[0])
		fprintf(f, "suite %s\n", h->suite);
	if (h->kernel[0])
		fprintf(f, "kernel %s\n", h->kernel);
	for (uint32_t i = 0; i < p->nr; i++)
		fprintf(f, "%s\n", st_op_str(&p->op[i]));
}

/* Whether the whole word is a number, decimal or 0x hexadecimal. */
static bool number(const char *s, uint64_t *val)
{
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	*val = strtoull(s, &end, 0);
	return !*end;
}

/* A head line "key value"; false: it is not valid. */
static bool read_head(struct st_head *h, const char *key, const char *val)
{
	const struct {
		const char *key;
		char *to;
		size_t room;
	} text[] = {
		{ "profile", h->mix, sizeof(h->mix) },
		{ "layout", h->layout, sizeof(h->layout) },
		{ "suite", h->suite, sizeof(h->suite) },
		{ "kernel", h->kernel, sizeof(h->kernel) },
	};
	uint64_t n;

	for (unsigned int i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		if (strcmp(key, text[i].key))
			continue;
		snprintf(text[i].to, text[i].room, "%s", val);
		return true;
	}
	if (!strcmp(key, "order")) {
		h->strict = !strcmp(val, "strict");
		return h->strict || !strcmp(val, "free");
	}
	if (!strcmp(key, "provider")) {
		h->provider = gm_provider_find(val);
		return h->provider == GM_PROVIDER_ATTRIBUTES || st_in_place(h->provider);
	}
	if (!strcmp(key, "start")) {
		h->start_private = !strcmp(val, "private");
		return h->start_private || !strcmp(val, "shared");
	}
	if (!number(val, &n))
		return false;
	if (!strcmp(key, "seed"))
		h->seed = n;
	else if (!strcmp(key, "vcpus") && n <= ST_VCPUS && n)
		h->vcpus = n;
	else if (!strcmp(key, "threads") && n <= ST_THREADS)
		h->threads = n;
	else
		return false;
	return true;
}

static const char *read_arg(const struct st_op *info, const char *word, struct gm_sop *op)
{
	uint64_t n;

	if (!strncmp(word, "arg=", 4) && number(word + 4, &n) && n < 256) {
		op->arg = n;
		return NULL;
	}
	for (unsigned int i = 0; info->args && info->args[i]; i++) {
		if (!strcmp(word, info->args[i])) {
			op->arg = i;
			return NULL;
		}
	}
	return "no such argument";
}

/* Parses the words after the operation's name. NULL, or an error message. */
static const char *read_rest(const struct st_op *info, char *save, struct gm_sop *op)
{
	unsigned int numbers = 0;
	bool fail = false;
	const char *wrong;
	char *word;
	uint64_t n;

	while ((word = strtok_r(NULL, " \t\n", &save))) {
		if (!strncmp(word, "meet=", 5) && number(word + 5, &n) && n < 256) {
			op->meet = n;
		} else if (!strncmp(word, "fail=", 5) && number(word + 5, &n) && n <= 100000 &&
			   info->flags & ST_CAN_FAIL) {
			fail = true;
			op->wait = n;
		} else if (!strncmp(word, "wait=", 5) && number(word + 5, &n) && n <= 100000) {
			op->wait = n;
		} else if (number(word, &n) && n <= UINT32_MAX && info->flags & ST_PAGES &&
			   numbers < 2) {
			*(numbers++ ? &op->len : &op->page) = n;
		} else {
			wrong = read_arg(info, word, op);
			if (wrong)
				return wrong;
		}
	}
	if (fail)
		op->arg |= GM_SOP_FAIL;
	return info->flags & ST_PAGES && (!numbers || !op->len) ? "needs a page and a length"
								: NULL;
}

static const char *read_op(struct st_prog *p, char *actor, char *save)
{
	struct gm_sop op = { .len = 1 };
	char *name = strtok_r(NULL, " \t\n", &save);
	bool vcpu = *actor == 'v';
	const char *wrong;
	uint64_t n;

	if ((!vcpu && *actor != 't') || !number(actor + 1, &n))
		return "a line is ACTOR OPERATION ..., with an actor like v0 or t0";
	if (n >= (vcpu ? p->head.vcpus : p->head.threads))
		return "no such actor";
	op.actor = n | (vcpu ? 0 : GM_SOP_HOST);
	op.code = st_op_find(name ?: "");
	if (op.code == ST_OP_NR)
		return "no such operation";
	if (op.code != ST_OP_NOP && op.code != ST_OP_SYNC && vcpu != st_is(&op, ST_VCPU))
		return "not an operation of this actor";
	wrong = read_rest(st_ops[op.code], save, &op);
	if (!wrong)
		st_prog_add(p, op);
	return wrong;
}

int st_prog_read(struct st_prog *p, FILE *f, char *why, size_t room)
{
	unsigned int line = 0;
	bool magic = false;
	char s[256];

	p->nr = 0;
	memset(&p->head, 0, sizeof(p->head));
	p->head.provider = GM_PROVIDER_ATTRIBUTES;
	while (fgets(s, sizeof(s), f)) {
		char *save, *word = strtok_r(s, " \t\n", &save);
		const char *wrong = NULL;

		line++;
		if (!word || *word == '#')
			continue;
		if (!magic) {
			char *version = strtok_r(NULL, " \t\n", &save);

			magic = !strcmp(word, "kvm-gmem-stress") && version &&
				!strcmp(version, "1");
			wrong = magic ? NULL : "the first line is: kvm-gmem-stress 1";
		} else if ((*word == 'v' || *word == 't') && word[1] >= '0' && word[1] <= '9') {
			wrong = read_op(p, word, save);
		} else {
			char *val = strtok_r(NULL, "\n", &save);

			if (!val || !read_head(&p->head, word, val))
				wrong = "neither a head line nor an operation";
		}
		if (!wrong && p->nr > ST_OPS_MAX)
			wrong = "too many operations";
		if (wrong) {
			snprintf(why, room, "line %u: %s", line, wrong);
			return -1;
		}
	}
	if (magic && p->head.vcpus && p->head.layout[0])
		return 0;
	snprintf(why, room, "not a program: needs a layout and vcpus");
	return -1;
}
