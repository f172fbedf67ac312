"""Counts read in blocks, from memory or disk, are those read at once, and are checked alike."""

from __future__ import annotations

import tempfile
import tracemalloc
from pathlib import Path

import anndata
import dask.array
import numpy as np
import pytest
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from napari_spatialrecon.errors import ValidationError
from napari_spatialrecon.tissue import backed, row_blocks
from napari_spatialrecon.tissue.contract import Prepared, prepare_query, prepare_slide

LAYOUTS = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "dense": lambda m: m.toarray()}
PLACES = ("memory", "h5ad", "zarr", "backed h5ad", "lazy", "dask")


@st.composite
def counts(draw) -> sparse.csr_matrix:
    n, genes = draw(st.integers(4, 40)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    found = sparse.csr_matrix(rng.poisson(0.4, (n, genes)).astype(np.float32))
    return found.astype(draw(st.sampled_from([np.float32, np.float64, np.int64])))


def table(matrix, slot: str = "X") -> AnnData:
    n, genes = matrix.shape
    adata = AnnData(matrix if slot == "X" else np.full((n, genes), 0.5, np.float32))
    if slot != "X":
        adata.layers["counts"] = matrix
    adata.obs_names = [f"cell{i}" for i in range(n)]
    adata.var_names = [f"gene{i}" for i in range(genes)]
    adata.obsm["spatial"] = np.arange(2.0 * n).reshape(n, 2)
    return adata


def put(adata: AnnData, place: str, folder: Path) -> AnnData:
    """Return a table with its matrices where `place` says."""
    path = folder / ("a.zarr" if place == "zarr" else "a.h5ad")
    if place == "memory":
        return adata
    if place == "dask":
        whole = adata.layers.get("counts", adata.X)
        values = whole.toarray() if sparse.issparse(whole) else whole
        lazy = dask.array.from_array(values, chunks=(7, values.shape[1]))
        layers = {"counts": lazy} if "counts" in adata.layers else {}
        return AnnData(lazy, obs=adata.obs, var=adata.var, layers=layers, obsm=dict(adata.obsm))
    (adata.write_zarr if place == "zarr" else adata.write_h5ad)(path)
    if place == "backed h5ad":
        return anndata.read_h5ad(path, backed="r")
    if place == "lazy":
        return anndata.experimental.read_lazy(path)
    return backed.open_table(path)


def prepared(adata: AnnData, **options) -> Prepared | str:
    """Return the prepared cells, or what is wrong with them."""
    try:
        return prepare_query(adata, "a", **options)
    except ValidationError as error:
        return str(error)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(row_blocks, "ROWS", 5)
    monkeypatch.setattr(row_blocks, "ENTRIES", 7)
    monkeypatch.setattr(row_blocks, "BAND", 11)


def both(matrix, layout, place, slot, least, kept_genes):
    """Return a table prepared from csr in memory at once, and from elsewhere without some genes."""
    with tempfile.TemporaryDirectory() as folder:
        there = put(table(LAYOUTS[layout](matrix), slot), place, Path(folder))
        found = prepared(there, min_counts=least, genes=kept_genes)
    return prepared(table(matrix, slot), min_counts=least), found


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.usefixtures("small_blocks")
def test_counts_are_the_same_wherever_they_are_read_from(layout, place):
    @given(
        matrix=counts(),
        slot=st.sampled_from(["X", "layers"]),
        least=st.integers(0, 3),
        seed=st.integers(0, 99),
    )
    @settings(max_examples=6, deadline=None)
    def check(matrix, slot, least, seed):
        genes = np.random.default_rng(seed).random(matrix.shape[1]) < 0.5
        at_once, found = both(matrix, layout, place, slot, least, genes if seed % 3 else None)
        if isinstance(at_once, str):
            assert found == at_once
            return
        expected = at_once.adata.X.toarray()
        if seed % 3:
            expected[:, ~genes] = 0
        assert found.adata.X.dtype == np.float32 and found.adata.X.has_canonical_format
        np.testing.assert_array_equal(found.adata.X.toarray(), expected)
        np.testing.assert_array_equal(found.kept, at_once.kept)
        assert found.notes == at_once.notes
        assert found.fingerprint() == at_once.fingerprint()

    check()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.usefixtures("small_blocks")
def test_bad_counts_are_described_the_same_wherever_they_are(layout, place):
    @given(
        matrix=counts(),
        bad=st.lists(st.sampled_from([np.nan, np.inf, -1.0, 0.5, 1.7]), min_size=1, max_size=4),
        seed=st.integers(0, 99),
    )
    @settings(max_examples=5, deadline=None)
    def check(matrix, bad, seed):
        rng, values = np.random.default_rng(seed), matrix.toarray().astype(np.float32)
        for value in bad:
            values[rng.integers(len(values)), rng.integers(values.shape[1])] = value
        at_once, found = both(sparse.csr_matrix(values), layout, place, "X", 1, None)
        assert isinstance(at_once, str) and found == at_once

    check()


@pytest.mark.parametrize("genes", [None, np.array([True, True, True])], ids=["whole", "blocks"])
def test_sorting_a_table_for_reading_leaves_the_input_as_it_was(genes):
    indices = np.array([2, 0, 1, 1], np.int32)
    matrix = sparse.csr_matrix((np.arange(1.0, 5), indices.copy(), [0, 2, 4]), shape=(2, 3))
    found = prepare_query(table(matrix), "a", genes=genes).adata.X
    np.testing.assert_array_equal(found.toarray(), [[2, 0, 1], [0, 7, 0]])
    np.testing.assert_array_equal(matrix.indices, indices)


def test_counts_in_memory_are_shared_with_the_input_and_cannot_be_changed():
    matrix = sparse.csr_matrix(np.ones((5, 3), np.float32))
    found = prepare_slide(table(matrix), "a").adata.X
    assert np.shares_memory(found.data, matrix.data)
    with pytest.raises(ValueError, match="read-only"):
        found.data[0] = 7


@pytest.mark.parametrize("place", ["h5ad", "zarr"])
@pytest.mark.parametrize("layout", ["csr", "csc"])
def test_preparing_a_table_on_disk_takes_the_memory_of_its_shared_genes(
    layout, place, tmp_path, monkeypatch
):
    """A tenth of the genes are shared: a fraction of the table is in memory at any time."""
    monkeypatch.setattr(row_blocks, "ROWS", 100)
    monkeypatch.setattr(row_blocks, "ENTRIES", 2**15)
    monkeypatch.setattr(row_blocks, "BAND", 2**15)
    rng = np.random.default_rng(0)
    matrix = sparse.random(4000, 2000, 0.1, "csr", random_state=rng, dtype=np.float32)
    matrix.data = np.ceil(matrix.data * 9)
    size = matrix.data.nbytes + matrix.indices.nbytes
    there = put(table(LAYOUTS[layout](matrix)), place, tmp_path)
    genes = np.arange(2000) < 200
    tracemalloc.start()
    try:
        found = prepare_query(there, "a", genes=genes)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.adata.X.nnz == matrix[:, :200].nnz
    assert peak < 0.7 * size, f"{peak} bytes for a table of {size}"
