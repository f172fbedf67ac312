"""Play the story of the workbench in a real window, with mouse and keys, and photograph it.

    PYTHONPATH=. xvfb-run -a -s "-screen 0 1700x1100x24" \
        python docs/figures/workbench.py --data DIR --out FOLDER --runs FOLDER \
        --size 1280x800 1600x1000 --theme dark light

Two files are dropped: section C3 of a HER2-positive breast cancer (Andersson et al. 2021,
github.com/almaan/her2st) as the slide, and the spots of its section C5 as cells, without their
coordinates. They are placed, colored, selected, validated, compared, corrected and saved, and the
session is opened again in a new window, which has to look as it did. Only the first of the stories
trains, where `--runs` names a folder to keep its results in.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bench import TUMOR, TYPE, Bench, pixels_of, remembered, two_files
from experiments.data import add_data_option
from hand import answering
from scipy.spatial import ConvexHull, cKDTree
from window import THEMES, settle, until

from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.viewer.figure.dialog import FigureDialog
from napari_spatialrecon.viewer.results.looks import Look

GENE = "ERBB2"
SLIDE = "C3 spots"
OTHERS = ("gears", "knn")
"""Methods to compare with, the first of them that was not kept."""
FAR = 12
"""A pixel counts as different from the one before where a channel differs by more, of 255."""
REGION = 25
"""Spots of the tumor that are lassoed."""


def open_files(bench: Bench, files: list[Path]) -> None:
    bench.picture("empty")
    bench.hand.drop(bench.tabs["data"], files)
    until(lambda: len(list(bench.space)) >= 3 and bool(bench.tabs["data"].steps), 120)
    bench.picture("data")


def place(bench: Bench, minutes: float | None) -> str:
    """Place the cells by what the window proposes, and return the name of their layer."""
    bench.hand.click(bench.tabs["data"].steps[0])
    if minutes is not None:
        bench.task.inputs.form.set_values({"minutes": minutes})
    until(bench.task.panel.run_button.isEnabled, 120)
    bench.picture("checked")
    bench.run()
    print(f"cells on tissue after {bench.hand.clicks} clicks", flush=True)
    bench.picture("placed")
    return next(iter(bench.space.results)).layer.name


def color(bench: Bench, name: str, what: str) -> None:
    """Color a layer by the gene, then by type."""
    bench.turn_to("Inspect")
    bench.layer(name)
    bench.show_only("C3 H&E", name)
    for wanted, said in ((GENE, "gene"), (TYPE, "type")):
        bench.hand.write(bench.search, wanted)
        bench.picture(f"{what}_{said}")


def lasso(bench: Bench, name: str, what: str) -> None:
    """Draw around a tumor region of a layer, and find its markers."""
    layer, part = bench.viewer.layers[name], bench.selection
    places = np.array([layer.data_to_world(yx)[-2:] for yx in layer.data])
    tumor = places[(layer.features[TYPE] == TUMOR).to_numpy()]
    apart, nearest = cKDTree(tumor).query(tumor, min(REGION, len(tumor)))
    region = tumor[nearest[apart[:, -1].argmin()]]
    corners = region[ConvexHull(region).vertices]
    bench.hand.click(part.button)
    around = region.mean(axis=0) + 1.15 * (corners - region.mean(axis=0))
    bench.hand.draw(np.vstack([around, around[:1]]))
    print(part.about.text(), flush=True)
    bench.hand.reveal(part.composition)
    bench.picture(f"{what}_lasso")
    bench.hand.click(part.button)
    bench.hand.click(part.genes.test)
    until(lambda: part.genes.run is None and part.genes.view.found is not None, 120)
    print("markers:", *part.genes.view.found.index[:8], flush=True)
    bench.hand.reveal(part.genes)
    bench.picture(f"{what}_markers")


def place_again(bench: Bench, method: str) -> str:
    bench.turn_to("Reconstruct")
    bench.hand.choose(bench.task.inputs.method, method)
    bench.run()
    bench.picture("again")
    return bench.task.layer.name


def validate(bench: Bench) -> None:
    """Ask on held-out spots whether kNN is better than its baselines."""
    bench.turn_to("Reconstruct")
    bench.hand.choose(bench.task.inputs.method, "knn")
    bench.hand.click(bench.task.panel.validate_button)
    tab = bench.tabs["validate"]
    bench.hand.click(tab.run_button)
    until(lambda: bool(tab.cards), 300)
    bench.picture("validated")


def compare(bench: Bench) -> None:
    bench.turn_to("Results")
    tab = bench.tabs["results"]
    for card in tab.results.cards.values():
        bench.hand.click(card.box)
    bench.picture("ticked")
    for look in (Look.ARROWS, Look.BESIDE, Look.SWIPE, Look.DISAGREEMENT, Look.DISTORTION):
        bench.hand.click(tab.compare.buttons[look])
        bench.picture(look.replace(" ", "_"))
    bench.hand.click(tab.compare.buttons[look])


def export(bench: Bench, path: Path) -> None:
    """Open the figure of what is open, look at it, and save it."""
    bench.turn_to("Inspect")
    bench.hand.click(bench.tabs["inspect"].figure)
    dialog = bench.window.findChildren(FigureDialog)[-1]
    until(lambda: not dialog.preview.pixmap().isNull(), 60)
    settle()
    bench.save("figure", bench.themes[0], pixels_of(dialog))
    with answering(path):
        bench.hand.click(dialog.save_button)
    until(path.exists, 60)
    until(dialog.save_button.isEnabled, 60)
    dialog.close()
    print(path, path.stat().st_size, "bytes", flush=True)


def correct(bench: Bench) -> None:
    """Set three landmarks 300 µm to the left of their cells, and turn the tabs meanwhile."""
    settle(1.0)
    bench.turn_to("Reconstruct")
    bench.hand.click(bench.task.correct_button)
    docks = bench.viewer.window.dock_widgets
    landmarks = next(w for n, w in docks.items() if n.startswith("Landmarks"))
    bench.hand.click(landmarks.pick)
    for number in range(3):
        bench.hand.click(landmarks.suggest)
        session = landmarks.session
        where = session.model.places[session.model.picked]
        bench.hand.click_world(session.world_of(where[None])[0] - [0.0, 300.0])
        settle(1.0)
        if number == 1:
            bench.turn_to("Inspect")
            bench.picture("landmarks_inspected")
            bench.hand.raise_dock(landmarks)
    bench.picture("landmarks")
    bench.hand.click(landmarks.pick)


def keep(bench: Bench, folder: Path) -> np.ndarray:
    """Save the session, and return what the canvas showed."""
    bench.turn_to("Results")
    with answering(folder):
        bench.hand.click(bench.dock.session.save_button)
    until(lambda: bench.dock.session.keeper.folder is not None, 120)
    bench.picture("saved")
    return bench.canvas()


def reopen(bench: Bench, folder: Path) -> np.ndarray:
    """Open a session, and return what the canvas shows."""
    bench.turn_to("Results")
    with answering(folder):
        bench.hand.click(bench.dock.session.open_button)
    until(lambda: bench.dock.session.keeper.folder is not None, 120)
    until(lambda: not bench.dock.visibleRegion().isEmpty(), 60)
    bench.picture("reopened")
    return bench.canvas()


def story(
    data: DataFolder,
    out: Path,
    themes: Sequence[str],
    size: tuple[int, int],
    at: Path,
    minutes: float | None = None,
) -> None:
    bench = Bench(out, themes, size)
    open_files(bench, two_files(data, at))
    placed = place(bench, minutes)
    for name, what in ((SLIDE, "slide"), (placed, "placed")):
        color(bench, name, what)
        lasso(bench, name, what)
    kept = next(iter(bench.space.results)).record["method"]
    again = place_again(bench, next(name for name in OTHERS if name != kept))
    color(bench, again, "again")
    validate(bench)
    compare(bench)
    export(bench, at / "figure.png")
    correct(bench)
    before = keep(bench, at / "story.session")
    bench.close()
    later = Bench(out, themes, size)
    after = reopen(later, next(at.glob("story*")))
    later.close()
    apart = np.abs(before - after)
    far = (apart.max(axis=-1) > FAR).mean()
    print(f"{far:.3%} of the pixels differ; mean difference {apart.mean():.3f} of 255", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--theme", nargs="*", choices=THEMES, default=THEMES)
    parser.add_argument("--size", nargs="*", default=("1280x800",), help="of the window, in pixels")
    parser.add_argument("--minutes", type=float, help="time for trying methods (default: its own)")
    parser.add_argument("--runs", type=Path, help="keeps results, so that none is trained twice")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for size in options.size:
        width, height = map(int, size.split("x"))
        with tempfile.TemporaryDirectory() as folder, remembered(options.runs):
            at, shown = Path(folder), (width, height)
            story(options.data, options.out, options.theme, shown, at, options.minutes)


if __name__ == "__main__":
    main()
