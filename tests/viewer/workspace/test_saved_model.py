from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_spatialrecon.errors import CheckpointError
from napari_spatialrecon.viewer.place.widget import PlaceCells
from napari_spatialrecon.viewer.task.model import State
from napari_spatialrecon.viewer.task.script import as_command, as_python
from napari_spatialrecon.viewer.workspace.saved_model import SavedModel, find_model


@pytest.fixture
def widget(make_napari_viewer: Any, open_tissue: Any, qtbot: Any) -> PlaceCells:
    viewer = make_napari_viewer()
    open_tissue(viewer)
    widget = PlaceCells(viewer)
    viewer.window.add_dock_widget(widget, name="Place cells")
    box = widget.inputs.method
    box.setCurrentIndex(box.findData("knn"))
    run(widget, qtbot)
    return widget


def run(widget: PlaceCells, qtbot: Any) -> None:
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    widget.panel.run_button.click()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=60_000)


def save(widget: PlaceCells, folder: Path, qtbot: Any) -> Path:
    widget.save_model_as(str(folder))
    qtbot.waitUntil(lambda: "Saved the model" in widget.result.status.text(), timeout=20_000)
    return folder


def test_a_model_is_saved_and_used_again_with_the_same_result(
    widget: PlaceCells, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert widget.save_model_button.isVisibleTo(widget)
    first = widget.model.outcome.adata.obsm["spatial"]
    folder = save(widget, tmp_path / "cortex model", qtbot)
    box = widget.inputs.method
    box.setCurrentIndex(box.findData("ridge"))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    trained = widget.inputs.trained
    trained.activated.emit(trained.count() - 1)
    assert widget.model.saved == SavedModel(folder, "knn")
    assert box.currentData() == "knn" and trained.currentText() == "cortex model (saved)"
    assert not widget.inputs.settings.pages.isEnabled()
    run(widget, qtbot)
    assert widget.model.error is None and widget.model.state is State.DONE
    assert np.array_equal(widget.model.outcome.adata.obsm["spatial"], first)
    assert widget.model.outcome.record["settings"]["model"] == str(folder)
    command = as_command(widget.model.last).replace("\\\n", " ")
    assert f"--model '{folder}'" in command and "--set" not in command
    assert f"model={str(folder)!r}" in as_python(widget.model.last)
    box.setCurrentIndex(box.findData("ridge"))
    assert widget.model.saved is None and trained.currentText() == "Train a new model"
    assert widget.inputs.settings.pages.isEnabled()


def test_a_folder_without_a_model_is_refused_in_words(
    widget: PlaceCells, tmp_path: Path, qtbot: Any
) -> None:
    widget.inputs.use_model(str(tmp_path))
    text = widget.panel.notice.label.text()
    assert "folder of a saved model" in text and tmp_path.name in text
    assert widget.inputs.trained.currentText() == "Train a new model"


def test_a_damaged_model_stops_run_and_says_so(
    widget: PlaceCells, tmp_path: Path, qtbot: Any
) -> None:
    folder = save(widget, tmp_path / "model", qtbot)
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    weights = damaged / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"abcd")
    widget.inputs.use_model(str(damaged))
    qtbot.waitUntil(
        lambda: any("damage" in text for tone, text in widget.panel.checks.lines if tone == "wrong")
    )
    assert not widget.panel.run_button.isEnabled()


def test_a_model_that_does_not_know_the_slide_says_which_it_knows(
    widget: PlaceCells, tmp_path: Path, qtbot: Any
) -> None:
    widget.inputs.use_model(str(save(widget, tmp_path / "model", qtbot)))
    for entry in widget.model.references:
        entry.name = f"other {entry.name}"
    widget.model.choose()
    qtbot.waitUntil(
        lambda: any("saved model was trained on" in t for tone, t in widget.panel.checks.lines)
    )
    assert not widget.panel.run_button.isEnabled()


@pytest.mark.parametrize("content", ["{", "[]", '{"method": "encoder-of-another-kind"}'])
def test_a_manifest_of_another_kind_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(CheckpointError, match="Expected"):
        find_model(tmp_path, "place")
