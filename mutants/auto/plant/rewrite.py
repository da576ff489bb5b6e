# SPDX-License-Identifier: GPL-2.0-only
"""Rewrites a C file: expressions become `mutant is on ? mutated : original`.

A Wrap replaces one range of the source. Its text is built from the source of that range, in which
the wraps inside of it are done already, so that every original text stays in the result once.
No wrap adds a line: a compiler's line number in the result is that of the source plus FIRST_LINES.
"""

HEADER = "#include <linux/gm_auto.h>\n"
FIRST_LINES = HEADER.count("\n")


class Wrap:
    """One range [start, end) of a file, and the numbers of the mutants that it plants.

    build(get) gives its new text, get(a, b) that of a part. Of two wraps of the same range the one
    with the higher order is inside.
    """

    def __init__(self, start, end, nrs, build, order=0):
        self.start, self.end, self.nrs, self.build, self.order = start, end, nrs, build, order
        self.inner = []


def tree(wraps):
    """Nests the wraps, and returns the outer ones. Leaves out those that overlap another one in part."""
    top, stack = [], []
    for wrap in sorted(wraps, key=lambda w: (w.start, -w.end, w.order)):
        wrap.inner = []
        while stack and stack[-1].end <= wrap.start:
            stack.pop()
        if stack and wrap.end > stack[-1].end:
            continue
        (stack[-1].inner if stack else top).append(wrap)
        stack.append(wrap)
    return top


def rendered(source, wraps, start, end):
    """The new text of [start, end), all of whose wraps are in the list."""
    out, at = [], start
    for wrap in wraps:
        if wrap.start < start or wrap.end > end:
            continue
        out.append(source[at:wrap.start])
        out.append(wrap.build(lambda a, b, w=wrap: rendered(source, w.inner, a, b)))
        at = wrap.end
    out.append(source[at:end])
    return "".join(out)


def rewritten(source, wraps):
    """The new text of the file."""
    return HEADER + rendered(source, tree(wraps), 0, len(source))
