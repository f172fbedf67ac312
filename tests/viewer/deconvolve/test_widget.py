from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.qt import get_stylesheet
from qtpy.QtCore import Qt

from napari_spatialrecon.tissue.slots import OURS, PROPORTIONS
from napari_spatialrecon.viewer.canvas.colors import color_key, set_point_colors
from napari_spatialrecon.viewer.canvas.pies import pies_of
from napari_spatialrecon.viewer.deconvolve.bars import StackedBars
from napari_spatialrecon.viewer.deconvolve.job import Mixed
from napari_spatialrecon.viewer.deconvolve.panel import ALL_TYPES
from napari_spatialrecon.viewer.deconvolve.table import SharesTable
from napari_spatialrecon.viewer.deconvolve.widget import Deconvolve
from napari_spatialrecon.viewer.reconstruct.tab import ReconstructTab
from napari_spatialrecon.viewer.task.model import State
from napari_spatialrecon.viewer.workspace.workspace import Role


@pytest.fixture
def widget(make_napari_viewer: Any, open_tissue: Any, qtbot: Any) -> Deconvolve:
    """Docked, with a tiny tissue open, a short training, inputs checked."""
    viewer = make_napari_viewer()
    open_tissue(viewer)
    widget = Deconvolve(viewer)
    viewer.window.add_dock_widget(widget, name="Deconvolve")
    widget.inputs.method.setCurrentIndex(widget.inputs.method.findData("come"))
    widget.inputs.form.set_values({"steps": 3})
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    return widget


def run(widget: Deconvolve, qtbot: Any) -> None:
    widget.panel.run_button.click()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=60_000)
    assert widget.model.error is None and widget.model.state is State.DONE


def test_from_run_to_pies_one_type_and_a_table(
    widget: Deconvolve, qtbot: Any, tmp_path: Path
) -> None:
    assert widget.inputs.labels.currentText().startswith("cell_type · ")
    run(widget, qtbot)
    panel, types = widget.mixtures, widget.model.outcome.types
    assert panel.isVisibleTo(widget) and "cell types; most are" in widget.result.verdict.text()
    pies = pies_of(widget.layer)
    assert pies.visible and all(node.visible for node in pies._nodes) and len(pies._nodes) == 1
    assert not widget.model.ground.spots.visible
    assert not panel.bars.grab().toImage().isNull() and panel.bars.groups[0][0] == "whole slide"
    count = len(widget.viewer.layers)
    panel.choose_type(1)
    share = widget.viewer.layers.selection.active
    assert share.name.endswith(types[1]) and not widget.layer.visible
    assert len(widget.viewer.layers) == count + 1
    panel.choose_type(ALL_TYPES)
    assert widget.layer.visible and len(widget.viewer.layers) == count
    markers = panel.markers
    assert markers.isVisibleTo(panel) and markers.rows.rowCount() == len(types)
    rarest = markers.rows.row_at(len(types) - 1)
    assert rarest == int(np.argmin(widget.model.outcome.proportions.mean(axis=0)))
    markers.selectRow(len(types) - 1)
    assert panel.type.currentData() == rarest
    assert widget.viewer.layers.selection.active.name.endswith(types[rarest])
    panel.choose_type(ALL_TYPES)
    path = tmp_path / "mixtures.csv"
    widget.save_table(str(path))
    qtbot.waitUntil(lambda: "Saved mixtures.csv" in widget.result.status.text(), timeout=20_000)
    saved = pd.read_csv(path, index_col=0)
    columns = list(types)
    np.testing.assert_allclose(saved[columns].sum(axis=1), 1, atol=1e-6)
    assert (saved[f"{columns[0]} (lower)"] <= saved[columns[0]]).all()
    assert (saved[columns[0]] <= saved[f"{columns[0]} (upper)"]).all()
    low, high = (100 * bound[3] for bound in widget.model.outcome.bounds)
    kind = int(np.argmax(widget.model.outcome.proportions[3]))
    assert f"({low[kind]:.0f} to {high[kind]:.0f}%)" in widget.model.outcome.spot(3)


def test_pies_follow_the_legend_and_the_points(widget: Deconvolve, qtbot: Any) -> None:
    run(widget, qtbot)
    layer, pies = widget.layer, pies_of(widget.layer)
    (node,) = pies._nodes
    widget.result.color.emit(str(widget.model.slide.adata.var_names[0]))
    assert not pies.visible and not node.visible
    widget.result.color.emit("main_cell_type")
    assert node.visible
    layer.shown = np.arange(len(layer.data)) < 5
    assert pies._shown.sum() == 5
    layer.selected_data = {2}
    assert pies._chosen == {2}
    set_point_colors(layer, np.zeros(len(layer.data)), kind="gene")
    assert not node.visible
    run(widget, qtbot)
    assert pies_of(layer) is not pies and pies_of(layer).visible and node.parent is None


def test_a_spot_is_told_in_words_and_found_in_the_sorted_table(
    widget: Deconvolve, qtbot: Any
) -> None:
    run(widget, qtbot)
    table, outcome = widget.mixtures.table, widget.model.outcome
    first = int(table.rows.row_at(0))
    largest = int(np.argmax(outcome.proportions.mean(axis=0)))
    assert outcome.proportions[first, largest] == outcome.proportions[:, largest].max()
    table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert table.rows.data(table.rows.index(0, 0)) == sorted(outcome.adata.obs_names)[0]
    widget._on_spot(7)
    assert table.rows.row_at(table.currentIndex().row()) == 7
    assert str(outcome.adata.obs_names[7]) in widget.mixtures.spot.text()
    table.selectRow(table.rows.position(3))
    assert widget.layer.selected_data == {3}
    assert str(outcome.adata.obs_names[3]) in widget.mixtures.spot.text()


def test_without_types_it_says_so_and_run_stays_off(widget: Deconvolve, qtbot: Any) -> None:
    cells = widget.model.reference.adata.copy()
    cells.obs = cells.obs[[]]
    space = widget.model.workspace
    widget.model.reference = space.add("bare cells", Role.QUERY, adata=cells)
    assert widget.model.state is State.EMPTY and not widget.panel.run_button.isEnabled()
    assert "names the type of each cell of bare cells" in widget.empty.label.text()
    other = cells.copy()
    other.obs["cell_type"] = "a"
    other.var_names = [f"other{i}" for i in range(other.n_vars)]
    widget.model.reference = space.add("other genes", Role.QUERY, adata=other)
    qtbot.waitUntil(
        lambda: any(tone == "wrong" for tone, _ in widget.panel.checks.lines), timeout=60_000
    )
    assert not widget.panel.run_button.isEnabled()


def test_a_file_of_known_cells_is_chosen_and_left_out_again(
    widget: Deconvolve, qtbot: Any, tmp_path: Path
) -> None:
    fields, model = widget.inputs, widget.model
    assert fields.known.count() == 1 and model.known is None
    path = tmp_path / "cells.csv"
    kind = sorted(set(model.reference.adata.obs["cell_type"].dropna()))[0]
    pd.DataFrame({kind: 3}, index=model.slide.adata.obs_names).to_csv(path)
    fields.use_known(str(path))
    assert fields.known.currentText() == "cells.csv" and model.known.path == path
    fields.known.setCurrentIndex(0)
    fields.known.activated.emit(0)
    assert model.known is None and fields.known.count() == 2
    with qtbot.waitSignal(fields.failed):
        fields.use_known(str(tmp_path / "none.csv"))
    assert model.known is None


def test_bars_are_drawn_for_each_group_of_spots(widget: Deconvolve, qtbot: Any) -> None:
    spots = widget.model.slide.adata
    spots.obs["domain"] = pd.Categorical(np.where(np.arange(spots.n_obs) % 3, "a", "b"))
    run(widget, qtbot)
    box = widget.mixtures.group
    box.setCurrentIndex(box.findData("domain"))
    box.activated.emit(box.currentIndex())
    bars = widget.mixtures.bars
    assert next(iter(widget.model.outcome.adata.obs)) == "main_cell_type"
    assert [name for name, _ in bars.groups] == ["a", "b"]
    np.testing.assert_allclose(bars._means.sum(axis=1), 1)
    assert color_key(widget.layer).entries[0].name == widget.model.outcome.types[0]


def test_a_gene_takes_the_place_of_one_type_and_all_types_come_back(
    widget: Deconvolve, qtbot: Any
) -> None:
    run(widget, qtbot)
    panel, layer = widget.mixtures, widget.layer
    gene = str(widget.model.slide.adata.var_names[0])
    panel.choose_type(1)
    widget.result.color.emit(gene)
    active = widget.viewer.layers.selection.active
    assert active is layer and layer.visible and color_key(layer).title.startswith(gene)
    assert panel.type.currentIndex() == -1
    panel.choose_type(ALL_TYPES)
    assert pies_of(layer).visible and panel.type.currentData() == ALL_TYPES
    panel.choose_type(1)
    widget.result.color.emit("no such gene")
    assert not layer.visible and panel.type.currentData() == 1
    assert "'no such gene'" in widget.panel.notice.label.text()
    assert widget.result.color_by.field.text() == "main cell type"
    panel.choose_type(ALL_TYPES)
    other = widget.model.ground.spots
    widget.viewer.layers.selection = {other}
    widget.result.color.emit(gene)
    assert color_key(other).title.startswith(gene) and pies_of(layer).visible


def test_the_order_of_the_types_is_the_same_in_bars_and_legend(qtbot: Any) -> None:
    bars = StackedBars()
    qtbot.addWidget(bars)
    means = np.array([[0.2, 0.5, 0.3]])
    bars.show_bars(means, [("whole slide", 3)], ["a", "b", "c"], means[0])
    bars.set_colors([(1, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 1)])
    bars.resize(200, bars.height())
    image = bars.grab().toImage()
    seen = [image.pixelColor(x, 5).getRgb()[:3] for x in (20, 130, 180)]
    assert seen == [(0, 255, 0), (0, 0, 255), (255, 0, 0)]
    assert [bars.types[kind] for kind, _ in bars.legend] == ["b", "c", "a"]


def test_the_text_of_a_clicked_spot_stays_below_the_legend(
    make_napari_viewer: Any, open_tissue: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    open_tissue(viewer)
    tab = ReconstructTab(viewer)
    viewer.window.add_dock_widget(tab, name="Reconstruct")
    viewer.window._qt_window.resize(1280, 800)
    widget = tab.show_task("deconvolve")
    widget.inputs.method.setCurrentIndex(widget.inputs.method.findData("knn"))
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    run(widget, qtbot)
    panel, rng = widget.mixtures, np.random.default_rng(0)
    spots = widget.model.outcome.adata.copy()
    types = [f"L2/3 IT number {i}" for i in range(45)]
    spots.uns[OURS] = {**spots.uns[OURS], "types": types}
    spots.obsm[PROPORTIONS] = rng.dirichlet(np.full(45, 0.1), spots.n_obs)
    parts = [panel.bars, panel.spot, panel.table, panel.save_button]

    def overlapping() -> list[tuple[str, str]]:
        return [
            (type(above).__name__, type(below).__name__)
            for above, below in pairwise(parts)
            if above.geometry().bottom() >= below.geometry().top()
        ]

    panel.show_outcome(Mixed.of(spots, widget.model.outcome.record))
    assert overlapping() == [], "before Qt has laid out anew, as a screenshot may show it"
    for number in range(8):
        widget._on_spot(number)
        assert overlapping() == []
        widget.area.verticalScrollBar().setValue(10**6)
        qtbot.wait(50)
        assert overlapping() == []
        assert panel.spot.height() >= panel.spot.heightForWidth(panel.spot.width())


def test_a_title_of_the_table_has_room_beside_the_arrow_of_the_sorting(qtbot: Any) -> None:
    table = SharesTable()
    qtbot.addWidget(table)
    table.setStyleSheet(get_stylesheet("light"))
    table.show_shares(["a", "b"], ["Macrophage", "L2/3 IT"], np.full((2, 2), 0.5), [0, 1])
    titles = table.horizontalHeader()
    for number, title in enumerate(("spot", "Macrophage", "L2/3 IT")):
        assert titles.sectionSize(number) >= titles.fontMetrics().horizontalAdvance(title) + 18
