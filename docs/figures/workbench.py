"""Play the story of the workbench in a real window, with mouse and keys, and photograph it.

    PYTHONPATH=. xvfb-run -a -s "-screen 0 1700x1100x24" \
        python docs/figures/workbench.py --data DIR --out docs/images

Two files are dropped: section C3 of a HER2-positive breast cancer (Andersson et al. 2021,
github.com/almaan/her2st) as the slide, and the spots of its section C5 as cells, without their
coordinates. They are placed, colored, compared, corrected and saved, and the session is opened
again in a new window, which has to look as it did.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import napari
import numpy as np
from experiments.data import DataFolder, add_data_option
from hand import Hand, answering
from PIL import Image
from window import PLUGIN, settle, until

from napari_spatialrecon.viewer.figure.dialog import FigureDialog
from napari_spatialrecon.viewer.inspect.color_part import ColorPart
from napari_spatialrecon.viewer.results.looks import Look
from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.workspace import workspace
from napari_spatialrecon.viewer.workspace.workspace import Workspace

DOCK = "Spatial Reconstruction"
GENE = "ERBB2"
OTHERS = ("knn", "ridge")
"""Methods to compare with, the first of them that was not kept."""
FAR = 12
"""A pixel counts as different from the one before where a channel differs by more, of 255."""


class Bench:
    """One viewer with the workbench docked, photographed step by step."""

    def __init__(self, out: Path, theme: str, size: tuple[int, int]) -> None:
        self.out, self.theme, self.size = out, theme, size
        self.viewer = napari.Viewer(show=True)
        self.viewer.theme = theme
        self.viewer.window._qt_window.resize(*size)
        workspace._workspaces[self.viewer] = Workspace(self.viewer, memory=Memory({}))
        _, self.dock = self.viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
        self.space, self.hand = self.dock.space, Hand(self.viewer)
        self.tabs = self.dock.tabs
        settle(1.0)

    def picture(self, name: str) -> None:
        settle(1.0)
        self.save(name, self.viewer.window.screenshot(canvas_only=False, flash=False))

    def save(self, name: str, pixels: np.ndarray) -> None:
        path = self.out / f"workbench_{name}_{self.size[0]}_{self.theme}.png"
        # Without the last two bits a picture of stain takes a third less, and looks the same.
        Image.fromarray(pixels[..., :3] & 0b11111100 | 0b10).save(path, optimize=True)
        print(path, pixels.shape, flush=True)

    def turn_to(self, tab: str) -> None:
        self.hand.tab(self.dock.pages.tabBar(), tab)

    def layer(self, name: str) -> None:
        """Choose a layer in Inspect."""
        box = self.tabs["inspect"].combo
        self.hand.choose(box, self.viewer.layers[name])

    @property
    def search(self) -> object:
        return self.tabs["inspect"].parts[ColorPart].search

    # The steps

    def open(self, files: list[Path]) -> None:
        self.picture("empty")
        self.hand.drop(self.tabs["data"], files)
        until(lambda: len(list(self.space)) >= 3 and bool(self.tabs["data"].steps), 120)
        self.picture("data")

    def place(self, minutes: float | None) -> None:
        self.hand.click(self.tabs["data"].steps[0])
        widget = self.tabs["reconstruct"].current
        if minutes is not None:
            widget.inputs.form.set_values({"minutes": minutes})
        until(widget.panel.run_button.isEnabled, 120)
        self.picture("checked")
        self.hand.click(widget.panel.run_button)
        settle(2.0)
        self.picture("running")
        self._await_run()
        print(f"cells on tissue after {self.hand.clicks} clicks", flush=True)
        self.picture("placed")

    def place_again(self, method: str) -> None:
        self.turn_to("Reconstruct")
        widget = self.tabs["reconstruct"].current
        self.hand.choose(widget.inputs.method, method)
        self.hand.click(widget.panel.run_button)
        self._await_run()

    def _await_run(self) -> None:
        widget = self.tabs["reconstruct"].current
        until(lambda: not widget.model.running, 600)
        if widget.model.error is not None:
            raise widget.model.error
        print(widget.result.verdict.text(), flush=True)
        settle(1.0)

    def color(self, columns: dict[str, str]) -> None:
        """Color each layer by the gene, then by its column."""
        self.turn_to("Inspect")
        for name, column in columns.items():
            self.layer(name)
            what = "placed" if self.space.results.of_layer(self.viewer.layers[name]) else "slide"
            for wanted, said in ((GENE, "gene"), (column, "column")):
                self.hand.write(self.search, wanted)
                self.picture(f"{what}_{said}")

    def compare(self) -> None:
        self.turn_to("Results")
        tab = self.tabs["results"]
        for card in tab.results.cards.values():
            self.hand.click(card.box)
        self.picture("ticked")
        self.hand.click(tab.compare.buttons[Look.ARROWS])
        self.picture("arrows")
        self.hand.click(tab.compare.buttons[Look.BESIDE])
        self.picture("side")
        self.hand.click(tab.compare.buttons[Look.BESIDE])

    def figure(self, path: Path) -> None:
        """Open the figure of what is open, look at it, and save it."""
        self.turn_to("Inspect")
        self.hand.click(self.tabs["inspect"].figure)
        window = self.viewer.window._qt_window
        dialog = window.findChildren(FigureDialog)[-1]
        until(lambda: not dialog.preview.pixmap().isNull(), 60)
        settle()
        self.save("figure", pixels_of(dialog))
        with answering(path):
            self.hand.click(dialog.save_button)
        until(path.exists, 60)
        until(dialog.save_button.isEnabled, 60)
        dialog.close()
        print(path, path.stat().st_size, "bytes", flush=True)

    def correct(self) -> None:
        """Move three cells by landmarks: each goes 300 µm to the left of its place."""
        settle(1.0)
        self.turn_to("Reconstruct")
        widget = self.tabs["reconstruct"].current
        self.hand.click(widget.correct_button)
        window = self.viewer.window
        landmarks = next(w for n, w in window.dock_widgets.items() if n.startswith("Landmarks"))
        self.hand.click(landmarks.pick)
        for _ in range(3):
            self.hand.click(landmarks.suggest)
            session = landmarks.session
            place = session.model.places[session.model.picked]
            self.hand.click_world(session.world_of(place[None])[0] - [0.0, 300.0])
            settle(1.0)
        self.picture("landmarks")
        self.hand.click(landmarks.pick)

    def keep(self, folder: Path) -> np.ndarray:
        """Save the session, and return what the canvas showed."""
        self.turn_to("Results")
        with answering(folder):
            self.hand.click(self.dock.session.save_button)
        until(lambda: self.dock.session.keeper.folder is not None, 120)
        self.picture("saved")
        return self.canvas()

    def reopen(self, folder: Path) -> np.ndarray:
        """Open a session, and return what the canvas shows."""
        self.turn_to("Results")
        with answering(folder):
            self.hand.click(self.dock.session.open_button)
        until(lambda: self.dock.session.keeper.folder is not None, 120)
        self.picture("reopened")
        return self.canvas()

    def canvas(self) -> np.ndarray:
        settle(1.0)
        return self.viewer.window.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)

    def close(self) -> None:
        for result in self.space.results.unsaved:
            self.space.results.mark_saved(result, "")
        self.viewer.close()
        settle()


def pixels_of(widget: object) -> np.ndarray:
    """Return what a widget shows as (height, width, 3) bytes."""
    image = widget.grab().toImage()
    image = image.convertToFormat(image.Format.Format_RGB32)
    content = np.frombuffer(image.constBits().asstring(image.sizeInBytes()), np.uint8)
    return content.reshape(image.height(), image.width(), 4)[..., 2::-1]


def hide_places(data: DataFolder, at: Path) -> Path:
    """Write the spots of C5 as a table of cells, without where they were."""
    adata = data.read("st_her2_he/C5.h5ad")
    del adata.obsm["spatial"], adata.uns["spatial"]
    adata.obs = adata.obs[["section"]]
    path = at / "C5_cells.h5ad"
    adata.write_h5ad(path)
    return path


def story(
    data: DataFolder,
    out: Path,
    theme: str,
    size: tuple[int, int],
    at: Path,
    minutes: float | None = None,
) -> None:
    bench = Bench(out, theme, size)
    bench.open([data.find("st_her2_he/C3.h5ad"), hide_places(data, at)])
    bench.place(minutes)
    first = next(iter(bench.space.results))
    bench.color({"C3 spots": "array_x", first.layer.name: "uncertainty"})
    bench.place_again(next(name for name in OTHERS if name != first.record["method"]))
    bench.compare()
    bench.figure(at / "figure.png")
    bench.correct()
    before = bench.keep(at / "story.session")
    bench.close()
    again = Bench(out, theme, size)
    after = again.reopen(next(at.glob("story*")))
    again.close()
    apart = np.abs(before - after)
    far = (apart.max(axis=-1) > FAR).mean()
    print(f"{far:.3%} of the pixels differ; mean difference {apart.mean():.3f} of 255", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--size", default="1280x800", help="of the window, in pixels")
    parser.add_argument("--minutes", type=float, help="time for trying methods (default: its own)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        story(
            options.data, options.out, options.theme, (width, height), Path(folder), options.minutes
        )


if __name__ == "__main__":
    main()
