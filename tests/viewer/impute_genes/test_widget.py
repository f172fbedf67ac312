from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_spatialrecon.tasks.gene_check import without
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.impute_genes.widget import ImputeGenes
from napari_spatialrecon.viewer.task.gene_list_field import MEASURED
from napari_spatialrecon.viewer.task.model import State
from napari_spatialrecon.viewer.workspace.workspace import Role


@pytest.fixture
def widget(make_napari_viewer: Any, open_tissue: Any) -> ImputeGenes:
    """Docked, with a slide that lacks 5 genes of the cells, and kNN chosen."""
    viewer = make_napari_viewer()
    open_tissue(viewer)
    widget = ImputeGenes(viewer)
    viewer.window.add_dock_widget(widget, name="Impute genes")
    slide = widget.model.slide
    slide.adata = without(slide.adata, [str(g) for g in slide.adata.var_names[-5:]])
    inputs = widget.inputs
    inputs.method.setCurrentIndex(inputs.method.findData("knn"))
    return widget


def lacking(widget: ImputeGenes) -> list[str]:
    return [name for name in widget.model.names if name not in widget.model.measured]


def run(widget: ImputeGenes, qtbot: Any) -> None:
    for gene in lacking(widget)[:3]:
        widget.inputs.gene_list.search.chosen.emit(gene)
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    widget.panel.run_button.click()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=60_000)
    assert widget.model.error is None and widget.model.state is State.DONE


def test_genes_are_offered_with_those_measured_marked(widget: ImputeGenes) -> None:
    inputs, model = widget.inputs, widget.model
    assert model.state is State.EMPTY and "a gene to impute" in widget.empty.label.text()
    assert widget.empty.open_button.isHidden() and widget.empty.sample_button.isHidden()
    offered = inputs.gene_list.search.names
    assert len(offered) == len(model.names)
    marked = [name for name in offered if name.endswith(MEASURED)]
    assert len(marked) == len(model.measured & set(model.names))
    inputs.gene_list.search.chosen.emit(marked[0])
    assert (
        model.genes == (marked[0].removesuffix(MEASURED),)
        and inputs.gene_list.chips.names == marked[:1]
    )
    inputs.gene_list.search.chosen.emit(f"{lacking(widget)[0]}, NOGENE")
    assert len(model.genes) == 2 and "NOGENE" in widget.panel.notice.label.text()
    inputs.gene_list.clear_button.click()
    assert model.genes == () and inputs.gene_list.chips.names == []
    assert "(5)" in inputs.genes.itemText(1)
    assert inputs.check.currentText().endswith("genes drawn at random")


def test_from_run_to_a_gene_beside_its_truth_and_a_table(
    widget: ImputeGenes, qtbot: Any, tmp_path: Path
) -> None:
    run(widget, qtbot)
    panel, outcome = widget.genes, widget.model.outcome
    assert panel.isVisibleTo(widget) and "3 genes imputed" in widget.result.verdict.text()
    assert not widget.model.ground.spots.visible and panel.gene.text() in outcome.held_out
    assert widget.layers.beside in widget.viewer.layers and panel.beside.isEnabled()
    panel.beside.setChecked(False)
    assert widget.layers.beside is None
    panel.gene.chosen.emit(lacking(widget)[1].lower())
    assert color_key(widget.layer).title.startswith(f"{lacking(widget)[1]}, imputed")
    assert not panel.beside.isEnabled() and "is imputed" in panel.sentence.lines[0][1]
    panel.picture.setChecked(True)
    assert widget.layers.image.data.shape[0] > 50
    panel.picture.setChecked(False)
    assert widget.layers.image is None
    panel.gene.chosen.emit("NOGENE")
    assert "Expected a gene of this run" in widget.panel.notice.label.text()
    path = tmp_path / "genes.csv"
    widget.save_table(str(path))
    qtbot.waitUntil(lambda: "Saved genes.csv" in widget.result.status.text(), timeout=20_000)
    saved = pd.read_csv(path, index_col=0)
    assert set(lacking(widget)[:3]) <= set(saved.index) and "found" in saved


def test_a_row_of_the_sorted_table_shows_its_gene(widget: ImputeGenes, qtbot: Any) -> None:
    run(widget, qtbot)
    table, outcome = widget.genes.table, widget.model.outcome
    table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    found = outcome.genes["found"]
    assert table.gene_at(0) == found.idxmax()
    last = table.gene_at(table.rows.rowCount() - 1)
    assert np.isnan(found[last])
    table.sortByColumn(3, Qt.SortOrder.AscendingOrder)
    assert table.gene_at(0) == found.idxmin()
    table.selectRow(table.position(last))
    assert widget.layers.gene == last and widget.genes.gene.text() == last
    widget.show_gene(found.idxmax())
    assert table.gene_at(table.currentIndex().row()) == found.idxmax()


def test_a_reference_without_shared_genes_is_refused_in_the_widget(
    widget: ImputeGenes, qtbot: Any
) -> None:
    cells = widget.model.reference.adata.copy()
    cells.var_names = [f"other{i}" for i in range(cells.n_vars)]
    space = widget.model.workspace
    widget.model.reference = space.add("other genes", Role.QUERY, adata=cells)
    widget.inputs.gene_list.search.chosen.emit("other1")
    qtbot.waitUntil(
        lambda: any(tone == "wrong" for tone, _ in widget.panel.checks.lines), timeout=60_000
    )
    assert not widget.panel.run_button.isEnabled()


def test_running_again_keeps_a_locked_layer(widget: ImputeGenes, qtbot: Any) -> None:
    run(widget, qtbot)
    first, count = widget.layer, len(widget.viewer.layers)
    widget.panel.run_button.click()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=60_000)
    assert widget.layer is first and len(widget.viewer.layers) == count
    widget.result.keep.setChecked(True)
    widget.panel.run_button.click()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=60_000)
    assert widget.layer is not first and first in widget.viewer.layers
