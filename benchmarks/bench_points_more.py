"""Further actions over many cells, for `bench_points.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint
from watching import Watch, drag, many_cells

from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.inspect.color_part import ColorPart
from napari_spatialrecon.viewer.inspect.embedding_part import EmbeddingPart
from napari_spatialrecon.viewer.inspect.lasso_part import LassoPart
from napari_spatialrecon.viewer.inspect.legend_part import LegendPart
from napari_spatialrecon.viewer.session.keeper import keeper_of
from napari_spatialrecon.viewer.workspace.opening import open_in_turn
from napari_spatialrecon.viewer.workspace.results import Result


def explore(viewer: Any, watch: Watch, bench: Any, layer: Any) -> None:
    tab, native = bench.tabs["inspect"], viewer.window._qt_viewer.canvas.native
    bench.pages.setCurrentWidget(tab)
    viewer.layers.selection = {layer}
    part, legend, lasso = tab.parts[ColorPart], tab.parts[LegendPart], tab.parts[LassoPart]
    embedding, shown = tab.parts[EmbeddingPart], legend.legend.legend

    def titled(name: str) -> bool:
        key = color_key(layer)
        return key is not None and (key.title == name or key.title.startswith(f"{name},"))

    def two_genes() -> None:
        part.color("G20")
        part.color("G21")

    watch.timed("color by a gene and at once by another", two_genes, lambda: titled("G21"))
    watch.timed("color by 300 clones", lambda: part.color("clone"), lambda: titled("clone"))
    watch.timed("show one clone alone", lambda: shown.toggle_solo(7), lambda: shown.solo == 7)
    watch.timed("hide 150 clones", lambda: shown.hide_only(range(0, 300, 2)))
    watch.timed("show all clones", shown.show_all, lambda: bool(layer.shown.all()))
    watch.timed("recolor a clone", lambda: shown.recolor(7, "#FF0000"))
    for name in ("data", "reconstruct", "validate", "results", "inspect"):
        watch.timed(
            f"open the tab {name.capitalize()}",
            lambda name=name: bench.pages.setCurrentWidget(bench.tabs[name]),
        )
    fold = tab.folds[EmbeddingPart]
    watch.timed("unfold the embedding", lambda: fold.set_opened(True))
    box = np.array([[-1.0, -1.0], [4.0, -1.0], [4.0, 4.0], [-1.0, 4.0]])
    watch.timed("select in the embedding", lambda: embedding.select(box))
    print(f"   {len(lasso.rows):,} selected")
    watch.timed("fold the embedding", lambda: fold.set_opened(False))
    turn, middle = np.linspace(0, 2 * np.pi, 40), native.rect().center()
    ring = [middle + QPoint(int(150 * np.cos(t)), int(150 * np.sin(t))) for t in turn]
    lasso.toggle()
    watch.timed("lasso", lambda: drag(native, ring))
    lasso.stop()
    print(f"   {len(lasso.rows):,} selected")
    watch.timed("back to the selection before", lasso.go_back)
    lasso.name.setText("mine")
    watch.timed("save it as a column", lasso.keep_column)
    watch.timed("undo the column", lasso.undo_column)
    watch.timed("clear the selection", lasso._clear)


def keep(viewer: Any, watch: Watch, bench: Any, layer: Any, folder: Path) -> None:
    keeper, results, space = keeper_of(viewer), bench.tabs["results"], bench.space
    known = space.results.of_layer(layer)
    if known is None:
        record = {"task": "place", "method": "knn", "metrics": {}}
        known = space.results.add(
            Result("cells", "place", layer.metadata["spatialrecon"]["table"], record, layer)
        )
    bench.pages.setCurrentWidget(results)
    results.model.choose(known)
    watch.timed("keep a copy aside", keeper.copy_aside, lambda: keeper._copying is None)
    session = folder / "bench.spatialrecon"
    watch.timed("save the session", lambda: keeper.save(session), lambda: keeper._run is None)
    watch.timed("delete a result", results.actions_panel.delete)
    watch.timed("undo", results.actions_panel.undo)
    other = many_cells(np.random.default_rng(2).uniform(0, 10_000, (len(layer.data), 2)))
    other.write_h5ad(folder / "second.h5ad")
    del other
    bench.pages.setCurrentWidget(bench.tabs["data"])
    before = len(viewer.layers)

    def opened() -> bool:
        return len(viewer.layers) > before and color_key(viewer.layers[-1]) is not None

    watch.timed(
        "open a second slide", lambda: open_in_turn(viewer, [folder / "second.h5ad"]), opened
    )
    for one in list(viewer.layers)[before:]:
        viewer.layers.remove(one)
    watch.timed(
        "open the session beside it", lambda: keeper.read(session), lambda: not keeper.working
    )
