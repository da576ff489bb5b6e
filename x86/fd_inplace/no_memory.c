// SPDX-License-Identifier: GPL-2.0-only
/* Without memory for its record a conversion is ENOMEM, and nothing has changed: fd.no_memory. */
#include "fail_nth.h"
#include "fd_inplace.h"

#define MOST 200U   /* steps: far above what one conversion has */
#define ROOM 20000U /* bytes of slab objects: the same */

/* A range whose ends lie inside runs of either state, so that the record has to grow. */
#define AT 21UL
#define N 70UL

struct sweep {
	struct gm_fixture *w;
	bool to_private;
	unsigned int refused;
	uint64_t error_offset;
};

static int convert(struct sweep *s)
{
	return __gm_gmem_convert(s->w->gmem, AT * PG, N * PG, s->to_private, &s->error_offset);
}

/* The model is told by each page, since the other pages of the range keep what they had. */
static void note(struct sweep *s, bool to_private)
{
	gm_model_convert(s->w->model, GFN(s->w->gpa) + AT, N, to_private);
}

static void refused(struct sweep *s, int err, const char *how, unsigned int n)
{
	s->refused++;
	GM_EXPECT_EQ(err, ENOMEM, "errno, %s %u", how, n);
	GM_EXPECT_EQ(s->error_offset, AT * PG, "error_offset, %s %u", how, n);
	inplace_expect_states(s->w, "after ENOMEM");
	if (s->refused % 4 == 1)
		inplace_expect_all(s->w, "after ENOMEM");
}

/* It went through: as it was before, for the next attempt. */
static void undo(struct sweep *s)
{
	note(s, s->to_private);
	inplace_expect_states(s->w, "after a conversion that went through");
	for (uint64_t p = AT; p < AT + N; p++)
		gm_fixture_convert(s->w, GFN(s->w->gpa) + p, 1, p % 3 == 0);
}

INPLACE(convert_no_memory, "fd.no_memory.convert", .clause = "fd.no_memory", .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_MODULE, .needs = GM_NEEDS(FAIL_NTH, DEBUGFS), .timeout = 120,
	.text = "each allocation of a conversion failing: ENOMEM, error_offset the start, no page changed")
{
	struct sweep s = { .w = inplace_mixed(1) };
	int ret, err;

	gm_fail_nth_open();
	for (int way = 0; way < 2; way++) {
		bool reached = true;

		s.to_private = !way;
		undo(&s);
		for (unsigned int n = 1; n < MOST && reached && !gm_failures(); n++) {
			gm_fail_nth(n);
			ret = convert(&s);
			err = errno;
			reached = gm_fail_nth_reached();
			if (ret)
				refused(&s, err, "step", n);
			else
				undo(&s);
		}
		/* Where a second attempt is made, one failure is none. */
		for (unsigned int room = 0; room < ROOM && !gm_failures(); room += 200) {
			gm_fail_from(room);
			ret = convert(&s);
			err = errno;
			gm_fail_from_end();
			if (!ret)
				break;
			refused(&s, err, "with bytes left", room);
		}
		note(&s, s.to_private);
		inplace_expect_all(s.w, "the conversion that went through");
	}
	gm_note("%u conversions failed", s.refused);
	GM_SETUP(s.refused || gm_failures(), "fail-nth made no conversion fail");
	gm_fixture_free(s.w);
}
