from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from anndata import AnnData
from napari.components import ViewerModel
from napari.layers import Layer
from napari.utils.notifications import notification_manager

from napari_spatialrecon.tissue.slots import UNCERTAINTY
from napari_spatialrecon.viewer.canvas import prepare
from napari_spatialrecon.viewer.canvas.bar_title import bar_title
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.layers import cells_layer
from napari_spatialrecon.viewer.canvas.opened_look import coloring_opened


def placed() -> AnnData:
    adata = AnnData(np.ones((30, 2), np.float32))
    adata.obsm["spatial"] = np.random.default_rng(0).random((30, 2)) * 500
    adata.obs[UNCERTAINTY] = np.linspace(1, 9, 30)
    adata.uns["spatialrecon"] = {"unit": "um"}
    return adata


def test_layers_without_a_scale_leave_the_unit_of_the_canvas_in_silence(
    make_napari_viewer: Any, open_tissue: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    open_tissue(viewer)
    said: list[str] = []
    notification_manager.notification_ready.connect(lambda event: said.append(event.message))
    viewer.add_image(np.zeros((50, 50, 3), np.uint8), name="a scan without a scale")
    viewer.add_points(np.zeros((3, 2)), name="a user's own")
    viewer.add_labels(np.zeros((30, 30), int))
    qtbot.wait(200)
    assert not said, said
    assert str(viewer.layers.extent.units[-1]) == "micrometer", "the scale bar has its unit"
    assert viewer.layers["a user's own"].metadata["spatialrecon"]["um_per_unit"] is None


def test_many_points_are_colored_in_a_turn_after_the_one_that_adds_them(
    make_napari_viewer: Any, open_tissue: Any, qtbot: Any, monkeypatch: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    open_tissue(viewer)
    adata = placed()
    monkeypatch.setattr(prepare, "_MANY", 10)
    one, other, gone = (Layer.create(*cells_layer(adata, name=name)) for name in ("a", "b", "gone"))
    for layer in (one, other, gone):
        viewer.add_layer(layer)
    assert color_key(one) is None
    viewer.layers.remove(gone)
    qtbot.waitUntil(lambda: color_key(other) is not None, timeout=30_000)
    assert color_key(one).kind == color_key(other).kind == "uncertainty"
    assert color_key(gone) is None
    native = viewer.window._qt_viewer.canvas.native
    qtbot.waitUntil(native.updatesEnabled, timeout=30_000)


def test_first_colors_are_computed_elsewhere_and_come_before_their_bar() -> None:
    adata = placed()
    viewer, layer = ViewerModel(), Layer.create(*cells_layer(adata, name="a"))
    viewer.add_layer(layer)
    steps, given, seen = coloring_opened(viewer, layer), None, []
    for _ in range(10):
        try:
            work = steps.send(given)
        except StopIteration:
            break
        seen.append((work is not None, color_key(layer) is not None, bar_title(layer) is not None))
        given = None if work is None else work()
    assert seen[:3] == [(True, False, False), (True, False, False), (False, True, False)]
    assert seen[-1][1:] == (True, True) and color_key(layer).limits is not None


def test_points_that_are_gone_before_their_first_colors_stay_as_they_were() -> None:
    adata = placed()
    viewer, layer = ViewerModel(), Layer.create(*cells_layer(adata, name="a"))
    viewer.add_layer(layer)
    steps = coloring_opened(viewer, layer)
    work = next(steps)
    viewer.layers.remove(layer)
    with pytest.raises(StopIteration):
        steps.send(work())
    assert color_key(layer) is None
