from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyqtgraph.graphicsItems.ScatterPlotItem import SymbolAtlas

from napari_spatialrecon.viewer.inspect.embedding_plot import EmbeddingPlot


def test_the_picture_of_a_spot_is_looked_up_once_for_each_color(
    qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    keys = SymbolAtlas._keys
    monkeypatch.setattr(
        SymbolAtlas, "_keys", lambda atlas, styles: asked.append(len(styles)) or keys(atlas, styles)
    )
    rng = np.random.default_rng(0)
    colors = np.array([[0.1, 0.2, 0.3, 1.0], [0.9, 0.1, 0.1, 1.0], [0.2, 0.8, 0.3, 1.0]])
    plot, of = EmbeddingPlot(), rng.integers(0, 3, 2_000)
    qtbot.addWidget(plot)
    plot.show_points(rng.random((2_000, 2)), colors[of], np.arange(2_000) < 500)
    assert asked == [3, 3]
    pictures = plot.points.data["sourceRect"]
    assert all(len(np.unique(pictures[of[500:] == one])) == 1 for one in range(3))
    assert len(np.unique(pictures)) == 3
    plot.show_points(np.empty((0, 2)), np.empty((0, 4)), np.empty(0, bool))
    assert not len(plot.points.data) and not len(plot.marked.data)
