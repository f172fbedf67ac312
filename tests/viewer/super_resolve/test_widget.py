"""Super-resolve in the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_spatialrecon.methods.srast.model import generalist
from napari_spatialrecon.viewer.super_resolve.widget import SuperResolve
from napari_spatialrecon.viewer.task.gene_list_model import GeneChoice
from napari_spatialrecon.viewer.task.model import State


@pytest.fixture
def widget(make_napari_viewer: Any, open_tissue: Any, qtbot: Any) -> SuperResolve:
    """Docked, with a tiny tissue open, a method without training, inputs checked."""
    viewer = make_napari_viewer()
    open_tissue(viewer)
    widget = SuperResolve(viewer)
    viewer.window.add_dock_widget(widget, name="Super-resolve")
    choose(widget.inputs.method, "bilinear")
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    return widget


def choose(box: Any, data: Any) -> None:
    box.setCurrentIndex(box.findData(data))
    box.activated.emit(box.currentIndex())


def run(widget: SuperResolve, qtbot: Any) -> None:
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    widget.panel.run_button.click()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=60_000)
    assert widget.model.state is State.DONE, widget.model.error


def test_an_empty_window_says_what_is_missing(make_napari_viewer: Any, forgetful: Any) -> None:
    viewer = make_napari_viewer()
    forgetful(viewer)
    widget = SuperResolve(viewer)
    assert widget.empty.isVisibleTo(widget) and "a slide" in widget.empty.label.text()
    assert not widget.panel.run_button.isEnabled() and not widget.genes.isVisibleTo(widget)


def test_a_gene_is_shown_found_by_typing_and_compared(widget: SuperResolve, qtbot: Any) -> None:
    run(widget, qtbot)
    tone, text = widget.result.facts.lines[0]
    assert tone == "quiet" and "fractional deviation" in text
    first = widget.layers.gene
    assert widget.layer.name.startswith(first) and widget.genes.gene.text() == first
    assert not widget.model.slide.layer.visible
    other = next(g for g in widget.genes.genes if g != first)
    widget.genes.gene.chosen.emit(other.lower())
    assert widget.layers.gene == other and widget.layer.name.startswith(other)
    widget.genes.next.click()
    assert widget.layers.gene not in (other,)
    widget.genes.measured.click()
    assert widget.layers.before.visible and not widget.layer.visible
    widget.genes.resolved.click()
    widget.genes.blink.click()
    qtbot.waitUntil(lambda: widget.layers.before.visible, timeout=10_000)
    qtbot.waitUntil(lambda: not widget.layers.before.visible, timeout=10_000)
    widget.genes.blink.click()
    assert widget.layer.visible and not widget.layers.before.visible
    widget.genes.points.click()
    assert widget.layers.points.visible


def test_a_gene_that_was_not_split_is_refused_in_words(widget: SuperResolve, qtbot: Any) -> None:
    choose(widget.inputs.genes, GeneChoice.LIST)
    names = widget.model.names
    widget.inputs.gene_list.add(", ".join(names[:3]))
    run(widget, qtbot)
    shown = widget.layers.gene
    widget.genes.gene.chosen.emit(names[5])
    assert "was split" in widget.panel.notice.label.text() and widget.layers.gene == shown
    assert widget.genes.gene.text() == shown
    widget.inputs.gene_list.add("nothing-like-it")
    assert "nothing-like-it" in widget.panel.notice.label.text()


def test_many_genes_and_long_names_do_not_widen_the_window(
    widget: SuperResolve, qtbot: Any
) -> None:
    choose(widget.inputs.genes, GeneChoice.LIST)
    width = widget.area.widget().minimumSizeHint().width()
    widget.model.genes = [*widget.model.names[:60]]
    assert len(widget.inputs.gene_list.chips.names) == 12
    assert "48 more" in widget.inputs.gene_list.clear_button.text()
    assert widget.area.widget().minimumSizeHint().width() <= max(width, 370)
    widget.inputs.gene_list.clear_button.click()
    assert widget.model.genes == () and widget.model.state is State.EMPTY


def test_a_factor_that_splits_nothing_stops_run(widget: SuperResolve, qtbot: Any) -> None:
    edit = widget.inputs.factor.lineEdit()
    edit.setText("1×1")
    edit.editingFinished.emit()
    qtbot.waitUntil(lambda: widget.panel.checks.lines[:1] != [], timeout=20_000)
    qtbot.waitUntil(
        lambda: any(tone == "wrong" for tone, _ in widget.panel.checks.lines), timeout=20_000
    )
    assert not widget.panel.run_button.isEnabled()
    edit.setText("2×6")
    edit.editingFinished.emit()
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=20_000)
    assert widget.model.factor == "2x6"


def test_a_model_of_ones_own_is_used_and_a_wrong_folder_refused(
    widget: SuperResolve, qtbot: Any, tmp_path: Path
) -> None:
    widget.inputs.use_model(str(tmp_path))
    assert "saved model" in widget.panel.notice.label.text()
    folder = tmp_path / "mine"
    generalist().save(folder)
    widget.inputs.use_model(str(folder))
    assert widget.model.method.name == "srast" and widget.model.job().model == folder
    assert widget.inputs.trained.currentText() == "mine (saved)"
    choose(widget.inputs.method, "uniform")
    assert widget.model.job().model is None and not widget.inputs.trained.isEnabled()


def test_a_run_is_saved_with_its_record(widget: SuperResolve, qtbot: Any, tmp_path: Path) -> None:
    import anndata

    run(widget, qtbot)
    widget.save_as(str(tmp_path / "parts.h5ad"))
    qtbot.waitUntil(lambda: "Saved" in widget.result.status.text(), timeout=20_000)
    saved = anndata.read_h5ad(tmp_path / "parts.h5ad")
    assert "parent" in saved.obs and (tmp_path / "parts.run.json").exists()
    total = float(np.asarray(widget.model.outcome.adata.X.sum()))
    assert float(saved.X.sum()) == pytest.approx(total)
