from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_spatialrecon.tissue.formats.options import NO_CHOICE
from napari_spatialrecon.viewer.align.widget import AlignToHistology
from napari_spatialrecon.viewer.landmarks.widget import LandmarksWidget


@pytest.mark.parametrize("kind", [AlignToHistology, LandmarksWidget])
def test_where_nothing_is_open_a_slide_can_be_opened(
    kind: Any, make_napari_viewer: Any, forgetful: Any, tiny_folder: Path, qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    forgetful(viewer)
    dock = kind(viewer)
    qtbot.addWidget(dock)
    assert not dock.open_button.isHidden()
    assert any("folder" in action.text() for action in dock.open_button.menu().actions())
    dock._open([str(tiny_folder / "section1.h5ad")], NO_CHOICE)
    qtbot.waitUntil(lambda: len(viewer.layers) >= 2, timeout=60_000)
    assert dock.open_button.isHidden() == (dock.layer.count() > 0)


@pytest.mark.parametrize("kind", [AlignToHistology, LandmarksWidget])
def test_a_viewer_closes_in_silence_with_the_widget_open(
    kind: Any, make_napari_viewer: Any, open_tissue: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    open_tissue(viewer)
    dock = kind(viewer)
    viewer.window.add_dock_widget(dock)
    qtbot.waitUntil(dock.isVisible)
    with qtbot.captureExceptions() as caught:
        viewer.close()
        qtbot.wait(100)
    assert not caught, caught
