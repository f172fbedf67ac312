from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Points
from napari.utils.colormaps.standardize_color import transform_color

from napari_spatialrecon.viewer.canvas.coloring import color_layer, set_diameter
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.workspace.workspace import Role


def shown_by(layer: Points, name: str) -> np.ndarray:
    return transform_color(getattr(layer, name))[0]


def test_controls_show_the_size_and_color_that_are_drawn(
    viewer: ViewerModel, open_tissue: Any
) -> None:
    layer = open_tissue(viewer).of_role(Role.SLIDE)[0].layer
    assert layer.current_size == np.median(layer.size)
    set_diameter(layer, 300.0)
    assert layer.current_size == np.median(layer.size)
    color_layer(layer, str(layer.metadata["adata"].var_names[0]))
    shown = shown_by(layer, "current_face_color")
    same = np.isclose(layer.face_color, shown, atol=0.01).all(axis=1)
    assert same.any(), "one of the colors drawn, not the one it was opened with"
    rims = np.isclose(layer.border_color, shown_by(layer, "current_border_color"), atol=0.01)
    assert rims.all(axis=1).any()


def test_controls_change_all_points_or_those_selected(
    viewer: ViewerModel, open_tissue: Any
) -> None:
    layer = open_tissue(viewer).of_role(Role.SLIDE)[0].layer
    color_layer(layer, str(layer.metadata["adata"].var_names[0]))
    layer.current_size = 40.0
    np.testing.assert_allclose(layer.size, 40.0)
    layer.current_symbol = "square"
    assert {str(one) for one in layer.symbol} == {"square"}
    layer.current_face_color = "red"
    np.testing.assert_allclose(layer.face_color, [[1, 0, 0, 1]] * len(layer.data))
    assert color_key(layer) is None and not layer.face_colorbar.visible
    layer.current_border_color = "white"
    np.testing.assert_allclose(layer.border_color, 1.0)
    assert (layer.border_width > 0).all()
    layer.selected_data = {2}
    layer.current_size = 15.0
    assert layer.size[2] == 15.0 and layer.size[3] == 40.0
    layer.current_face_color = "blue"
    np.testing.assert_allclose(layer.face_color[[2, 3]], [[0, 0, 1, 1], [1, 0, 0, 1]])
