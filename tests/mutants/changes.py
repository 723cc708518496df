"""Every change of one operator, number or condition that can be made to a module, in its Python and in its Lua.

Left out is what no test could notice or any would: annotations, decorators, sizes of caches, `strict=`, and what stands
where in a script's arguments.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_SWAPPED_NAMES = {"min": "max", "max": "min", "floor": "ceil", "ceil": "floor", "any": "all", "all": "any"}
_OPERATORS: dict[type[ast.AST], tuple[str, tuple[str, ...]]] = {
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
    ast.Add: ("+", ("-",)),
    ast.Sub: ("-", ("+",)),
    ast.Mult: ("*", ("/",)),
    ast.Div: ("/", ("*",)),
    ast.FloorDiv: ("//", ("/",)),
    ast.Mod: ("%", ("//",)),
    ast.Pow: ("**", ("*",)),
    ast.And: ("and", ("or",)),
    ast.Or: ("or", ("and",)),
}
#: Arguments that are no part of what a module answers.
_NO_MATTER = {"strict", "maxsize", "daemon", "name"}

_LUA = re.compile(
    r"(?P<skipped>--[^\n]*|'[^'\n]*'|\[(?:\d+|at(?: \+ \d)?|#\w+ \+ \d)\]|\{\w+\}|\.\.)"
    r"|(?P<operator><=|>=|==|~=|<|>|\+|-|\*|/|%|\^|\b(?:and|or|not)\b)"
    r"|(?P<name>\bmath\.(?:max|min|floor|ceil)\b)"
    r"|(?P<number>(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?\b)"
)
_LUA_OPERATORS = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "==": ("~=",), "~=": ("==",),
    "+": ("-",), "-": ("+",), "*": ("/",), "/": ("*",), "%": ("/",), "^": ("*",),
    "and": ("or",), "or": ("and",), "not": ("",),
}  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One replacement in a module's bytes."""

    start: int
    end: int
    replacement: str

    def made(self, source: bytes) -> bytes:
        return source[: self.start] + self.replacement.encode() + source[self.end :]

    def line(self, source: bytes) -> int:
        return source.count(b"\n", 0, self.start) + 1

    def shown(self, source: bytes) -> str:
        """The changed line, with what stood there and what stands there now between brackets."""
        first, last = source.rfind(b"\n", 0, self.start) + 1, source.find(b"\n", self.end)
        before, old, after = source[first : self.start], source[self.start : self.end], source[self.end : last]
        text = f"{before.decode()}[{old.decode()} → {self.replacement}]{after.decode()}"
        return " ".join(text.split())


def changes(source: bytes) -> list[Change]:
    """All changes of a module, in their order."""
    return sorted({*_Python(source).found(), *_lua(source)})


class _Python:
    def __init__(self, source: bytes) -> None:
        self.source = source
        self.lines = [0, *(at + 1 for at, byte in enumerate(source) if byte == ord("\n"))]

    def found(self) -> Iterator[Change]:
        yield from self._below(ast.parse(self.source))

    def _below(self, node: ast.AST) -> Iterator[Change]:
        yield from self._at(node)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not (isinstance(child, ast.keyword) and child.arg in _NO_MATTER):
                    yield from self._below(child)

    def _at(self, node: ast.AST) -> Iterator[Change]:
        match node:
            case ast.Compare(left=left, ops=operators, comparators=rights):
                for before, operator, after in zip([left, *rights], operators, rights, strict=False):
                    yield from self._between(before, operator, after)
            case ast.BinOp(right=ast.JoinedStr()):
                return  # two texts joined
            case ast.BinOp(left=left, op=operator, right=right):
                yield from self._between(left, operator, right)
            case ast.BoolOp(op=operator, values=values):
                for before, after in pairwise(values):
                    yield from self._between(before, operator, after)
            case ast.AugAssign(target=target, op=operator, value=value):
                yield from self._between(target, operator, value)
            case ast.UnaryOp(op=ast.Not() | ast.USub() as operator):
                start = self._start(node)
                yield Change(start, start + len("not" if isinstance(operator, ast.Not) else "-"), " ")
            case ast.Constant(value=bool() as value):
                yield from self._instead(node, repr(value), [repr(not value)])
            case ast.Constant(value=int() as value):
                yield from self._instead(node, repr(value), [repr(value + 1), repr(value - 1)])
            case ast.Constant(value=float() as value):
                yield from self._instead(node, repr(value), [repr(value * 2), repr(value / 2)] if value else ["1.0"])
            case ast.Call(func=ast.Name(id=name) as called) if name in _SWAPPED_NAMES:
                yield from self._instead(called, name, [_SWAPPED_NAMES[name]])
            case ast.Call(func=ast.Attribute(value=ast.Name(id="math"), attr=name) as called) if name in _SWAPPED_NAMES:
                yield from self._instead(called, f"math.{name}", [f"math.{_SWAPPED_NAMES[name]}"])
            case ast.Continue():
                yield from self._instead(node, "continue", ["break"])
            case ast.Break():
                yield from self._instead(node, "break", ["continue"])
        tests = getattr(node, "ifs", None) or [getattr(node, "test", None)]
        for test in tests:
            if isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.NamedExpr):
                text = self.source[self._start(test) : self._end(test)].decode()
                yield Change(self._start(test), self._end(test), f"not ({text})")

    def _between(self, before: ast.AST, operator: ast.AST, after: ast.AST) -> Iterator[Change]:
        if type(operator) not in _OPERATORS:
            return
        symbol, others = _OPERATORS[type(operator)]
        gap = self.source[self._end(before) : self._start(after)].decode()
        # Brackets and comments may stand there too.
        if found := re.search(rf"(?<![#\w]){re.escape(symbol)}(?!\w)", gap):
            start = self._end(before) + len(gap[: found.start()].encode())
            yield from (Change(start, start + len(symbol), other) for other in others)

    def _instead(self, node: ast.AST, text: str, others: list[str]) -> Iterator[Change]:
        start, end = self._start(node), self._end(node)
        written = self.source[start:end].decode(errors="replace")
        # Before Python 3.12 what stands inside an f-string has another's position.
        if written == text or (written[:1].isdigit() and repr(ast.literal_eval(written)) == text):
            yield from (Change(start, end, other) for other in others)

    def _start(self, node: ast.AST) -> int:
        return self.lines[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]

    def _end(self, node: ast.AST) -> int:
        return self.lines[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]


def _lua(source: bytes) -> Iterator[Change]:
    """The same in the scripts that Redis runs."""
    python = _Python(source)
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        start, end = python._start(node), python._end(node)
        text = source[start:end].decode(errors="replace")
        if re.match(r'f?"""', text) and "redis.call" in text and "local " in text:
            for found in _LUA.finditer(text):
                at = start + len(text[: found.start()].encode())
                yield from (Change(at, at + len(found[0]), other) for other in _other_lua(found, text))


def _other_lua(found: re.Match[str], text: str) -> list[str]:
    word = found[0]
    if found["operator"] == "-" and re.search(r"([(,=<>+*/%^{-]|return)\s*$", text[: found.start()]):
        return [" "]  # Lua has no plus without a left side
    if found["operator"]:
        return list(_LUA_OPERATORS[word])
    if found["name"]:
        return [f"math.{_SWAPPED_NAMES[word.removeprefix('math.')]}"]
    if found["number"] and word.isdigit():
        return [str(int(word) + 1), str(int(word) - 1)]
    if found["number"]:
        return [repr(float(word) * 2)]
    return []
