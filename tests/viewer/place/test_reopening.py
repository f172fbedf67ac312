"""A saved placement in the widget that made it: its verdict and curves are there again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.components import ViewerModel

from napari_spatialrecon.viewer.place.widget import PlaceCells
from napari_spatialrecon.viewer.task.model import State
from viewer.workspace.test_reopening import finished


def test_a_dropped_result_shows_its_verdict_and_curves(
    make_napari_viewer: Any, qtbot: Any, open_tissue: Any, forgetful: Any, tmp_path: Path
) -> None:
    other = ViewerModel()
    model, _ = finished("place", other, open_tissue(other))
    model.outcome.write(tmp_path / "placed.h5ad")
    viewer = make_napari_viewer()
    forgetful(viewer)
    widget = PlaceCells(viewer)
    qtbot.addWidget(widget)
    assert widget.model.state is State.EMPTY
    viewer.open(str(tmp_path / "placed.h5ad"), plugin="napari-spatialrecon")
    assert widget.model.state is State.DONE and not widget.empty.isVisibleTo(widget)
    assert widget.result.isVisibleTo(widget)
    assert widget.result.verdict.text() == model.outcome.summary
    assert widget.model.curves.losses == model.curves.losses
    assert widget.points is not None and widget.points.name == model.result_name
    assert not widget.result.copy_button.isEnabled()
