from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QFileDialog

from napari_spatialrecon.methods.gears.encoder.config import EncoderConfig
from napari_spatialrecon.viewer.task.model import State
from napari_spatialrecon.viewer.task.process import InProcess
from napari_spatialrecon.viewer.task.script import as_command, as_python
from napari_spatialrecon.viewer.train_encoder.job import EncoderJob, Flatten
from napari_spatialrecon.viewer.train_encoder.model import EncoderModel
from napari_spatialrecon.viewer.train_encoder.widget import TrainEncoder
from napari_spatialrecon.viewer.workspace.workspace import Role

TINY = {
    "batch": 32,
    "network.first": 24,
    "network.second": 16,
    "network.embedding": 8,
    "adversary.width": 8,
    "adversary.warmup": 2,
    "adversary.ramp": 4,
    "training.steps": 20,
    "training.validate_every": 5,
}


@pytest.fixture
def model(viewer: ViewerModel, open_tissue: Any) -> EncoderModel:
    found = EncoderModel(open_tissue(viewer))
    found.set_config(EncoderConfig().with_values(TINY), "quick")
    return found


@pytest.fixture
def widget(make_napari_viewer: Any, open_tissue: Any, qtbot: Any) -> TrainEncoder:
    """Docked, with a tiny tissue open, small settings, inputs checked."""
    viewer = make_napari_viewer()
    open_tissue(viewer)
    widget = TrainEncoder(viewer)
    viewer.window.add_dock_widget(widget, name="Train encoder")
    widget.inputs.form.set_values(TINY)
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    return widget


def run(widget: TrainEncoder, qtbot: Any) -> None:
    widget.panel.run_button.click()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=60_000)


def test_sources_are_slides_and_cells_and_chance_is_one_in_three(model: EncoderModel) -> None:
    job = model.job()
    assert isinstance(job, EncoderJob) and job.query.name == "cortex cells"
    assert model.new_curves().baseline == pytest.approx(1 / 3)
    found = job.preflight()
    assert found.cells == 400 and found.genes > 50
    assert all(entry.needs_scale or model.unscaled() is None for entry in model.references)


def test_an_empty_viewer_asks_for_a_slide_alone(viewer: ViewerModel, forgetful: Any) -> None:
    model = EncoderModel(forgetful(viewer))
    assert model.state is State.EMPTY and len(model.missing()) == 1


def test_what_is_trained_is_listed_for_place_cells_and_can_be_opened_again(
    model: EncoderModel, tmp_path: Path
) -> None:
    model.begin()
    model.finish(model.last(lambda _: None, lambda: False))
    outcome = model.outcome
    assert "Neighbors predict the source of" in model.facts()[0][1]
    entry = model.keep()
    assert entry.role is Role.MODEL and model.state is State.DONE and model.keep() is entry
    (folder,) = outcome.write(tmp_path / "mine")
    assert model.keep(folder).path == folder
    lines = model.load(folder)
    assert "mine is open" in lines[0][1]
    scatter = Flatten(outcome, "pca")(None, None)
    assert len(scatter.before) == len(scatter.after) == len(scatter.rows)


def test_command_and_process_give_the_same_encoder(model: EncoderModel) -> None:
    job = model.begin()
    assert as_command(job).startswith("# cortex 1 is open only in napari")
    assert "spatialrecon train-encoder" in as_command(job)
    compile(as_python(job), "script", "exec")
    here = job(lambda _: None, lambda: False)
    there = InProcess(job)(lambda _: None, lambda: False)
    slot = "X_encoder"
    np.testing.assert_allclose(there.adata.obsm[slot], here.adata.obsm[slot], atol=1e-3)
    assert there.method.after is not None and there.record["settings"]["preset"] == "quick"


def test_training_is_drawn_live_and_looked_at_before_and_after(
    widget: TrainEncoder, qtbot: Any
) -> None:
    run(widget, qtbot)
    assert widget.model.error is None and widget.model.state is State.DONE
    curves = widget.model.curves
    assert curves.losses and all(curves.measured.values()) and curves.baseline is not None
    qtbot.waitUntil(lambda: widget.scatter is not None, timeout=60_000)
    assert widget.plot.isVisibleTo(widget) and not widget.plot.grab().toImage().isNull()
    assert widget.plot.names == ["cortex 1", "cortex 2", "cortex cells"]
    widget.column.setCurrentText("cell_type")
    widget.column.activated.emit(widget.column.currentIndex())
    assert "cortex 1" not in widget.plot.names
    assert [e.role for e in widget.model.workspace].count(Role.MODEL) == 1
    widget.viewer.theme = "light"
    assert widget.plot.tones == widget.panel.checks.tones


def test_cancel_stops_and_resume_goes_on(widget: TrainEncoder, qtbot: Any) -> None:
    widget.inputs.form.set_values({"training.steps": 5000})
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    widget.panel.run_button.click()
    qtbot.waitUntil(lambda: bool(widget.model.curves.losses), timeout=60_000)
    widget.panel.cancel_button.click()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=10_000)
    assert widget.model.state is State.STOPPED and widget.panel.resume_button.isVisibleTo(widget)
    before = next(iter(widget.model.curves.losses.values()))[-1][0]
    widget.panel.resume_button.click()
    qtbot.waitUntil(
        lambda: next(iter(widget.model.curves.losses.values()))[-1][0] > before, timeout=60_000
    )
    widget.panel.cancel_button.click()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=10_000)


def test_a_folder_without_an_encoder_is_refused_in_words(
    widget: TrainEncoder, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    widget.load_button.click()
    assert "Expected" in widget.panel.notice.label.text()
    run(widget, qtbot)
    target = tmp_path / "encoder"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    widget.result.save_button.click()
    qtbot.waitUntil(lambda: "Saved" in widget.result.status.text(), timeout=20_000)
    widget.load(str(target))
    assert "encoder is open" in widget.opened.lines[0][1]
