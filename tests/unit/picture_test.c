// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notes with a map become panels of one picture; other notes and damaged maps do not.
 */
#include "unit.h"

#include "map_svg.h"
#include "../../runner/picture.h"

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
		n++;
	return n;
}

static json_t *notes_of(const char *const *note)
{
	json_t *list = json_array();

	for (; *note; note++)
		json_array_append_new(list, json_string(*note));
	return list;
}

static void packed_and_back(void **arg)
{
	char cells[GM_MAP_CELLS + 1] = "", *packed, *again;

	memset(cells, 'M', GM_MAP_CELLS);
	cells[0] = 'x';
	cells[77] = 'k';
	cells[GM_MAP_CELLS - 1] = '.';
	packed = gm_map_pack(cells, GM_MAP_CELLS);
	assert_string_equal(packed, "1x 76M 1k 433M 1.");
	again = gm_map_unpack(packed);
	assert_string_equal(again, cells);
	free(packed);
	free(again);
}

static void damaged(void **arg)
{
	static const char *const bad[] = { "",		 "511G",    "513G",
					   "512",	 "G",	    "1G 1",
					   "0M 512G",	 "512G 1G", "-1G 512G",
					   "256G  256M", "x",	    "99999999999999999999G" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(gm_map_unpack(bad[i]));
}

static void panels(void **arg)
{
	static const char *const note[] = {
		"seed 1",
		"map before, GiB 0: 512G",
		"map before, GiB 1: 512G",
		"GiB 0: all G",
		"map one, GiB 7 that is, GiB 0: 1x 511M",
		"map one, GiB 7 that is, GiB 1: 512G",
		"map cut, GiB 0: 5",
		"map",
		NULL,
	};
	json_t *list = notes_of(note);
	char *svg = picture_of("a <case> & more", list);

	assert_non_null(svg);
	assert_int_equal(count(svg, "font-weight=\"bold\""), 2);
	assert_int_equal(count(svg, ">before<"), 1);
	assert_int_equal(count(svg, ">one, GiB 7 that is<"), 1);
	assert_int_equal(count(svg, "a &lt;case&gt; &amp; more: each"), 1);
	/*
	 * Two panels of two GiB each, each in 8 rows; one row has two colours. A legend's rectangle is
	 * 10 high.
	 */
	assert_int_equal(count(svg, "height=\"5\""), 4 * 8 + 1);
	assert_int_equal(count(svg, "<path stroke=\"white\""), 4);
	assert_int_equal(count(svg, "width=\"377\" height=\"5\""), 1);
	assert_string_equal(svg + strlen(svg) - 7, "</svg>\n");
	free(svg);
	json_decref(list);
}

static void none(void **arg)
{
	static const char *const note[] = { "seed 1", "a map before, GiB 0: 512G", "map ", NULL };
	json_t *list = notes_of(note);

	assert_null(picture_of("a.case", list));
	assert_null(picture_of("a.case", NULL));
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packed_and_back),
		cmocka_unit_test(damaged),
		cmocka_unit_test(panels),
		cmocka_unit_test(none),
	};

	return cmocka_run_group_tests_name("picture", tests, NULL, NULL);
}
