from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anndata import AnnData
from napari.layers import Points
from qtpy.QtCore import QCoreApplication, QEvent, QUrl
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.placement import calibration
from napari_spatialrecon.methods.registry import MethodInfo, methods_for
from napari_spatialrecon.progress import Progress
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.coloring import color_layer
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.layer_values import can_fade
from napari_spatialrecon.viewer.landmarks.widget import LandmarksWidget
from napari_spatialrecon.viewer.legend.widget import LegendWidget
from napari_spatialrecon.viewer.place.job import Placed
from napari_spatialrecon.viewer.place.widget import PlaceCells
from napari_spatialrecon.viewer.task.model import State
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.workspace.workspace import Role

FAST = {"training.steps": 30, "members": 1, "training.validate_every": 5, "network.width": 16}


@pytest.fixture
def empty(make_napari_viewer: Any, forgetful: Any, qtbot: Any) -> PlaceCells:
    viewer = make_napari_viewer()
    forgetful(viewer)
    widget = PlaceCells(viewer)
    viewer.window.add_dock_widget(widget, name="Place cells")
    return widget


@pytest.fixture
def widget(make_napari_viewer: Any, open_tissue: Any, qtbot: Any) -> PlaceCells:
    """Docked, with a tiny tissue open, kNN chosen, inputs checked."""
    viewer = make_napari_viewer()
    open_tissue(viewer)
    widget = PlaceCells(viewer)
    viewer.window.add_dock_widget(widget, name="Place cells")
    choose(widget, "knn", qtbot)
    return widget


def choose(widget: PlaceCells, method: str, qtbot: Any, **settings: Any) -> None:
    box = widget.inputs.method
    box.setCurrentIndex(box.findData(method))
    if settings:
        widget.inputs.form.set_values(settings)
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)


def run(widget: PlaceCells, qtbot: Any) -> None:
    widget.panel.run_button.click()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=60_000)


def delete(widget: PlaceCells) -> None:
    """Take the widget away at once, as closing the window does."""
    widget.deleteLater()
    QCoreApplication.sendPostedEvents(widget, QEvent.Type.DeferredDelete)


def texts(widget: PlaceCells, tone: str) -> list[str]:
    return [text for kind, text in widget.panel.checks.lines if kind == tone]


def test_without_a_slide_it_says_what_is_missing_and_offers_the_sample(
    empty: PlaceCells, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert empty.model.state is State.EMPTY and not empty.panel.run_button.isEnabled()
    assert "reference slide" in empty.empty.label.text()
    opened = []
    monkeypatch.setattr(
        "napari_spatialrecon.viewer.task.widget.open_simulated", lambda *said: opened.append(said)
    )
    empty.empty.sample_button.click()
    assert opened == [(empty.viewer, "cortex")]


def test_from_run_to_points_on_the_histology(widget: PlaceCells, qtbot: Any) -> None:
    assert any("shared genes" in text for text in texts(widget, "good"))
    assert widget.inputs.chips.names == ["cortex 1", "cortex 2"]
    run(widget, qtbot)
    assert widget.model.state is State.DONE and widget.result.isVisibleTo(widget)
    layer = widget.viewer.layers["cortex cells · kNN (spatial LDA)"]
    assert isinstance(layer, Points) and layer.metadata[OURS]["provenance"]["seed"] == 0
    assert "cells placed" in widget.result.verdict.text()
    assert widget.panel.run_button.text() == "Run again"
    run(widget, qtbot)
    assert sum("kNN" in other.name for other in widget.viewer.layers) == 1


def test_training_is_drawn_with_the_held_out_error_and_the_baseline(
    widget: PlaceCells, qtbot: Any
) -> None:
    choose(widget, "dpvae", qtbot, **FAST)
    assert widget.inputs.form.tally.value == "4 changed"
    run(widget, qtbot)
    assert widget.model.error is None
    curves = widget.model.curves
    assert curves.baseline is not None and len(curves.held_out) > 1 and curves.losses
    assert widget.panel.plot.isVisibleTo(widget) and not widget.panel.plot.grab().toImage().isNull()
    assert "error on held-out spots" in widget.result.verdict.text()
    worse = widget.model.outcome.doubtful
    assert (widget.result.tones.warning in widget.result.verdict.styleSheet()) == worse


def test_many_reports_are_drawn_seldom_and_none_is_lost(widget: PlaceCells) -> None:
    panel, said = widget.panel, set()
    for step in range(1, 200):
        panel._show_progress(Progress("Training", step, 200, metrics={"loss": 1.0 / step}))
        said.add(panel.where.text())
    assert len(said) < 5 and len(widget.model.curves.losses["Training"]) == 199
    panel._show_progress(Progress("Training", 200, 200, metrics={"loss": 0.001}))
    assert "step 200 of 200" in panel.where.text()
    panel._show_progress(Progress("Placing cells", 0))
    assert panel.where.text() == "Placing cells"


def test_cancel_stops_and_resume_goes_on(widget: PlaceCells, qtbot: Any) -> None:
    choose(widget, "dpvae", qtbot, **{**FAST, "training.steps": 3000})
    widget.panel.run_button.click()
    assert not widget.inputs.isEnabled() and not widget.panel.run_button.isEnabled()
    qtbot.waitUntil(lambda: len(widget.model.curves.held_out) > 1, timeout=60_000)
    widget.panel.cancel_button.click()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=10_000)
    assert widget.model.state is State.STOPPED and widget.inputs.isEnabled()
    assert widget.panel.resume_button.isVisibleTo(widget)
    before = widget.model.curves.held_out[-1][0]
    widget.panel.resume_button.click()
    qtbot.waitUntil(lambda: widget.model.curves.held_out[-1][0] > before, timeout=60_000)
    widget.panel.cancel_button.click()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=10_000)


def test_closing_the_viewer_mid_run_ends_the_run_and_leaves_no_file(
    widget: PlaceCells, qtbot: Any
) -> None:
    choose(widget, "dpvae", qtbot, **{**FAST, "training.steps": 3000})
    widget.panel.run_button.click()
    qtbot.waitUntil(lambda: bool(widget.model.curves), timeout=60_000)
    work, folder = widget.panel.run, widget.model.last.folder.parent
    assert folder.exists()
    widget.viewer.close()
    assert work.wait(0.0)
    qtbot.waitUntil(lambda: not folder.exists(), timeout=5_000)


def test_what_cannot_be_used_is_told_in_the_widget_and_stops_run(
    widget: PlaceCells, qtbot: Any
) -> None:
    layers = list(widget.viewer.layers)
    space = widget.model.workspace
    cells = widget.model.query.adata
    other_genes = cells.copy()
    other_genes.var_names = [f"other{i}" for i in range(cells.n_vars)]
    logs = AnnData(np.log1p(cells.X.toarray()), obs=cells.obs, var=cells.var)
    negative = AnnData(-cells.X.toarray(), obs=cells.obs, var=cells.var)
    twice = cells.copy()
    twice.obs_names = ["cell"] * cells.n_obs
    for name, table, words in (
        ("other genes", other_genes, "genes shared"),
        ("logs", logs, "log1p"),
        ("negative", negative, "negative"),
        ("twice", twice, "found"),
    ):
        widget.model.query = space.add(name, Role.QUERY, adata=table)
        qtbot.waitUntil(lambda: bool(texts(widget, "wrong")), timeout=20_000)
        said = " ".join(texts(widget, "wrong"))
        assert words in said, said
        assert name in said and not widget.panel.run_button.isEnabled()
        widget.model.query = space.named("cortex cells")
        qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=20_000)
    assert list(widget.viewer.layers) == layers


def test_wrong_slides_are_told_too(widget: PlaceCells, qtbot: Any) -> None:
    space, slide = widget.model.workspace, widget.model.references[0].adata
    places = slide.obsm["spatial"]
    wrong = {
        "with NaN": np.where(np.arange(len(places))[:, None] == 3, np.nan, places),
        "all one place": np.ones_like(places),
        "three columns": np.column_stack([places, places[:, 0]]),
    }
    for name, coordinates in wrong.items():
        table = slide.copy()
        table.obsm["spatial"] = coordinates
        entry = space.add(name, Role.SLIDE, adata=table)
        qtbot.waitUntil(lambda: bool(texts(widget, "wrong")), timeout=20_000)
        assert name in " ".join(texts(widget, "wrong"))
        space.remove(entry)
        qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=20_000)


def test_files_that_cannot_be_opened_are_told_where_one_looks(
    widget: PlaceCells, qtbot: Any, tiny_folder: Path, tmp_path: Path
) -> None:
    layers = list(widget.viewer.layers)
    broken = tmp_path / "broken.h5ad"
    broken.write_bytes((tiny_folder / "section1.h5ad").read_bytes()[:5000])
    (tmp_path / "folder").mkdir()
    for path in (broken, tmp_path / "folder", tmp_path / "gone.h5ad", tiny_folder / "cells.h5ad"):
        widget.inputs.chips.files_dropped.emit([str(path)])
        qtbot.waitUntil(lambda: widget.panel.notice.error is not None, timeout=20_000)
        assert "Try" in widget.panel.notice.label.text(), path
        assert isinstance(widget.panel.notice.error, InputError)
        widget.panel.notice.clear()
    assert list(widget.viewer.layers) == layers
    assert widget.inputs.chips.names == ["cortex 1", "cortex 2"]


def test_files_become_references_and_cells(
    empty: PlaceCells, qtbot: Any, tiny_folder: Path
) -> None:
    files = [str(tiny_folder / f"section{i}.h5ad") for i in (1, 2)]
    empty.inputs.open([*files, files[0]])
    qtbot.waitUntil(lambda: len(empty.inputs.chips.names) == 2, timeout=20_000)
    empty.inputs.open([str(tiny_folder / "cells.h5ad")], role=Role.QUERY)
    qtbot.waitUntil(lambda: empty.model.query is not None, timeout=20_000)
    assert empty.inputs.chips.names == ["section1", "section2"]
    assert empty.inputs.cells.currentText() == "cells"
    qtbot.waitUntil(empty.panel.run_button.isEnabled, timeout=20_000)


def test_a_failed_run_keeps_what_was_typed_and_shows_details(
    widget: PlaceCells, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaks:
        def __init__(self, config: Any) -> None:
            raise RuntimeError("a bug of ours")

    widget.inputs.form.set_values({"neighbours": 9})
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=20_000)
    layers = list(widget.viewer.layers)
    monkeypatch.setattr(MethodInfo, "method", lambda self: Breaks)
    run(widget, qtbot)
    assert widget.model.state is State.FAILED
    assert "Something unexpected" in widget.panel.notice.label.text()
    box = widget.panel.notice.show_details()
    assert "a bug of ours" in box.text.toPlainText()
    box.close()
    assert widget.inputs.form.config.neighbours == 9 and list(widget.viewer.layers) == layers
    monkeypatch.undo()
    run(widget, qtbot)
    assert widget.model.state is State.DONE and not widget.panel.notice.isVisibleTo(widget)


def test_a_layer_deleted_mid_run_is_said_by_its_chip_and_harms_nothing(
    widget: PlaceCells, qtbot: Any
) -> None:
    widget.panel.run_button.click()
    for name in ("cortex 1 spots", "cortex 1 H&E"):
        widget.viewer.layers.remove(name)
    qtbot.waitUntil(lambda: not widget.model.running, timeout=60_000)
    assert widget.model.state is State.DONE and widget.inputs.chips.names == ["cortex 2"]
    assert "cortex cells · kNN (spatial LDA)" in widget.viewer.layers


def test_a_run_that_is_started_twice_goes_on_once(widget: PlaceCells, qtbot: Any) -> None:
    widget.panel.run_button.click()
    assert not widget.panel.run_button.isEnabled()
    widget.panel.start()
    assert "one run at a time" in widget.panel.notice.label.text() and widget.model.running
    qtbot.waitUntil(lambda: not widget.model.running, timeout=60_000)
    assert widget.model.state is State.DONE
    assert sum("kNN" in layer.name for layer in widget.viewer.layers) == 1


def test_a_grey_image_is_refused_where_one_looks_and_the_layers_stay(
    widget: PlaceCells, qtbot: Any
) -> None:
    grey = np.full((60, 60), 30, np.uint8)
    widget.viewer.add_image(grey, name="scan", scale=(5, 5), units="um")
    before = list(widget.viewer.layers)
    widget.model.image = widget.model.workspace.named("scan")
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    run(widget, qtbot)
    assert widget.model.state is State.FAILED and widget.model.image.name == "scan"
    assert "Expected tissue" in widget.panel.notice.label.text()
    assert list(widget.viewer.layers) == before


def test_an_image_without_scale_is_asked_for_it_and_what_is_typed_stays(
    widget: PlaceCells, qtbot: Any
) -> None:
    image = widget.viewer.layers["cortex 1 H&E"]
    widget.viewer.add_image(np.asarray(image.data), rgb=True, name="scan")
    entry = widget.model.workspace.named("scan")
    widget.model.image = entry
    assert widget.inputs.scale_row.isVisibleTo(widget)
    assert "scan" in widget.inputs.scale_label.text()
    widget.inputs.scale.setText("minus one")
    widget.inputs.scale_button.click()
    assert "positive number" in widget.panel.notice.label.text()
    assert widget.inputs.scale.text() == "minus one"
    widget.inputs.scale.setText("2,0")
    widget.inputs.scale_button.click()
    assert not widget.inputs.scale_row.isVisibleTo(widget) and entry.um_per_unit == 2.0
    assert widget.model.workspace.memory.scale("scan") == 2.0


def test_layers_of_other_kinds_are_refused_in_words(widget: PlaceCells) -> None:
    cube = widget.viewer.add_points(np.zeros((3, 3)), name="cube")
    widget.viewer.layers.selection = {cube}
    widget.inputs.chips.layers_dropped.emit()
    assert "two dimensions" in widget.panel.notice.label.text()
    assert "Layer cube" in [action.text() for action in widget.inputs.menu().actions()]


def test_the_run_is_copied_and_saved(
    widget: PlaceCells, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(widget, qtbot)
    widget.result.copy_command()
    assert QGuiApplication.clipboard().text().strip().endswith("--device auto")
    widget.result.copy_python()
    assert "sr.place(" in QGuiApplication.clipboard().text()
    target = tmp_path / "run"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    widget.result.save_button.click()
    qtbot.waitUntil(lambda: "Saved" in widget.result.status.text(), timeout=20_000)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.h5ad", "run.run.json"]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("/proc/run.h5ad", ""))
    widget.result.save_button.click()
    qtbot.waitUntil(lambda: widget.panel.notice.error is not None, timeout=20_000)
    assert "writable location" in widget.panel.notice.label.text()


def test_the_result_is_recolored_and_kept(widget: PlaceCells, qtbot: Any) -> None:
    run(widget, qtbot)
    widget.result.color.emit("cell_type")
    from napari_spatialrecon.viewer.canvas.colors import color_key

    assert color_key(widget.layer).kind == "category"
    widget.result.color.emit("nothing")
    assert "Expected a column or a gene" in widget.panel.notice.label.text()
    widget.result.keep.setChecked(True)
    run(widget, qtbot)
    assert sum("kNN" in layer.name for layer in widget.viewer.layers) == 2


def test_a_separate_process_does_the_same(widget: PlaceCells, qtbot: Any) -> None:
    run(widget, qtbot)
    here = np.asarray(widget.layer.data)
    widget.inputs.separate.setChecked(True)
    run(widget, qtbot)
    assert widget.model.error is None
    np.testing.assert_allclose(widget.layer.data, here)


def test_the_theme_changes_the_words_colors(widget: PlaceCells) -> None:
    dark = widget.panel.checks.tones
    widget.viewer.theme = "light"
    assert (
        widget.panel.checks.tones != dark and widget.panel.plot.tones == widget.panel.checks.tones
    )


def test_two_viewers_do_not_disturb_each_other(
    widget: PlaceCells, make_napari_viewer: Any, forgetful: Any
) -> None:
    other = make_napari_viewer()
    forgetful(other)
    second = PlaceCells(other)
    other.window.add_dock_widget(second)
    assert second.model.state is State.EMPTY and widget.model.state is State.READY


def test_uncertain_cells_fade_from_the_result_and_from_the_legend_alike(
    widget: PlaceCells, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "_power", lambda levels: 1.0)  # the radius follows the spread
    run(widget, qtbot)
    legend = LegendWidget(widget.viewer)
    qtbot.addWidget(legend)
    assert legend._fade.isVisibleTo(legend)
    widget.result.fade.setChecked(True)
    assert widget.layer.face_color[:, 3].min() < 0.2 and legend._fade.isChecked()
    widget.result.color.emit(widget.model.outcome.adata.var_names[0])
    assert widget.layer.face_color[:, 3].min() < 0.2
    legend._fade.setChecked(False)
    assert (widget.layer.face_color[:, 3] == 1).all() and not widget.result.fade.isChecked()


def test_what_the_method_assumes_opens_before_its_page(widget: PlaceCells, qtbot: Any) -> None:
    box = widget.inputs.show_page()
    qtbot.addWidget(box)
    assert "kNN" in box.windowTitle() and "Not when" in box.text.toPlainText()
    assert "spatial LDA" in box.text.toPlainText()
    box.text.anchorClicked.emit(QUrl("baselines-details.md"))
    assert "Not when" not in box.text.toPlainText() and box.back_button.isVisible()


def test_settings_lie_in_a_window_that_says_how_many_changed(
    widget: PlaceCells, qtbot: Any
) -> None:
    inputs = widget.inputs
    inputs.settings_button.click()
    assert inputs.settings.isVisible() and not inputs.settings.isModal()
    assert inputs.settings.windowTitle() == "Settings of kNN (spatial LDA)"
    inputs.form.set_values({"neighbours": 9})
    assert inputs.settings.tally.text() == inputs.form.tally.value == "1 changed"
    inputs.form.reset_button.native.click()
    assert inputs.settings.tally.text() == "" and inputs.form.config.neighbours != 9
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    widget.panel.run_button.click()
    assert not inputs.settings.isEnabled()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=60_000)
    assert inputs.settings.isEnabled()


def test_an_encoder_is_trained_first_on_the_same_data_and_then_used(
    widget: PlaceCells, qtbot: Any
) -> None:
    inputs = widget.inputs
    assert not inputs.encoder_row.isVisibleTo(widget)
    taker = next(info for info in methods_for("place") if info.takes_encoder)
    choose(widget, taker.name, qtbot)
    widget.model.use(widget.model.references[1], used=False)
    offered = [inputs.encoder.itemText(i) for i in range(inputs.encoder.count())]
    assert offered == ["As in the settings", "Train an encoder first…"]
    inputs.encoder.activated.emit(1)
    dialog = inputs.training
    assert dialog.isVisible() and inputs.encoder.currentIndex() == 0
    training = dialog.widget
    assert training.model.references == widget.model.references
    assert training.model.query is widget.model.query
    training.inputs.form.set_values({"training.steps": 3, "batch": 32})
    qtbot.waitUntil(training.panel.run_button.isEnabled, timeout=60_000)
    training.panel.run_button.click()
    qtbot.waitUntil(lambda: not training.model.running, timeout=60_000)
    assert training.model.error is None and widget.model.encoder.model is not None
    assert inputs.encoder.currentText() == widget.model.encoder.name
    dialog.close()


def test_landmarks_open_on_the_result_and_on_its_own_image(widget: PlaceCells, qtbot: Any) -> None:
    assert not widget.correct_button.isVisibleTo(widget)
    run(widget, qtbot)
    widget.correct_button.click()
    window = widget.viewer.window._qt_window
    landmarks = window.findChild(LandmarksWidget)
    assert landmarks.layer.currentData() is widget.layer
    assert landmarks.image.currentData() is widget.model.ground.image
    mine, other = (present(w.parentWidget()) for w in (widget, landmarks))
    assert other in window.tabifiedDockWidgets(mine)
    widget.correct_button.click()
    assert len(window.findChildren(LandmarksWidget)) == 1


def test_placed_cells_opened_from_a_file_are_colored_by_their_error(
    widget: PlaceCells, tmp_path: Path, qtbot: Any
) -> None:
    run(widget, qtbot)
    path, _ = widget.model.outcome.write(tmp_path / "later.h5ad")
    field = widget.result.color_by.field
    gene = str(widget.model.outcome.adata.var_names[0])
    color_layer(widget.layer, gene)
    assert field.text() == gene
    widget.viewer.open(str(path), plugin="napari-spatialrecon")
    assert field.text() == "uncertainty"
    layer = [result.layer for result in widget.space.results if result.path == path][-1]
    key = color_key(layer)
    assert key is not None and key.kind == "uncertainty" and "90% radius" in key.title
    assert can_fade(layer)


def test_a_widget_that_goes_as_its_result_is_shown_is_not_called_any_more(
    widget: PlaceCells, qtbot: Any
) -> None:
    with qtbot.captureExceptions() as caught:
        run(widget, qtbot)
        widget._finish(widget.model.outcome)
        delete(widget)
        qtbot.wait(20)
    assert caught == []


def test_no_verdict_outlives_its_layer(widget: PlaceCells, qtbot: Any) -> None:
    run(widget, qtbot)
    assert widget.result.isVisibleTo(widget) and widget.result.save_button.isEnabled()
    widget.viewer.layers.remove(widget.layer)
    qtbot.waitUntil(lambda: not widget.result.isVisibleTo(widget))
    assert widget.model.outcome is None and not widget.mapping.isVisibleTo(widget)
    assert widget.model.state is State.READY
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    run(widget, qtbot)
    assert widget.result.isVisibleTo(widget)


def test_no_verdict_stands_while_another_run_trains_or_after_it_was_stopped(
    widget: PlaceCells, qtbot: Any
) -> None:
    run(widget, qtbot)
    choose(widget, "dpvae", qtbot, **{**FAST, "training.steps": 3000})
    widget.panel.run_button.click()
    assert not widget.result.isVisibleTo(widget)
    qtbot.waitUntil(lambda: bool(widget.model.curves), timeout=60_000)
    widget.panel.cancel_button.click()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=10_000)
    assert widget.model.state is State.STOPPED and not widget.result.isVisibleTo(widget)
    widget.viewer.layers.clear()
    qtbot.wait(20)
    assert not widget.result.isVisibleTo(widget) and not widget.panel.run_button.isEnabled()


def test_the_baseline_is_a_click_away_where_the_method_lost(
    widget: PlaceCells, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Placed, "better", "knn")
    choose(widget, "ridge", qtbot)
    run(widget, qtbot)
    button = widget.result.better_button
    assert button.isVisibleTo(widget) and button.text() == "Use kNN (spatial LDA)"
    monkeypatch.undo()
    button.click()
    assert widget.model.running and widget.inputs.method.currentData() == "knn"
    qtbot.waitUntil(lambda: not widget.model.running, timeout=60_000)
    assert widget.model.outcome.record["method"] == "knn" and not button.isVisibleTo(widget)


def test_inspect_result_asks_for_the_tab_on_its_layer(widget: PlaceCells, qtbot: Any) -> None:
    asked: list[tuple[str, object]] = []
    widget.space.go.connect(lambda where, about: asked.append((where, about)))
    run(widget, qtbot)
    assert not asked
    widget.result.inspect_button.click()
    assert asked == [("inspect", widget.layer)]


def test_spots_that_were_hidden_as_cells_come_back(widget: PlaceCells) -> None:
    first, second = widget.model.references
    first.layer.visible = second.layer.visible = True
    for entry in (first, second, widget.model.queries[0]):
        widget.inputs.choose_cells(entry)
        shown = [e.layer.visible for e in (first, second)]
        assert shown == [entry is not first, entry is not second]
