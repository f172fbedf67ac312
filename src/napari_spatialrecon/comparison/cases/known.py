"""The named cases of all tasks: public data whose answer is known."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument

if TYPE_CHECKING:
    from napari_spatialrecon.comparison.cases.problem import Problem
    from napari_spatialrecon.comparison.data import DataFolder

_CELLS = ("xenium", "embryo", "mpoa", "molcart-A1")
#: Task: the module of its cases here, and their names.
_KNOWN: dict[str, tuple[str, tuple[str, ...]]] = {
    "place": (
        "places",
        (
            "embryo-heldout",
            "mpoa-heldout",
            "xenium-heldout",
            "starmap-BZ5-BZ9",
            "mob-12-4",
            "her2-23-5",
            "simulated-cortex",
        ),
    ),
    "impute-genes": ("genes", ("bdtnp", "mop", "xenium")),
    "deconvolve": (
        "mixtures",
        ("embryo", "mpoa", "starmap", "starmap-other-mouse", "embryo-platform", "mpoa-platform"),
    ),
    "super-resolve": ("splits", (*_CELLS, *(f"{name}-2x5" for name in _CELLS))),
}
#: Tasks that can be compared.
TASKS = tuple(_KNOWN)
CASES = tuple(f"{task}/{name}" for task, (_, names) in _KNOWN.items() for name in names)

#: Cases that need no file.
MADE = ("place/simulated-cortex",)


def chosen(wanted: Sequence[str]) -> list[str]:
    """Return the cases that names, tasks or patterns stand for, each once.

    Raises
    ------
    InputError
        A word stands for no case.

    Examples
    --------
    >>> chosen(["impute-genes", "place/her2*"])
    ['impute-genes/bdtnp', 'impute-genes/mop', 'impute-genes/xenium', 'place/her2-23-5']
    """
    found: dict[str, None] = {}
    for word in wanted:
        meant = [
            c for c in CASES if word in ("all", c, c.partition("/")[0]) or fnmatchcase(c, word)
        ]
        if not meant:
            raise InputError(
                f"Expected a case or a task, found {word!r}.",
                remedy=f"Try {argument('cases', 'place')}, or one of {', '.join(CASES)}.",
            )
        found |= dict.fromkeys(meant)
    return list(found)


def build(name: str, data: DataFolder) -> Problem:
    """Return a named case, made of the files in a folder of data."""
    task, _, case = name.partition("/")
    module = importlib.import_module(f"{__package__}.{_KNOWN[task][0]}")
    problem: Problem = module.problem(case, data)
    return problem
