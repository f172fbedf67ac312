"""A saved placement in the widget that made it: its verdict and curves are there again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anndata
from napari.components import ViewerModel

import napari_spatialrecon as sr
from napari_spatialrecon.legacy import read_record
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


def test_a_result_of_the_command_line_shows_the_curves_of_its_record(
    make_napari_viewer: Any, qtbot: Any, tiny: Any, forgetful: Any, tmp_path: Path
) -> None:
    slides = {f"cortex {i}": slide for i, slide in enumerate(tiny.slides)}
    config = {"training.steps": 12, "training.validate_every": 4, "members": 1}
    made = sr.place(slides, tiny.cells, method="dpvae", settings=config)
    made.write(tmp_path / "placed.h5ad")
    record = read_record(tmp_path / "placed.run.json")
    held = json.loads(anndata.read_h5ad(tmp_path / "placed.h5ad").uns["spatialrecon"]["record"])
    assert held["history"] == record["history"] and "wall_seconds" not in held
    (tmp_path / "placed.run.json").unlink()
    viewer = make_napari_viewer()
    forgetful(viewer)
    widget = PlaceCells(viewer)
    qtbot.addWidget(widget)
    viewer.open(str(tmp_path / "placed.h5ad"), plugin="napari-spatialrecon")
    assert made.verdict in widget.result.verdict.text()
    curves = widget.model.curves
    assert min(map(len, curves.losses.values())) >= 4 and len(curves.held_out) >= 2
    assert curves.baseline is not None
