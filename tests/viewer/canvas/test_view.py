"""The view shows the tissue, not the glass around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QWidget

from napari_spatialrecon.tissue.slots import UNCERTAINTY
from napari_spatialrecon.viewer.canvas.view import show_tissue

SPOTS = np.array([[300.0, 400.0], [500.0, 700.0]])


@pytest.fixture
def slide(viewer: ViewerModel) -> ViewerModel:
    viewer.add_image(np.zeros((2000, 1500)), name="H&E")
    viewer.add_points(SPOTS, name="spots", size=1)
    return viewer


def seen(viewer: ViewerModel) -> np.ndarray:
    """Return the (height, width) of the world that the canvas shows."""
    show_tissue(viewer)
    return np.array(viewer.canvas.size) / viewer.scene.camera.zoom


@pytest.mark.parametrize("visible", [True, False])
def test_the_spots_fill_the_canvas(slide: ViewerModel, visible: bool) -> None:
    slide.layers["spots"].visible = visible
    assert (seen(slide) >= [200, 300]).all() and seen(slide).min() < 500
    np.testing.assert_allclose(slide.scene.camera.center[-2:], SPOTS.mean(axis=0), atol=1)


def test_placed_cells_have_more_room_for_the_rim_of_the_tissue(slide: ViewerModel) -> None:
    spots = seen(slide)
    slide.layers["spots"].features = {UNCERTAINTY: [30.0, 40.0]}
    assert (seen(slide) > 1.05 * spots).all()


def test_an_image_without_spots_is_shown_whole(slide: ViewerModel) -> None:
    slide.add_image(np.zeros((800, 800)), translate=(0, 1600))
    assert seen(slide)[1] >= 2000
    slide.layers.remove("spots")
    assert seen(slide)[0] >= 2000


def test_a_hidden_slide_is_not_looked_for(slide: ViewerModel) -> None:
    slide.add_points(SPOTS + np.array([0, 9000]), visible=False)
    assert seen(slide).max() < 1000


@pytest.mark.parametrize("moved", [False, True])
def test_the_tissue_stays_in_sight_as_docks_take_room_unless_the_view_was_moved(
    make_napari_viewer: Any, qtbot: Any, moved: bool
) -> None:
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_points(SPOTS, size=1)
    show_tissue(viewer)
    if moved:
        viewer.scene.camera.center = (0.0, 350.0, 500.0)
    before = viewer.canvas.size
    dock = QWidget()
    dock.setMinimumWidth(400)
    viewer.window.add_dock_widget(dock, area="right")
    qtbot.waitUntil(lambda: viewer.canvas.size[1] < before[1] - 200)
    qtbot.wait(200)
    corners = layer.corner_pixels
    inside = (corners[0] < SPOTS[0]).all() and (corners[1] > SPOTS[1]).all()
    assert inside is not moved
