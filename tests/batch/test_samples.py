"""The table of a batch is read whole, and all that is wrong with it is said at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_spatialrecon.batch.samples import Sample, read_samples
from napari_spatialrecon.errors import InputError


def read(folder: Path, text: str) -> list[Sample]:
    path = folder / "samples.csv"
    path.write_text(text, encoding="utf-8-sig")
    return read_samples(path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_row_is_a_sample_and_empty_cells_are_left_out(tmp_path: Path, separator: str) -> None:
    text = "sample,query,labels\nA, a.h5ad ,type\n\nB,b.h5ad,\n".replace(",", separator)
    assert read(tmp_path, text) == [
        Sample("A", {"query": "a.h5ad", "labels": "type"}, 2),
        Sample("B", {"query": "b.h5ad"}, 4),
    ]


def test_every_problem_of_a_table_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, "sample,query,query\nA,a,b\nA,a,b\n../B,a,b\n,a,b\nC,a\n")
    for said in (
        "two columns 'query'",
        "'A' stands 2 times",
        "line 4: '../B' cannot be the name of a file",
        "line 5: no name",
        "line 6 has 2 cells, not 3",
    ):
        assert said in str(error.value)


@pytest.mark.parametrize("text", ["", "name,query\nA,b\n", "sample,query\n", "sample,query\n,\n"])
def test_a_file_that_is_no_table_of_samples_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="a column 'sample' and a row for each"):
        read(tmp_path, text)


@pytest.mark.parametrize("name", ["a/b", "a\\b", ".a", "-a", "a:b", "a\x07", "a.", "x" * 200])
def test_a_name_that_is_none_of_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="line 2"):
        read(tmp_path, f"sample,query\n{name},a\n")
