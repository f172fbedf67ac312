"""Remedies of the window, followed without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from anndata import AnnData
from napari.layers import Layer, Points

from napari_spatialrecon.viewer.align import files, layers
from napari_spatialrecon.viewer.align.layers import AlignSession
from napari_spatialrecon.viewer.align.model import AlignModel
from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.canvas.layers import cells_layer, layer_coordinates
from napari_spatialrecon.viewer.canvas.point_values import names, values
from napari_spatialrecon.viewer.figure.page import Chosen, page_of
from napari_spatialrecon.viewer.figure.writing import write_figure
from napari_spatialrecon.viewer.landmarks.layers import LandmarksSession
from napari_spatialrecon.viewer.landmarks.model import LandmarksModel
from napari_spatialrecon.viewer.reader import read
from napari_spatialrecon.viewer.window.face import Window
from napari_spatialrecon.viewer.writer import write_points
from remedies.cases import Step, remedy
from remedies.of_images import stained
from remedies.of_tissue import table

FACE = Window()
ALIGN, MARKS = "viewer/align/layers.py", "viewer/landmarks/model.py"


def shown(file: str, *texts: str) -> Any:
    return remedy(file, *texts, face=FACE)


def raising(error: Exception) -> None:
    raise error


def session(viewer: Any) -> AlignSession:
    return AlignSession(viewer, viewer.layers["cortex 1 spots"], viewer.layers["cortex 1 H&E"])


def click_pairs(made: AlignSession, *rows: int) -> None:
    for row in rows:
        at = made.model.moved[row]
        made.model.click(at)
        made.model.click(at + 5.0)


# Align to histology


@shown("viewer/align/files.py", "Try setting some, or saving a matrix.")
def _no_pairs(viewer: Any, space: Any, tmp_path: Path) -> Iterator[Step]:
    made = session(viewer)

    def save(form: str) -> None:
        files.save_alignment(
            made, lambda: layers.aligned_table(space, made, "spots"), tmp_path / "a.csv", form
        )

    yield lambda: save("pairs")
    yield lambda: (save("matrix"), click_pairs(made, 3, 30, 60), save("pairs"))


@shown(ALIGN, "Try a layer of spots or cells.")
def _no_points(viewer: Any, space: Any) -> Iterator[Step]:
    image = viewer.layers["cortex 1 H&E"]
    yield lambda: AlignSession(viewer, Points(np.zeros((4, 3)), ndim=3), image)
    yield lambda: session(viewer)


@shown(ALIGN, "Try File > Save for the points, or open the table itself.")
def _no_table(viewer: Any, space: Any, tmp_path: Path) -> Iterator[Step]:
    image = viewer.layers["cortex 1 H&E"]
    bare = viewer.add_points(np.random.default_rng(0).uniform(0, 500, (9, 2)), name="bare")
    yield lambda: layers.layer_table(space, AlignSession(viewer, bare, image))

    def follow() -> None:
        path = tmp_path / "p.h5ad"
        write_points(str(path), *bare.as_layer_data_tuple()[:2])
        for one in read(str(path)):
            layer = viewer.add_layer(Layer.create(*one))
        layers.layer_table(space, AlignSession(viewer, layer, image))

    yield follow


@shown(ALIGN, "Try entering its µm per pixel.")
def _no_scale(viewer: Any, space: Any) -> Iterator[Step]:
    image = viewer.add_image(stained(), name="scan", rgb=True)
    spots = viewer.layers["cortex 1 spots"]
    yield lambda: layers.image_table(space, AlignSession(viewer, spots, image))

    def follow() -> None:
        space.set_scale(space.of_layer(image), "0.5")
        layers.image_table(space, AlignSession(viewer, spots, image))

    yield follow


@shown(ALIGN, "Try the layer as it was when opened.")
def _fewer_points(viewer: Any, space: Any) -> Iterator[Step]:
    layer = viewer.layers["cortex 1 spots"]
    whole = np.asarray(layer.data).copy()

    def align(data: np.ndarray) -> None:
        layer.data = data
        made = session(viewer)
        click_pairs(made, 3, 20, 40)
        layers.aligned_table(space, made, "spots")

    yield lambda: align(whole[:-2])
    yield lambda: align(whole)


@shown("viewer/align/model.py", "Try a position within the image.")
def _outside() -> Iterator[Step]:
    made = AlignModel(np.random.default_rng(0).uniform(0, 9, (9, 2)), np.array([[0, 0], [9, 9]]))
    made.click(np.array([1.0, 1.0]))
    yield lambda: made.click(np.array([50.0, 1.0]))
    yield lambda: made.click(np.array([5.0, 1.0]))


# Canvas


@shown("viewer/canvas/colors.py", "Try values in the order of the layer's points.")
def _values() -> Iterator[Step]:
    layer = Points(np.zeros((5, 2)))
    yield lambda: set_point_colors(layer, np.arange(4.0))
    yield lambda: set_point_colors(layer, np.arange(5.0))


@shown("viewer/canvas/layers.py", "Try one plane of it.")
def _volume() -> Iterator[Step]:
    data = np.random.default_rng(0).uniform(0, 9, (5, 3))
    yield lambda: layer_coordinates(Points(data, ndim=3))
    yield lambda: layer_coordinates(Points(data[:, 1:]))


@shown("viewer/canvas/point_values.py", "Try typing a part of the name and choosing from the list.")
def _no_value() -> Iterator[Step]:
    adata = table()
    adata.obs["domain"] = "a"
    yield lambda: values(adata, "dom")
    columns, genes = names(adata)
    yield lambda: [values(adata, name) for name in (*columns, *genes)]


# Landmarks


def placed_layer(n: int = 60) -> Points:
    places = np.random.default_rng(0).uniform(0, 500, (n, 2))
    adata = AnnData(np.ones((n, 3), np.float32), obsm={"spatial": places, "X_layout": places - 250})
    adata.obs_names = [f"c{i}" for i in range(n)]
    adata.obs["placement_uncertainty"] = 1.0
    adata.uns["spatialrecon"] = {"unit": "um"}
    layer = Layer.create(*cells_layer(adata, name="cells"))
    assert isinstance(layer, Points)
    return layer


@shown("viewer/landmarks/layers.py", "Try a result of Place cells.")
def _not_placed(viewer: Any) -> Iterator[Step]:
    bare = Points(np.zeros((5, 2)))
    yield lambda: LandmarksSession(viewer, bare, None)
    yield lambda: LandmarksSession(viewer, viewer.add_layer(placed_layer()), None)


@shown("viewer/landmarks/layers.py", "Try a layer of the same cells.")
def _other_cells(viewer: Any) -> Iterator[Step]:
    made = LandmarksSession(viewer, viewer.add_layer(placed_layer()), None)
    other = table(60)
    other.obs_names = [f"o{i}" for i in range(60)]
    stranger = Layer.create(*cells_layer(other, name="others"))
    yield lambda: made.from_layer(stranger)
    yield lambda: made.from_layer(placed_layer(40))


def landmarks() -> LandmarksModel:
    places = np.random.default_rng(0).uniform(0, 100, (50, 2))
    cells = np.array([f"c{i}" for i in range(50)])
    return LandmarksModel(cells, places, places, np.ones(50), np.array([[0, 0], [100, 100]]))


@shown(MARKS, "Try 10, or 100.")
def _weight() -> Iterator[Step]:
    made = landmarks()
    made.set_place(3, np.array([5.0, 5.0]))
    yield lambda: made.set_hard(0, False, weight=0.0)
    yield lambda: [made.set_hard(0, False, weight=weight) for weight in (10.0, 100.0)]


@shown(MARKS, "Try another position.")
def _nowhere() -> Iterator[Step]:
    made = landmarks()
    yield lambda: made.set_place(3, np.array([np.nan, 5.0]))
    yield lambda: made.set_place(3, np.array([5.0, 5.0]))


@shown(MARKS, "Try a position within the image.")
def _beside() -> Iterator[Step]:
    made = landmarks()
    yield lambda: made.set_place(3, np.array([500.0, 5.0]))
    yield lambda: made.set_place(3, np.array([50.0, 5.0]))


# Figures


@shown("viewer/figure/page.py", "Try ticking a layer, or what the window shows.")
def _no_panels(viewer: Any, space: Any) -> Iterator[Step]:
    yield lambda: page_of(viewer, [])
    yield lambda: page_of(viewer, [Chosen(None)])


@shown("viewer/figure/page.py", "Try showing a layer first, or another one.")
def _nothing_drawn(viewer: Any, space: Any) -> Iterator[Step]:
    for layer in viewer.layers:
        layer.visible = False
    yield lambda: page_of(viewer, [Chosen(None)])
    viewer.layers["cortex 1 spots"].visible = True
    yield lambda: page_of(viewer, [Chosen(None)])


@shown("viewer/figure/writing.py", "Try {}.")
def _no_such_figure(viewer: Any, space: Any, tmp_path: Path) -> Iterator[Step]:
    made = page_of(viewer, [Chosen(None)], width_mm=85.0)
    said = yield lambda: write_figure(made, tmp_path / "figure.tiff")
    yield lambda: write_figure(made, tmp_path / said.removeprefix("Try ").removesuffix("."))
