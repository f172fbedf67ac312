"""Cells of every form on the command line: placed alike, or refused with a remedy that works."""

from __future__ import annotations

import gzip
import re
from io import BytesIO
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import io, sparse


@pytest.fixture
def tables(inputs):
    """A slide and cells of the small simulated tissue, in memory and as a file."""
    slide, cells = (inputs / name for name in ("section1.h5ad", "cells.h5ad"))
    return slide, anndata.read_h5ad(cells)


@pytest.fixture
def placed(run, tables, tmp_path):
    """Place cells from a file; return the places by name of cell and what was said."""

    def placed(query: Path, *words: str, slide: Path | None = None):
        out = tmp_path / "placed.h5ad"
        words = ("--query", str(query), "--method", "knn", "--out", str(out), *words)
        code, _, messages = run("place", "--reference", str(slide or tables[0]), *words)
        if code:
            return None, messages
        found = anndata.read_h5ad(out)
        return pd.DataFrame(found.obsm["spatial"], index=found.obs_names), messages

    return placed


def write_mtx(folder: Path, cells: AnnData, prefix: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    stream = BytesIO()
    io.mmwrite(stream, sparse.coo_matrix(cells.X.T), field="integer")
    lines = {
        "matrix.mtx": stream.getvalue(),
        "features.tsv": "".join(f"id{g}\t{g}\tGene Expression\n" for g in cells.var_names).encode(),
        "barcodes.tsv": "".join(f"{name}\n" for name in cells.obs_names).encode(),
    }
    for name, content in lines.items():
        (folder / f"{prefix}{name}.gz").write_bytes(gzip.compress(content))
    return folder


def write_h5(path: Path, cells: AnnData) -> Path:
    counts = sparse.csr_matrix(cells.X)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        for key in ("data", "indices", "indptr"):
            group[key] = getattr(counts, key)
        group["shape"], group["barcodes"] = counts.shape[::-1], np.array(cells.obs_names, "S")
        group["features/id"] = group["features/name"] = np.array(cells.var_names, "S")
        group["features/feature_type"] = np.array(["Gene Expression"] * cells.n_vars, "S")
    return path


def write_loom(path: Path, cells: AnnData) -> Path:
    with h5py.File(path, "w") as file:
        file["matrix"] = cells.X.T.toarray()
        file["row_attrs/Gene"] = np.array(cells.var_names, "S")
        file["col_attrs/CellID"] = np.array(cells.obs_names, "S")
    return path


def logarithms(cells: AnnData) -> AnnData:
    """Return a table as CELLxGENE has it: logarithms in X, counts in raw."""
    other = cells.copy()
    other.raw = AnnData(cells.X.copy(), obs=cells.obs, var=cells.var)
    other.X = sparse.csr_matrix(cells.X.astype(float)).log1p()
    return other


def test_cells_are_placed_alike_from_every_form(placed, tables, tmp_path) -> None:
    cells = tables[1]
    with anndata.settings.override(zarr_write_format=3):
        cells.write_zarr(tmp_path / "cells.zarr")
    logarithms(cells).write_h5ad(tmp_path / "logs.h5ad")
    forms = [
        write_mtx(tmp_path / "filtered_feature_bc_matrix", cells),
        write_h5(tmp_path / "cells.h5", cells),
        write_loom(tmp_path / "cells.loom", cells),
        tmp_path / "cells.zarr",
        tmp_path / "logs.h5ad",
    ]
    cells.write_h5ad(tmp_path / "cells.h5ad")
    wanted, _ = placed(tmp_path / "cells.h5ad")
    for form in forms:
        found, messages = placed(form)
        assert found is not None, messages
        pd.testing.assert_frame_equal(found, wanted)
        assert ("Counts are those of raw" in messages) == (form.name == "logs.h5ad")


def test_samples_of_a_folder_are_offered_and_the_remedy_works(placed, tables, tmp_path) -> None:
    for prefix in ("GSM1_a_", "GSM2_b_"):
        folder = write_mtx(tmp_path / "GSE", tables[1], prefix)
    _, messages = placed(folder)
    remedy = re.search(r"Try (--library \S+)\.", messages)[1].split()
    assert remedy == ["--library", "GSM1_a"]
    assert placed(folder, *remedy)[0] is not None


def test_genes_of_two_genomes_are_offered_and_the_remedy_works(placed, tables, tmp_path) -> None:
    cells = tables[1]
    mouse = cells[:, :40].copy()
    mouse.var_names = [f"mm10___{name}" for name in mouse.var_names]
    human = cells.copy()
    human.var_names = [f"GRCh38_{name}" for name in human.var_names]
    anndata.concat([human, mouse], axis="var").write_h5ad(tmp_path / "mixed.h5ad")
    cells.write_h5ad(tmp_path / "cells.h5ad")
    _, messages = placed(tmp_path / "mixed.h5ad")
    assert "GRCh38, mm10" in messages
    remedy = re.search(r"Try (--genome \S+)\.", messages)[1].split()
    found, messages = placed(tmp_path / "mixed.h5ad", *remedy)
    assert "excluded 40 of mm10" in messages
    pd.testing.assert_frame_equal(found, placed(tmp_path / "cells.h5ad")[0])


def test_a_matrix_is_chosen_by_name_and_a_wrong_name_is_told(placed, tables, tmp_path) -> None:
    cells = tables[1]
    cells.layers["spliced"], cells.layers["unspliced"] = cells.X.copy(), (cells.X * 2).tocsr()
    cells.X = cells.X.astype(float).log1p()
    cells.write_h5ad(tmp_path / "velocity.h5ad")
    _, messages = placed(tmp_path / "velocity.h5ad")
    remedy = re.search(r"Try (--layer \S+) in", messages)[1].split()
    assert remedy == ["--layer", "spliced"]
    assert placed(tmp_path / "velocity.h5ad", *remedy)[0] is not None
    _, messages = placed(tmp_path / "velocity.h5ad", "--layer", "splced")
    assert "spliced, unspliced, X; found 'splced'" in messages


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (lambda n: [f"ENSMUSG{i:011d}" for i in range(len(n))], "(human), found those of mouse"),
        (lambda n: [*n[:2], *(f"Other{i}" for i in range(len(n) - 2))], "found only 2 (HO0001"),
    ],
)
def test_another_species_and_two_shared_genes_are_refused(placed, tables, tmp_path, names, said):
    slide, cells = tables
    adata = anndata.read_h5ad(slide)
    adata.var["gene_ids"] = [f"ENSG{i:011d}" for i in range(adata.n_vars)]
    adata.write_h5ad(tmp_path / "slide.h5ad")
    cells.var_names = names(list(cells.var_names))
    cells.write_h5ad(tmp_path / "cells.h5ad")
    found, messages = placed(tmp_path / "cells.h5ad", slide=tmp_path / "slide.h5ad")
    assert found is None and said in messages and not (tmp_path / "placed.h5ad").exists()
