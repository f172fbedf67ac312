from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation import palette
from napari_spatialrecon.evaluation.backdrop import View, bar_length, crop, fit_view
from napari_spatialrecon.evaluation.coloring import paint_points
from napari_spatialrecon.evaluation.pictures import overlay, save_png
from napari_spatialrecon.evaluation.plots import loss_plot, metrics_plot
from napari_spatialrecon.training.history import History

INK = tuple(int(palette.INK[i : i + 2], 16) for i in (1, 3, 5))


@dataclass
class Slide:
    """Histology as the pictures read it; notes how much of each level was read."""

    levels: list
    units_per_pixel: float


class Level:
    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels, self.shape, self.read = pixels, pixels.shape, 0

    def __getitem__(self, index: tuple) -> np.ndarray:
        part = self.pixels[index]
        self.read += part.size
        return part


def places(n: int = 300, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 2)) * [4000, 3000] + [1000, 500]


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def runs_of_ink(path: Path) -> list[int]:
    """Lengths of the horizontal runs of pure ink that are at least 40 pixels long."""
    found = []
    for row in (pixels(path) == INK).all(axis=2):
        edges = np.flatnonzero(np.diff(np.r_[False, row, False].astype(int)))
        found += [int(b - a) for a, b in zip(edges[::2], edges[1::2]) if b - a >= 40]
    return found


def texts(figure: Figure) -> str:
    artists = [t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text"))]
    return "\n".join(artists)


@pytest.mark.parametrize("with_truth", [False, True])
def test_the_scale_bar_is_as_long_as_it_says(tmp_path: Path, with_truth: bool) -> None:
    points = places()
    truth = points if with_truth else None
    figure = overlay(points, truth=truth, spots=points, um_per_unit=0.5)
    path = save_png(figure, tmp_path / "picture.png")
    panel = figure.axes[0]
    pixel_um = (panel.get_xlim()[1] - panel.get_xlim()[0]) / panel.bbox.width * 0.5
    runs = runs_of_ink(path)
    assert "500 µm" in texts(figure)
    assert len(runs) >= 4 * (1 + with_truth)
    assert set(np.round(np.array(runs) * pixel_um / 500, 1)) == {1.0}
    assert runs[0] == pytest.approx(500 / pixel_um, abs=1)


def test_an_unknown_unit_is_called_so() -> None:
    assert "1000 units" in texts(overlay(places()))
    assert bar_length(10_000, 1.0) == (2000, "2 mm")


def test_equal_pictures_are_equal_files(tmp_path: Path) -> None:
    values = np.where(places()[:, 0] > 3000, "tumour", "stroma")
    first, second = (
        save_png(overlay(places(), values, title="A"), tmp_path / name).read_bytes()
        for name in ("a.png", "b.png")
    )
    assert first == second
    assert b"Software" not in first and b"matplotlib" not in first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_pictures_are_1200_pixels_wide_and_nothing_written_is_cut_off() -> None:
    long = [f"Mesenchymal stromal cells, activated, subtype number {i}" for i in range(40)]
    many = np.array(long)[np.arange(300) % 40]
    figures = [
        overlay(places(), many, truth=places(seed=1), label="a heading " * 9, title="title " * 60),
        overlay(places(), many[:300], label="cell type"),
        overlay(places() * [1, 3], places()[:, 0] * 1e7, label="a very long name of a gene"),
        overlay(places() * [9, 1], places()[:, 0], kind="uncertainty", um_per_unit=2.0),
        metrics_plot({"a method with a name that is much too long": {"spearman": -0.1}}),
        loss_plot(History(losses=[3.0, 2.0], held_out={2: {"held_out": 0.2}}), baseline=0.9),
    ]
    for figure in figures:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        width, height = canvas.get_width_height()
        assert width == 1200 and height < 1600
        drawn = figure.get_tightbbox(canvas.get_renderer())
        assert drawn.x0 >= 0 and drawn.x1 * 150 <= width
        assert drawn.y0 >= 0 and drawn.y1 * 150 <= height


def test_points_keep_the_color_of_their_category_and_y_points_down(tmp_path: Path) -> None:
    points = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0], [100.0, 100.0]])
    figure = overlay(points, ["b", "a", "a", "a"])
    seen = pixels(save_png(figure, tmp_path / "points.png"))
    wanted = palette.category_colors(["a", "b"])["b"]
    color = [int(wanted[i : i + 2], 16) for i in (1, 3, 5)]
    panel = figure.axes[0].bbox
    top = seen.shape[0] - panel.y1
    rows, columns = np.nonzero((seen == color).all(axis=2))
    on_panel = columns < panel.x1
    assert rows[on_panel].mean() - top < panel.height / 2
    assert columns[on_panel].mean() - panel.x0 < panel.width / 2


def test_the_image_lies_under_its_coordinates(tmp_path: Path) -> None:
    rgb = np.full((300, 400, 3), 255, np.uint8)
    rgb[100:120, 300:320] = (160, 0, 0)
    corners = np.array([[0.0, 0.0], [4000.0, 3000.0]])
    figure = overlay(corners, image=Slide([rgb], 10.0))
    seen = pixels(save_png(figure, tmp_path / "image.png")).astype(int)
    y, x = np.argwhere(seen[..., 0] > seen[..., 1] + 40).mean(axis=0)
    where = figure.axes[0].transData.inverted().transform((x, seen.shape[0] - y))
    np.testing.assert_allclose(where, [3100, 1100], atol=25)


def test_only_what_the_picture_needs_of_a_pyramid_is_read() -> None:
    fine = np.random.default_rng(0).integers(0, 255, (2400, 3200, 3), np.uint8)
    levels = [Level(fine), Level(fine[::4, ::4]), Level(fine[::16, ::16])]
    rgb, where = crop(Slide(levels, 1.0), View(100, 200, 900, 1000), 200)
    assert [level.read > 0 for level in levels] == [False, True, False]
    assert levels[1].read <= 201 * 201 * 3
    assert rgb.shape == (200, 200, 3)
    assert (where.left, where.right, where.top, where.bottom) == (100, 900, 200, 1000)


def test_an_image_that_ends_inside_the_view_stays_in_place() -> None:
    rgb, where = crop(Slide([np.zeros((50, 50, 3), np.uint8)], 2.0), View(-100, 60, 300, 200), 400)
    assert (where.left, where.right, where.top, where.bottom) == (0, 100, 60, 100)
    assert rgb.shape == (20, 50, 3)
    assert crop(Slide([rgb], 1.0), View(500, 500, 600, 600), 10) is None


def test_runaway_and_unplaced_cells_are_counted_and_do_not_shrink_the_picture() -> None:
    points = places()
    points[0], points[1] = np.nan, 1e9
    figure = overlay(points, spots=places())
    assert "1 of 300 cells have no position; 1 of 300 lie outside this view" in texts(figure)
    assert fit_view(points[1:], places()).width < 6000


def test_missing_values_are_grey_and_named(tmp_path: Path) -> None:
    words = pd.Categorical(["a", None, "b", "a"], categories=["b", "a", "unused"])
    assert "no value" in texts(overlay(places(4), words))
    assert "unused" not in texts(overlay(places(4), words))
    assert "no value" in texts(overlay(places(4), [1.0, np.nan, 2.0, 3.0]))
    save_png(overlay(places(4), [np.nan] * 4), tmp_path / "nothing.png")


def test_values_that_are_the_same_but_for_rounding_have_a_line_and_no_bar() -> None:
    values = 1493.7548690 + np.array([0.0, 1e-10, np.nan])
    paint = paint_points(values, "uncertainty", 3, None)
    (name, color, count), missing = paint.entries
    assert paint.scale is None and (name, count) == ("1,494", 2) and missing[0] == "no value"
    assert to_hex(paint.rgba[0]) == to_hex(paint.rgba[1]) == color != to_hex(paint.rgba[2])
    assert paint_points(values * np.array([1, 2, 1]), "uncertainty", 3, None).scale is not None


def test_more_categories_than_the_legend_holds_share_one_line() -> None:
    many = np.array([f"type {i}" for i in range(50)])[np.arange(300) % 50]
    assert "20 others" in texts(overlay(places(), many))


@pytest.mark.parametrize("values", [["a"], np.ones(3)])
def test_values_of_another_length_are_refused(values: object) -> None:
    with pytest.raises(InputError, match="Expected 4 values"):
        overlay(places(4), values)
    with pytest.raises(InputError, match="found none"):
        overlay(np.full((4, 2), np.nan))


def test_colors_are_those_of_the_window() -> None:
    window = pytest.importorskip("napari_spatialrecon.viewer.canvas.palette")
    names = [str(number) for number in range(60)]
    colors = palette.category_colors(names)
    np.testing.assert_allclose(
        window.category_rgba(names), [window.to_rgba(c) for c in colors.values()]
    )
    assert window.MISSING == palette.OTHER
    assert colors["0"] == colors[str(len(palette.CATEGORIES))] == palette.CATEGORIES[0]


def test_the_best_method_is_bold_whichever_way_the_metric_points() -> None:
    rows = {
        "gears": {"spearman": 0.9, "stress1": 0.3},
        "knn": {"spearman": 0.8, "stress1": 0.2},
    }
    figure = metrics_plot(rows)
    bold = [
        t.get_text()
        for t in figure.findobj(lambda a: hasattr(a, "get_text"))
        if t.get_weight() == "bold" and t.get_text()
    ]
    assert bold == ["0.900", "0.200"]
    assert "Spearman ↑" in texts(figure) and "Stress-1 ↓" in texts(figure)
    with pytest.raises(InputError, match="found none"):
        metrics_plot({})


def test_the_loss_is_drawn_with_the_best_held_out_error_and_its_baseline(tmp_path: Path) -> None:
    history = History(losses=list(np.geomspace(100, 1, 50)), steps=0)
    for step, error in ((10, 0.5), (20, 0.3), (30, 0.4)):
        history.steps = step
        history.record({"held_out": error})
    figure = loss_plot(history, baseline=0.35, title="run")
    assert "best 0.3" in texts(figure) and "baseline (kNN) 0.35" in texts(figure)
    assert figure.axes[0].get_yscale() == "log"
    save_png(loss_plot(History()), tmp_path / "empty.png")


@pytest.mark.realdata
def test_a_real_section_lies_on_its_histology(realdata: Path, tmp_path: Path) -> None:
    adata = anndata.read_h5ad(realdata / "st_her2_he" / "C5.h5ad")
    library = adata.uns["spatial"]["C5"]
    rgb = np.asarray(Image.open(realdata / "st_her2_he" / "C5_he.jpg").convert("RGB"))
    slide = Slide([rgb], 1 / library["scalefactors"]["tissue_hires_scalef"])
    um = library["metadata"]["um_per_fullres_px"]
    spots = adata.obsm["spatial"]
    path = save_png(
        overlay(spots, image=slide, spots=spots, truth=spots, um_per_unit=um), tmp_path / "c5.png"
    )
    seen = pixels(path)
    assert 0.05 < (seen.max(axis=2).astype(int) - seen.min(axis=2) > 40).mean() < 0.9
    assert path.stat().st_size > 100_000
