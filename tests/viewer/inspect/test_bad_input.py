"""What the tab Inspect does with columns that hold nothing or too much, and with what is gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.layers import Points
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_spatialrecon.tissue.slots import UNCERTAINTY
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.inspect.clicked_part import ClickedPart
from napari_spatialrecon.viewer.inspect.color_part import ColorPart
from napari_spatialrecon.viewer.inspect.embedding_part import EmbeddingPart
from napari_spatialrecon.viewer.inspect.figures_part import FiguresPart
from napari_spatialrecon.viewer.inspect.lasso_part import LassoPart
from napari_spatialrecon.viewer.inspect.legend_part import LegendPart
from napari_spatialrecon.viewer.inspect.tab import InspectTab

from .conftest import cells_of

PLAIN = (ColorPart, ClickedPart, LassoPart, FiguresPart, EmbeddingPart)


def cells(n: int = 6_000, name: str = "a", n_genes: int = 30, prefix: str = "c") -> Points:
    rng = np.random.default_rng(0)
    return cells_of(
        rng.poisson(2.0, (n, n_genes)),
        rng.uniform(0, 2_000, (n, 2)),
        name=name,
        prefix=prefix,
        cell_type=pd.Categorical(rng.choice(["T", "B", "tumor"], n)),
        clone=pd.Categorical([f"clone {i % 5_000}" for i in range(n)]),
        nothing=np.full(n, np.nan),
        no_words=pd.Categorical([None] * n, categories=["a"]),
        **{UNCERTAINTY: np.full(n, np.nan)},
    )


@pytest.fixture
def tab(make_napari_viewer: Any, qtbot: Any) -> InspectTab:
    made = InspectTab(make_napari_viewer())
    made.resize(380, 700)
    made.show()
    for fold in made.folds.values():
        fold.set_opened(True)
    qtbot.addWidget(made)
    return made


def part(tab: InspectTab, kind: type) -> Any:
    return tab.parts[kind]


def test_a_column_of_5000_names_is_colored_listed_and_selected(tab: InspectTab) -> None:
    layer = tab.viewer.add_layer(cells())
    part(tab, ColorPart).search.choose("clone")
    key = color_key(layer)
    assert len(key.entries) == 301 and key.entries[-1].name == "4,700 others"
    assert sum(entry.count for entry in key.entries) == 6_000
    assert "5,000 names" in part(tab, ColorPart).note.text()
    tab.space.selection.set_rows(layer, range(3_000))
    assert "others" in part(tab, LassoPart).composition.text()
    part(tab, LassoPart).composition.linkActivated.emit("4%2C700%20others")
    of_others = tab.space.selection.rows_in(layer)
    assert 0 < len(of_others) < 3_000
    assert (key.codes[of_others] == 300).all()
    entries = part(tab, LegendPart).legend
    assert entries._search.isVisible() and entries._model.rowCount() == 301


@pytest.mark.parametrize("name", ["nothing", "no_words", UNCERTAINTY])
def test_a_column_without_values_says_so_and_breaks_nothing(
    tab: InspectTab, qtbot: Any, name: str
) -> None:
    layer = tab.viewer.add_layer(cells(300))
    part(tab, ColorPart).color(name)
    key = color_key(layer)
    assert key.missing == 300 and part(tab, ColorPart).notice.error is None
    assert "all values are missing" in part(tab, ColorPart).note.text()
    tab.space.selection.set_rows(layer, range(50))
    part(tab, ClickedPart).show_point(3)
    part(tab, EmbeddingPart).draw()
    qtbot.wait(100)
    assert "50 of 300" in part(tab, LassoPart).about.text()
    part(tab, ColorPart).rims.click()
    part(tab, ColorPart).fade.click()
    part(tab, ColorPart).size_box.setValue(33.0)


def test_nothing_selected_leaves_every_button_without_harm(tab: InspectTab) -> None:
    tab.viewer.add_layer(cells(300))
    lasso = part(tab, LassoPart)
    lasso.name.setText("none")
    for act in (lasso.keep_column, lasso.genes.find_markers, lasso.go_back, lasso.undo_column):
        act()
    assert "found none" in lasso.notice.label.text() and lasso.genes.run is None
    assert not lasso.below.isVisible()


def start_markers(tab: InspectTab, layer: Points) -> None:
    tab.space.selection.set_rows(layer, range(900))
    part(tab, LassoPart).genes.view.dotted.setChecked(True)
    part(tab, LassoPart).genes.find_markers()


def start_lasso(tab: InspectTab, layer: Points) -> None:
    part(tab, LassoPart).toggle()
    part(tab, LassoPart)._draw_line(np.array([[0.0, 0.0], [9.0, 0.0], [9.0, 9.0]]))


def start_clicked(tab: InspectTab, layer: Points) -> None:
    part(tab, ClickedPart).show_point(2)


def start_communities(tab: InspectTab, layer: Points) -> None:
    part(tab, FiguresPart).communities.click()
    part(tab, FiguresPart).search.click()


def start_near(tab: InspectTab, layer: Points) -> None:
    part(tab, FiguresPart).vicinity.click()
    part(tab, FiguresPart).test.click()


def start_embedding(tab: InspectTab, layer: Points) -> None:
    part(tab, EmbeddingPart).restore({"source": "PCA"})
    part(tab, EmbeddingPart).compute()


def start_color(tab: InspectTab, layer: Points) -> None:
    part(tab, ColorPart).color("g1")
    part(tab, ColorPart).scale.percentiles.setCurrentIndex(1)
    part(tab, ColorPart)._change({"percentiles": (5.0, 95.0)})


def start_legend(tab: InspectTab, layer: Points) -> None:
    part(tab, ColorPart).color("cell_type")
    part(tab, LegendPart).legend.legend.toggle(0)


@pytest.mark.parametrize(
    "start",
    [
        start_markers,
        start_lasso,
        start_clicked,
        start_communities,
        start_near,
        start_embedding,
        start_color,
        start_legend,
    ],
)
def test_a_layer_that_is_deleted_meanwhile_leaves_the_tab_in_order(
    tab: InspectTab, qtbot: Any, start: Callable[[InspectTab, Points], None]
) -> None:
    other = tab.viewer.add_layer(cells(1_000, "other", prefix="o"))
    columns, color = list(other.features), color_key(other)
    layer = tab.viewer.add_layer(cells(1_000))
    start(tab, layer)
    tab.viewer.layers.remove(layer)
    tab.viewer.layers.selection = {other}

    def rests() -> bool:
        runs = (part(tab, LassoPart).genes, part(tab, FiguresPart), part(tab, EmbeddingPart))
        return all(one.run is None for one in runs)

    qtbot.waitUntil(rests, timeout=100_000)
    qtbot.wait(150)
    assert tab.layer is other and part(tab, LassoPart).genes.view.found is None
    about = (*(part(tab, kind) for kind in PLAIN), part(tab, LegendPart).legend.legend)
    assert [one.layer for one in about] == [other] * len(about)
    assert list(other.features) == columns and color_key(other) is color
    assert part(tab, ClickedPart).row is None
    for shown in (part(tab, FiguresPart).markers, part(tab, EmbeddingPart).plot):
        assert shown.isHidden(), "it was found in the layer that is gone"
    for kind in (LassoPart, FiguresPart, EmbeddingPart, ColorPart):
        notice = part(tab, kind).notice
        assert notice.error is None, (kind, notice.error)
    assert not part(tab, LassoPart).outlines._lines
    tab.viewer.layers.clear()
    assert "Nothing is open" in tab.about.text()
    assert [one.layer for one in about] == [None] * len(about)


def test_a_key_in_the_search_of_30000_names_is_quick(tab: InspectTab, qtbot: Any) -> None:
    rng = np.random.default_rng(0)
    genes = [f"GENE{i}" for i in range(29_998)] + ["AERBB2", "ERBB2"]
    layer = cells_of(rng.poisson(1.0, (20, 30_000)), rng.uniform(0, 9, (20, 2)), genes=genes)
    tab.viewer.add_layer(layer)
    field = part(tab, ColorPart).search
    field.setFocus()
    times = []
    for letter in "gene12":
        start = time.perf_counter()
        QTest.keyClicks(field, letter)
        times.append(time.perf_counter() - start)
    print("ms per key", [round(1000 * t) for t in times])
    names = [text for _, text in field.popup.rows.lines]
    assert names[0] == "GENES" and names[1] == "GENE12"
    field.clear()
    QTest.keyClicks(field, "erb")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert color_key(layer).title.startswith("ERBB2") and field.recent == ["ERBB2"]
