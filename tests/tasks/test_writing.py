"""A result and its record appear together or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import anndata
import numpy as np
import pytest
from anndata import AnnData

from napari_spatialrecon import storage
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.provenance import RunRecord
from napari_spatialrecon.tasks.imputing import impute_genes
from napari_spatialrecon.tasks.writing import write_model, write_result

TABLE = AnnData(np.ones((3, 2), np.float32))


class Weights:
    """A model that is one file."""

    def __init__(self, text: str) -> None:
        self.text = text

    def save(self, folder):
        with storage.atomic_folder(folder) as temporary:
            (temporary / storage.MANIFEST).write_text(self.text)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def record(value: float = 1.0) -> RunRecord:
    return RunRecord("place", "knn", {}, 0, settings={"value": value})


@pytest.fixture
def genes(tiny):
    """The call of `impute_genes` for one gene that the slide lacks."""
    slide, cells = tiny.slides[0], tiny.cells
    shared = [g for g in slide.var_names if g in set(cells.var_names)]
    kept = slide[:, [g for g in slide.var_names if g != shared[-1]]].copy()

    def call(**more):
        return impute_genes(kept, cells, [shared[-1]], method="knn", device="cpu", **more)

    return call


def test_a_table_has_its_record_beside_it(tmp_path):
    path, beside = write_result(tmp_path / "new" / "a.h5ad", TABLE, record())
    assert names(path.parent) == {"a.h5ad", "a.run.json"}
    assert json.loads(beside.read_text())["settings"] == {"value": 1.0}


def test_a_table_is_compressed_and_the_same_each_time(tmp_path):
    adata = AnnData(np.tile(np.arange(50, dtype=np.float32), (400, 1)))
    paths = [write_result(tmp_path / f"{name}.h5ad", adata, record())[0] for name in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].stat().st_size < adata.X.nbytes / 2
    np.testing.assert_array_equal(anndata.read_h5ad(paths[0]).X, adata.X)


def test_a_record_that_cannot_be_written_leaves_no_table_and_the_old_one_as_it_was(tmp_path):
    write_result(tmp_path / "a.h5ad", TABLE, {"number": 1})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name in ("a.h5ad", "b.h5ad"):
        with pytest.raises(ValueError, match="JSON"):
            write_result(tmp_path / name, TABLE[:1], record(float("nan")))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_table_that_cannot_be_written_leaves_no_record(tmp_path):
    (tmp_path / "a.h5ad" / "inside").mkdir(parents=True)
    with pytest.raises(InputError, match="writable location"):
        write_result(tmp_path / "a.h5ad", TABLE, record())
    assert names(tmp_path) == {"a.h5ad"}


def test_another_ending_is_refused_with_the_name_that_works(tmp_path):
    with pytest.raises(InputError, match=r"Try a\.h5ad") as caught:
        write_result(tmp_path / "a.csv", TABLE, record())
    assert isinstance(caught.value, InputError) and not names(tmp_path)


@pytest.mark.parametrize("name", ["genes.h5ad", "genes.zarr"])
def test_genes_in_a_file_are_written_elsewhere_by_copying_it(genes, tmp_path, name):
    result = genes(out=tmp_path / name)
    copy = tmp_path / "copies" / name
    assert result.write(copy) == (copy, copy.with_suffix(".run.json"))
    read = anndata.read_zarr if copy.suffix == ".zarr" else anndata.read_h5ad
    np.testing.assert_array_equal(read(copy).X, read(tmp_path / name).X)
    assert json.loads(copy.with_suffix(".run.json").read_text())["task"] == "impute-genes"


def test_genes_in_a_file_keep_it_when_they_are_written_to_it_again(genes, tmp_path):
    out = tmp_path / "genes.h5ad"
    result = genes(out=out)
    whole = out.read_bytes()
    result.record.settings["note"] = "added"
    result.write(out)
    assert out.read_bytes() == whole
    assert json.loads((tmp_path / "genes.run.json").read_text())["settings"]["note"] == "added"


def test_genes_in_a_file_are_not_written_with_another_ending(genes, tmp_path):
    result = genes(out=tmp_path / "genes.zarr")
    with pytest.raises(InputError, match=r"ending in \.zarr"):
        result.write(tmp_path / "copy.h5ad")
    assert not (tmp_path / "copy.h5ad").exists()


def test_a_record_that_fails_takes_a_table_written_block_by_block_with_it(genes, tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        genes(out=tmp_path / "genes.h5ad", recorded={"value": float("nan")})
    assert not names(tmp_path)


def test_a_model_stays_as_it_was_where_its_record_cannot_be_written(tmp_path):
    folder, run = write_model(tmp_path / "model", Weights("old"), record())
    assert run == folder / "run.json" and run.is_file()
    with pytest.raises(ValueError, match="JSON"):
        write_model(folder, Weights("new"), record(float("nan")))
    assert (folder / storage.MANIFEST).read_text() == "old"
    assert names(tmp_path) == {"model"}


def test_a_model_never_replaces_a_folder_of_other_files(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="other files"):
        write_model(tmp_path, Weights("new"), record())
    assert names(tmp_path) == {"notes.txt"}
