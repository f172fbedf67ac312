from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_spatialrecon.viewer.samples import tumour
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny preset: the quick one takes seconds."""
    from napari_spatialrecon.tissue.simulator import simulate as module
    from napari_spatialrecon.tissue.simulator.config import SimulatorConfig

    original = module.simulate
    tiny = SimulatorConfig.preset("tiny")
    monkeypatch.setattr(module, "simulate", lambda tissue, **k: original(tissue, tiny, **k))


def test_a_sample_brings_slides_with_histology_and_cells_to_place(viewer: ViewerModel) -> None:
    for layer in tumour():
        viewer._add_layer_from_data(*layer)
    space = workspace_of(viewer)
    slides = space.of_role(Role.SLIDE)
    assert len(slides) == len(space.of_role(Role.HISTOLOGY)) >= 2
    (cells,) = space.of_role(Role.QUERY)
    assert cells.name == "tumour cells" and "spatial" not in cells.table().obsm
    assert not any(entry.needs_scale for entry in slides)
    lows = [entry.layer.extent.world[0] for entry in slides]
    assert not np.allclose(lows[0], lows[1]) and all(layer.visible for layer in viewer.layers)


def test_in_a_window_the_sample_is_made_once_and_in_the_background(
    make_napari_viewer: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    for _ in range(2):
        assert viewer.open_sample("napari-spatialrecon", "tumour") == []
    qtbot.waitUntil(lambda: len(viewer.layers) >= 4, timeout=60_000)
    assert viewer.open_sample("napari-spatialrecon", "tumour") == []
    space = workspace_of(viewer)
    slides = space.of_role(Role.SLIDE)
    assert len(viewer.layers) == 2 * len(slides) and len(space.of_role(Role.QUERY)) == 1
    assert slides[0].name.startswith("tumour")
