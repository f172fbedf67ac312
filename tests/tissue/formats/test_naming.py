"""A table is called as its run is, not as every run's files are."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_spatialrecon.tissue.formats.naming import numbered, table_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("C5.h5ad", "C5"),
        ("run7/outs", "run7"),
        ("run7/outs/filtered_feature_bc_matrix.h5", "run7"),
        ("run7/outs/per_sample_outs/P1/count/sample_filtered_feature_bc_matrix.h5", "P1"),
        ("GSM1_matrix.mtx.gz", "GSM1_matrix"),
        ("run7/outs/binned_outputs/square_008um", "square_008um"),
        ("outs", "outs"),
        ("slide.v2.zarr", "slide.v2"),
    ],
)
def test_a_name_tells_runs_apart(path: str, name: str) -> None:
    assert table_name(Path(path)) == name


def test_a_folder_keeps_the_dots_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "patient.3").mkdir()
    assert table_name(tmp_path / "patient.3") == "patient.3"


def test_names_are_numbered_in_order() -> None:
    assert numbered(["a", "a", "b", "a"]) == ["a", "a (2)", "b", "a (3)"]
