from __future__ import annotations

from typing import Any

import numpy as np
from anndata import AnnData
from napari.layers import Layer
from napari.utils.notifications import notification_manager

from napari_spatialrecon.tissue.slots import UNCERTAINTY
from napari_spatialrecon.viewer.canvas import prepare
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.layers import cells_layer


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
    adata = AnnData(np.ones((30, 2), np.float32))
    adata.obsm["spatial"] = np.random.default_rng(0).random((30, 2)) * 500
    adata.obs[UNCERTAINTY] = np.linspace(1, 9, 30)
    adata.uns["spatialrecon"] = {"unit": "um"}
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
