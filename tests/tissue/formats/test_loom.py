"""Loom files as loompy, velocyto and the HCA write them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import sparse

from napari_spatialrecon.errors import InputError, ValidationError
from napari_spatialrecon.tissue.contract import counts
from napari_spatialrecon.tissue.formats.registry import find_format
from napari_spatialrecon.tissue.read import read_adata

COUNTS = np.random.default_rng(0).poisson(1, (7, 600)).astype(np.float32)
GENES = [f"Gene{i}x" for i in range(600)]
IDS = [f"ENSMUSG{i:011d}" for i in range(600)]
CELLS = [f"sample:ACGT{i}x" for i in range(7)]
TYPES = ["T cell & NK"] * 3 + ["µglia"] * 4


def write_loom(path: Path, *, version: int = 3, matrix=COUNTS, layers=None, **attributes) -> Path:
    """Write a file as the specification has it: texts of version 2 are escaped ASCII."""

    def texts(values):
        if version == 3:
            return np.array(values, dtype=h5py.string_dtype())
        escaped = [v.replace("&", "&amp;").encode("ascii", "xmlcharrefreplace") for v in values]
        return np.array(escaped)

    groups = {
        "row_attrs": {"Gene": texts(GENES), "Accession": texts(IDS), "Start": np.arange(600)},
        "col_attrs": {
            "CellID": texts(CELLS),
            "ClusterName": texts(TYPES),
            "TotalUMI": COUNTS.sum(axis=1),
            "X_umap": np.arange(14.0).reshape(7, 2),
        },
    }
    with h5py.File(path, "w") as file:
        file.create_dataset("matrix", data=np.asarray(matrix).T, chunks=(64, 7), compression="gzip")
        for name, values in (layers or {}).items():
            file[f"layers/{name}"] = values.T
        for group, found in groups.items():
            file.create_group(group)
            for key, value in {**found, **attributes.get(group, {})}.items():
                if value is not None:
                    file[f"{group}/{key}"] = value
        for group in ("row_graphs", "col_graphs"):
            file.create_group(group)
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_a_file_of_either_version_is_read_whole(tmp_path, version: int) -> None:
    path = write_loom(tmp_path / "a.loom", version=version)
    adata = read_adata(path)
    assert find_format(path).name == "loom"
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)
    assert sparse.isspmatrix_csr(adata.X) and adata.X.dtype == np.float32
    assert list(adata.obs_names) == CELLS and list(adata.var_names) == GENES
    assert list(adata.var["gene_ids"]) == IDS and list(adata.var["Start"]) == list(range(600))
    assert list(adata.obs["ClusterName"]) == TYPES
    assert adata.obsm["X_umap"].shape == (7, 2)
    adata.write_h5ad(tmp_path / "a.h5ad")
    assert list(read_adata(tmp_path / "a.h5ad").obs["ClusterName"]) == TYPES


def test_layers_are_read_and_chosen_by_name(tmp_path) -> None:
    layers = {"spliced": COUNTS, "unspliced": COUNTS + 1}
    path = write_loom(tmp_path / "velocyto.loom", matrix=2 * COUNTS + 1, layers=layers)
    np.testing.assert_array_equal(counts(read_adata(path)).toarray(), 2 * COUNTS + 1)
    chosen = read_adata(path, layer="unspliced")
    np.testing.assert_array_equal(counts(chosen).toarray(), COUNTS + 1)
    np.testing.assert_array_equal(chosen.layers["spliced"].toarray(), COUNTS)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ({"Gene": None, "gene_names": GENES}, {"CellID": None, "cell_names": CELLS}),
        ({"Gene": None, "var_names": GENES}, {"CellID": None, "obs_names": CELLS}),
    ],
)
def test_genes_and_cells_are_named_by_the_attributes_of_other_tools(tmp_path, rows, columns):
    adata = read_adata(write_loom(tmp_path / "a.loom", row_attrs=rows, col_attrs=columns))
    assert list(adata.obs_names) == CELLS and list(adata.var_names) == GENES


def test_names_that_are_missing_or_twice_are_said(tmp_path) -> None:
    twice = [*GENES[:-1], GENES[0]]
    path = write_loom(tmp_path / "a.loom", row_attrs={"Gene": twice}, col_attrs={"CellID": None})
    adata = read_adata(path)
    assert adata.var_names[-1] == "Gene0x-1" and list(adata.obs_names) == list("0123456")
    notes = list(adata.uns["spatialrecon"]["notes"])
    assert "No attribute names the cells: they were numbered." in notes
    assert "1 repeated gene symbols were given a suffix such as -1." in notes


def test_all_that_does_not_fit_together_is_said_at_once(tmp_path) -> None:
    path = write_loom(
        tmp_path / "a.loom",
        row_attrs={"Gene": GENES[:9]},
        col_attrs={"CellID": CELLS[:2]},
        layers={"spliced": COUNTS[:, :8]},
    )
    with pytest.raises(ValidationError) as caught:
        read_adata(path)
    said = str(caught.value)
    assert len(caught.value.problems) == 3
    assert "attributes of 600 genes" in said and "attributes of 7 cells" in said
    assert "layers/spliced" in said


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_file_that_is_cut_short_is_refused(tmp_path, share: float) -> None:
    path = write_loom(tmp_path / "a.loom")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError) as caught:
        read_adata(path)
    assert "again" in caught.value.remedy
