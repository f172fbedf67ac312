from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils.notifications import notification_manager


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
