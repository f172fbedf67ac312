"""Make the animated picture of the README: two files become cells on tissue, in a real window.

    PYTHONPATH=. xvfb-run -a -s "-screen 0 1700x1100x24" \
        python docs/figures/film.py --data DIR --out docs/images --theme dark light

The tissue and the hand are those of `workbench.py`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from bench import TYPE, Bench, two_files
from experiments.data import add_data_option
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont
from window import settle, until
from workbench import GENE

from napari_spatialrecon.comparison.data import DataFolder

SIZE = (1280, 800)
WIDTH, STRIP = 960, 44
"""Of a frame in pixels, and the height of the line of text below it."""
COLORS, LARGEST = 256, 3_000_000
GROUND = {"dark": ("#14211f", "#e8f3f1"), "light": ("#e7f2f0", "#14211f")}


class Film(Bench):
    """A bench whose pictures are frames, each with a line that says what it shows."""

    def __init__(self, out: Path, theme: str) -> None:
        super().__init__(out, (theme,), SIZE)
        self.theme = theme
        self.frames: list[Image.Image] = []
        self.seconds: list[float] = []

    def save(self, name: str, theme: str, pixels: np.ndarray) -> None:
        """Keep no single picture but that of types, which pages show."""
        if name == "placed_type":
            super().save(name, theme, pixels)

    def frame(self, words: str, seconds: float = 2.5) -> None:
        """Add what the window shows now."""
        settle(1.0)
        pixels = self.viewer.window.screenshot(canvas_only=False, flash=False)
        shown = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
        shown = shown.resize(
            (WIDTH, round(WIDTH * shown.height / shown.width)), Image.Resampling.LANCZOS
        )
        ground, ink = GROUND[self.theme]
        frame = Image.new("RGB", (WIDTH, shown.height + STRIP), ground)
        frame.paste(shown)
        at = (16, shown.height + STRIP // 2)
        font = ImageFont.truetype(findfont("DejaVu Sans"), 19)
        ImageDraw.Draw(frame).text(at, words, fill=ink, font=font, anchor="lm")
        self.frames.append(frame)
        self.seconds.append(seconds)
        print(words, flush=True)

    def write(self) -> Path:
        """Write the film, each frame in colors of its own."""
        path = self.out / f"film_{self.theme}.gif"
        first, *rest = (
            frame.quantize(COLORS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
            for frame in self.frames
        )
        lengths = [round(1000 * seconds) for seconds in self.seconds]
        first.save(path, save_all=True, append_images=rest, duration=lengths, loop=0, optimize=True)
        print(path, path.stat().st_size, "bytes", flush=True)
        assert path.stat().st_size <= LARGEST
        return path


def story(film: Film, files: list[Path]) -> None:
    """Drop two files, place the cells, and ask how far they can be trusted."""
    film.frame("Drop a slide with its H&E, and a table of cells without places")
    film.hand.drop(film.tabs["data"], files)
    until(lambda: len(list(film.space)) >= 3 and bool(film.tabs["data"].steps), 120)
    film.frame("A section of a breast cancer: µm, array and genes are read from the files")
    film.hand.click(film.tabs["data"].steps[0])
    until(film.task.panel.run_button.isEnabled, 120)
    film.hand.choose(film.task.inputs.method, "knn")
    until(film.task.panel.run_button.isEnabled, 120)
    film.frame("Place cells, here by kNN, the baseline; Auto tries networks beside it")
    film.run()
    name = next(iter(film.space.results)).layer.name
    film.frame("Placed, with a verdict from hidden spots, and an error to expect for each", 4.0)
    film.turn_to("Inspect")
    film.layer(name)
    film.show_only("C3 H&E", name)
    for wanted, words in ((GENE, f"Colored by the gene {GENE}"), (TYPE, "Colored by type")):
        film.hand.write(film.search, wanted)
        film.frame(words)
        if wanted == TYPE:
            film.picture("placed_type")
    layer = film.viewer.layers[name]
    places = np.array([layer.data_to_world(yx)[-2:] for yx in layer.data])
    middle = np.linalg.norm(places - np.median(places, axis=0), axis=1).argmin()
    film.hand.click_world(places[middle])
    film.frame("Click a cell: its genes, and a ring that holds 9 of 10 such cells", 4.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--theme", nargs="*", choices=("dark", "light"), default=("light",))
    options = parser.parse_args()
    data: DataFolder = options.data
    for theme in options.theme:
        with tempfile.TemporaryDirectory() as folder:
            film = Film(options.out, theme)
            story(film, two_files(data, Path(folder)))
            film.write()
            film.close()


if __name__ == "__main__":
    main()
