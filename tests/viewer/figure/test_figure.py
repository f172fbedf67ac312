"""Figures as PNG, SVG and PDF, without a window."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from napari.components import ViewerModel
from napari.layers import Image, Layer, Points
from PIL import Image as Pixels

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.viewer.canvas.bar_title import show_bar
from napari_spatialrecon.viewer.canvas.colors import set_point_colors, set_point_opacity
from napari_spatialrecon.viewer.canvas.pies import show_pies
from napari_spatialrecon.viewer.canvas.point_nodes import show_points
from napari_spatialrecon.viewer.figure import drawing
from napari_spatialrecon.viewer.figure.keys import MOST, keys_of
from napari_spatialrecon.viewer.figure.page import Chosen, Page, page_of, view_extent
from napari_spatialrecon.viewer.figure.scene import Dots, Picture, scene_of
from napari_spatialrecon.viewer.figure.writing import write_figure
from napari_spatialrecon.viewer.workspace.table_layers import table_layers

PT_PER_MM = 72 / 25.4


@pytest.fixture
def opened(viewer: ViewerModel, slide: anndata.AnnData) -> ViewerModel:
    """A slide of 0.5 µm a unit on its H&E, colored by a category."""
    for layer in table_layers(slide, "C5"):
        viewer.add_layer(Layer.create(*layer))
    kinds = np.array(["tumor", "stroma", None], object)[np.arange(30) % 3]
    set_point_colors(viewer.layers["C5 spots"], list(kinds), kind="category", title="cell type")
    return viewer


def spots(viewer: ViewerModel) -> Points:
    layer = viewer.layers["C5 spots"]
    assert isinstance(layer, Points)
    return layer


def page(viewer: ViewerModel, **options: Any) -> Page:
    return page_of(viewer, [Chosen(spots(viewer), "C5, as measured")], **options)


def svg(made: Page, folder: Path) -> str:
    write_figure(made, folder / "figure.svg")
    return (folder / "figure.svg").read_text()


def bar_points(text: str) -> list[float]:
    """Widths of the scale bars of an SVG, in points."""
    found = re.findall(r'id="scale-bar">\s*<path d="M ([\d.]+) [\d.]+ *\n?L ([\d.]+)', text)
    return [float(b) - float(a) for a, b in found]


def test_the_scale_bar_measures_the_length_that_it_says(
    opened: ViewerModel, tmp_path: Path
) -> None:
    made = page(opened, width_mm=85.0, part="points")
    text = svg(made, tmp_path)
    said = float(re.search(r">(\d+) µm<", text)[1])
    um_per_pt = np.ptp(made.panels[0].extent[:, 0]) / ((85.0 - 4.0) * PT_PER_MM)
    assert bar_points(text) == [pytest.approx(said / um_per_pt, rel=1e-3)]
    spread = np.ptp(opened.layers["C5 spots"].data[:, 1])
    assert spread < np.ptp(made.panels[0].extent[:, 0]) < 1.5 * spread


def test_words_stay_words_and_name_each_category_with_its_count(
    opened: ViewerModel, tmp_path: Path
) -> None:
    text = svg(page(opened), tmp_path)
    words = re.findall(r"<text[^>]*>([^<]*)", text)
    assert {"C5, as measured", "cell type", "tumor  10", "stroma  10", "missing  10"} <= set(words)


def test_pages_have_their_width_and_png_300_dpi(opened: ViewerModel, tmp_path: Path) -> None:
    write_figure(page(opened, width_mm=85.0), tmp_path / "figure.png")
    with Pixels.open(tmp_path / "figure.png") as image:
        assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)
        assert image.width == pytest.approx(85 / 25.4 * 300, abs=2)
    text = svg(page(opened, width_mm=180.0), tmp_path)
    assert float(re.search(r'svg [^>]*width="([\d.]+)pt', text)[1]) == pytest.approx(
        180 * PT_PER_MM, abs=0.1
    )
    write_figure(page(opened), tmp_path / "figure.pdf")
    content = (tmp_path / "figure.pdf").read_bytes()
    assert content.startswith(b"%PDF") and b"/Type3" not in content and b"/CIDFontType2" in content


def test_a_full_disk_leaves_the_old_file_and_no_other(
    opened: ViewerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "figure.pdf"
    target.write_bytes(b"old")

    def half(figure: Figure, path: Path, **_: Any) -> None:
        Path(path).write_bytes(b"%PDF half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(InputError, match="disk full"):
        write_figure(page(opened), target)
    assert [p.name for p in tmp_path.iterdir()] == ["figure.pdf"] and target.read_bytes() == b"old"


def test_a_stop_leaves_nothing(opened: ViewerModel, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        write_figure(page(opened), tmp_path / "figure.svg", Reporter(None, lambda: True))
    assert not list(tmp_path.iterdir())


def test_points_are_true_to_scale_rimmed_faded_and_hidden_as_in_the_window(
    opened: ViewerModel, tmp_path: Path
) -> None:
    layer = spots(opened)
    layer.border_width, layer.border_color, layer.opacity = 0.08, "white", 0.5
    set_point_opacity(layer, np.linspace(0, 1, 30))
    shown = np.ones(30, bool)
    shown[::3] = False  # all of the tumor
    show_points(layer, shown)
    layer.affine = np.array([[2.0, 0, 50], [0, 2.0, 0], [0, 0, 1]])
    (dots,) = scene_of([layer]).drawn
    assert isinstance(dots, Dots) and len(dots.places) == 20
    np.testing.assert_allclose(dots.diameters, 2 * 55.0)
    np.testing.assert_allclose(dots.places, (layer.data[shown] * 2 + [50, 0])[:, ::-1])
    assert dots.faces[:, 3].max() <= 0.5 and np.ptp(dots.faces[:, 3]) > 0.3
    np.testing.assert_allclose(dots.rims[:, 3], dots.faces[:, 3])
    made = page(opened)
    (key,) = keys_of(made.panels[0])
    assert [(name, count) for name, _, count in key.entries] == [("stroma", 10), ("missing", 10)]
    made = Page(made.panels, width_mm=180.0)
    drawn = drawing.draw(made, Reporter()).figure.axes[0].collections[0]
    um_per_pt = np.ptp(made.panels[0].extent[:, 0]) / (176.0 * PT_PER_MM)
    np.testing.assert_allclose(np.sqrt(drawn.get_sizes()), 110.0 / um_per_pt, rtol=1e-6)


def test_points_too_small_to_see_are_widened_and_it_is_said(opened: ViewerModel) -> None:
    spots(opened).size = 0.01
    (note,) = drawing.draw(page(opened), Reporter()).notes
    assert note.startswith("C5 spots: points are drawn ") and "true width is 0 µm" in note


def test_many_points_are_pixels_within_the_file(
    opened: ViewerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = page(opened, histology=False)
    assert "<image" not in svg(made, tmp_path)
    monkeypatch.setattr(drawing, "VECTORS", 10)
    notes = write_figure(made, tmp_path / "figure.svg")
    assert "30 points are pixels at 300 dpi" in notes[0]
    assert "<image" in (tmp_path / "figure.svg").read_text()


def test_the_histology_of_the_slide_lies_beneath_where_the_slide_says(
    opened: ViewerModel, slide: anndata.AnnData
) -> None:
    for layer in table_layers(slide, "another, in the same place"):
        opened.add_layer(Layer.create(*layer))
    picture, _ = page(opened).panels[0].scene.drawn
    assert isinstance(picture, Picture) and picture.name == "C5 H&E" and picture.histology
    image = opened.layers["C5 H&E"]
    rgba, matrix = picture.cut(np.array([[100.0, 100.0], [300.0, 200.0]]), 1.0)
    row, column = 3, 5
    x, y = (matrix @ [column, row, 1.0])[:2]
    at = np.rint(image.world_to_data((y, x))).astype(int)
    np.testing.assert_array_equal(rgba[row, column, :3], image.data[tuple(at)])
    assert picture.cut(np.array([[1e6, 1e6], [2e6, 2e6]]), 1.0) is None
    assert len(page(opened, histology=False).panels[0].scene.drawn) == 1


def test_coarser_levels_are_read_where_they_suffice(viewer: ViewerModel) -> None:
    fine = np.zeros((800, 800, 3), np.uint8)
    viewer.add_layer(Image([fine, fine[::4, ::4] + 9], rgb=True, multiscale=True))
    (picture,) = scene_of(list(viewer.layers)).drawn
    assert isinstance(picture, Picture)
    whole = np.array([[0.0, 0.0], [800.0, 800.0]])
    assert len(picture.cut(whole, 1.0)[0]) == 800
    coarse, matrix = picture.cut(whole, 5.0)
    assert len(coarse) == 200 and coarse.max() == 255 and matrix[0, 0] == 4.0


def test_a_color_bar_is_titled_with_its_unit(viewer: ViewerModel, tmp_path: Path) -> None:
    layer = Image(np.eye(9), contrast_limits=(0, 4), units=("um", "um"), name="x")
    viewer.add_layer(layer)
    show_bar(layer, "ERBB2, counts per part")
    made = page_of(viewer, [Chosen(None)])
    text = svg(made, tmp_path)
    words = re.findall(r"<text[^>]*>([^<]*)", text)
    assert words.count("ERBB2, counts per part") == 1 and {"0", "4"} <= set(words)


def test_panels_share_one_scale_and_are_lettered(opened: ViewerModel, tmp_path: Path) -> None:
    layer = spots(opened)
    near = Points(layer.data[:5], size=65, units=layer.units, name="five cells")
    opened.add_layer(near)
    made = page_of(opened, [Chosen(layer, "before"), Chosen(near, "after"), Chosen(None, "both")])
    sizes = [panel.extent[1] - panel.extent[0] for panel in made.panels]
    np.testing.assert_allclose(sizes, [sizes[0]] * 3)
    text = svg(made, tmp_path)
    assert len(set(np.round(bar_points(text), 3))) == 1 and len(bar_points(text)) == 3
    assert {"a  before", "b  after", "c  both"} <= set(re.findall(r"<text[^>]*>([^<]*)", text))


def test_the_whole_tissue_is_that_of_the_histology_where_it_is_shown(opened: ViewerModel) -> None:
    points = opened.layers["C5 spots"]
    points.data = points.data[points.data[:, 0] < points.data[:, 0].mean()]
    low, high = opened.layers["C5 H&E"].extent.world
    whole = page(opened).panels[0].extent
    assert (whole[0] <= low[::-1]).all() and (whole[1] >= high[::-1]).all()
    np.testing.assert_allclose(whole.mean(axis=0), (low + high)[::-1] / 2, atol=2)
    for few in (page(opened, part="points"), page(opened, histology=False)):
        assert np.ptp(few.panels[0].extent[:, 1]) < 0.8 * np.ptp(whole[:, 1])


def test_mixtures_are_pies_clockwise_from_the_top(opened: ViewerModel, tmp_path: Path) -> None:
    points = spots(opened)
    shares = np.tile([0.25, 0.0, 0.75], (30, 1))
    shares[3] = [0.0, 1.0, 0.0]
    colors = {"B": "#ff0000", "T": "#00ff00", "Tumor": "#0000ff"}
    main = np.array(list(colors))[shares.argmax(axis=1)]
    of = pd.Categorical(main, list(colors), ordered=True)
    set_point_colors(points, of, kind="category", title="type", palette=colors)
    show_pies(points, shares, list(colors))
    made = page(opened, histology=False, part="points", width_mm=180.0)
    drawn = made.panels[0].scene.drawn[-1]
    assert isinstance(drawn, Dots) and drawn.pies is not None
    write_figure(made, tmp_path / "pies.png")
    pixels = np.asarray(Pixels.open(tmp_path / "pies.png").convert("RGB")).astype(int)
    x, y = _middle_of(made, drawn.places[12], pixels.shape)
    reach = drawn.diameters[12] / 4 * _pixels_per_unit(made, pixels.shape)
    right, left = pixels[round(y - reach), round(x + reach)], pixels[round(y), round(x - reach)]
    assert right.argmax() == 0 and right[2] < 60, "a quarter to the upper right is B"
    assert left.argmax() == 2 and left[0] < 60, "the rest is Tumor"
    text = svg(made, tmp_path)
    assert text.count("#ff0000") >= 1 and "Tumor  29" in text
    set_point_colors(points, points.features["score"].to_numpy(), kind="gene", title="score")
    assert page(opened).panels[0].scene.drawn[-1].pies is None


def _pixels_per_unit(made: Page, shape: tuple[int, ...]) -> float:
    return shape[1] / made.width_mm * (made.width_mm - 4.0) / np.ptp(made.panels[0].extent[:, 0])


def _middle_of(made: Page, place: np.ndarray, shape: tuple[int, ...]) -> tuple[float, float]:
    """Pixel of a place in the only panel, whose edges are 2 mm from those of the page."""
    per, mm = _pixels_per_unit(made, shape), shape[1] / made.width_mm
    x, y = (place - made.panels[0].extent[0]) * per
    return 2.0 * mm + x, 2.0 * mm + (3.6 + 0.6) * mm + y


def test_the_view_is_what_the_window_shows(opened: ViewerModel) -> None:
    opened.canvas.size = (400, 800)
    opened.scene.camera.center, opened.scene.camera.zoom = (0.0, 100.0, 200.0), 4.0
    np.testing.assert_allclose(view_extent(opened), [[100.0, 50.0], [300.0, 150.0]])
    made = page(opened, part="view")
    np.testing.assert_allclose(made.panels[0].extent, view_extent(opened))
    (key,) = keys_of(made.panels[0])
    assert sum(count for _, _, count in key.entries) < 30  # of those in the panel


def test_of_hundreds_of_categories_the_most_frequent_are_named(viewer: ViewerModel) -> None:
    rng = np.random.default_rng(0)
    layer = Points(rng.uniform(0, 1000, (1000, 2)), size=5)
    viewer.add_layer(layer)
    names = [f"type {i}" for i in np.sort(rng.integers(0, 300, 1000)) ** 2 // 300]
    key = set_point_colors(layer, names, kind="category", title="type")
    made = page_of(viewer, [Chosen(layer)])
    (drawn,) = keys_of(made.panels[0])
    assert len(drawn.entries) == MOST - 1
    most = max(key.entries, key=lambda entry: entry.count)
    assert most.name in [name for name, _, _ in drawn.entries]
    others = len(key.entries) - len(drawn.entries)
    assert f"and {others} more categories" in drawn.rest
    assert drawing.draw(made, Reporter()).figure.get_figheight() < 14


def test_hidden_layers_and_landmarks_are_not_in_the_window_s_panel(opened: ViewerModel) -> None:
    opened.layers["C5 H&E"].visible = False
    marks = Points(np.zeros((1, 2)), metadata={"spatialrecon": {"role": "marks"}})
    opened.add_layer(marks)
    (dots,) = page_of(opened, [Chosen(None)]).panels[0].scene.drawn
    assert dots.name == "C5 spots"


def test_a_few_small_cells_are_seen_at_a_glance_on_a_large_tissue() -> None:
    viewer = ViewerModel()
    viewer.add_points(np.random.default_rng(0).uniform(0, 2000, (100, 2)), size=10)
    drawn = drawing.draw(page_of(viewer, [Chosen(viewer.layers[0])]), Reporter())
    sizes = drawn.figure.axes[0].collections[0].get_sizes()
    assert np.sqrt(sizes.min()) / 72 * 25.4 == pytest.approx(1.5)
    viewer.layers[0].data = np.random.default_rng(0).uniform(0, 2000, (4000, 2))
    drawn = drawing.draw(page_of(viewer, [Chosen(viewer.layers[0])]), Reporter())
    sizes = drawn.figure.axes[0].collections[0].get_sizes()
    assert np.sqrt(sizes.max()) / 72 * 25.4 < 1.0
