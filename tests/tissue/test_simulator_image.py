"""The H&E of the simulator shows what lies where the coordinates say."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2hed

from napari_spatialrecon.geometry.procrustes import Pose
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.nuclei import turn_directions
from napari_spatialrecon.tissue.simulator.result import SimulatedTissue
from napari_spatialrecon.tissue.simulator.simulate import simulate

CONFIG = SimulatorConfig.preset("tiny").with_values({"n_sections": 3})


@pytest.fixture(scope="module", params=["cortex", "tumour"])
def made(request: pytest.FixtureRequest) -> SimulatedTissue:
    return simulate(request.param, CONFIG, seed=4)


def pixels(points: np.ndarray, image: np.ndarray) -> np.ndarray:
    column, row = np.floor(points / CONFIG.um_per_image_px).astype(int).T
    inside = (row >= 0) & (row < image.shape[0]) & (column >= 0) & (column < image.shape[1])
    assert inside.all()
    return image[row, column]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_nuclei_are_dark_where_the_cells_are(made, number):
    slide = made.single_cell_slides[number]
    image = slide.uns["spatial"][f"section{number + 1}"]["images"]["hires"]
    haematoxylin = rgb2hed(image)[..., 0]
    at = pixels(slide.obsm["spatial"], haematoxylin)
    beside = pixels(slide.obsm["spatial"] + [9.0, 0.0], haematoxylin)
    mirrored = pixels(np.array(image.shape[1::-1]) * CONFIG.um_per_image_px
                      - slide.obsm["spatial"], haematoxylin)  # fmt: skip
    assert np.median(at) > 1.5 * np.median(beside)
    assert np.median(at) > 1.5 * np.median(mirrored)


@pytest.mark.parametrize("number", [0, 2])
def test_a_spot_lies_on_tissue_and_the_margin_is_bare_glass(made, number):
    slide = made.slides[number]
    library = slide.uns["spatial"][f"section{number + 1}"]
    image, factors = library["images"]["hires"], library["scalefactors"]
    column, row = np.floor(slide.obsm["spatial"] * factors["tissue_hires_scalef"]).astype(int).T
    half = round(factors["spot_diameter_fullres"] * factors["tissue_hires_scalef"] / 2)
    stained = [
        image[max(0, r - half) : r + half, max(0, c - half) : c + half].mean()
        for r, c in zip(row, column)
    ]
    assert np.max(stained) < 236
    for corner in (image[:20, :20], image[:20, -20:], image[-20:, :20], image[-20:, -20:]):
        assert corner.mean() > 236


def test_image_spans_the_slide_at_the_scale_it_states(made):
    for slide, cells in zip(made.slides, made.single_cell_slides):
        name = next(iter(slide.uns["spatial"]))
        library = slide.uns["spatial"][name]
        height, width = library["images"]["hires"].shape[:2]
        extent = np.array([width, height]) * CONFIG.um_per_image_px
        assert (cells.obsm["spatial"] > 100).all() and (cells.obsm["spatial"] < extent - 100).all()
        assert library["metadata"]["um_per_fullres_px"] == CONFIG.um_per_px
        assert cells.uns["spatial"][name]["images"]["hires"] is library["images"]["hires"]


def test_the_reader_of_images_finds_the_same_scale(made):
    spots, cells = histology(made.slides[0]), histology(made.single_cell_slides[0])
    assert spots is not None and cells is not None
    assert spots.units_per_pixel == pytest.approx(CONFIG.um_per_image_px / CONFIG.um_per_px)
    assert cells.units_per_pixel == pytest.approx(CONFIG.um_per_image_px)


def test_tissue_is_pink_and_nuclei_are_blue(made):
    image = made.slides[0].uns["spatial"]["section1"]["images"]["hires"].astype(float)
    tissue = image[image.mean(-1) < 215]
    red, green, blue = tissue.mean(0)
    assert green < red and green < blue
    dark = tissue[tissue.mean(-1) < 110]
    assert len(dark) > 100 and dark[:, 2].mean() > dark[:, 0].mean()


@pytest.mark.parametrize("reflect", [False, True])
def test_directions_turn_with_the_section(reflect):
    angle = np.deg2rad(25.0)
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = linear @ np.diag([-1.0, 1.0]) if reflect else linear
    fibre = np.deg2rad(10.0)
    x, y = linear @ [np.cos(fibre), np.sin(fibre)]
    expected = np.arctan2(y, x)
    found = turn_directions(np.cos(2 * fibre), np.sin(2 * fibre), Pose(linear, np.zeros(2)))
    assert np.allclose(found, [np.cos(2 * expected), np.sin(2 * expected)])
