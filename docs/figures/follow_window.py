"""Follow the numbered steps of a page in a real window, by its words alone, and time each.

    PYTHONPATH=. xvfb-run -a -s "-screen 0 1280x800x24" python docs/figures/follow_window.py \
        docs/tutorials/visium.md --folder DIR --out FOLDER

`--folder` holds the files that the page drops. What a step says is done in its order: **A > B** is
a menu, **A** a tab or button that is in sight, a file in code is dropped, *a word* after "type" is
typed, "Alt-click *name*" is a line of the legend, and "Click a cell" is a click on the canvas.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import napari
import numpy as np
from hand import Hand, answering
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QMenu, QTabBar
from window import DOCK, settle, until

from napari_spatialrecon.viewer.inspect.color_part import ColorPart
from napari_spatialrecon.viewer.legend.widget import LegendWidget

STEP = re.compile(r"^\d+\. (.+?)(?=^\d+\. |^\s*$)", re.M | re.S)
WORD = re.compile(
    r"\*\*(?P<press>[^*]+)\*\*|`(?P<drop>[^`]+\.h5ad)`|type (?:\S+ )?\*(?P<type>[^*]+)\*"
    r"|Alt-click \*(?P<alone>[^*]+)\*|(?P<cell>Click a cell)"
)
SHOWN = ("90% radius",)
"""Words in bold that are read, not pressed."""


class Reader:
    """Does what a page says, and knows nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.viewer = napari.Viewer(show=True)
        self.window = self.viewer.window._qt_window
        self.window.resize(1280, 800)
        self.hand = Hand(self.viewer)
        settle(1.0)

    @property
    def dock(self) -> Any:
        """The workbench, once it is open."""
        return next(w for n, w in self.viewer.window.dock_widgets.items() if n.startswith(DOCK))

    def follow(self, step: str) -> None:
        """Do one step, and wait for its end."""
        files = []
        for found in WORD.finditer(step):
            if found["drop"]:
                files.append(self.folder / found["drop"])
            elif found["type"]:
                self.hand.write(self.dock.tabs["inspect"].parts[ColorPart].search, found["type"])
            elif found["alone"]:
                self.alone(found["alone"])
            elif found["cell"]:
                self.click_a_cell()
            elif " > " in found["press"]:
                self.menu(found["press"].split(" > "))
            elif found["press"] not in SHOWN:
                self.press(found["press"])
        if files:
            self.hand.drop(self.dock.tabs["data"], files)
            until(lambda: len(list(self.dock.space)) >= len(files), 300)
        settle(0.5)
        until(lambda: not any(model.running for model in self.models()), 1200)
        settle(0.5)

    def models(self) -> Iterator[Any]:
        """Iterate over the tasks that could be running."""
        tasks = self.dock.tabs["reconstruct"]
        if tasks.current is not None:
            yield tasks.current.model

    def menu(self, names: list[str]) -> None:
        """Choose an item of the menu bar."""
        menu: QMenu | None = None
        for name in names:
            actions = (menu or self.window.menuBar()).actions()
            action = next(a for a in actions if a.text().replace("&", "").startswith(name))
            menu = action.menu()
        action.trigger()
        settle(2.0)

    def press(self, name: str) -> None:
        """Press the tab or the button of this name that is in sight."""
        for bar in self.window.findChildren(QTabBar):
            if bar.isVisible() and name in [bar.tabText(i) for i in range(bar.count())]:
                self.hand.tab(bar, name)
                return
        buttons = self.window.findChildren(QAbstractButton)
        button = next(b for b in buttons if b.isVisible() and b.text().replace("&", "") == name)
        with answering(self.folder / "placed.h5ad"):
            self.hand.click(button)

    def alone(self, name: str) -> None:
        """Alt-click a line of the legend."""
        legend = next(w for w in self.dock.findChildren(LegendWidget) if w.isVisible())
        rows = [entry.name for entry in legend.legend.entries]
        index = legend._model.index(legend._model.rows.index(rows.index(name)))
        self.hand.reveal(legend._list)
        legend._list.scrollTo(index)
        at: QPoint = legend._list.visualRect(index).center()
        key = Qt.KeyboardModifier.AltModifier
        QTest.mouseClick(legend._list.viewport(), Qt.MouseButton.LeftButton, key, at)
        settle(0.5)

    def click_a_cell(self) -> None:
        """Click the cell of the selected layer that is nearest to the middle of all."""
        layer = self.viewer.layers.selection.active
        places = np.array([layer.data_to_world(yx)[-2:] for yx in layer.data])
        middle = np.linalg.norm(places - np.median(places, axis=0), axis=1).argmin()
        self.hand.click_world(places[middle])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="folder for a picture after each step")
    options = parser.parse_args()
    reader = Reader(options.folder.absolute())
    started = time.monotonic()
    for number, match in enumerate(STEP.finditer(options.page.read_text(encoding="utf-8")), 1):
        before, step = time.monotonic(), " ".join(match[1].split())
        reader.follow(step)
        print(f"step {number}: {time.monotonic() - before:.0f} s: {step[:90]}", flush=True)
        if options.out:
            pixels = reader.viewer.window.screenshot(canvas_only=False, flash=False)
            Image.fromarray(pixels[..., :3]).save(options.out / f"step{number}.png")
    print(f"{time.monotonic() - started:.0f} s and {reader.hand.clicks} clicks in all", flush=True)
    for result in reader.dock.space.results.unsaved:
        reader.dock.space.results.mark_saved(result, "")
    reader.viewer.close()


if __name__ == "__main__":
    main()
