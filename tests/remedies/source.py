"""Every remedy that the code can give, found in its syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "napari_spatialrecon"
#: Position of the remedy among the arguments of calls that take it without its name.
_POSITIONS = {"Problem": 2, "wrong": 1, "check_replaceable": 2}
_DEPTH = 8

Scope = ast.FunctionDef | ast.Module


@dataclass(frozen=True)
class Remedy:
    """One remedy.

    Parameters
    ----------
    file
        Below the package, with slashes.
    text
        As it is written: what is filled in stands as ``{}``.
    line
        For messages.
    """

    file: str
    text: str
    line: int

    @property
    def key(self) -> tuple[str, str]:
        """What a case of the suite is registered by."""
        return self.file, self.text


@cache
def remedies() -> tuple[Remedy, ...]:
    """Return the remedies of the package, in the order of files and lines."""
    found: dict[tuple[str, str], Remedy] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        file = path.relative_to(SOURCE).as_posix()
        for node, text in _File(ast.parse(path.read_text(encoding="utf-8"))).remedies():
            found.setdefault((file, text), Remedy(file, text, node.lineno))
    return tuple(sorted(found.values(), key=lambda remedy: (remedy.file, remedy.line)))


class _File:
    """One file: its functions, and what names stand for in each of them."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.functions = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        self.owners: dict[ast.AST, Scope] = {}
        self._own(tree, tree)

    def _own(self, node: ast.AST, scope: Scope) -> None:
        for child in ast.iter_child_nodes(node):
            self.owners[child] = scope
            self._own(child, child if isinstance(child, ast.FunctionDef) else scope)

    def remedies(self) -> Iterator[tuple[ast.expr, str]]:
        """Yield each remedy that a call is given, and its texts."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and (given := _given(node)) is not None:
                for text in self.texts(given, self.owners[node]):
                    if text.strip("{} "):
                        yield given, text

    def texts(self, node: ast.expr, scope: Scope, depth: int = 0) -> list[str]:
        """Return the texts that an expression can give."""
        if depth > _DEPTH:
            return ["{}"]

        def inner(part: ast.expr) -> list[str]:
            return self.texts(part, scope, depth + 1)

        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=values):
                return ["".join(v.value if isinstance(v, ast.Constant) else "{}" for v in values)]
            case ast.IfExp(body=body, orelse=other):
                return inner(body) + inner(other)
            case ast.BoolOp(values=values):
                return [text for value in values for text in inner(value)]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return [a + b for a in inner(left) for b in inner(right)]
            case ast.Name(id=name):
                return [t for value in self._values(name, scope) for t in inner(value)] or ["{}"]
            case ast.Call(func=ast.Name(id=name)) if name in self.functions:
                made = self.functions[name]
                returned = [n.value for n in ast.walk(made) if isinstance(n, ast.Return)]
                texts = [self.texts(v, made, depth + 1) for v in returned if v is not None]
                return [text for some in texts for text in some] or ["{}"]
        return ["{}"]

    def _values(self, name: str, scope: Scope) -> list[ast.expr]:
        """Return what a name is assigned in a function, else at the top of the file."""
        for where in (scope, self.tree):
            found = []
            for node in ast.walk(where):
                match node:
                    case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                        found.append(value)
                    case ast.For(target=ast.Tuple(elts=names), iter=ast.Tuple(elts=rows)):
                        places = [i for i, n in enumerate(names) if getattr(n, "id", "") == name]
                        found += [
                            row.elts[i]
                            for i in places
                            for row in rows
                            if isinstance(row, ast.Tuple)
                        ]
            if found:
                return found
        return []


def _given(call: ast.Call) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == "remedy":
            return keyword.value
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    place = _POSITIONS.get(name)
    return call.args[place] if place is not None and len(call.args) > place else None


if __name__ == "__main__":
    for one in remedies():
        print(f"{one.file}:{one.line}\t{one.text}")
