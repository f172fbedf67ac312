"""The workbench over many cells: what each action takes, and how long the window stands still.

Cells lie on an H&E image, if a file is given. Each line is one action of a user, until its last
frame is drawn: by the clock, of the processor (software drawing included), and the longest gap
between two Qt events meanwhile (a timer of 2 ms), by the clock and of the processor in the window's
own thread, which on a busy machine tells what it would be on a quiet one. Run in a desktop session, or with a virtual screen::

    OMP_NUM_THREADS=1 xvfb-run -a -s "-screen 0 1280x800x24" python benchmarks/bench_points.py

The process keeps the memory that it frees (`KEPT`), unless ``--give-back`` is said: the host of a
virtual machine may take free memory back, and then single actions at random wait for it
(`bench_memory.py` tells).
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import napari
import numpy as np
from bench_points_more import explore, keep
from bench_viewer import renderer
from bench_window import until
from napari.layers import Layer
from PIL import Image
from qtpy.QtCore import QPoint
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from watching import LEFT, NONE, Watch, drag, many_cells, wheel

from napari_spatialrecon.viewer.canvas.colors import color_key, is_faded
from napari_spatialrecon.viewer.canvas.detail import details
from napari_spatialrecon.viewer.canvas.layers import cells_layer
from napari_spatialrecon.viewer.inspect.color_part import ColorPart
from napari_spatialrecon.viewer.inspect.lasso_part import LassoPart
from napari_spatialrecon.viewer.inspect.legend_part import LegendPart
from napari_spatialrecon.viewer.results.looks import Look
from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.window.turns import Turns
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

#: What lets glibc keep freed memory; without effect elsewhere.
KEPT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
    "MALLOC_ARENA_MAX": "1",
}


def inspect(viewer: Any, watch: Watch, bench: Any, layer: Any) -> None:
    tab, native = bench.tabs["inspect"], viewer.window._qt_viewer.canvas.native
    part, legend, lasso = tab.parts[ColorPart], tab.parts[LegendPart], tab.parts[LassoPart]
    shown = legend.legend.legend

    def titled(name: str) -> bool:
        key = color_key(layer)
        return key is not None and (key.title == name or key.title.startswith(f"{name},"))

    for name in ("G7", "cell_type", "G8"):
        watch.timed(
            f"color by {name}",
            lambda name=name: part.color(name),
            lambda name=name: titled(name.replace("_", " ")),
        )
    for top in (90.0, 95.0):
        watch.timed(
            f"change the limits to {top:.0f}%",
            lambda top=top: part.scale.changed.emit({"percentiles": (0.0, top)}),
            lambda: not part._waiting,
        )
    watch.timed("fade uncertain", lambda: part.fade.click(), lambda: is_faded(layer))
    watch.timed("fade no more", lambda: part.fade.click(), lambda: not is_faded(layer))
    part.color("cell_type")
    until(lambda: titled("cell type"))
    watch.timed("hide a type", lambda: shown.toggle(3), lambda: not layer.shown.all())
    watch.timed("show one type alone", lambda: shown.toggle_solo(5), lambda: shown.solo == 5)
    watch.timed("show all", shown.show_all, lambda: bool(layer.shown.all()))
    watch.timed("hide the layer", lambda: setattr(layer, "visible", False))
    watch.timed("show the layer", lambda: setattr(layer, "visible", True))
    watch.timed("larger points", lambda: part.size_box.setValue(15.0))
    for words in ("rims", "no rims"):
        watch.timed(words, part.rims.click, lambda: not part._turns.running)
    watch.timed("smaller points", lambda: part.size_box.setValue(10.0))

    middle = native.rect().center()
    there = [middle + QPoint(4 * i, 2 * i) for i in range(60)]
    watch.timed("drag the view, 120 moves", lambda: drag(native, there + there[::-1]))
    watch.timed("zoom in, 12 turns", lambda: wheel(native, 12))
    watch.timed("drag there, 120 moves", lambda: drag(native, there + there[::-1]))
    watch.timed("zoom in, 16 more", lambda: wheel(native, 16))
    print(f"   {details[viewer].drawn:,} points drawn")
    watch.timed("drag there, 120 moves", lambda: drag(native, there + there[::-1]))
    watch.timed("zoom out again", lambda: wheel(native, -28))

    turn = np.linspace(0, 2 * np.pi, 40)
    for radius in (150, 160):
        ring = [middle + QPoint(int(radius * np.cos(t)), int(radius * np.sin(t))) for t in turn]
        lasso.toggle()
        watch.timed(f"lasso of {radius} pixels", lambda ring=ring: drag(native, ring))
        print(f"   {len(lasso.rows):,} selected")
        lasso.stop()
    names = layer.features["obs_names"].to_numpy()[::2]
    turns = Turns(native, bench)
    watch.timed(
        "select half by name, as a session does",
        lambda: turns.start(bench.space.selection.setting(names, layer)),
        lambda: not turns.running,
    )
    watch.timed("select nothing", lasso._clear)
    watch.timed("click a cell", lambda: QTest.mouseClick(native, LEFT, NONE, middle))


def compare(viewer: Any, watch: Watch, bench: Any, made: Any, layer: Any) -> None:
    other = many_cells(
        made.obsm["spatial"] + np.random.default_rng(1).normal(0, 200, (made.n_obs, 2))
    )
    second: Any = Layer.create(*cells_layer(other, name="other"))
    worst = watch.worst
    watch.timed(
        "add a second layer, as a script does (first paint)",
        lambda: viewer.add_layer(second),
        lambda: color_key(second) is not None,
    )
    watch.worst = worst
    bench.pages.setCurrentWidget(bench.tabs["results"])
    results, space = bench.tabs["results"], bench.space
    sides = [("cells", made, layer), ("other", other, second)]
    found: list[Any] = []
    for name, adata, shown in sides:
        record = {"task": "place", "method": "knn", "metrics": {}}
        watch.timed(
            f"enter the result {name}",
            lambda n=name, a=adata, r=record, s=shown: found.append(
                space.results.add(Result(n, "place", a, r, s))
            ),
        )
    panel = results.compare
    for one in found:
        watch.timed(
            f"tick {one.name}",
            lambda one=one: results.model.tick(one),
            lambda: len(results.model.ticked) < 2 or panel.comparison is not None,
        )
    for look in Look:
        watch.timed(
            f"compare: {look}", lambda look=look: panel.look(look), lambda: not panel.drawing
        )
        if look is Look.ARROWS:
            print(f"   {panel.status.text()}")
        if look is Look.SWIPE:
            watch.timed("move the line, 20 times", lambda: [
                (panel.slider.setValue(300 + 20 * i), QApplication.processEvents()) for i in range(20)
            ])  # fmt: skip
    watch.timed("end the comparison", lambda: panel.look(None), lambda: not panel.drawing)
    watch.timed("remove a layer", lambda: viewer.layers.remove(second))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--image", type=Path, help="an H&E to lay the cells on, 10 mm wide")
    parser.add_argument("--only", choices=("inspect", "explore", "compare", "keep"))
    parser.add_argument("--give-back", action="store_true", help="free memory as usual")
    options = parser.parse_args()
    if not options.give_back and not KEPT.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **KEPT})
    viewer: Any = napari.Viewer()
    workspace_of(viewer, memory=Memory({}))
    _, bench = viewer.window.add_plugin_dock_widget("napari-spatialrecon", "Spatial Reconstruction")
    low, high = np.zeros(2), np.full(2, 10_000.0)
    if options.image:
        pixels = np.asarray(Image.open(options.image))
        um = 10_000.0 / pixels.shape[1]
        viewer.add_image([pixels[::step, ::step] for step in (1, 4, 8)], rgb=True, scale=(um, um))
        high = um * np.array(pixels.shape[1::-1])
    made = many_cells(np.random.default_rng(0).uniform(low, high, (options.points, 2)))
    watch = Watch(viewer)
    until(lambda: bool(watch.frames))
    bench.pages.setCurrentWidget(bench.tabs["inspect"])
    load = os.getloadavg()[0]
    print(f"{options.points:,} cells, {os.cpu_count()} cores, load {load:.1f}, {renderer()}")
    print("| action | done | last frame | CPU | longest gap | its CPU | a frame |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    layer: Any = Layer.create(*cells_layer(made, name="cells"))
    watch.timed(
        "add the layer (first paint)",
        lambda: viewer.add_layer(layer),
        lambda: color_key(layer) is not None,
    )
    watch.worst = (0.0, 0.0, "")

    def wanted(part: str) -> bool:
        return options.only in (None, part)

    if wanted("inspect"):
        inspect(viewer, watch, bench, layer)
    if wanted("explore"):
        explore(viewer, watch, bench, layer)
    if wanted("compare"):
        compare(viewer, watch, bench, made, layer)
    if wanted("keep"):
        with tempfile.TemporaryDirectory() as folder:
            keep(viewer, watch, bench, layer, Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    busy, gap, what = watch.worst
    print(
        f"longest gap after the first paint {busy:.0f} ms of the processor, {gap:.0f} ms by the "
        f"clock ({what}); peak memory {peak:.0f} MB"
    )
    viewer.close()


if __name__ == "__main__":
    main()
