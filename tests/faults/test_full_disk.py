"""A disk that is full after any number of bytes: an error, the old file whole, nothing new."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import anndata
import numpy as np
import pytest
import scipy.sparse as sp
from anndata import AnnData

from faults.disk import Disk
from napari_spatialrecon import hdf5
from napari_spatialrecon.errors import WriteError
from napari_spatialrecon.tasks import room
from napari_spatialrecon.tasks.gene_table import table_on_disk
from napari_spatialrecon.tasks.writing import write_result
from napari_spatialrecon.tissue.h5ad import write_h5ad
from napari_spatialrecon.training.checkpoint import save_checkpoint

#: Parts of a file after which the disk ends: its first bytes, spread over it, and its last ones.
PARTS = (0.0, 1e-4, 0.01, 0.1, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99, 0.999, 0.9999)


def table(n: int = 300) -> AnnData:
    rng = np.random.default_rng(0)
    made = AnnData(sp.random(n, 200, 0.2, format="csr", dtype=np.float32, random_state=0))
    made.obs["kind"] = rng.choice(["one", "two", "three"], n)
    made.obsm["spatial"] = rng.normal(size=(n, 2))
    made.uns["note"] = {"text": "µm", "value": 1.0}
    return made


def result(path: Path) -> None:
    write_result(path.with_suffix(".h5ad"), table(), {"task": "place"})


def store(path: Path) -> None:
    write_result(path.with_suffix(".zarr"), table(60), {"task": "place"})


def genes(path: Path) -> None:
    with table_on_disk(path.with_suffix(".h5ad"), 300, 40) as stored:
        for start in range(0, 40, 8):
            values = np.random.default_rng(start).normal(size=(300, 8)).astype(np.float32)
            stored.put(range(start, start + 8), values, values**2)
        header = AnnData(obs=table().obs)
        stored.finish(header)


def model(path: Path) -> None:
    weights = {"a": np.random.default_rng(0).normal(size=(40, 40))}
    save_checkpoint(path, method="knn", config={}, tensors=weights, genes=["A"])


def written_whole(write, tmp_path: Path) -> tuple[Path, Disk]:
    """Write to a disk without an end; return where, and the disk, which tells how much it took."""
    target = tmp_path / "disk" / "a"
    target.parent.mkdir()
    whole = Disk(target.parent)
    with pytest.MonkeyPatch.context() as patch:
        whole.insert(patch)
        write(target)
    return target, whole


@pytest.mark.parametrize("write", [result, store, genes, model], ids=lambda f: f.__name__)
def test_the_disk_ends_after_any_number_of_bytes(write, tmp_path):
    target, whole = written_whole(write, tmp_path)
    before = content(target.parent)
    assert before and whole.used > 1000, "the disk sees what is written"
    parts = PARTS[::4] if write is store else PARTS  # each part of a store is a file of its own
    for size in sorted({int(part * whole.used) for part in parts}):
        disk = Disk(target.parent, size)
        with pytest.MonkeyPatch.context() as patch:
            disk.insert(patch)
            with pytest.raises(WriteError, match="the disk full"):
                write(target)
        assert disk.refused
        assert content(target.parent) == before, f"changed when the disk ended at {size}"
    for path in target.parent.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.MonkeyPatch.context() as patch:
        Disk(target.parent, whole.used // 2).insert(patch)
        with pytest.raises(WriteError):
            write(target)
    assert not content(target.parent)


@pytest.mark.parametrize("write", [result, store, genes, model], ids=lambda f: f.__name__)
@pytest.mark.parametrize("fault", ["quota", "removed drive"])
def test_a_quota_ends_or_a_drive_is_taken_away(write, tmp_path, fault):
    target, whole = written_whole(write, tmp_path)
    before, removed = content(target.parent), fault == "removed drive"
    error, told = (
        (errno.EIO, "writable location, found: Input/output error")
        if removed
        else (errno.EDQUOT, "the disk full")
    )
    disk = Disk(target.parent, whole.used // 2, error=error, removed=removed)
    with pytest.MonkeyPatch.context() as patch:
        disk.insert(patch)
        with pytest.raises(WriteError, match=told):
            write(target)
    if removed:
        assert not target.parent.exists(), "made anew where the drive had been"
        disk.away.rename(target.parent)
    after = content(target.parent)
    left = {name for name in after if ".tmp" in name} if removed else set()
    assert {name: after[name] for name in {*after} - left} == before


def content(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_table_is_the_one_that_anndata_writes(tmp_path):
    adata = table()
    write_h5ad(tmp_path / "a.h5ad", adata, packed=True)
    adata.write_h5ad(tmp_path / "b.h5ad")
    ours, theirs = (anndata.read_h5ad(tmp_path / name) for name in ("a.h5ad", "b.h5ad"))
    assert (ours.X != theirs.X).nnz == 0
    assert ours.obs.equals(theirs.obs)
    np.testing.assert_array_equal(ours.obsm["spatial"], theirs.obsm["spatial"])
    assert ours.uns["note"] == theirs.uns["note"]


def test_an_error_that_is_not_of_the_disk_is_raised_as_it_is(tmp_path):
    with pytest.raises(KeyError, match="mine"), hdf5.created(tmp_path / "a.h5") as file:
        file["x"] = np.arange(9)
        raise KeyError("mine")


def test_a_run_whose_result_cannot_fit_is_refused_before_it_starts(tmp_path, monkeypatch):
    needed = room.table_bytes(table())
    assert 20_000 < needed < 500_000
    free = SimpleNamespace(free=int(0.5 * needed))
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: free)
    found = room.room(tmp_path / "new" / "a.h5ad", needed)
    assert found.is_short and found.where == tmp_path
    found.require()
    free.free = int(0.1 * needed)
    with pytest.raises(WriteError, match="of free disk space for the result"):
        room.room(tmp_path / "a.h5ad", needed).require()
