from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError, ValidationError
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.tissue.landmark_pairs import LandmarkPairs, read_pairs, write_pairs
from napari_spatialrecon.tissue.landmarks import read_landmarks, write_landmarks


def test_pairs_are_read_as_they_were_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pairs = LandmarkPairs(rng.normal(size=(4, 2)), rng.normal(size=(4, 2)), np.arange(4) != 2)
    read = read_pairs(write_pairs(pairs, tmp_path / "pairs.csv"))
    for name in ("query", "ref", "enabled"):
        np.testing.assert_allclose(getattr(read, name), getattr(pairs, name), rtol=1e-14)


def test_landmarks_are_read_as_they_were_written(tmp_path: Path) -> None:
    names = [f"cell{i}" for i in range(9)]
    places = np.array([[0.1, 2.0], [3.0, 1 / 3], [5.0, 9.0]])
    known = Landmarks(np.array([7, 2, 4]), places, np.array([True, False, True]), np.full(3, 30.0))
    read = read_landmarks(write_landmarks(tmp_path / "l.csv", known, names), names)
    for name in ("indices", "places", "hard", "weights"):
        np.testing.assert_allclose(getattr(read, name), getattr(known, name), rtol=1e-14)


def test_wrong_columns_name_those_that_lack(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("x,y,u,v\n1,2,3,4\n")
    with pytest.raises(ValidationError, match="found x, y, u, v") as caught:
        read_pairs(path)
    assert "ref_x, ref_y" in caught.value.remedy


def test_every_bad_line_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("x;y;ref_x;ref_y;enabled\n1;2;3;nan\n1;2;inf;4;\n5;six;7;8;no\n1;2;3;4;maybe\n")
    with pytest.raises(ValidationError) as caught:
        read_pairs(path)
    text = str(caught.value)
    assert [f"line {n}" in text for n in (2, 3, 4, 5)] == [True] * 4
    assert "'maybe'" in text


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="CSV file of landmark pairs"):
        read_pairs(tmp_path / "nothing.csv")
