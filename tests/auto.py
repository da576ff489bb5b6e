#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""mutants/auto on a small C file: with no mutant on the program is the same, each one changes it."""
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "mutants", f) for f in ("auto/plant", "auto")]
import ask  # noqa: E402 pylint: disable=wrong-import-position
import score  # noqa: E402 pylint: disable=wrong-import-position
try:
    import places # noqa: E402 pylint: disable=wrong-import-position
    import rewrite # noqa: E402 pylint: disable=wrong-import-position
except ImportError:
    places = None

# Each function is called by main(), whose output tells whether one of them has changed.
SOURCE = """\
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#define unlikely(x) __builtin_expect(!!(x), 0)
#define each(i, n) for (i = 0; i < (n); i++)
#define TWICE(x) ((x) * 2)

static int calls, locked, worked;
static void note(int n) { calls += n; }
static void a_lock(int *l) { ++*l; locked += 10; }
static void a_unlock(int *l) { --*l; locked += 100; }

int limits(int n)
{
	if (unlikely(n < 0 || n > 9))
		return -EINVAL;
	if (!n)
		return -ENOENT;
	return n + 1;
}

int work(unsigned int bits, int n)
{
	static const int fixed[4] = { 1, 2, 3, 4 };
	int i, sum = 0, err;

	a_lock(&worked);
	each(i, n)
		sum += fixed[i & 3];
	err = limits(n);
	if (err < 0)
		goto out;
	bits |= 0x10;
	note(TWICE(sum));
	err = bits == 0x11 ? sum << 1 : 0;
out:
	a_unlock(&worked);
	switch (n) {
	case 3:
		sum = 7;
		break;
	default:
		break;
	}
	return err + sum;
}

bool even(int n)
{
	return n % 2 == 0 && n != 4;
}

void show(void)
{
	int n;

	calls = locked = worked = 0;

	for (n = -1; n < 12; n++)
		printf("%d %d %d %d,", limits(n), work(1, n), work(3, n), even(n));
	printf("%d %d %d\\n", calls, locked, worked);
}
"""
KINDS = {"negated", "forced true", "forced false", "off by one", "operator", "call dropped", "early return",
         "error swallowed", "constant", "lock dropped", "assignment dropped"}
SWITCH = """\
extern int on;
#define gm_auto(n) (on == (n))
"""
# A line for each mutant, the first one with none.
MAIN = """\
int on;
void show(void);
int main(void) { for (; on <= LAST; on++) show(); }
"""


def written(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def lines(folder, source, last):
    """Builds a source with MAIN; returns the lines that it prints."""
    main = written(folder, "main.c", MAIN)
    subprocess.run(["gcc", "-w", "-I", folder, f"-DLAST={last}", "-o", folder + "/a", source, main], check=True)
    return subprocess.run([folder + "/a"], capture_output=True, check=True).stdout.splitlines()


def mutated(folder, functions=("limits", "work", "even")):
    """Plants all mutants; returns them and the new source."""
    written(folder, "linux/gm_auto.h", SWITCH)
    found = places.Places(written(folder, "a.c", SOURCE), ["-std=gnu11"], list(functions), 1)
    return found.mutants, written(folder, "new.c", rewrite.rewritten(found.source, found.wraps))


def all_change_the_program():
    with tempfile.TemporaryDirectory() as folder:
        mutants, new = mutated(folder)
        plain = lines(folder, os.path.join(folder, "a.c"), 0)[0]
        off, *on = lines(folder, new, len(mutants))
    same = {f"{m.lines[0]} {m.kind} {m.before}" for m in mutants if on[m.nr - 1] == plain}
    kinds = {m.kind for m in mutants}
    # Equivalent here: limits() never returns 0, and 0x11 has the bits of 1.
    return (plain == off, kinds == KINDS, same) == (
        True, True, {"31 off by one err < 0", "31 constant 0", "33 constant 0x10"}) or (kinds, same)


def nothing_in_macros_and_constants():
    with tempfile.TemporaryDirectory() as folder:
        mutants, _ = mutated(folder)
    at = {m.lines[0] for m in mutants}
    # A static table, a loop that is a macro, a case label.
    return not at & {5, 6, 24, 28, 39} or sorted(at)


def functions_are_chosen():
    with tempfile.TemporaryDirectory() as folder:
        mutants, _ = mutated(folder, ["*", "!work", "!show"])
    return {m.function for m in mutants} == {"note", "a_lock", "a_unlock", "limits", "even"}


def numbers_are_read():
    return ask.numbers("1-3,7") == {1, 2, 3, 7} and ask.numbers("") == set()


def interval_of_a_rate():
    low, high = score.wilson(95, 100)
    return abs(low - 0.888) < 0.001 and abs(high - 0.978) < 0.001 and score.wilson(0, 0) == (0.0, 1.0)


TESTS = [numbers_are_read, interval_of_a_rate] + ([all_change_the_program, nothing_in_macros_and_constants,
                                                   functions_are_chosen] if places else [])


if __name__ == "__main__":
    failed = 0
    print(f"1..{len(TESTS)}")
    for at, test in enumerate(TESTS, 1):
        ok = test()
        failed += ok is not True
        print(f"ok {at} auto.{test.__name__}" if ok is True else f"not ok {at} auto.{test.__name__} # {ok}")
    sys.exit(failed > 0)
