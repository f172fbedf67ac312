"""The types and defaults that the Python reference of the site shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

griffe = pytest.importorskip("griffe", reason="only the site needs it")
CODE = '''
from dataclasses import dataclass, field
SEEDS = 3

def fit(a: int, b: str = "x", seeds: int = SEEDS) -> None:
    """Fit.

    Parameters
    ----------
    a, b
        Two.
    seeds
        How many.
    """

def place(query: str, *, method: str = "auto", **values: int) -> None:
    """Place.

    Parameters
    ----------
    method
        Another default here.
    values
        Further settings.
    query
        As elsewhere.
    """

@dataclass(kw_only=True)
class Made:
    """Made."""

    seed: int = 0

@dataclass(kw_only=True)
class Found(Made):
    """Found.

    Parameters
    ----------
    name, notes
        Words.
    parts
        Of it.
    seed
        Of what was drawn.
    """

    name: str = field(repr=False)
    notes: tuple[str, ...] = field(default=(), repr=False)
    parts: list[int] = field(default_factory=list)
'''


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    path = Path(__file__).parents[1] / "tools" / "api_types.py"
    spec = importlib.util.spec_from_file_location("api_types", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "made.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    made = griffe.load(
        "made",
        search_paths=[tmp_path],
        docstring_parser="numpy",
        extensions=griffe.load_extensions(module.OwnTypes()),
    )

    def of(name: str) -> list[tuple[str, str, str]]:
        (section,) = (s for s in made[name].docstring.parsed if s.kind.value == "parameters")
        return [(one.name, str(one.annotation), str(one.value)) for one in section.value]

    return of


def test_parameters_described_together_have_their_own_types_and_defaults(shown: Any) -> None:
    assert shown("fit") == [("a", "int", "None"), ("b", "str", "'x'"), ("seeds", "int", "3")]


def test_parameters_have_the_order_of_the_signature_whatever_the_docstring_completes(
    shown: Any,
) -> None:
    assert [name for name, _, _ in shown("place")] == ["query", "method", "values"]


def test_fields_of_a_dataclass_have_theirs_and_those_inherited(shown: Any) -> None:
    notes = ("notes", "tuple[str, ...]", "()")
    own = [("name", "str", "None"), notes, ("parts", "list[int]", "list()")]
    assert shown("Found") == [*own, ("seed", "int", "0")]
