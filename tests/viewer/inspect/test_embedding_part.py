from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.layers import Points
from qtpy.QtCore import QPointF, Qt

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.tasks.embedding import embed
from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.inspect import embedding_model
from napari_spatialrecon.viewer.inspect.embedding_model import (
    computed,
    distinct_colors,
    held,
    held_names,
    inside,
    said,
    sampled,
)
from napari_spatialrecon.viewer.inspect.embedding_part import EmbeddingPart
from napari_spatialrecon.viewer.workspace.workspace import Role

from .conftest import cells_of

NONE = Qt.KeyboardModifier.NoModifier


def cells(n: int = 40, **obsm: np.ndarray) -> Points:
    rng = np.random.default_rng(0)
    counts = rng.poisson(3.0, (n, 5))
    return cells_of(counts, rng.uniform(0, 1000, (n, 2)), name="cells", obsm=obsm)


def nothing(*_: Any) -> None:
    """Report nowhere."""


def test_an_embedding_of_the_table_is_brought_into_the_order_of_the_points() -> None:
    layer = cells(X_umap=np.arange(80.0).reshape(40, 2), X_pca=np.zeros((40, 30)))
    assert held_names(layer) == ["X_umap", "X_pca"] and held(layer, "X_pca").shape == (40, 2)
    layer.selected_data = {0, 3}
    layer.remove_selected()
    layer.features.loc[0, "obs_names"] = "of no table"
    found = held(layer, "X_umap")
    assert np.isnan(found[0]).all() and found[1].tolist() == [4.0, 5.0] and len(found) == 38
    assert found[2].tolist() == [8.0, 9.0]


def test_too_many_points_are_sampled_among_those_shown() -> None:
    xy = np.random.default_rng(0).normal(size=(500, 2))
    xy[:10] = np.nan
    shown = np.arange(500) < 300
    rows = sampled(shown & np.isfinite(xy).all(axis=1), most=100)
    assert len(rows) == len(set(rows)) == 100 and (rows >= 10).all() and (rows < 300).all()
    assert sampled(shown & np.isfinite(xy).all(axis=1)).tolist() == list(range(10, 300))
    assert "100 of 290 points are drawn. 10 points without" in said(100, 290, 10, 0)


def test_an_outline_need_not_be_convex() -> None:
    arrow = np.array([(0.0, 0.0), (10.0, 5.0), (0.0, 10.0), (5.0, 5.0)])
    points = np.array([(7.0, 5.0), (2.0, 5.0), (np.nan, 5.0), (2.0, 1.5), (20.0, 5.0)])
    assert inside(points, arrow).tolist() == [0, 3]


def test_each_point_has_the_color_of_the_layer() -> None:
    rgba = np.array([[1, 0, 0, 1], [0, 0.5, 1, 1], [1, 0, 0, 1]], float)
    colors, index = distinct_colors(rgba)
    assert len(colors) == 2 and colors[index].tolist() == np.round(rgba * 255).tolist()


def test_umap_is_computed_in_another_process_that_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = cells()
    given: list[np.ndarray] = []

    def apart(name: str, components: np.ndarray, *_: Any, **__: Any) -> np.ndarray:
        given.append(components)
        return components[:, :2]

    monkeypatch.setattr(embedding_model, "apart", apart)
    found = computed(layer, "UMAP", nothing, lambda: False)
    assert len(given) == 1 and np.allclose(found, given[0][:, :2])
    monkeypatch.undo()
    asked = iter([False] * 5 + [True] * 10)
    with pytest.raises(Stopped):
        computed(layer, "UMAP", nothing, lambda: next(asked))


def test_points_without_a_table_have_no_embedding() -> None:
    mine = Points(np.zeros((4, 2)))
    assert held_names(mine) == []
    with pytest.raises(InputError, match="found points alone"):
        computed(mine, "PCA", nothing, lambda: False)


@pytest.fixture
def part(make_napari_viewer: Any, qtbot: Any) -> EmbeddingPart:
    made = EmbeddingPart(make_napari_viewer())
    made.resize(360, 320)
    made.show()
    qtbot.addWidget(made)
    return made


def drag(
    part: EmbeddingPart, qtbot: Any, corners: list[tuple[float, float]], modifier: Any = NONE
) -> None:
    """Drag in the plot along places (x, y) of its axes."""
    view, box = part.plot.viewport(), part.plot.box
    spots = [box.mapViewToScene(QPointF(x, y)).toPoint() for x, y in corners]
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, modifier, spots[0])
    for spot in spots[1:]:
        qtbot.mouseMove(view, spot)
        qtbot.wait(40)
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, modifier, spots[-1])


def test_selecting_in_the_plot_or_elsewhere_selects_in_both(
    part: EmbeddingPart, qtbot: Any
) -> None:
    xy = np.zeros((40, 2))
    xy[20:] = 10.0
    layer = part.viewer.add_layer(cells(X_umap=xy))
    part.show_layer(layer)
    qtbot.waitUntil(lambda: len(part.plot.points.data) == 40, timeout=10_000)
    part.select(np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]))
    assert part.space.selection.names.tolist() == [f"c{i}" for i in range(20)]
    qtbot.waitUntil(lambda: len(part.plot.marked.data) == 20, timeout=10_000)
    assert "20 selected" in part.note.text()
    part.space.selection.set(["c3"])
    qtbot.waitUntil(lambda: len(part.plot.marked.data) == 1, timeout=10_000)
    part.select(np.array([(9.0, 9.0), (11.0, 9.0), (11.0, 11.0)]) - 0.1, adds=True)
    assert len(part.space.selection) == 21
    layer.shown = np.arange(40) < 30
    part.select(np.array([(9.0, 9.0), (12.0, 9.0), (12.0, 12.0), (9.0, 12.0)]))
    assert len(part.space.selection) == 10


@pytest.mark.parametrize(
    ("shape", "path"),
    [
        ("Freehand", [(-1, -2), (-1, 2), (2, 2), (2, -2)]),
        ("Rectangle", [(-1, 2), (0, 1), (2, -2)]),
    ],
)
def test_a_drag_selects_and_a_click_beside_the_points_clears(
    part: EmbeddingPart, qtbot: Any, shape: str, path: list[tuple[float, float]]
) -> None:
    xy = np.column_stack([np.where(np.arange(40) < 25, 0.5, -2.0), np.linspace(-1, 1, 40)])
    part.show_layer(part.viewer.add_layer(cells(X_umap=xy)))
    part.shape.setCurrentText(shape)
    qtbot.waitUntil(lambda: len(part.plot.points.data) == 40, timeout=10_000)
    part.plot.box.setRange(xRange=(-3, 3), yRange=(-3, 3), padding=0)
    drag(part, qtbot, path)
    assert part.space.selection.names.tolist() == [f"c{i}" for i in range(25)]
    beside = part.plot.box.mapViewToScene(QPointF(2.5, 2.5)).toPoint()
    qtbot.mouseClick(part.plot.viewport(), Qt.MouseButton.LeftButton, pos=beside)
    assert len(part.space.selection) == 0


def test_points_have_the_colors_of_the_layer_as_they_change(
    part: EmbeddingPart, qtbot: Any
) -> None:
    layer = part.viewer.add_layer(cells(X_umap=np.zeros((40, 2))))
    part.show_layer(layer)
    set_point_colors(layer, ["a", "b"] * 20, palette={"a": "#ff0000", "b": "#0000ff"})
    qtbot.waitUntil(lambda: len(part.plot.points.data) == 40, timeout=10_000)
    brushes = part.plot.points.data["brush"]
    assert [b.color().name() for b in brushes[:2]] == ["#ff0000", "#0000ff"]
    set_point_colors(layer, ["a", "b"] * 20, palette={"a": "#00ff00", "b": "#0000ff"})
    changed = part.plot.points
    qtbot.waitUntil(lambda: changed.data["brush"][0].color().name() == "#00ff00", timeout=10_000)


def test_pca_is_computed_in_the_background_and_kept(part: EmbeddingPart, qtbot: Any) -> None:
    layer = part.viewer.add_layer(cells())
    part.show_layer(layer)
    assert part.source.currentData() == "UMAP" and part.button.text() == "Compute UMAP"
    part.restore({"source": "PCA", "shape": "Rectangle"})
    part.button.click()
    assert part.button.text() == "Cancel"
    qtbot.waitUntil(lambda: part.run is None, timeout=100_000)
    assert part.button.isHidden() and not part.plot.isHidden()
    adata = layer.metadata["spatialrecon"]["table"]
    assert np.allclose(part._xy, embed(adata, "PCA"))
    part.show_layer(None)
    part.show_layer(layer)
    assert not part.plot.isHidden()
    assert json.loads(json.dumps(part.state())) == {"source": "PCA", "shape": "Rectangle"}


def test_what_cannot_be_embedded_is_said(part: EmbeddingPart, qtbot: Any) -> None:
    part.show_layer(part.viewer.add_points(np.zeros((4, 2))))
    assert "no table" in part.note.text() and not part.source.isEnabled()
    assert part.button.isHidden()
    part.show_layer(part.viewer.add_layer(cells(3)))
    part.button.click()
    qtbot.waitUntil(lambda: part.notice.error is not None, timeout=100_000)
    assert "at least 4 cells" in part.notice.label.text()


def test_an_open_encoder_offers_its_latent(
    part: EmbeddingPart, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apart(name: str, values: np.ndarray, *_: Any, **__: Any) -> np.ndarray:
        return values[:, :2]

    monkeypatch.setattr(embedding_model, "apart", apart)
    counts = np.random.default_rng(0).poisson(3.0, (40, 5))
    counts[3] = 0
    layer = part.viewer.add_layer(cells_of(counts, np.zeros((40, 2))))
    part.show_layer(layer)
    read: list[Any] = []

    def embed(table: Any) -> np.ndarray:
        read.append(table)
        return np.arange(3.0 * table.adata.n_obs).reshape(-1, 3)

    entry = part.space.add("mine", Role.MODEL, model=SimpleNamespace(embed=embed))
    part.source.setCurrentText("Latent of mine")
    part._choose(part.source.currentIndex())
    part.button.click()
    qtbot.waitUntil(lambda: part.run is None, timeout=100_000)
    assert part.notice.error is None and not part.plot.isHidden()
    assert np.isnan(part._xy[3]).all() and part._xy[[0, 4]].tolist() == [[0, 1], [9, 10]]
    part.space.remove(entry)
    assert part.source.findText("Latent of mine") == -1
