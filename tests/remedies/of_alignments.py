"""Remedies of alignments and regions of other tools."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anndata import AnnData

import napari_spatialrecon as sr
from napari_spatialrecon.tissue.alignments import loupe, qupath, spatialdata_landmarks, xenium
from napari_spatialrecon.tissue.alignments.forms import read_alignment, sniff_form
from napari_spatialrecon.tissue.alignments.frames import Frames
from remedies.cases import Step, command, execute, keywords, remedy, written
from remedies.of_tasks import aligned
from remedies.of_tissue import table

FORMS, FRAMES = "tissue/alignments/forms.py", "tissue/alignments/frames.py"
LOUPE, QUPATH = "tissue/alignments/loupe.py", "tissue/alignments/qupath.py"
MARKS, XENIUM = "tissue/alignments/spatialdata_landmarks.py", "tissue/alignments/xenium.py"
PX = Frames(0.5, 1.0)
MATRIX = "2,0,5\n0,2,7\n0,0,1\n"
SQUARE = [[-9e5, -9e5], [9e5, -9e5], [9e5, 9e5], [-9e5, 9e5], [-9e5, -9e5]]


def geojson(folder: Path, ring: Any = SQUARE) -> Path:
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}}
    return written(folder / "a.geojson", json.dumps({"features": [feature]}))


@remedy(FORMS, "Try the full path; a drive may not be mounted.")
def _no_file(tmp_path: Path) -> Iterator[Step]:
    yield lambda: sniff_form("alignment_that_is_not_here.csv")
    yield lambda: sniff_form(written(tmp_path / "alignment.csv", MATRIX).resolve())


@remedy(FORMS, "Try 'spatialrecon annotate', or sr.add_regions.")
def _regions(tmp_path: Path) -> Iterator[Step]:
    path, slide = geojson(tmp_path), table()
    slide.write_h5ad(tmp_path / "s.h5ad")
    yield lambda: read_alignment(path, slide)
    words = ["annotate", "--geojson", path, "--slide", tmp_path / "s.h5ad"]
    yield lambda: (
        sr.add_regions(slide, path),
        command(*words, "--out", tmp_path / "o.h5ad"),
    )


@remedy(FORMS, "Try {}.")
def _form(tmp_path: Path) -> Iterator[Step]:
    adata = aligned()
    said = yield lambda: sr.write_alignment(adata, tmp_path / "a.csv", form="magic")  # type: ignore[arg-type]
    yield lambda: sr.write_alignment(adata, tmp_path / "a.csv", **keywords(str(said)))


@remedy(FRAMES, "Try {} with the slide that has the image.")
def _image(tmp_path: Path) -> Iterator[Step]:
    cells = table(spatialrecon={"unit": "um"})
    other = table(spatial={"A": {"metadata": {"um_per_fullres_px": 0.5}}})
    yield lambda: Frames.of(cells)
    yield lambda: Frames.of(cells, ref=other)


@remedy(FRAMES, "Try {} for the slide.")
def _scale(tmp_path: Path) -> Iterator[Step]:
    path, cells = written(tmp_path / "m.csv", MATRIX), table()
    said = yield lambda: read_alignment(path, cells)
    code = str(said).replace("...", "0.5").partition(" for")[0]
    yield lambda: (execute(code, adata=cells), read_alignment(path, cells))


@remedy(FRAMES, "Try {}.")
def _spline(tmp_path: Path) -> Iterator[Step]:
    scaled = {"spatialrecon": {"um_per_unit": 0.5}}
    corners = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0], [90.0, 80.0]])

    def write(model: str) -> None:
        made = sr.align_by_landmarks(table(**scaled), corners * 2, corners, model=model)
        sr.write_alignment(made.adata, tmp_path / "matrix.csv")

    said = yield lambda: write("thin-plate")
    yield lambda: write(**keywords(str(said)))


def visium() -> AnnData:
    adata = table()
    adata.obs["array_row"], adata.obs["array_col"] = np.divmod(np.arange(30), 6)
    return adata


def spots(folder: Path, shift: int = 0) -> Path:
    found = [
        {"row": i // 6 + shift, "col": i % 6, "imageX": float(x), "imageY": float(y)}
        for i, (x, y) in enumerate(table().obsm["spatial"] * 2)
    ]
    return written(folder / "V1.json", json.dumps({"oligo": found}))


@remedy(LOUPE, "Try the alignment of the slide's own capture area.")
def _other_area(tmp_path: Path) -> Iterator[Step]:
    yield lambda: loupe.read_loupe(spots(tmp_path, 50), visium(), PX)
    yield lambda: loupe.read_loupe(spots(tmp_path), visium(), PX)


@remedy(LOUPE, 'Try the .json that Loupe Browser exports under "Fiducial alignment".')
def _no_loupe(tmp_path: Path) -> Iterator[Step]:
    yield lambda: loupe.read_loupe(written(tmp_path / "a.json", "{}"), visium(), PX)
    yield lambda: loupe.read_loupe(spots(tmp_path), visium(), PX)


@remedy(LOUPE, "Try opening the slide from its Space Ranger folder.")
def _no_array(tmp_path: Path, realdata: Path) -> Iterator[Step]:
    yield lambda: loupe.read_loupe(spots(tmp_path), table(), PX)

    def follow() -> None:
        slide = sr.read_adata(realdata / "platforms" / "visium_seurat")
        path = loupe.write_loupe(
            loupe.Transform.identity(), tmp_path / "own.json", slide, Frames(None, 1.0)
        )
        loupe.read_loupe(path, slide, Frames(None, 1.0))

    yield follow


@remedy("tissue/sdata/library.py", 'Try: pip install "napari-spatialrecon[spatialdata]"')
def _not_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    """Where the extra is installed it is found."""
    from napari_spatialrecon.tissue.sdata.library import library

    with_it = sys.modules.get("spatialdata")
    monkeypatch.setitem(sys.modules, "spatialdata", None)
    yield library
    if with_it is None:
        monkeypatch.delitem(sys.modules, "spatialdata")
    else:
        monkeypatch.setitem(sys.modules, "spatialdata", with_it)
    yield library


@remedy(QUPATH, "Try {}.")
def _column(tmp_path: Path) -> Iterator[Step]:
    slide = sr.add_regions(table(), geojson(tmp_path))
    with pytest.raises(sr.InputError) as caught:
        sr.write_regions(slide, tmp_path / "o.geojson", column="magic")
    sr.write_regions(slide, tmp_path / "o.geojson", **keywords(caught.value.remedy))
    said = yield lambda: sr.add_regions(slide, tmp_path / "a.geojson")
    yield lambda: sr.add_regions(slide, tmp_path / "a.geojson", **keywords(str(said)))


@remedy(
    QUPATH,
    "Try exporting them from the full-resolution image that the slide was aligned to.",
)
def _elsewhere(tmp_path: Path) -> Iterator[Step]:
    ring = np.array([[0.0, 0.0], [9.0, 0.0], [9.0, 9.0]]) - 1e4
    yield lambda: sr.add_regions(table(), geojson(tmp_path, ring.tolist()))
    yield lambda: sr.add_regions(table(), geojson(tmp_path))


@remedy(QUPATH, "Try a table with labels.")
def _no_labels(tmp_path: Path) -> Iterator[Step]:
    yield lambda: sr.write_regions(table(), tmp_path / "o.geojson", column="type")
    labelled = table()
    labelled.obs["type"] = "A"
    yield lambda: sr.write_regions(labelled, tmp_path / "o.geojson", column="type")


@remedy(QUPATH, "Try QuPath's File > Object data > Export as GeoJSON.")
def _no_geojson(tmp_path: Path) -> Iterator[Step]:
    yield lambda: qupath.read_regions(written(tmp_path / "a.geojson", "{}"))
    yield lambda: qupath.read_regions(geojson(tmp_path))


def store(path: Path, **points: np.ndarray) -> Path:
    spatialdata = pytest.importorskip("spatialdata")
    from spatialdata.models import PointsModel

    spatialdata.SpatialData(
        points={name: PointsModel.parse(xy) for name, xy in points.items()}
    ).write(path, overwrite=True)
    return path


CORNERS = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])


@remedy(MARKS, "Try opening it with napari-spatialdata and saving the landmarks again.")
def _damaged(tmp_path: Path) -> Iterator[Step]:
    pytest.importorskip("spatialdata")
    (tmp_path / "bad.zarr").mkdir()
    good = store(tmp_path / "good.zarr", landmarks_query=CORNERS, landmarks_ref=CORNERS)
    yield lambda: spatialdata_landmarks.read_elements(tmp_path / "bad.zarr")
    yield lambda: spatialdata_landmarks.read_elements(good)


@remedy(MARKS, "Try saving both sets of landmarks in napari-spatialdata.")
def _one_set(tmp_path: Path) -> Iterator[Step]:
    one = store(tmp_path / "one.zarr", landmarks_query=CORNERS)
    both = store(tmp_path / "both.zarr", landmarks_query=CORNERS, landmarks_ref=CORNERS)
    yield lambda: spatialdata_landmarks.read_elements(one)
    yield lambda: spatialdata_landmarks.read_elements(both)


@remedy(MARKS, "Try setting the missing points in napari-spatialdata.")
def _fewer(tmp_path: Path) -> Iterator[Step]:
    fewer = store(tmp_path / "f.zarr", landmarks_query=CORNERS, landmarks_ref=CORNERS[:2])
    all_set = store(tmp_path / "a.zarr", landmarks_query=CORNERS, landmarks_ref=CORNERS)
    yield lambda: spatialdata_landmarks.read_elements(fewer)
    yield lambda: spatialdata_landmarks.read_elements(all_set)


@remedy(MARKS, "Try landmarks set in a points layer.")
def _polygons(tmp_path: Path) -> Iterator[Step]:
    spatialdata = pytest.importorskip("spatialdata")
    from shapely import Polygon
    from spatialdata.models import PointsModel, ShapesModel

    geopandas = pytest.importorskip("geopandas")
    drawn = ShapesModel.parse(geopandas.GeoDataFrame(geometry=[Polygon(CORNERS)]))
    points = {"landmarks_ref": PointsModel.parse(CORNERS)}
    sdata = spatialdata.SpatialData(points=points, shapes={"landmarks_query": drawn})
    clicked = spatialdata.SpatialData(
        points={**points, "landmarks_query": PointsModel.parse(CORNERS)}
    )
    yield lambda: spatialdata_landmarks.pairs_of(sdata)
    yield lambda: spatialdata_landmarks.pairs_of(clicked)


DOWNLOADED = "Try the matrix.csv that Xenium Explorer downloads with the alignment."


@remedy(XENIUM, DOWNLOADED)
def _no_matrix(tmp_path: Path) -> Iterator[Step]:
    with pytest.raises(sr.InputError, match="CSV file"):
        xenium.read_matrix(written(tmp_path / "empty.csv", ""), PX)
    yield lambda: xenium.read_matrix(written(tmp_path / "m.csv", "1,2\n3,4\n"), PX)
    yield lambda: xenium.read_matrix(written(tmp_path / "m.csv", MATRIX), PX)


@remedy(XENIUM, "Try downloading the alignment again.")
def _singular(tmp_path: Path) -> Iterator[Step]:
    yield lambda: xenium.read_matrix(written(tmp_path / "m.csv", "1,1,0\n1,1,0\n0,0,1\n"), PX)
    yield lambda: xenium.read_matrix(written(tmp_path / "m.csv", MATRIX), PX)
