"""Cells and slides whose counts stay on disk are placed as those in memory are."""

from __future__ import annotations

import json
from dataclasses import replace

import anndata
import numpy as np
import pytest
from scipy import sparse

from napari_spatialrecon.cli import main
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tasks.preflight import preflight
from napari_spatialrecon.tissue import contract, read, row_blocks
from napari_spatialrecon.tissue.backed import bytes_in_memory, is_backed, open_table
from napari_spatialrecon.tissue.needed_genes import needed_genes
from napari_spatialrecon.tissue.read import read_adata


@pytest.fixture(scope="module")
def files(tiny, tmp_path_factory):
    """Slide and cells in each store; those of cells are by columns, of fewer genes."""
    folder = tmp_path_factory.mktemp("stores")
    cells = tiny.cells[:, 8:].copy()
    cells.X = sparse.csc_matrix(cells.X)
    cells.obs_names = [f"cell{i}" for i in range(cells.n_obs)]
    for table, name in ((tiny.slides[0], "slide"), (cells, "cells")):
        table.write_h5ad(folder / f"{name}.h5ad")
        table.write_zarr(folder / f"{name}.zarr")
    return folder


def inputs(files, store, backed=True):
    return tuple(read_adata(files / f"{n}.{store}", backed=backed) for n in ("slide", "cells"))


@pytest.mark.parametrize("store", ["h5ad", "zarr"])
def test_cells_on_disk_are_placed_where_those_in_memory_are(files, store, monkeypatch):
    monkeypatch.setattr(row_blocks, "ROWS", 50)
    slide, cells = inputs(files, store)
    assert is_backed(slide) and is_backed(cells)
    there = place({"slide": slide}, cells, method="knn")
    slide, cells = inputs(files, store, backed=False)
    here = place({"slide": slide}, cells, method="knn")
    assert there.adata.obsm["spatial"].tobytes() == here.adata.obsm["spatial"].tobytes()
    assert not is_backed(there.adata)
    assert abs(there.adata.X - here.adata.X).nnz == 0
    assert there.record.inputs == here.record.inputs
    assert there.notes == here.notes


def test_a_table_that_anndata_opened_as_backed_is_placed(files):
    slide, cells = (anndata.read_h5ad(files / f"{n}.h5ad", backed="r") for n in ("slide", "cells"))
    found = place({"slide": slide}, cells, method="knn")
    assert not found.adata.isbacked and found.adata.n_obs == cells.n_obs


def test_only_counts_of_shared_genes_are_read_from_disk(files):
    slide, cells = inputs(files, "h5ad")
    masks = needed_genes([slide, cells])
    assert masks[0].sum() == masks[1].sum() == cells.n_vars
    assert not masks[0][:8].any()
    found = contract.prepare_slide(slide, "slide", genes=masks[0])
    assert found.adata.n_vars == slide.n_vars and found.adata.X[:, :8].nnz == 0
    in_memory = contract.prepare_slide(slide.to_memory(), "slide")
    assert found.fingerprint() == in_memory.fingerprint()


def test_the_check_before_a_run_takes_tables_on_disk(files):
    there, here = (
        preflight({"slide": slide}, cells, method="knn")
        for slide, cells in (inputs(files, "zarr"), inputs(files, "zarr", backed=False))
    )
    counts = sum(table.X.nnz for table in inputs(files, "zarr", backed=False))
    assert 0 < there.memory_bytes - here.memory_bytes < 9 * counts
    assert replace(there, memory_bytes=here.memory_bytes) == here


@pytest.mark.parametrize("store", ["h5ad", "zarr"])
def test_a_table_says_what_it_takes_in_memory(files, store):
    slide = read_adata(files / f"slide.{store}")
    counts = sparse.csr_matrix(slide.X)
    assert bytes_in_memory(files / f"slide.{store}") > counts.data.nbytes + counts.indices.nbytes
    assert open_table(files / f"slide.{store}").X.shape == slide.shape


def test_the_command_line_leaves_large_tables_on_disk_and_says_so(
    files, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "placed.h5ad"
    command = ["place", "--method", "knn", "--reference", str(files / "slide.h5ad"), "--query"]
    command += [str(files / "cells.zarr"), "--out", str(out)]
    assert main(command) == 0
    assert "stay on disk" not in capsys.readouterr().err
    first = anndata.read_h5ad(out)
    monkeypatch.setattr(read, "LARGE", 0.0)
    assert main(command) == 0
    assert capsys.readouterr().err.count("matrices stay on disk and are read in blocks") == 2
    again = anndata.read_h5ad(out)
    np.testing.assert_array_equal(again.obsm["spatial"], first.obsm["spatial"])
    before, after = (json.loads(t.uns["spatialrecon"]["provenance"]) for t in (first, again))
    assert before["inputs"] == after["inputs"]
