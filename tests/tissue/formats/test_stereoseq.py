"""Reading Stereo-seq files: bins of any size in µm, cells, comments in the header."""

from __future__ import annotations

import gzip
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.formats import stereoseq
from napari_spatialrecon.tissue.formats.registry import find_format
from napari_spatialrecon.tissue.read import read_adata

#: gene, x, y, count, cell: three bins of 50 steps
MOLECULES = pd.DataFrame(
    [
        ("Actb", 101, 203, 2, 7),
        ("Actb", 149, 249, 1, 7),
        ("Actb", 310, 12, 4, 9),
        ("Ttr", 120, 220, 5, 0),
        ("Ttr", 390, 49, 1, 9),
    ],
    columns=["geneID", "x", "y", "MIDCount", "CellID"],
)
CENTERS = {(125, 225): (3, 5), (325, 25): (4, 0), (375, 25): (0, 1)}
HEADER = "#FileFormat=GEMv0.1\n#SortedBy=None\n#BinSize=1\n#STOmicsChip=SS1\n#OffsetX=0\n"


def write_bin(group, molecules: pd.DataFrame, size: int, names: str, resolution: float) -> None:
    sums = molecules.assign(x=molecules.x // size * size, y=molecules.y // size * size)
    sums = sums.groupby(["geneID", "x", "y"], as_index=False)["MIDCount"].sum()
    data = group.create_group(f"bin{size}")
    kind = [("x", "i4"), ("y", "i4"), ("count", "u2")]
    rows = sums[["x", "y", "MIDCount"]].to_records(index=False)
    data["expression"] = np.array([tuple(row) for row in rows], kind)
    data["expression"].attrs["resolution"] = np.array([resolution], "u4")
    counts = sums.groupby("geneID").size()
    offsets = np.append(0, np.cumsum(counts)[:-1])
    genes = list(zip(counts.index, offsets, counts, strict=True))
    data["gene"] = np.array(
        [(name.encode(), o, c) for name, o, c in genes],
        [(names, "S64"), ("offset", "u4"), ("count", "u4")],
    )


def write_gef(path: Path, sizes=(1, 50), names: str = "gene", resolution: float = 500) -> Path:
    with h5py.File(path, "w") as file:
        for size in sizes:
            write_bin(file.require_group("geneExp"), MOLECULES, size, names, resolution)
    return path


def write_gem(path: Path, **renamed: str) -> Path:
    text = MOLECULES.rename(columns=renamed).to_csv(sep="\t", index=False)
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as stream:
        stream.write(HEADER + text)
    return path


def check(adata, um: float = 0.5) -> None:
    found = {
        tuple(np.round(xy / um).astype(int)): tuple(
            row[[list(adata.var_names).index(g) for g in ("Actb", "Ttr")]]
        )
        for xy, row in zip(adata.obsm["spatial"], adata.X.toarray().astype(int), strict=True)
    }
    assert found == CENTERS
    assert (contract.unit(adata), contract.um_per_unit(adata)) == ("um", 1.0)


@pytest.mark.parametrize("sizes", [(1,), (1, 50), (50,), (10, 50)])
@pytest.mark.parametrize("names", ["gene", "geneName"])
def test_bins_of_50_steps_are_made_of_what_a_gef_holds(tmp_path, sizes, names: str) -> None:
    adata = read_adata(write_gef(tmp_path / "a.gef", sizes, names))
    check(adata)
    assert "50 x 50 steps" in adata.uns["spatialrecon"]["notes"][0]


def test_the_step_that_a_gef_states_is_used(tmp_path) -> None:
    check(read_adata(write_gef(tmp_path / "a.gef", resolution=715)), 0.715)


@pytest.mark.parametrize("asked", ["bin100", "100", 100])
def test_other_bins_are_chosen(tmp_path, asked) -> None:
    adata = read_adata(write_gef(tmp_path / "a.gef"), bin=asked)
    np.testing.assert_allclose(adata.obsm["spatial"], np.array([[150, 250], [350, 50]]) * 0.5)
    np.testing.assert_array_equal(adata.X.toarray(), [[3, 5], [4, 1]])


def test_a_bin_that_cannot_be_made_is_refused_with_those_that_can(tmp_path) -> None:
    path = write_gef(tmp_path / "a.gef", (20,))
    with pytest.raises(ChoiceError) as caught:
        read_adata(path)
    assert caught.value.choices == ("20",)
    fine = read_adata(write_gef(tmp_path / "b.gef"), bin="40")
    coarse = read_adata(path, bin="40")
    np.testing.assert_array_equal(coarse.obsm["spatial"], fine.obsm["spatial"])
    np.testing.assert_array_equal(coarse.X.toarray(), fine.X.toarray())
    with pytest.raises(ChoiceError):
        read_adata(path, bin="fine")


@pytest.mark.parametrize("name", ["a.gem", "a.gem.gz"])
@pytest.mark.parametrize("count", ["MIDCount", "MIDCounts", "UMICount"])
def test_a_gem_is_binned_whatever_its_columns_are_called(tmp_path, name, count) -> None:
    path = write_gem(tmp_path / name, MIDCount=count)
    assert find_format(path).name == "gem"
    check(read_adata(path))


def test_a_gem_is_read_in_blocks(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(stereoseq, "_ROWS", 2)
    check(read_adata(write_gem(tmp_path / "a.gem")))


def test_cells_of_a_gem_lie_at_the_mean_of_their_molecules(tmp_path) -> None:
    adata = read_adata(write_gem(tmp_path / "a.gem"), bin="cells")
    assert list(adata.obs_names) == ["7", "9"]
    np.testing.assert_allclose(adata.obsm["spatial"], np.array([[125.5, 226.5], [350.5, 31]]) / 2)
    np.testing.assert_array_equal(adata.X.toarray(), [[3, 0], [4, 1]])
    with pytest.raises(ChoiceError):
        read_adata(write_gem(tmp_path / "b.gem", CellID="other"), bin="cells")


def write_cellbin(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        kind = [
            ("id", "u4"),
            ("x", "i4"),
            ("y", "i4"),
            ("offset", "u4"),
            ("geneCount", "u2"),
            ("area", "u2"),
        ]
        file["cellBin/cell"] = np.array([(11, 100, 40, 0, 2, 80), (12, 300, 60, 2, 1, 40)], kind)
        file["cellBin/cellExp"] = np.array(
            [(0, 3), (1, 5), (0, 4)], [("geneID", "u4"), ("count", "u2")]
        )
        file["cellBin/gene"] = np.array([(b"Actb",), (b"Ttr",)], [("geneName", "S64")])
    return path


def test_cells_of_a_cellbin_gef_are_read(tmp_path) -> None:
    adata = read_adata(write_cellbin(tmp_path / "a.cellbin.gef"))
    np.testing.assert_allclose(adata.obsm["spatial"], [[50, 20], [150, 30]])
    np.testing.assert_array_equal(adata.X.toarray(), [[3, 5], [4, 0]])
    np.testing.assert_allclose(adata.obs["cell_area"], [20, 10])


def test_of_a_folder_the_bins_under_tissue_are_read_or_the_cells(tmp_path) -> None:
    folder = tmp_path / "outs" / "feature_expression"
    folder.mkdir(parents=True)
    write_gef(folder / "SS1.raw.gef", (1,))
    write_gef(folder / "SS1.tissue.gef")
    with pytest.raises(ChoiceError):
        read_adata(tmp_path, bin="cells")
    write_cellbin(folder / "SS1.cellbin.gef")
    adata = read_adata(tmp_path)
    check(adata)
    assert "Read SS1.tissue.gef." in adata.uns["spatialrecon"]["notes"]
    assert list(read_adata(tmp_path, bin="cells").obs_names) == ["11", "12"]


def test_damaged_files_are_refused_with_a_remedy(tmp_path) -> None:
    with h5py.File(tmp_path / "a.gef", "w") as file:
        file["geneExp/bin1/expression"] = np.zeros(3)
    empty = tmp_path / "b.gem"
    empty.write_text(HEADER + "geneID\tx\ty\tMIDCount\n")
    odd = tmp_path / "c.gem"
    odd.write_text("geneID\tx\ty\tvalue\nActb\t1\t2\t3\n")
    for path in (tmp_path / "a.gef", empty, odd):
        with pytest.raises(InputError) as caught:
            read_adata(path)
        assert caught.value.remedy
