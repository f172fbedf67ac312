from __future__ import annotations

from typing import Any

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
    assert [layer.name for layer in viewer.layers if layer.visible] == [
        "tumour 1 H&E",
        "tumour 1 spots",
    ]


def test_in_a_window_the_sample_is_made_in_the_background(
    make_napari_viewer: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    assert tumour() == [(None,)] and len(viewer.layers) == 0
    qtbot.waitUntil(lambda: len(viewer.layers) >= 4, timeout=60_000)
    assert workspace_of(viewer).of_role(Role.QUERY)
