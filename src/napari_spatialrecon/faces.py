"""How messages name arguments and settings in Python, on the command line and in the window.

A message holds placeholders, made by `argument` or `setting`. They are replaced when the message is
read, with the names of the current face (Python, unless set by `speaking`).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

#: Environment variable by which a program that runs the command line asks for placeholders.
RELAYED = "SPATIALRECON_RELAYED"
#: Arguments that are not keywords in Python.
_CALLS = {
    "save_model": "Model.save",
    "um_per_unit": 'adata.uns["spatialrecon"] = {"um_per_unit": ...}',
}
_PLACEHOLDER = re.compile(r"\{(argument|setting):([\w.]+)(?:=([^{}]*))?\}")


class Face(Protocol):
    """Names arguments and settings as its users know them; `value` is `...` if there is none."""

    def argument(self, name: str, value: Any) -> str:
        """Return the name of a task function's argument, given its name in Python."""

    def setting(self, name: str, value: Any) -> str:
        """Return how to set a hyper-parameter, given its dotted name."""


class Python:
    """A script or a notebook."""

    def argument(self, name: str, value: Any) -> str:
        """Return a keyword, ``method="knn"``."""
        if name in _CALLS:
            return _CALLS[name]
        return f"{name}=" if value is ... else f"{name}={literal(value)}"

    def setting(self, name: str, value: Any) -> str:
        """Return a keyword, ``settings={"members": 2}``."""
        return f'settings={{"{name}": {"..." if value is ... else literal(value)}}}'


class Relayed:
    """A program that runs the command line: it names arguments as its own users know them."""

    def argument(self, name: str, value: Any) -> str:
        """Return the placeholder."""
        return _placeholder("argument", name, value)

    def setting(self, name: str, value: Any) -> str:
        """Return the placeholder."""
        return _placeholder("setting", name, value)


_PYTHON = Python()
_speaking: ContextVar[Face] = ContextVar("face", default=_PYTHON)


@contextmanager
def speaking(face: Face) -> Iterator[None]:
    """Use the names of `face` in messages that are read within the block."""
    token = _speaking.set(face)
    try:
        yield
    finally:
        _speaking.reset(token)


def argument(name: str, value: Any = ...) -> str:
    """Return a placeholder for an argument of a task function.

    Examples
    --------
    >>> spoken(f"Try {argument('method', 'knn')}.")
    'Try method="knn".'
    """
    return _placeholder("argument", name, value)


def setting(name: str, value: Any = ...) -> str:
    """Return a placeholder for a hyper-parameter, given its dotted name.

    Examples
    --------
    >>> spoken(f"Try {setting('training.steps', 300)}.")
    'Try settings={"training.steps": 300}.'
    """
    return _placeholder("setting", name, value)


def spoken(message: str) -> str:
    """Return a message with its placeholders replaced by the names of the current face."""
    return _PLACEHOLDER.sub(_named, message)


def literal(value: Any) -> str:
    """Return a value as Python source, with double quotes around strings."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _placeholder(kind: str, name: str, value: Any) -> str:
    given = "" if value is ... else f"={value!r}"
    return f"{{{kind}:{name}{given}}}"


def _named(found: re.Match[str]) -> str:
    kind, name, value = found.groups()
    try:
        given = ... if value is None else ast.literal_eval(value)
    except (ValueError, SyntaxError):  # a name in a user's file may look like a placeholder
        return found.group()
    return str(getattr(_speaking.get(), kind)(name, given))
