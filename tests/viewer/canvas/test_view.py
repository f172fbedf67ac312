"""The view shows the tissue, not the glass around it."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

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
