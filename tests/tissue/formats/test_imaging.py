"""Reading tables of segmented cells: seqFISH, STARmap PLUS, one CSV with x, y and genes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_spatialrecon.errors import ChoiceError, ValidationError
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.formats.registry import find_format
from napari_spatialrecon.tissue.read import read_adata

CELLS = ["3", "8", "12"]
XY = np.array([[10.5, 2.0], [30.0, 44.0], [7.0, 9.0]])
GENES = ["Gad1", "Slc17a7", "Pvalb", "Sst", "Vip"]
COUNTS = np.array([[1, 0, 2, 0, 0], [0, 3, 0, 0, 1], [0, 0, 0, 7, 0]])


def counts() -> pd.DataFrame:
    return pd.DataFrame(COUNTS, CELLS, GENES)


def seqfish(folder: Path, roi: str = "Roi1") -> Path:
    folder.mkdir(exist_ok=True)
    counts().to_csv(folder / f"{roi}_CellxGene.csv")
    places = {"label": CELLS, "area": [5, 6, 7], "center_x": XY[:, 0], "center_y": XY[:, 1]}
    pd.DataFrame(places).iloc[::-1].to_csv(folder / f"{roi}_CellCoordinates.csv", index=False)
    return folder


def starmap(folder: Path, prefix: str) -> Path:
    folder.mkdir(exist_ok=True)
    names = [f"well_{c}" for c in CELLS]
    counts().set_axis(names).T.to_csv(folder / f"{prefix}raw_expression_pd.csv", index_label="GENE")
    types = pd.DataFrame(
        {
            "NAME": ["TYPE"],
            "X": ["numeric"],
            "Y": ["numeric"],
            "Main_type": ["group"],
            "quality": ["numeric"],
        }
    )
    places = {"NAME": names, "X": XY[:, 0], "Y": XY[:, 1], "Main_type": ["a", "b", "a"]}
    places["quality"] = [0.5, 1.5, 2.5]
    pd.concat([types, pd.DataFrame(places)]).to_csv(folder / f"{prefix}_spatial.csv", index=False)
    return folder


def test_seqfish_is_in_um(tmp_path) -> None:
    folder = seqfish(tmp_path / "run")
    adata = read_adata(folder)
    np.testing.assert_array_equal(adata.obsm["spatial"], XY)
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)
    assert list(adata.obs["area"]) == [5, 6, 7]
    assert contract.um_per_unit(adata) == 1
    with pytest.raises(ChoiceError):
        read_adata(seqfish(folder, "Roi2"))
    assert read_adata(folder, library="Roi2").n_obs == 3


def test_numbers_of_rows_that_r_writes_are_not_taken_for_names_or_genes(tmp_path) -> None:
    folder = seqfish(tmp_path / "run")
    for name, label in (("CellxGene", "X"), ("CellCoordinates", "label")):
        path = folder / f"Roi1_{name}.csv"
        table = pd.read_csv(path).rename(columns={"Unnamed: 0": label})
        table.index = range(1, 4)
        table.to_csv(path)
    adata = read_adata(folder)
    assert list(adata.obs_names) == CELLS and list(adata.var_names) == GENES
    np.testing.assert_array_equal(adata.obsm["spatial"], XY)
    assert list(adata.obs) == ["area"]


@pytest.mark.parametrize("prefix", ["well05", "mock"])
def test_starmap_tables_are_turned_and_their_line_of_types_left_out(tmp_path, prefix) -> None:
    adata = read_adata(starmap(tmp_path / "run", prefix))
    np.testing.assert_array_equal(adata.obsm["spatial"], XY)
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)
    assert list(adata.var_names) == GENES and list(adata.obs["Main_type"]) == ["a", "b", "a"]
    assert list(adata.obs["quality"]) == [0.5, 1.5, 2.5]
    assert contract.unit(adata) == "unit" and contract.um_per_unit(adata) is None
    assert any("does not state the unit" in n for n in adata.uns["spatialrecon"]["notes"])


def test_a_missing_file_is_named(tmp_path) -> None:
    for write, name in (
        (lambda f: seqfish(f), "Roi1_CellCoordinates.csv"),
        (lambda f: starmap(f, "well05"), "well05_spatial.csv"),
    ):
        folder = write(tmp_path / name)
        (folder / name).unlink()
        with pytest.raises(ValidationError, match=name):
            read_adata(folder)


@pytest.mark.parametrize(("pair", "unit"), [(("x", "y"), "unit"), (("center_x", "center_y"), "um")])
def test_one_table_with_places_and_genes_is_read(tmp_path, pair, unit: str) -> None:
    table = counts()
    table.insert(0, pair[0], XY[:, 0])
    table.insert(1, pair[1], XY[:, 1])
    table.insert(2, "cell_type", ["a", "b", "a"])
    table.insert(3, "total_counts", COUNTS.sum(axis=1))
    table.to_csv(tmp_path / "cells.csv", index_label="cell")
    adata = read_adata(tmp_path / "cells.csv")
    assert list(adata.var_names) == GENES and list(adata.obs_names) == CELLS
    np.testing.assert_array_equal(adata.obsm["spatial"], XY)
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)
    assert list(adata.obs["cell_type"]) == ["a", "b", "a"] and contract.unit(adata) == unit


@pytest.mark.parametrize(
    "header",
    [
        "obs_name,x,y,hard,weight",
        "x,y,ref_x,ref_y,enabled",
        "fixedX,fixedY,alignmentX,alignmentY",
        "transcript_id,cell_id,overlaps_nucleus,feature_name,x_location,y_location,qv,a,b,c,d",
        "cell_id,x_centroid,y_centroid,transcript_counts,total_counts,cell_area,nucleus_area",
    ],
)
def test_other_tables_with_x_and_y_are_not_taken_for_cells(tmp_path, header: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(header + "\n")
    assert find_format(path) is None
