from __future__ import annotations

import re
import textwrap
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Points
from vispy.gloo.program import REGEX_VAR, Program
from vispy.visuals.shaders.function import Function

from napari_spatialrecon.viewer.canvas import letters, many_points
from napari_spatialrecon.viewer.canvas.letters import drawing_letters
from napari_spatialrecon.viewer.canvas.many_points import are_one, upload_less
from napari_spatialrecon.viewer.canvas.point_nodes import show_points
from napari_spatialrecon.viewer.canvas.programs import read_shaders_once, without_comments


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("hidden", [False, True])
def test_the_point_under_the_mouse_is_the_one_that_napari_finds(
    monkeypatch: pytest.MonkeyPatch, ndim: int, hidden: bool
) -> None:
    upload_less(lambda layer: True)
    rng = np.random.default_rng(0)
    points = rng.integers(0, 3, (400, ndim)) + rng.random((400, ndim)) * (0.0, 9.0, 9.0)[-ndim:]
    layer = Points(points, size=rng.uniform(0.2, 2.0, 400), scale=[1.0, 2.0, 1.0][-ndim:])
    if hidden:
        layer.shown = rng.random(400) < 0.5
    spots = [*points[:30], np.full(ndim, 50.0), *rng.random((30, ndim)) * 9]
    monkeypatch.setattr(many_points, "MANY", 1_000)
    known = [layer._get_value(spot) for spot in spots]
    monkeypatch.setattr(many_points, "MANY", 100)
    assert [layer._get_value(spot) for spot in spots] == known
    assert len(set(known)) > 5 and None in known


def test_napari_sees_all_points_without_copying_them(monkeypatch: pytest.MonkeyPatch) -> None:
    upload_less(lambda layer: True)
    layer = Points(np.random.default_rng(0).random((20, 2)), size=0.1)
    assert layer._view_data is layer.data
    show_points(layer, np.arange(20) < 5)
    assert np.array_equal(layer._view_data, layer.data[:5])
    volume = Points(np.random.default_rng(0).random((20, 3)), size=2.0)
    assert volume._view_data.shape[1] == 2


def test_symbols_are_one_or_not() -> None:
    layer = Points(np.zeros((4, 2)), symbol="disc")
    assert are_one(layer.symbol)
    layer.symbol = ["disc", "disc", "square", "disc"]
    assert not are_one(layer.symbol)


def test_variables_of_the_same_shaders_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read_shaders_once()
    asked: list[str] = []

    class Patterns(dict):
        def __getitem__(self, kind: str) -> Any:
            asked.append(kind)
            return super().__getitem__(kind)

    monkeypatch.setattr("vispy.gloo.program.REGEX_VAR", Patterns(REGEX_VAR))
    code = "uniform float u_size; attribute vec2 a_place; void main() {}  // of this test"
    first, second = Program(code, "void main() {}"), Program(code, "void main() {}")
    assert len(asked) == len(set(asked))
    assert set(first._code_variables) == set(second._code_variables) == {"u_size", "a_place"}
    Program(code + "\nuniform float u_more;", "void main() {}")
    assert len(asked) == 2 * len(set(asked))


def test_functions_of_the_same_code_are_indented_once() -> None:
    read_shaders_once()
    code = "\n    float half_of(float x) {\n        return x / 2;\n    }\n"
    first, second = Function(code), Function(code)
    assert first.name == "half_of" and first._code is second._code
    assert first._code == textwrap.dedent(code)


@given(st.text("a/ \n;", max_size=40))
def test_comments_of_shaders_are_left_out_as_vispy_does(code: str) -> None:
    assert without_comments(code) == re.sub(r"(.*)(//.*)", r"\1", code, flags=re.M)


def test_letters_are_drawn_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(letters, "FEW", 3)

    class Font:
        def __getitem__(self, letter: str) -> None:
            drawn.append(letter)

    font = SimpleNamespace(get_font=lambda face: Font())
    steps = drawing_letters(SimpleNamespace(_font_info=SimpleNamespace(face="", font_manager=font)))
    counts = [len(drawn) for _ in steps]
    assert counts[:2] == [3, 6] and "".join(drawn) == letters.LETTERS
    assert list(drawing_letters(SimpleNamespace())) == []
