from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError, ValidationError
from napari_spatialrecon.tissue.landmarks import read_landmarks

NAMES = [f"cell_{i:03d}" for i in range(100)]
GOOD = "obs_name,x,y\ncell_007,1.5,2\ncell_001,10,20\ncell_050,0,9\n"


Write = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "landmarks.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_landmarks_come_in_the_order_of_the_file(written: Write) -> None:
    found = read_landmarks(written(GOOD), NAMES)
    np.testing.assert_array_equal(found.indices, [7, 1, 50])
    np.testing.assert_array_equal(found.places, [[1.5, 2], [10, 20], [0, 9]])
    assert found.hard.all()


def test_tables_of_a_spreadsheet_are_read(written: Write) -> None:
    text = "\ufeffObs_Name; X; Y; hard; weight; note\n"
    text += "cell_007;1;2;no;50;a\ncell_001;10;20;;;b\ncell_050;0;9;TRUE;3;c\n"
    found = read_landmarks(written(text), NAMES)
    np.testing.assert_array_equal(found.hard, [False, True, True])
    np.testing.assert_array_equal(found.weights, [50, 10, 3])


def test_all_problems_are_listed_at_once(written: Write) -> None:
    text = "obs_name,x,y,hard,weight\n"
    text += "Cell_007,1,2,,\ncell_001,a,2,,\ncell_050,0,9,maybe,\ncell_050,1,9,,-1\n"
    with pytest.raises(ValidationError) as caught:
        read_landmarks(written(text), NAMES)
    message = str(caught.value)
    assert len(caught.value.problems) == 5
    assert "line 2" in message and "Did you mean cell_007" in message
    assert "two numbers for the position of cell_001, found 'a', '2'" in message
    assert "cell_050 also on line 4" in message
    assert "true or false under hard, found 'maybe'" in message
    assert "weight above 0, found '-1'" in message


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("cell_001,0,0\ncell_002,1,1\n", "2 determine the pose only up to a reflection"),
        ("cell_001,0,0\ncell_002,1,1\ncell_003,2,2\n", "on one line"),
        ("", "at least 3 landmarks, found 0"),
    ],
)
def test_too_few_or_collinear_landmarks_are_refused(
    written: Write, rows: str, problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem) as caught:
        read_landmarks(written("obs_name,x,y\n" + rows), NAMES)
    assert "Try adding" in caught.value.remedy


def test_columns_that_lack_are_named(written: Write) -> None:
    with pytest.raises(ValidationError, match=r"found cell, x, y\..*renaming: obs_name"):
        read_landmarks(written("cell,x,y\na,1,2\n"), NAMES)


def test_lines_longer_than_the_header_are_refused_but_for_names_of_rows(written: Write) -> None:
    with pytest.raises(InputError, match="found: 5 values for 3 columns"):
        read_landmarks(written("obs_name,x,y\na,1,2,3,4\n"), NAMES)
    with pytest.raises(InputError, match="CSV file of landmarks, found: field larger"):
        read_landmarks(written(f"obs_name,x,y\n{'x' * 200_000},1,2\n"), NAMES)
    lines = GOOD.splitlines()
    named = [lines[0], *(f"{n},{line}" for n, line in enumerate(lines[1:], 1))]
    found = read_landmarks(written("\n".join(named)), NAMES)
    np.testing.assert_array_equal(found.indices, [7, 1, 50])
    np.testing.assert_array_equal(found.places, [[1.5, 2], [10, 20], [0, 9]])


def test_a_thousand_unknown_cells_make_a_short_message(written: Write) -> None:
    rows = "".join(f"other{i},{i},{i * i}\n" for i in range(1000))
    with pytest.raises(ValidationError, match="And 980 more") as caught:
        read_landmarks(written("obs_name,x,y\n" + rows), NAMES)
    assert len(caught.value.problems) == 21


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00\x01"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "landmarks.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="Expected a CSV file of landmarks"):
        read_landmarks(path, NAMES)
