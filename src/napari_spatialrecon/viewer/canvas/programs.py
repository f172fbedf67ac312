"""Shaders that many visuals share are read once, and quickly."""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import Any

_MOST, _MOST_FUNCTIONS = 64, 512
"""Programs whose variables, and functions whose code is remembered."""

#: Code of the shaders of a program -> the variables in it.
_known: dict[tuple[str, ...], dict[str, Any]] = {}


def read_shaders_once() -> None:
    """Let vispy find the variables of a program once; further calls do nothing.

    It looks through the code of each program anew, 30 ms for points, though those of another layer
    have the same code. Most of that is its search for comments, which tries all ends of each line.
    The code of a layer's 230 functions, of which most are the same, it indents anew: 15 ms more.
    """
    from vispy.gloo import program as module
    from vispy.gloo.program import Program
    from vispy.visuals.shaders.function import Function

    if _NAME in vars(Program):
        return
    program: Any = Program
    vispy_does = program._parse_variables_from_code

    def _parse_variables_from_code(self: Any, update_variables: bool = True) -> None:
        code = tuple(shader.code for shader in self._shaders)
        if code not in _known:
            vispy_does(self, update_variables=False)
            while len(_known) >= _MOST:
                del _known[next(iter(_known))]
            _known[code] = self._code_variables
        self._code_variables = dict(_known[code])
        if update_variables:
            self._process_pending_variables()

    program._parse_variables_from_code = _parse_variables_from_code
    named: Any = module
    named.re = _Patterns()
    function: Any = Function
    indented = lru_cache(_MOST_FUNCTIONS)(partial(function._clean_code, None))
    function._clean_code = lambda self, code: indented(code)
    setattr(program, _NAME, True)


_NAME = "_spatialrecon_reads_once"
_COMMENT = r"(.*)(//.*)"
"""What vispy 0.17 takes for a comment and what comes before it."""


class _Patterns:
    """The patterns of Python, but for comments."""

    def __getattr__(self, name: str) -> Any:
        return getattr(re, name)

    @staticmethod
    def sub(pattern: str, repl: str, string: str, count: int = 0, flags: int = 0) -> str:
        if pattern == _COMMENT and repl == r"\1":
            return without_comments(string)
        return re.sub(pattern, repl, string, count=count, flags=flags)


def without_comments(code: str) -> str:
    """Return code without what follows the last two slashes of each line, as vispy has it.

    Examples
    --------
    >>> without_comments("a / b; // c // d")
    'a / b; // c '
    """
    return "\n".join(
        line.rpartition("//")[0] if "//" in line else line for line in code.split("\n")
    )
