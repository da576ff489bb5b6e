/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * GM_EACH(m, a, b, ...): m(a) | m(b) | ..., for a set that is declared as a list of names. Each
 * level below makes the preprocessor rescan the result four times: enough for 256 names.
 */
#ifndef GM_EACH_H
#define GM_EACH_H

#define __GM_EACH_NOW(...) __GM_EACH_3(__GM_EACH_3(__GM_EACH_3(__GM_EACH_3(__VA_ARGS__))))
#define __GM_EACH_3(...) __GM_EACH_2(__GM_EACH_2(__GM_EACH_2(__GM_EACH_2(__VA_ARGS__))))
#define __GM_EACH_2(...) __GM_EACH_1(__GM_EACH_1(__GM_EACH_1(__GM_EACH_1(__VA_ARGS__))))
#define __GM_EACH_1(...) __GM_EACH_0(__GM_EACH_0(__GM_EACH_0(__GM_EACH_0(__VA_ARGS__))))
#define __GM_EACH_0(...) __VA_ARGS__
#define __GM_EACH_PARENS ()
#define __GM_EACH_STEP(m, a, ...)                                                                  \
	| m(a) __VA_OPT__(__GM_EACH_AGAIN __GM_EACH_PARENS(m, __VA_ARGS__))
#define __GM_EACH_AGAIN() __GM_EACH_STEP

#define GM_EACH(m, ...) (0 __GM_EACH_NOW(__GM_EACH_STEP(m, __VA_ARGS__)))

#endif
