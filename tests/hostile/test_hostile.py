"""Hostile inputs end with a remedy or a right result; all of them are tried by `make fuzz`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.sparse as sp
from anndata import AnnData

from hostile.generator import Whole, every
from hostile.trial import outcome
from napari_spatialrecon.errors import CheckpointError, InputError
from napari_spatialrecon.tasks.model import load
from napari_spatialrecon.tissue.read import read_adata

#: Of the inputs, each so manieth is tried here.
SPREAD = 47
#: Inputs that ended Python, took for ever or were called by the name of a library's exception.
FOUND = (
    "zarr of Xenium with indices outside",
    "zarr of Xenium with 10^12 cells",
    "hd parquet, array_row of 1e308",
    "tif whose next directory is at 4",
    "tif with compression 7",
    "tif with color 6",
    "tif with rows in a strip 1",
    "a.svs of 100,000 a side in 1 kB, compression 33005",
    "a.json of '[[[[",
    'a.json of \'{"transform": null, "oligo": "x"}',
    '"transformImages": [[1',
    "batch: 23: ",
    "mtx '30 40 1000000000000",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return Whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def inputs(whole):
    return every(whole)


def test_there_are_many_over_all_readers(inputs):
    assert len(inputs) >= 500
    assert len({str(one) for one in inputs}) > 0.95 * len(inputs)
    kinds = {"table", "image", "landmarks", "pairs", "regions", "model", "session"}
    assert {one.reader for one in inputs} == {*kinds, "record", "batch", "alignment"}


def test_a_spread_of_them_ends_well(inputs, tmp_path):
    wrong = {}
    for number, hostile in enumerate(inputs[::SPREAD]):
        folder = tmp_path / str(number)
        folder.mkdir()
        if said := outcome(hostile, folder):
            wrong[str(hostile)] = said
    assert not wrong


def test_those_that_once_did_harm_do_none(inputs, tmp_path):
    wrong = {}
    for number, part in enumerate(FOUND):
        hostile = next(one for one in inputs if part in str(one))
        folder = tmp_path / str(number)
        folder.mkdir()
        if said := outcome(hostile, folder):
            wrong[str(hostile)] = said
    assert not wrong


def test_a_pickle_is_not_opened(inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (hostile,) = [one for one in inputs if one.name == "pickles in a zarr"]
    assert not outcome(hostile, tmp_path)
    assert not Path("pwned").exists() and os.listdir() == ["a.zarr"]  # noqa: PTH208


def test_indices_outside_a_matrix_are_refused_since_what_computes_does_not_look(tmp_path):
    matrix = sp.csr_matrix(np.eye(5, dtype=np.float32))
    matrix.indices[2] = 4_000_000
    AnnData(matrix).write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(InputError, match="indices"):
        read_adata(tmp_path / "a.h5ad")


@pytest.mark.parametrize("start", [10**9, -1, 0])
def test_starts_out_of_order_are_refused_since_selecting_does_not_look(whole, tmp_path, start):
    path = shutil.copy(whole.folder / "m.h5", tmp_path)
    with h5py.File(path, "r+") as file:
        file["matrix/indptr"][3] = start
    with pytest.raises(InputError, match="starts out of order"):
        read_adata(path)


def test_a_type_among_the_features_is_no_column(whole, tmp_path):
    path = shutil.copy(whole.folder / "m.h5", tmp_path)
    with h5py.File(path, "r+") as file:
        file["matrix/features/kind"] = np.dtype("f4")
    assert "kind" not in read_adata(path).var


def test_a_model_names_no_file_outside_its_folder(tmp_path):
    import hashlib
    import json

    (tmp_path / "secret").write_bytes(b"secret")
    folder = tmp_path / "model"
    folder.mkdir()
    sums = {"../secret": hashlib.sha256(b"secret").hexdigest()}
    manifest = {"format": 1, "method": "knn", "sha256": sums, "extra": {}, "fingerprints": {}}
    text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    manifest["digest"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="other files than those of a model"):
        load(folder)
