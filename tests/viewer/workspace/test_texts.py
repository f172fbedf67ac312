from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_spatialrecon.viewer.workspace import texts
from napari_spatialrecon.viewer.workspace.texts import as_texts, rows_among, unique_texts

words = st.lists(st.text("abc", max_size=3), max_size=60)


@pytest.mark.parametrize("bits", [1, 20], ids=["few places", "many places"])
def test_texts_are_found_whatever_shares_a_place(bits: int) -> None:
    before = texts._BITS, texts._PLACES

    @settings(max_examples=30, deadline=None)
    @given(words, words)
    def check(known: list[str], wanted: list[str]) -> None:
        found = rows_among(np.array(known, object), np.array(wanted, object))
        assert found.tolist() == [i for i, text in enumerate(known) if text in wanted]

    texts._BITS, texts._PLACES = bits, (1 << bits) - 1
    try:
        check()
    finally:
        texts._BITS, texts._PLACES = before


@settings(max_examples=30, deadline=None)
@given(words)
def test_each_text_is_kept_once_where_it_came_first(known: list[str]) -> None:
    assert unique_texts(known).tolist() == list(dict.fromkeys(known))
    assert unique_texts(np.array(known, object)).tolist() == list(dict.fromkeys(known))


def test_numbers_are_texts_too() -> None:
    assert unique_texts(np.array([3, 1, 3])).tolist() == ["3", "1"]


def test_other_threads_run_after_each_part(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    class Watched:
        """numpy that tells how many values it takes in one call, which holds the interpreter."""

        def __getattr__(self, name: str) -> Any:
            return getattr(np, name)

        def fromiter(self, values: Any, dtype: Any, count: int) -> np.ndarray:
            seen.append(count)
            return np.fromiter(values, dtype, count)

    class Names(list[str]):
        def __getitem__(self, part: Any) -> Any:
            found = super().__getitem__(part)
            seen.append(len(found))
            return found

    monkeypatch.setattr(texts, "_PART", 7)
    monkeypatch.setattr(texts, "np", Watched())
    names = [f"cell {i}" for i in range(20)]
    found = as_texts(Names(names))
    assert found.tolist() == names
    assert rows_among(found, found[3:12]).tolist() == [*range(3, 12)]
    assert seen == [7, 7, 6, 7, 7, 6, 7, 2]
