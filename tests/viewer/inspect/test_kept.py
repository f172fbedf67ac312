"""What the tab Inspect showed is shown again once a session is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_spatialrecon.tissue.slots import UNCERTAINTY
from napari_spatialrecon.viewer.inspect.clicked_part import ClickedPart
from napari_spatialrecon.viewer.inspect.embedding_part import EmbeddingPart
from napari_spatialrecon.viewer.inspect.figures_part import FiguresPart
from napari_spatialrecon.viewer.inspect.lasso_part import LassoPart
from napari_spatialrecon.viewer.inspect.tab import InspectTab
from napari_spatialrecon.viewer.session.reading import read_session
from napari_spatialrecon.viewer.session.saving import write_session
from napari_spatialrecon.viewer.session.showing import show_session
from napari_spatialrecon.viewer.session.snapshot import take

from .conftest import cells_of


def test_lasso_clicked_cell_and_neighborhoods_return(
    make_napari_viewer: Any, qtbot: Any, tmp_path: Path
) -> None:
    def tab_of(viewer: Any) -> tuple[Any, ...]:
        tab = InspectTab(viewer)
        qtbot.addWidget(tab)
        kinds = (LassoPart, ClickedPart, FiguresPart, EmbeddingPart)
        return tab, *(tab.parts[kind] for kind in kinds)

    def rests(*parts: Any) -> None:
        qtbot.waitUntil(lambda: all(one.run is None for one in parts), timeout=100_000)

    rng = np.random.default_rng(0)
    first = make_napari_viewer()
    tab, lasso, clicked, figures, embedding = tab_of(first)
    layer = cells_of(
        rng.poisson(3.0, (300, 6)),
        rng.uniform(0, 900, (300, 2)),
        name="placed",
        cell_type=pd.Categorical(rng.choice(["T", "B"], 300)),
        **{UNCERTAINTY: rng.uniform(20, 90, 300)},
    )
    first.add_layer(layer)
    tab.space.selection.set_rows(layer, range(40, 90))
    lasso.genes.view.dotted.click()
    lasso.genes.view.dot_view.chosen = ["g3", "g1"]
    lasso.genes.test.click()
    figures.communities.click()
    figures.resolution.setValue(0.5)
    figures.search.click()
    embedding.restore({"source": "PCA", "shape": "Rectangle"})
    clicked.show_point(7)
    rests(lasso.genes, figures, lasso.genes.view.dot_view)
    said = lasso.about.text(), clicked.text.text(), figures.note.text()
    composition, table = lasso.composition.text(), lasso.genes.view.found
    folder = tmp_path / "mine.spatialrecon"
    assert write_session(take(first), folder) == []

    again = make_napari_viewer()
    tab, lasso, clicked, figures, embedding = tab_of(again)
    assert show_session(again, read_session(folder)) == []
    rests(lasso.genes, figures)
    rests(lasso.genes.view.dot_view)
    assert said == (lasso.about.text(), clicked.text.text(), figures.note.text())
    assert tab.space.selection.rows_in(again.layers["placed"]).tolist() == list(range(40, 90))
    assert lasso.composition.text() == composition
    pd.testing.assert_frame_equal(lasso.genes.view.found, table)
    assert lasso.genes.view.dotted.isChecked()
    assert lasso.genes.view.dot_view.plot.genes == ["g3", "g1"]
    assert clicked.row == 7 and clicked.where.outlines._lines
    assert not figures.table.isHidden() and figures.resolution.value() == 0.5
    assert embedding.source.currentText() == "PCA" and embedding.shape.currentText() == "Rectangle"
