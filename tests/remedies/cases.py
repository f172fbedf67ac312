"""What a case of the suite is: an input that is refused, and what its remedy makes of it."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_spatialrecon.errors import SpatialReconError, ValidationError
from napari_spatialrecon.faces import Face, Python, speaking, spoken

Step = Callable[[], Any]
Act = Callable[..., Iterator[Step]]


@dataclass(frozen=True)
class Case:
    """One remedy, followed.

    Parameters
    ----------
    file, text
        As `source.Remedy` has them.
    act
        A generator that takes fixtures by name. It yields a call that is refused, is sent the
        remedy as the user reads it, and yields a call that does what it says and is not refused.
    face
        Whose words the remedy uses.
    """

    file: str
    text: str
    act: Act
    face: Face

    def __str__(self) -> str:
        return f"{self.file}: {self.text[:60]}"

    def follow(self, request: pytest.FixtureRequest) -> None:
        """Run both calls."""
        names = inspect.signature(self.act).parameters
        steps = self.act(**{name: request.getfixturevalue(name) for name in names})
        with speaking(self.face):
            refused = next(steps)
            with pytest.raises(SpatialReconError) as caught:
                refused()
            follow = steps.send(self._said(caught.value))
            follow()

    def _said(self, error: SpatialReconError) -> str:
        """Return the remedy of this case among those of an error."""
        problems = error.problems if isinstance(error, ValidationError) else (error.problem,)
        given = [spoken(problem.remedy) for problem in problems]
        pattern = ".*".join(map(re.escape, self.text.split("{}")))
        said = next((text for text in given if re.match(pattern, text, re.DOTALL)), None)
        assert said is not None, f"expected {self.text!r}, found {given}: {error}"
        return said


CASES: dict[tuple[str, str], Case] = {}


def remedy(file: str, *texts: str, face: Face | None = None) -> Callable[[Act], Act]:
    """Register a case for one remedy, or for several of a file that one error gives."""

    def register(act: Act) -> Act:
        for text in texts:
            assert (file, text) not in CASES, f"{file}: {text} has a case already"
            CASES[file, text] = Case(file, text, act, face or Python())
        return act

    return register


# What a remedy says, done by a machine


def execute(said: str, **names: Any) -> Any:
    """Run the code of a remedy, "Try <code>.", and return its value; names it assigns to change."""
    code = code_of(said)
    scope: dict[str, Any] = {"np": np, **names}
    if isinstance(ast.parse(code).body[0], ast.Expr):
        return eval(code, scope)
    exec(code, scope)
    return None


def code_of(said: str) -> str:
    """Return the longest piece after "Try " (and a colon) that is Python."""
    text = said.removeprefix("Try ").removeprefix("one slide at a time: ")
    text = text.removeprefix("leaving those out: ")
    for end in range(len(text), 0, -1):
        piece = text[:end].rstrip(" .,:")
        try:
            ast.parse(piece)
        except SyntaxError:
            continue
        return piece
    raise AssertionError(f"expected code, found {said!r}")


def keywords(said: str) -> dict[str, Any]:
    """Return the keyword arguments that a remedy names, ``method="knn"``."""
    text = said.removeprefix("Try ")
    for end in range(len(text), 0, -1):
        try:
            call = ast.parse(f"f({text[:end].rstrip(' .,:')})", mode="eval").body
        except SyntaxError:
            continue
        if isinstance(call, ast.Call) and call.keywords and not call.args:
            return {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    raise AssertionError(f"expected keyword arguments, found {said!r}")


def options(said: str) -> list[str]:
    """Return the words of a command line that a remedy names, ``--method knn``."""
    start = said.index("--")
    return shlex.split(said[start:].removesuffix("."))


class _Later(threading.Event):
    """An event that is set after it was asked for a number of times; never, if that is None."""

    def __init__(self, times: int | None) -> None:
        super().__init__()
        self.left = times

    def is_set(self) -> bool:
        if self.left is not None:
            self.left -= 1
        return self.left is not None and self.left < 0


def command(*words: object, stop_after: int | None = None) -> None:
    """Run the command line, and raise what it refuses."""
    from napari_spatialrecon import cli
    from napari_spatialrecon.command_line.outputs import guarded

    parsed = cli._parser().parse_args([str(word) for word in words])
    parsed.command = "spatialrecon"
    with guarded(parsed):
        parsed.run(parsed, _Later(stop_after))


def written(path: Path, text: str) -> Path:
    """Write a small file and return its path."""
    path.write_text(text, encoding="utf-8")
    return path
