"""Remedies of readers of SpatialData, loom and zarr."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from napari_spatialrecon.tissue.read import read_adata
from remedies.cases import Step, execute, keywords, remedy, written
from remedies.of_tissue import table
from tissue.formats import (
    test_loom,
    test_zarr_table,
)

F = "tissue/formats/"
Change = Callable[[Path], object]


# SpatialData


ZARR, TABLE = F + "spatialdata_zarr.py", "tissue/sdata/table.py"


def slide(folder: Path, name: str = "good.zarr") -> Path:
    pytest.importorskip("spatialdata")
    from tissue.formats.test_spatialdata_zarr import a_slide

    a_slide().write(folder / name)
    return folder / name


@remedy(ZARR, "Try applying it to the element before it is written, or leaving it out.")
def _bent(tmp_path: Path) -> Iterator[Step]:
    good = slide(tmp_path)
    bad = tmp_path / "bad.zarr"
    shutil.copytree(good, bad)
    path = bad / "shapes" / "spots" / "zarr.json"
    content = json.loads(path.read_text())
    content["attributes"]["coordinateTransformations"][0]["type"] = "displacements"
    written(path, json.dumps(content))
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(ZARR, "Try copying it again, with all of its files.")
def _torn(tmp_path: Path) -> Iterator[Step]:
    good = slide(tmp_path)
    bad = tmp_path / "bad.zarr"
    shutil.copytree(good, bad)
    (bad / "shapes" / "spots" / "shapes.parquet").unlink()
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(
    TABLE,
    'Try sdata["table"] = sdata.aggregate(values="{}", by="{}", value_key="{}", '
    'agg_func="count")["table"].',
)
def _count_points() -> Iterator[Step]:
    spatialdata = pytest.importorskip("spatialdata")
    sdata = spatialdata.datasets.blobs()
    del sdata.tables["table"]
    said = yield lambda: read_adata(sdata)
    yield lambda: (execute(str(said), sdata=sdata), read_adata(sdata))


@remedy(
    TABLE, "Try the table of the platform, as .h5ad, or another object: elements hold no counts."
)
def _only_shapes(tmp_path: Path) -> Iterator[Step]:
    spatialdata = pytest.importorskip("spatialdata")
    sdata = spatialdata.datasets.blobs()
    for names in (sdata.tables, sdata.points):
        for name in list(names):
            del names[name]
    table().write_h5ad(tmp_path / "s.h5ad")
    yield lambda: read_adata(sdata)
    yield lambda: (read_adata(tmp_path / "s.h5ad"), read_adata(spatialdata.datasets.blobs()))


@remedy(TABLE, "Try the object as it was before elements were renamed or cut.")
def _renamed() -> Iterator[Step]:
    pytest.importorskip("spatialdata")
    from tissue.formats.test_spatialdata_zarr import a_slide

    bad = a_slide()
    bad["spots"].index = bad["spots"].index + 1000
    yield lambda: read_adata(bad)
    yield lambda: read_adata(a_slide())


@remedy("tissue/sdata/instances.py", "Try a table that annotates shapes.")
def _volume() -> Iterator[Step]:
    pytest.importorskip("spatialdata")
    from spatialdata.models import Labels2DModel, Labels3DModel

    from napari_spatialrecon.tissue.sdata.instances import instances
    from tissue.formats.test_spatialdata_zarr import a_slide

    volume = Labels3DModel.parse(np.ones((2, 5, 5), int))
    yield lambda: instances(volume, "cells")
    yield lambda: (
        instances(a_slide()["spots"], "spots"),
        instances(Labels2DModel.parse(np.ones((5, 5), int)), "cells"),
    )


@remedy("methods/placement/earlier.py", "Try training the model again.")
def _earlier(tiny: Any, tmp_path: Path) -> Iterator[Step]:
    from dataclasses import replace

    import napari_spatialrecon as sr
    from napari_spatialrecon.methods.placement import earlier

    slides = {"one": tiny.slides[0], "two": tiny.slides[1]}
    reference = sr.train(slides, method="knn").method.reference
    ratios = iter([earlier.SPOT_RATIO, 1.0])
    with pytest.MonkeyPatch.context() as patch:
        name = next(n for n in vars(earlier) if n.startswith("_") and "ratio" in n.lower())
        patch.setattr(earlier, name, lambda *_, **__: next(ratios))
        yield lambda: earlier.in_true_um(reference, tmp_path)
        yield lambda: sr.train(slides, method="knn")
    assert replace


# loom and zarr


LOOM = F + "loom.py"


def loom(folder: Path, name: str, **more: Any) -> Path:
    return test_loom.write_loom(folder / name, **more)


@remedy(LOOM, "Try copying or downloading it again: it seems damaged.")
def _cut_loom(tmp_path: Path) -> Iterator[Step]:
    good, bad = loom(tmp_path, "good.loom"), loom(tmp_path, "bad.loom")
    with h5py.File(bad, "r+") as file:
        del file["row_attrs"]
        file["row_attrs"] = np.zeros(3)
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(LOOM, "Try the file from which it was made.")
def _empty_loom(tmp_path: Path) -> Iterator[Step]:
    good, bad = loom(tmp_path, "good.loom"), loom(tmp_path, "bad.loom")
    with h5py.File(bad, "r+") as file:
        del file["matrix"]
        file["matrix"] = np.zeros((0, 5))
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(LOOM, "Try copying the file again.")
def _short_loom(tmp_path: Path) -> Iterator[Step]:
    good, bad = loom(tmp_path, "good.loom"), loom(tmp_path, "bad.loom")
    with h5py.File(bad, "r+") as file:
        name = next(iter(file["col_attrs"]))
        values = file["col_attrs"][name][:-1]
        del file["col_attrs"][name]
        file["col_attrs"][name] = values
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(LOOM, "Try copying it again.")
def _loom_layer(tmp_path: Path) -> Iterator[Step]:
    good, bad = loom(tmp_path, "good.loom"), loom(tmp_path, "bad.loom")
    with h5py.File(bad, "r+") as file:
        file.require_group("layers")["half"] = np.zeros((2, 2))
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(
    F + "zarr_store.py",
    "Try writing the table again with a current anndata: adata.write_zarr(...).",
)
def _pickles(tmp_path: Path) -> Iterator[Step]:
    bad = test_zarr_table.write(tmp_path / "bad.zarr", 2)
    test_zarr_table.plant(bad / "obs" / "planted", tmp_path / "sprung")
    said = yield lambda: read_adata(bad)
    code = (
        f"Try {str(said).partition('anndata: ')[2].replace('...', repr(str(tmp_path / 'a.zarr')))}"
    )
    yield lambda: (execute(code, adata=table()), read_adata(tmp_path / "a.zarr"))


@remedy(F + "zarr_store.py", "Try copying or downloading it again, with all of its files.")
def _part_of_a_store(tmp_path: Path) -> Iterator[Step]:
    good = test_zarr_table.write(tmp_path / "good.zarr", 3)
    bad = tmp_path / "bad.zarr"
    shutil.copytree(good, bad)
    shutil.rmtree(bad / "obs")
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(F + "zarr_texts.py", "Try copying or downloading it again: it seems damaged.")
def _texts_of_a_store(tmp_path: Path) -> Iterator[Step]:
    good = test_zarr_table.write(tmp_path / "good.zarr", 3)
    bad = test_zarr_table.with_billions_of_texts(tmp_path / "bad.zarr", 3)
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


STORE = "tasks/spatialdata_store.py"


@remedy(STORE, "Try without {}, which writes a new one.")
def _nothing_to_add_to(tmp_path: Path) -> Iterator[Step]:
    pytest.importorskip("spatialdata")
    from napari_spatialrecon.tasks.spatialdata_store import check_target

    target, record = tmp_path / "o.zarr", tmp_path / "o.run.json"
    yield lambda: check_target(target, record, add=True)
    yield lambda: check_target(target, record, add=False)


@remedy(STORE, "Try another name, or {} to add the result to it.")
def _taken_name(tmp_path: Path) -> Iterator[Step]:
    from napari_spatialrecon.tasks.spatialdata_store import check_target

    taken, record = slide(tmp_path), tmp_path / "good.run.json"
    said = yield lambda: check_target(taken, record, add=False)
    add = keywords("Try " + str(said).partition(", or ")[2])
    yield lambda: (
        check_target(tmp_path / "other.zarr", record, add=False),
        check_target(taken, record, **add),
    )


@remedy("tissue/sdata/inputs.py", "Try read_adata(sdata, {}) in place of sdata.")
def _several_tables() -> Iterator[Step]:
    spatialdata = pytest.importorskip("spatialdata")
    import napari_spatialrecon as sr

    sdata = spatialdata.datasets.blobs()
    sdata["other"] = sdata["table"].copy()
    said = yield lambda: sr.histology(sdata)
    code = str(said).removesuffix(" in place of sdata.")
    yield lambda: sr.histology(execute(code, sdata=sdata, read_adata=read_adata))
