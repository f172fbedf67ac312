"""Values that are packed come back as they were; layer states of any kind, too."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData, read_h5ad
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from napari.components import ViewerModel
from napari.layers.points._points_constants import Symbol
from scipy import sparse

from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.viewer.session import packing
from napari_spatialrecon.viewer.session.packing import TEXTS, Packer, UnpackableError, Unpacker
from napari_spatialrecon.viewer.session.reading import read_session
from napari_spatialrecon.viewer.session.saving import write_session
from napari_spatialrecon.viewer.session.showing import show_session
from napari_spatialrecon.viewer.session.snapshot import take
from napari_spatialrecon.viewer.session.table_files import TableSource, write_table

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
numbers = arrays(
    st.sampled_from([np.dtype("f4"), np.dtype("f8"), np.dtype("i4"), np.dtype("?")]),
    st.tuples(st.integers(0, 90), st.integers(1, 3)),
)


def through(value: Any, folder: Path) -> Any:
    packer = Packer()
    packed = json.loads(json.dumps(packer.pack(value), allow_nan=False))
    packer.write(folder / "arrays.h5")
    with h5py.File(folder / "arrays.h5", "r") as file:
        return Unpacker(file).unpack(packed)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    if isinstance(one, dict):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


few = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@few
@given(value=plain)
def test_plain_values_return(value: Any, tmp_path: Path) -> None:
    assert same(value, through(value, tmp_path))


@few
@given(value=numbers)
def test_arrays_return_with_their_type(value: np.ndarray, tmp_path: Path) -> None:
    found = through(value, tmp_path)
    assert found.dtype == value.dtype and found.shape == value.shape
    np.testing.assert_array_equal(found, value)


def test_tables_return_with_their_categories(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "type": pd.Categorical(["b", None, "a"], ["b", "a"], ordered=True),
            "note": ["x", None, "µ"],
            "n": [1, 2, 3],
        }
    )
    pd.testing.assert_frame_equal(through(table, tmp_path), table)


def test_what_could_run_code_is_not_kept() -> None:
    with pytest.raises(UnpackableError):
        Packer().pack({"call": print})
    assert Packer().pack_fitting({"call": print, "a": 1}) == {"a": 1}


@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    n=st.integers(1, 80),
    symbol=st.sampled_from(["disc", "square", "star"]),
    opacity=st.floats(0, 1),
    visible=st.booleans(),
    least=st.floats(0.1, 9),
    angle=st.floats(-180, 180),
    seed=st.integers(0, 99),
)
def test_points_return_as_they_were(
    n: int,
    symbol: str,
    opacity: float,
    visible: bool,
    least: float,
    angle: float,
    seed: int,
    tmp_path: Path,
) -> None:
    rng, before, after = np.random.default_rng(seed), ViewerModel(), ViewerModel()
    layer = before.add_points(
        rng.random((n, 2)),
        size=rng.uniform(0.1, 5, n),
        face_color=rng.random((n, 4)),
        border_color=rng.random((n, 4)),
        border_width=rng.random(n),
        shown=rng.random(n) > 0.3,
        symbol=symbol,
        opacity=opacity,
        visible=visible,
        rotate=angle,
        canvas_size_limits=(least, 500.0),
    )
    write_session(take(before), tmp_path / "a")
    show_session(after, read_session(tmp_path / "a.spatialrecon"))
    (found,) = after.layers
    for name in ("data", "size", "face_color", "border_color", "border_width", "shown"):
        np.testing.assert_allclose(getattr(found, name), getattr(layer, name), err_msg=name)
    assert list(found.symbol) == list(layer.symbol)
    assert (found.opacity, found.visible) == (layer.opacity, layer.visible)
    assert found.canvas_size_limits == layer.canvas_size_limits
    np.testing.assert_allclose(found.affine.affine_matrix, layer.affine.affine_matrix)
    np.testing.assert_allclose(found.rotate, layer.rotate, atol=1e-12)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_numbers_that_are_not_finite_return(kind: type, tmp_path: Path) -> None:
    value = np.array([np.nan, np.inf, -np.inf, 1.5], kind)
    found = through({"array": value, "one": value[1]}, tmp_path)
    np.testing.assert_array_equal(found["array"], value)
    assert found["array"].dtype == value.dtype and found["one"] == np.inf


def test_many_texts_are_written_a_few_at_a_time_and_leave_the_window_alone_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    rests: list[float] = []
    put = h5py.Dataset.__setitem__

    def note(made: h5py.Dataset, at: Any, values: Any) -> None:
        written.extend([len(values)] if made.dtype.kind == "O" else [])
        put(made, at, values)

    monkeypatch.setattr(h5py.Dataset, "__setitem__", note)
    monkeypatch.setattr("napari_spatialrecon.viewer.session.packing.time.sleep", rests.append)
    names = np.array([f"cell{i}" for i in range(2 * TEXTS + 5)], object)
    table = AnnData(sparse.eye(len(names), 3, format="csr"), obs=pd.DataFrame(index=names))
    write_table(TableSource(table), tmp_path, "table", lambda: False)
    hashed = 2  # blocks of names
    assert written == [TEXTS, TEXTS, 5] and len(rests) == hashed + 3
    again = read_h5ad(tmp_path / "table.h5ad")
    assert list(again.obs_names) == list(names) and (again.X != table.X).nnz == 0
    assert list(through(names, tmp_path)) == list(names)
    assert written == 2 * [TEXTS, TEXTS, 5]


def test_many_names_are_hashed_a_few_at_a_time_and_can_be_stopped_in_between(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("napari_spatialrecon.provenance._TEXTS", 100)
    rests: list[float] = []
    monkeypatch.setattr("napari_spatialrecon.viewer.session.packing.time.sleep", rests.append)
    table = AnnData(obs=pd.DataFrame(index=[f"cell{i}" for i in range(1000)]))
    write_table(TableSource(table), tmp_path, "whole", lambda: False)
    assert len(rests) >= 10 and min(rests) > 0

    asked: list[None] = []

    def should_stop() -> bool:
        asked.append(None)
        return len(asked) > 3

    with pytest.raises(Stopped):
        write_table(TableSource(table), tmp_path, "stopped", should_stop)
    assert not (tmp_path / "stopped.h5ad").exists()
    assert len(asked) == 4


def test_values_that_are_all_the_same_are_not_converted_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    convert = packing._texts
    monkeypatch.setattr(packing, "_texts", lambda found: asked.append(len(found)) or convert(found))
    symbols = np.full(1_000, Symbol.DISC, object)
    assert Packer().pack(symbols)["rows"] == 1_000
    assert asked == [1]


def test_many_objects_are_not_compared_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []
    equal = type(Symbol.DISC).__eq__
    monkeypatch.setattr(Symbol, "__eq__", lambda *two: compared.append(two) or equal(*two))
    symbols = np.array([Symbol.DISC] * 1_000, object)
    assert "$same" in Packer().pack(symbols)
    symbols[7] = Symbol.SQUARE
    compared.clear()
    assert "$array" in Packer().pack(symbols)
    assert len(compared) < 10
