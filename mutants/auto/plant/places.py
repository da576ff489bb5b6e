# SPDX-License-Identifier: GPL-2.0-only
"""Finds the places of a C file where a mechanical defect can be planted, with libclang.

Only what is spelled in the file itself is changed: never the result of a macro, and an argument of
a macro only for those of ARGUMENTS_OK. Constant expressions stay as they are.
"""
import ctypes
import fnmatch
import re

from clang import cindex
from clang.cindex import CursorKind as K
from clang.cindex import TypeKind as T

from rewrite import Wrap

# Macros whose arguments are ordinary expressions, evaluated once.
ARGUMENTS_OK = {"likely", "unlikely", "WARN_ON", "WARN_ON_ONCE", "KVM_BUG_ON", "ERR_PTR", "READ_ONCE"}
# A condition with one of these is decided at build time, or patched into the code.
FIXED = re.compile(r"\b(IS_ENABLED|IS_REACHABLE|static_\w+|__builtin_constant_p|cpu_feature_enabled|"
                   r"boot_cpu_has|BUILD_BUG_ON)\b|static_branch|system_supports_")
NOT_OURS = re.compile(r"\b(noinstr|__init|__exit|__cpuidle|__no_sanitize\w*)\b")
# Calls whose loss only silences a report, or cannot matter.
QUIET = re.compile(r"^(lockdep_|might_|cond_resched|trace_|pr_|WARN|BUG|VM_|KVM_MMU_WARN|instrument_|"
                   r"cpu_relax|prefetch|__builtin|static_|schedule)")
LOCK = re.compile(r"^(?!try)(?:(?!try).)*(lock|LOCK)(_\w+)?$|^(down|up)_(read|write)$")
UNLOCK = re.compile(r"unlock|UNLOCK|^up_")
FLUSH = re.compile(r"flush|invalidate_(?!lock|unlock)|_sync\b|synchronize_|_barrier|smp_\w*mb")
RELATION = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
ARITHMETIC = {"+": "-", "-": "+", "&": "|", "|": "&", "<<": ">>", ">>": "<<", "*": "+"}
ASSIGNMENT = {"+=": "-=", "-=": "+=", "|=": "&=", "&=": "|=", "<<=": ">>=", ">>=": "<<="}
INTEGERS = {T.BOOL, T.CHAR_U, T.UCHAR, T.USHORT, T.UINT, T.ULONG, T.ULONGLONG, T.CHAR_S, T.SCHAR,
            T.SHORT, T.INT, T.LONG, T.LONGLONG, T.ENUM}
ERRNO = re.compile(r"^-\s*(E[A-Z0-9]+)$")


class Mutant:
    """One defect: its number, where it is, what it does."""

    def __init__(self, nr, function, lines, kind, before, after):
        self.nr, self.function, self.lines, self.kind = nr, function, lines, kind
        self.before, self.after = (" ".join(text.split()) for text in (before, after))


class Range:
    """Where a cursor is in the file that is parsed: offsets, or valid is False."""

    def __init__(self, cursor, path, macros=None):
        extent = cursor.extent
        self.start, first = self.offset(extent.start)
        self.end, last = self.offset(extent.end)
        # In the argument of a macro the range ends before a macro that is its last part.
        self.end = (macros or {}).get(self.end, self.end)
        self.valid = first == path == last and self.start < self.end

    @staticmethod
    def offset(location):
        """Where a location is spelled. An argument of a macro is there, not where the macro begins."""
        file, line, column, offset = (cindex.c_object_p(), ctypes.c_uint(), ctypes.c_uint(),
                                      ctypes.c_uint())
        cindex.conf.lib.clang_getFileLocation(location, ctypes.byref(file), ctypes.byref(line),
                                              ctypes.byref(column), ctypes.byref(offset))
        return offset.value, cindex.File(file).name if file else ""


class Places:
    """The mutants of one file, and the wraps that plant them. Numbers begin at `first`."""

    def __init__(self, path, flags, functions, first):
        self.path, self.functions = path, functions
        with open(path, "rb") as f:
            # One character for each byte: libclang counts bytes.
            self.source = f.read().decode("latin-1")
        self.mutants, self.wraps, self.next = [], [], first
        self.function, self.seen, self.result = "", set(), None
        index = cindex.Index.create()
        self.unit = index.parse(path, flags,
                                options=cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD)
        self.starts = [0] + [m.end() for m in re.finditer("\n", self.source)]
        self.macros = sorted((r.start, r.end, c.spelling) for c in self.unit.cursor.get_children()
                             if c.kind == K.MACRO_INSTANTIATION
                             for r in [Range(c, path)] if r.valid)
        self.macro_ends = {start: end for start, end, _ in self.macros}
        for cursor in self.unit.cursor.get_children():
            if cursor.kind == K.FUNCTION_DECL and cursor.is_definition() and self.wanted(cursor):
                self.in_function(cursor)

    def errors(self):
        """What libclang could not parse in the file itself."""
        return [str(d) for d in self.unit.diagnostics
                if d.severity >= 3 and d.location.file and d.location.file.name == self.path]

    # Selection

    def range(self, cursor):
        return Range(cursor, self.path, self.macro_ends)

    def wanted(self, cursor):
        if not any(fnmatch.fnmatchcase(cursor.spelling, f) for f in self.functions if f[0] != "!") or \
           any(fnmatch.fnmatchcase(cursor.spelling, f[1:]) for f in self.functions if f[0] == "!"):
            return False
        where = self.range(cursor)
        return where.valid and not NOT_OURS.search(self.source[where.start:where.end].split("{", 1)[0])

    def line(self, offset):
        low, high = 0, len(self.starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.starts[middle] <= offset else (low, middle)
        return low + 1

    def between(self, left, right):
        """The operator between two operands; nothing if they are not spelled in the file."""
        at, to = self.range(left), self.range(right)
        return self.source[at.end:to.start].strip() if at.valid and to.valid else ""

    def spelled(self, where):
        """Whether a range is spelled in the file: no macro has a part of it, unless it may."""
        if not where.valid:
            return False
        for start, end, name in self.macros:
            if start >= where.end:
                break
            if end <= where.start or (start >= where.start and end <= where.end):
                continue
            if not (start < where.start and where.end < end and name in ARGUMENTS_OK):
                return False
        return True

    def text(self, where):
        return self.source[where.start:where.end]

    def leave_out(self, nrs):
        """Leaves out these mutants, and all others of the same wraps."""
        for wrap in [w for w in self.wraps if w.nrs & nrs]:
            nrs |= wrap.nrs
        self.wraps = [w for w in self.wraps if not w.nrs & nrs]
        self.mutants = [m for m in self.mutants if m.nr not in nrs]

    # Recording

    def mutant(self, where, kind, before, after):
        """Records a mutant; returns its number, or None if it is there already."""
        if (where.start, where.end, kind, after) in self.seen:
            return None
        self.seen.add((where.start, where.end, kind, after))
        found = Mutant(self.next, self.function, range(self.line(where.start), self.line(where.end) + 1),
                       kind, before, after)
        self.mutants.append(found)
        self.next += 1
        return found.nr

    def wrap(self, where, nrs, build, order=0):
        self.wraps.append(Wrap(where.start, where.end, set(nrs), build, order))

    # The kinds

    def condition(self, cursor, kinds):
        """A condition: negated, or forced."""
        where = self.range(cursor)
        if not self.spelled(where) or constant(cursor) or FIXED.search(self.text(where)):
            return
        before = self.text(where)
        nrs = {kind: self.mutant(where, kind, before, after)
               for kind, after in (("negated", f"!({before})"), ("forced true", "true"),
                                   ("forced false", "false")) if kind in kinds}
        nrs = {kind: nr for kind, nr in nrs.items() if nr}

        def build(get):
            new = f"!!({get(where.start, where.end)})"
            if "negated" in nrs:
                new = f"({new} ^ gm_auto({nrs['negated']}))"
            if "forced true" in nrs:
                new = f"({new} | gm_auto({nrs['forced true']}))"
            if "forced false" in nrs:
                new = f"({new} & !gm_auto({nrs['forced false']}))"
            return f"({new})"
        if nrs:
            self.wrap(where, nrs.values(), build)

    def binary(self, cursor, where):
        """A comparison that is off by one, or plus for minus."""
        left, right = list(cursor.get_children())
        at, to = self.range(left), self.range(right)
        if not (at.valid and to.valid and at.start == where.start and to.end == where.end):
            return
        sign = self.source[at.end:to.start].strip()
        other, kind = (RELATION.get(sign), "off by one") if sign in RELATION else \
            (ARITHMETIC.get(sign), "operator")
        types = [c.type.get_canonical().kind for c in (left, right)]
        if not other or types[1] not in INTEGERS | ({T.POINTER} if sign in RELATION else set()) or \
           types[0] not in INTEGERS | {T.POINTER} or constant(cursor) or FIXED.search(self.text(where)):
            return
        before = self.text(where)
        nr = self.mutant(where, kind, before, f"{self.text(at)} {other} {self.text(to)}")
        # Plus zero: a bit-field has no type of its own.
        zero = ["" if t == T.POINTER else " + 0" for t in types]

        def build(get):
            return (f"({{ __auto_type gm_l{nr} = ({get(at.start, at.end)}){zero[0]}; "
                    f"__auto_type gm_r{nr} = {self.source[at.end:to.start].replace(sign, '', 1)}"
                    f"({get(to.start, to.end)}){zero[1]}; "
                    f"gm_auto({nr}) ? gm_l{nr} {other} gm_r{nr} : gm_l{nr} {sign} gm_r{nr}; }})")
        if nr:
            self.wrap(where, [nr], build, 1)

    def assignment(self, cursor, where):
        """A statement `a op= b` with the opposite operator, or `a = b` that is left out."""
        left, right = list(cursor.get_children())
        at, to = self.range(left), self.range(right)
        if not (at.valid and to.valid and at.start == where.start and to.end == where.end):
            return
        sign, before = self.source[at.end:to.start].strip(), self.text(where)
        if sign == "=":
            nr = self.mutant(where, "assignment dropped", before, "")
            if nr:
                self.wrap(where, [nr], dropped(where, nr))
            return
        other = ASSIGNMENT.get(sign)
        if not other or right.type.get_canonical().kind not in INTEGERS:
            return
        nr = self.mutant(where, "operator", before, f"{self.text(at)} {other} {self.text(to)}")
        if nr:
            gap = self.source[at.end:to.start].replace(sign, "", 1)
            self.wrap(where, [nr], lambda get: (
                f"({{ __auto_type gm_r{nr} = {gap}({get(to.start, to.end)}) + 0; "
                f"if (gm_auto({nr})) {self.text(at)} {other} gm_r{nr}; "
                f"else {self.text(at)} {sign} gm_r{nr}; }})"))

    def constant(self, cursor, where):
        """A number, true or false, or an errno."""
        before = self.text(where)
        if re.fullmatch(r"0[uUlL]*|[1-9][0-9]*[uUlL]*|0x[0-9a-fA-F]+[uUlL]*", before):
            after = str(int(re.match(r"0x[0-9a-fA-F]+|[0-9]+", before)[0], 0) + 1)
        elif before in ("true", "false"):
            after = "false" if before == "true" else "true"
        elif ERRNO.match(before):
            after = "-EIO" if before != "-EIO" else "-EINVAL"
        else:
            return
        nr = self.mutant(where, "constant", before, after)
        if nr:
            self.wrap(where, [nr], lambda get: f"(gm_auto({nr}) ? {after} : {get(where.start, where.end)})", 2)

    def swallowed(self, where):
        """An error that is not returned or stored."""
        nr = self.mutant(where, "error swallowed", self.text(where), "0")
        if nr:
            self.wrap(where, [nr], lambda get: (
                f"({{ __auto_type gm_e{nr} = ({get(where.start, where.end)}); "
                f"gm_auto({nr}) ? 0 : gm_e{nr}; }})"))

    def call(self, cursor, where):
        """A statement that is a call: left out."""
        name = self.source[where.start:where.end].split("(", 1)[0].strip()
        if QUIET.match(name) or LOCK.match(name) or not self.text(where).endswith(")"):
            return
        nr = self.mutant(where, "flush dropped" if FLUSH.search(name) else "call dropped",
                         self.text(where), "")
        if nr:
            self.wrap(where, [nr], dropped(where, nr))

    def locks(self, found):
        """The calls that take and drop one lock in one function: all left out."""
        for argument, calls in found.items():
            if {bool(UNLOCK.search(name)) for name, _ in calls} != {True, False}:
                continue
            names = " ... ".join(sorted({name for name, _ in calls}))
            nr = self.mutant(calls[0][1], "lock dropped", f"{names}({argument})", "")
            for _, where in calls if nr else []:
                self.wrap(where, [nr], dropped(where, nr))

    def early(self, cursor, body):
        """The function returns at once."""
        kind = self.result.get_canonical().kind
        values = {T.VOID: [""], T.BOOL: ["false", "true"], T.POINTER: ["NULL"]}.get(
            kind, ["0"] if kind in INTEGERS else [])
        brace = self.range(body)
        brace.end = brace.start + 1
        if self.source[brace.start] != "{":
            return
        nrs = [(self.mutant(brace, "early return", f"{cursor.spelling}()", f"return {v}".strip()), v)
               for v in values]
        new = "{" + "".join(f" if (gm_auto({nr})) return{' ' if v else ''}{v};" for nr, v in nrs if nr)
        if new != "{":
            self.wrap(brace, [nr for nr, _ in nrs], lambda get: new)

    # The walk

    def in_function(self, cursor):
        self.function, self.result = cursor.spelling, cursor.result_type
        body = [c for c in cursor.get_children() if c.kind == K.COMPOUND_STMT]
        if not body:
            return
        self.early(cursor, body[0])
        locks = {}
        self.walk(body[0], locks)
        self.locks(locks)

    def word(self, cursor, word):
        """Whether a statement begins with this keyword in the file, not in a macro."""
        where = self.range(cursor)
        return where.valid and self.spelled(where) and \
            re.match(word, self.source[where.start:where.end])

    def statement(self, cursor, locks):
        """A statement that is an expression."""
        while cursor.kind == K.UNEXPOSED_EXPR and len(list(cursor.get_children())) == 1:
            inner = next(cursor.get_children())
            if (self.range(inner).start, self.range(inner).end) != \
               (self.range(cursor).start, self.range(cursor).end):
                break
            cursor = inner
        where = self.range(cursor)
        if not self.spelled(where):
            return
        name = self.text(where).split("(", 1)[0].strip()
        if LOCK.match(name) and self.text(where).endswith(")"):
            argument = " ".join(self.text(where)[len(name):].strip()[1:-1].split())
            locks.setdefault(argument, []).append((name, where))
        elif cursor.kind == K.CALL_EXPR:
            self.call(cursor, where)
        elif cursor.kind in (K.BINARY_OPERATOR, K.COMPOUND_ASSIGNMENT_OPERATOR) and \
                len(list(cursor.get_children())) == 2:
            self.assignment(cursor, where)

    def walk(self, cursor, locks):
        """All mutants below a cursor."""
        kind, children = cursor.kind, list(cursor.get_children())
        if kind in (K.CXX_UNARY_EXPR, K.ASM_STMT, K.MS_ASM_STMT, K.STRUCT_DECL, K.UNION_DECL, K.ENUM_DECL,
                    K.TYPEDEF_DECL):
            return
        if kind == K.VAR_DECL and (cursor.storage_class == cindex.StorageClass.STATIC or
                                   cursor.type.kind in (T.CONSTANTARRAY, T.VARIABLEARRAY)):
            return
        if kind == K.CASE_STMT:
            children = children[1:]
        if kind in (K.COMPOUND_STMT, K.CASE_STMT, K.DEFAULT_STMT, K.LABEL_STMT):
            # Not in a macro that is a block itself.
            for c in children if self.word(cursor, r"\{|case\b|default\b|\w+\s*:") else []:
                if c.kind.is_expression():
                    self.statement(c, locks)
        elif kind == K.IF_STMT and children and self.word(cursor, r"if\b"):
            self.condition(children[0], ("negated", "forced true", "forced false"))
            for c in children[1:]:
                if c.kind.is_expression():
                    self.statement(c, locks)
        elif kind in (K.WHILE_STMT, K.FOR_STMT) and children and self.word(cursor, r"(while|for)\b"):
            if children[-1].kind.is_expression():
                self.statement(children[-1], locks)
            if kind == K.WHILE_STMT:
                self.condition(children[0], ("forced false",))
        elif kind == K.CONDITIONAL_OPERATOR and len(children) == 3 and self.between(*children[:2]) == "?":
            self.condition(children[0], ("negated",))
        elif kind == K.RETURN_STMT and children and self.word(cursor, r"return\b"):
            self.returned(children[0])
        elif kind == K.VAR_DECL and children and children[-1].kind.is_expression():
            self.stored(children[-1], cursor.type)
        where = self.range(cursor)
        if kind == K.BINARY_OPERATOR and len(children) == 2 and self.spelled(where):
            self.operator(cursor, children, where)
        elif kind in (K.INTEGER_LITERAL, K.DECL_REF_EXPR, K.UNARY_OPERATOR, K.CXX_BOOL_LITERAL_EXPR) and \
                self.spelled(where):
            self.constant(cursor, where)
            if kind == K.UNARY_OPERATOR and ERRNO.match(self.text(where)):
                return
        for c in children:
            self.walk(c, locks)

    def operator(self, cursor, children, where):
        sign = self.between(*children)
        if sign == "&&":
            for c in children:
                self.condition(c, ("forced true",))
        elif sign == "||":
            for c in children:
                self.condition(c, ("forced false",))
        elif sign == "=":
            self.stored(children[1], children[0].type)
        else:
            self.binary(cursor, where)

    def stored(self, value, to):
        """A call whose result is stored in an int: maybe an error."""
        where = self.range(value)
        if to.get_canonical().kind in (T.INT, T.LONG) and self.spelled(where) and calls(value) and \
           value.type.get_canonical().kind in (T.INT, T.LONG):
            self.swallowed(where)

    def returned(self, value):
        where = self.range(value)
        if not self.spelled(where):
            return
        kind = self.result.get_canonical().kind
        if kind == T.BOOL and not re.fullmatch("true|false", self.text(where)):
            self.condition(value, ("negated",))
        elif kind in (T.INT, T.LONG) and (calls(value) or ERRNO.match(self.text(where)) or
                                          re.fullmatch("r|rc|ret|err|error", self.text(where))):
            self.swallowed(where)


def dropped(where, nr):
    """Builds a statement that a mutant leaves out."""
    return lambda get: f"({{ if (!gm_auto({nr})) {get(where.start, where.end)}; }})"


def calls(cursor):
    """Whether the expression is a call."""
    while cursor.kind == K.UNEXPOSED_EXPR and len(list(cursor.get_children())) == 1:
        cursor = next(cursor.get_children())
    return cursor.kind == K.CALL_EXPR


def constant(cursor):
    """Whether the expression uses nothing that is known only at run time."""
    for c in cursor.walk_preorder():
        if c.kind in (K.CALL_EXPR, K.MEMBER_REF_EXPR) or \
           (c.kind == K.DECL_REF_EXPR and c.referenced is not None and
                c.referenced.kind in (K.VAR_DECL, K.PARM_DECL)):
            return False
    return True
