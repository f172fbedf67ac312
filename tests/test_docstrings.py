"""The examples of the public names run, and the check of `make lint` sees what is missing."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import re
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import napari_spatialrecon as sr
from napari_spatialrecon.tissue.simulator.simulate import simulate

#: Names whose examples train or run many methods: other tests make the same calls.
LONG = {"validate", "EncoderResult", "GeneResult", "align_by_outline"}
CHECK = Path(__file__).parents[1] / "tools" / "check_docstrings.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_docstrings", CHECK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check = load()


@pytest.fixture(scope="module")
def simulated() -> Any:
    """The simulator, which makes the same tissue once."""
    return cache(simulate)


@pytest.mark.parametrize("name", sorted({*check.public_names()} - LONG))
def test_the_examples_of_a_public_name_run(
    name: str, simulated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(check.public_names()[name])
    monkeypatch.setattr(sr, "simulate", simulated, raising=False)
    finder = doctest.DocTestFinder(recurse=False)
    given = {**vars(module), "np": np}
    tests = finder.find(getattr(module, name), name, module=False, globs=given)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    said: list[str] = []
    for test in tests:
        runner.run(test, out=said.append)
    assert not said, "".join(said)


def good(places: np.ndarray, radius: float) -> float:
    """Return how far it is.

    Parameters
    ----------
    places : (n, 2) float
        In µm.
    radius
        How near is near, a distance in µm.

    Examples
    --------
    >>> 1 + 1
    2
    """
    return radius


def bad(places: np.ndarray, radius: float, more: int) -> float:
    """Measure it.

    Parameters
    ----------
    places
        Where they are.
    radius
        A distance.
    gone
        Nothing.
    """
    raise ValueError


def bare() -> None:
    pass


def test_the_check_accepts_what_is_whole_and_names_what_is_missing() -> None:
    assert [*check.problems("good", good)] == []
    assert [*check.problems("bad", bad)] == [
        "states no shape of the array 'places'",
        "states no unit of 'radius'",
        "says nothing about 'more'",
        "describes 'gone', which it does not have",
        "does not say what it returns",
        "does not say what it raises",
        "has no example",
    ]
    assert [*check.problems("bare", bare)] == ["has no docstring"]


def test_every_public_name_is_documented() -> None:
    assert check.main() == 0


def test_the_python_page_shows_every_public_name() -> None:
    page = (CHECK.parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
    shown = [n for names in re.findall(r"<!-- api: ([^>]+) -->", page) for n in names.split()]
    assert sorted(shown) == sorted(check.public_names())
