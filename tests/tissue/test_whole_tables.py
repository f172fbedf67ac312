"""Tables of many names are read in blocks, and as anndata reads them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_spatialrecon.tissue import whole_tables
from napari_spatialrecon.tissue.read import read_adata
from napari_spatialrecon.tissue.whole_tables import read_whole, texts_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    table = AnnData(rng.poisson(1.0, (50, 4)).astype(np.float32))
    table.obs_names = [f"cell {i} µ" for i in range(50)]
    table.obs["name"] = [f"n{i}" for i in range(50)]
    table.obs["kind"] = pd.Categorical(rng.choice(["a", "b"], 50))
    table.obs["flag"] = pd.array([True, None] * 25, dtype="boolean")
    table.obsm["spatial"] = rng.normal(size=(50, 2))
    table.layers["counts"] = table.X.copy()
    table.raw = table[:, :3].copy()
    table.uns["of"] = {"names": np.array([f"t{i}" for i in range(60)], object), "n": 3}
    table.write_h5ad(tmp_path / "a.h5ad")
    return tmp_path / "a.h5ad"


def test_a_table_is_what_anndata_reads(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = anndata.read_h5ad(path)
    monkeypatch.setattr(whole_tables, "TEXTS", 7)
    monkeypatch.setattr(anndata, "read_h5ad", lambda path: pytest.fail("left to anndata"))
    found = read_whole(path)
    pd.testing.assert_frame_equal(found.obs, whole.obs)
    pd.testing.assert_frame_equal(found.var, whole.var)
    pd.testing.assert_frame_equal(found.raw.var, whole.raw.var)
    for name in ("X", "layers/counts", "obsm/spatial", "raw/X", "uns/of/names", "uns/of/n"):
        one, other = found, whole
        for key in name.split("/"):
            one, other = (
                getattr(held, key) if hasattr(held, key) else held[key] for held in (one, other)
            )
        np.testing.assert_array_equal(one, other, strict=True)


def test_a_table_without_raw_counts_has_none(tmp_path: Path) -> None:
    AnnData(np.ones((3, 2), np.float32)).write_h5ad(tmp_path / "a.h5ad")
    assert read_whole(tmp_path / "a.h5ad").raw is None


def test_texts_are_read_a_block_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_tables, "TEXTS", 7)
    sizes: list[int] = []
    shown = h5py.Dataset.asstr

    class Counted:
        def __init__(self, stored: h5py.Dataset) -> None:
            self.stored = stored

        def __getitem__(self, part: object) -> np.ndarray:
            found: np.ndarray = shown(self.stored)[part]
            sizes.append(len(found))
            return found

    monkeypatch.setattr(h5py.Dataset, "asstr", lambda stored: Counted(stored))
    with h5py.File(path) as file:
        found = texts_of(file["obs/_index"])
    assert found.tolist() == [f"cell {i} µ" for i in range(50)] and max(sizes) == 7


def test_an_older_file_is_left_to_anndata(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(path, "r+") as file:
        del file.attrs["encoding-type"]
    asked: list[Path] = []
    monkeypatch.setattr(anndata, "read_h5ad", asked.append)
    assert read_whole(path) is None and asked == [path]


def test_a_table_of_repeated_names_is_read_without_a_word(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`validate` says which names repeat; hashing a million of them here would hold the window."""
    with h5py.File(path, "r+") as file:
        names = file["obs"][file["obs"].attrs["_index"]]
        names[1] = names[0]
    monkeypatch.setattr(AnnData, "_check_uniqueness", lambda self: pytest.fail("names are hashed"))
    assert read_adata(path).obs_names[:2].tolist() == ["cell 0 µ"] * 2


def test_another_thread_reads_between_the_parts_of_a_table(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that waits for h5py's lock may hold what a part needs: neither would ever go on."""
    original, others = whole_tables._read, []

    def read(read: Any, name: str, stored: Any, *, iospec: Any) -> Any:
        if name in ("/obs", "/X", "/raw/X"):
            other = threading.Thread(target=h5py.is_hdf5, args=(str(path),), daemon=True)
            other.start()
            other.join(10.0)
            others.append((name, other.is_alive()))
        return original(read, name, stored, iospec=iospec)

    monkeypatch.setattr(whole_tables, "_read", read)
    assert read_whole(path).n_obs == 50
    assert sorted(others) == [("/X", False), ("/obs", False), ("/raw/X", False)]
