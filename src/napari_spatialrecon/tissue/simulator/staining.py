"""H&E-like image of a section: two stains, fibres, nuclei, blood and bare glass.

The colors follow from optical densities (Beer-Lambert): a pixel is ``white · exp(−Σ amount ·
color)`` with the colors of haematoxylin and eosin, so that stain separation works on it.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import fft
from scipy.ndimage import affine_transform, gaussian_filter

from napari_spatialrecon.geometry.procrustes import Pose
from napari_spatialrecon.tissue.simulator.cells import Cells
from napari_spatialrecon.tissue.simulator.layout import SPACING, Array, Layout, SectionMap
from napari_spatialrecon.tissue.simulator.nuclei import draw_nuclei, turn_directions
from napari_spatialrecon.tissue.simulator.platforms import Frame

#: Optical density of one unit of each stain in red, green and blue.
HAEMATOXYLIN = np.array([1.20, 1.16, 0.52], np.float32)
EOSIN = np.array([0.16, 0.92, 0.44], np.float32)
BLOOD = np.array([0.22, 1.00, 0.86], np.float32)
GLASS = np.array([243.0, 240.0, 243.0], np.float32)
N_ANGLES = 6


def stain(
    section: SectionMap,
    layout: Layout,
    cells: Cells,
    frame: Frame,
    um_per_px: float,
    rng: np.random.Generator,
) -> Array:
    """Return the H&E image of a section on its slide.

    Parameters
    ----------
    frame
        Pose of the section on the slide, and size of the image.
    um_per_px
        Size of a pixel in µm; the centre of pixel (row i, column j) lies at
        (j + 0.5, i + 0.5) · um_per_px on the slide.

    Returns
    -------
    (height, width, 3) uint8
    """
    width, height = (max(8, round(length / um_per_px)) for length in frame.size)
    shape = (height, width)

    def lay(name: str) -> Array:
        return _on_slide(section.fields[name], frame.pose, shape, um_per_px)

    fibres, grain, cloud = _textures(lay("cos2"), lay("sin2"), frame.pose, um_per_px, rng)
    present = _edge(lay("tissue") + 1.2 * grain, um_per_px)
    solid = _edge(lay("lumen") + 0.5 * grain, um_per_px) * present
    strength = lay("fibre")
    loose = 1 + strength * np.clip(0.24 * fibres, -0.4, 0.6)
    loose = loose * (1 - strength * np.clip(-1.6 * fibres - 2.2, 0, 0.85))
    del fibres
    drawing = draw_nuclei(section, layout, cells, frame.pose, shape, um_per_px, rng)
    ground = solid * (1 - np.clip(drawing.cleared, 0, 0.8)) * (1 + 0.045 * cloud)
    coarse = 1 + lay("grain") * 0.16 * grain
    eosin = ground * (lay("eosin") * loose * coarse) + present * drawing.pink
    haze = ground * np.maximum(lay("haze"), 0) * coarse
    nuclear = drawing.chromatin * (1 + 0.10 * grain) * (1 + 0.06 * cloud)
    haematoxylin = np.maximum(haze + drawing.haze * (1 + 0.2 * grain), 0) * present
    haematoxylin = haematoxylin * (1 - np.clip(1.2 * drawing.chromatin, 0, 0.8)) + nuclear * present
    blood = lay("blood") * present * np.clip(0.45 + 0.33 * grain, 0, 0.9)
    return _expose((haematoxylin, eosin, blood), um_per_px, rng)


def _on_slide(grid: Array, pose: Pose, shape: tuple[int, int], um_per_px: float) -> Array:
    """Return a map of the tissue frame, sampled at the pixels of the slide."""
    back = pose.inverse()
    corner = back.apply(np.full((1, 2), 0.5 * um_per_px))[0] / SPACING
    matrix = back.linear[::-1, ::-1] * um_per_px / SPACING
    return affine_transform(
        grid, matrix, offset=corner[::-1], output_shape=shape, order=1, mode="nearest"
    )


def _edge(distance: Array, um_per_px: float) -> Array:
    return np.clip(distance / max(1.5, um_per_px) + 0.5, 0, 1)


def _textures(
    cos2: Array, sin2: Array, pose: Pose, um_per_px: float, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return fibres along the directions, fine grain and coarse texture, each with variance 1."""
    cos2, sin2 = turn_directions(cos2, sin2, pose)
    shape = cos2.shape
    height, width = (fft.next_fast_len(n, real=True) for n in shape)
    noise = fft.rfft2(rng.standard_normal((height, width), np.float32))
    down = (2 * np.pi / um_per_px * fft.fftfreq(height)).astype(np.float32)[:, None]
    across = (2 * np.pi / um_per_px * fft.rfftfreq(width)).astype(np.float32)[None, :]

    def filtered(long: float, wide: float, angle: float = 0.0) -> Array:
        u = long * (across * math.cos(angle) + down * math.sin(angle))
        v = wide * (down * math.cos(angle) - across * math.sin(angle))
        return np.exp(-0.5 * (u * u + v * v))

    def back(spectrum: Array) -> Array:
        field = fft.irfft2(noise * spectrum, s=(height, width))[: shape[0], : shape[1]]
        return np.asarray(field / field.std())

    fibres, total = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for angle in (math.pi * k / N_ANGLES for k in range(N_ANGLES)):
        along = math.cos(2 * angle) * cos2 + math.sin(2 * angle) * sin2
        near = np.maximum(along, 0.03) ** 3
        fibres += near * back(filtered(14, 1.2, angle) + 2.6 * filtered(32, 3.6, angle))
        total += near**2
    grain = back(filtered(0.9, 0.9) + 2.0 * filtered(2.6, 2.6))
    return fibres / np.sqrt(total), grain, back(filtered(160, 160))


def _expose(
    amounts: tuple[Array, Array, Array], um_per_px: float, rng: np.random.Generator
) -> Array:
    """Return the camera image of given amounts of haematoxylin, eosin and blood."""
    vary = rng.normal(1, 0.05, 3).tolist()
    shape = amounts[0].shape
    light = np.linspace(0.992, 1.006, shape[1], dtype=np.float32)[None, :]
    light = light * np.linspace(1.004, 0.994, shape[0], dtype=np.float32)[:, None]
    blur = 0.55 / um_per_px
    layers = [gaussian_filter(a.astype(np.float32), blur) * v for a, v in zip(amounts, vary)]
    noise = rng.standard_normal(shape, np.float32)
    image = np.empty((*shape, 3), np.uint8)
    for channel in range(3):
        density = sum(
            layer * color[channel] for layer, color in zip(layers, (HAEMATOXYLIN, EOSIN, BLOOD))
        )
        value = GLASS[channel] * light * np.exp(-density) + 1.3 * noise
        image[..., channel] = np.clip(value, 0, 255).astype(np.uint8)
    return image
