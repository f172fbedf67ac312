from __future__ import annotations

import anndata
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.align.layers import AlignSession
from napari_spatialrecon.viewer.canvas.layers import (
    histology_layer,
    spots_layer,
    to_adata,
    um_per_layer_unit,
)
from napari_spatialrecon.viewer.canvas.tiles import shift_of, tile_of
from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.workspace.tiling import free_corner
from napari_spatialrecon.viewer.workspace.workspace import Workspace


def slide(um: float | None = 0.3) -> anndata.AnnData:
    adata = anndata.AnnData(X=np.ones((9, 2), np.float32))
    adata.obsm["spatial"] = np.random.default_rng(0).uniform(0, 1000, (9, 2))
    if um is not None:
        adata.uns["spatialrecon"] = {"unit": "px", "um_per_unit": um}
    return adata


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def space(viewer: ViewerModel) -> Workspace:
    return Workspace(viewer, memory=Memory({}))


def show(viewer: ViewerModel, name: str, um: float | None = 0.3) -> object:
    made = spots_layer(slide(um), name=name, metadata={"slide": name})
    return viewer._add_layer_from_data(*made)[0]


def box(layer: object) -> np.ndarray:
    return np.asarray(layer.extent.world)


def test_slides_lie_side_by_side_and_are_saved_to_the_byte(
    viewer: ViewerModel, space: Workspace
) -> None:
    layers = [show(viewer, name) for name in ("C2", "C3", "C5")]
    for i, one in enumerate(layers):
        for other in layers[i + 1 :]:
            apart = (box(one)[1] < box(other)[0]) | (box(other)[1] < box(one)[0])
            assert apart.any(), "they do not overlap"
        assert to_adata(one).obsm["spatial"].tobytes() == slide().obsm["spatial"].tobytes()
    space.tiling.on = False
    assert all(np.allclose(box(layer), box(layers[0])) for layer in layers)
    space.tiling.on = True
    assert not np.allclose(box(layers[1]), box(layers[0]))


def test_a_slide_that_was_moved_is_read_where_it_lies_on_its_tile(
    viewer: ViewerModel, space: Workspace
) -> None:
    show(viewer, "C2")
    layer = show(viewer, "C3")
    matrix = np.array(layer.affine.affine_matrix)
    matrix[:2, 2] += (30.0, 60.0)
    layer.affine = matrix
    expected = slide().obsm["spatial"] + np.array([60.0, 30.0]) / 0.3
    np.testing.assert_allclose(to_adata(layer).obsm["spatial"], expected)
    layer._reset_affine()
    np.testing.assert_allclose(to_adata(layer).obsm["spatial"], slide().obsm["spatial"])


def test_a_slide_of_unknown_scale_keeps_the_unit_of_the_canvas(
    viewer: ViewerModel, space: Workspace
) -> None:
    show(viewer, "C2")
    layer = show(viewer, "unknown", None)
    assert viewer.layers.units is not None, "napari draws all in µm"
    assert um_per_layer_unit(layer) is None and space.of_layer(layer).needs_scale
    assert layer.metadata[OURS]["unit"] == "unit", "it is not taken for µm"
    foreign = viewer.add_image(np.zeros((50, 50, 3), np.uint8))
    assert str(foreign.units[-1]) == "micrometer" and um_per_layer_unit(foreign) is None
    space.set_scale(space.of_layer(layer), 5.0)
    assert um_per_layer_unit(layer) == 1.0
    np.testing.assert_allclose(to_adata(layer).obsm["spatial"], slide().obsm["spatial"])


def test_an_aligned_slide_lies_on_the_tile_of_the_image(
    viewer: ViewerModel, space: Workspace
) -> None:
    from napari_spatialrecon.geometry.maps.transforms import Transform
    from napari_spatialrecon.tissue.images import Histology

    layer = show(viewer, "C2")
    picture = Histology([np.zeros((300, 300, 3), np.uint8)], 1.0, "C3", 1.0)
    made = histology_layer(picture, 1.0, metadata={"slide": "C3"})
    image = viewer._add_layer_from_data(*made)[0]
    session = AlignSession(viewer, layer, image)
    onto = np.eye(3)
    onto[:2, 2] = shift_of(image)[::-1] - shift_of(layer)[::-1]
    session.model.start(Transform("affine", onto))
    session.show()
    assert tile_of(layer) == tile_of(image)
    np.testing.assert_allclose(to_adata(layer).obsm["spatial"], slide().obsm["spatial"])
    space.tiling.changed.connect(session.follow)
    space.tiling.on = False
    session.show()
    np.testing.assert_allclose(to_adata(layer).obsm["spatial"], slide().obsm["spatial"])
    session.model.undo()
    session.show()
    assert tile_of(layer).of == "C2"
    np.testing.assert_allclose(to_adata(layer).obsm["spatial"], slide().obsm["spatial"])


def test_many_slides_make_rows() -> None:
    taken = np.array([[[0.0, 0.0], [100.0, 100.0]]])
    for _ in range(11):
        corner = free_corner(taken, np.array([100.0, 100.0]))
        taken = np.concatenate([taken, [[corner, corner + 100.0]]])
    height, width = taken[:, 1].max(axis=0)
    assert 1.0 <= width / height < 2.0
