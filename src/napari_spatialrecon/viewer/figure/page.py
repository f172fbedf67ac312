"""A page of panels: which layers each shows, of which part of the tissue, under which caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.figure.scene import Dots, Picture, Scene, scene_of
from napari_spatialrecon.viewer.task.ground import histology_under

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

Part = Literal["tissue", "points", "view"]
ONE_COLUMN_MM, PAGE_MM = 85.0, 180.0
"""Widths of a journal's column and of its page."""
_MARGIN = 0.03
_LEAST_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class Chosen:
    """A panel that is asked for.

    Parameters
    ----------
    layer
        The layer that it shows; None for all visible layers, as in the window.
    caption
        Text above it.
    """

    layer: Layer | None
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Panel:
    """A panel to be drawn: `extent` is (2, 2), low and high (x, y) in world units."""

    caption: str
    scene: Scene
    extent: np.ndarray


@dataclass(frozen=True, eq=False)
class Page:
    """Panels and how they are drawn.

    Parameters
    ----------
    width_mm
        Width of the page.
    dark
        Whether the panels are black where there is no image, as in the window.
    least_mm
        Points are drawn no smaller than this, which is noted.
    columns
        Panels side by side; None for as many as fit.
    """

    panels: tuple[Panel, ...]
    width_mm: float = PAGE_MM
    dark: bool = False
    least_mm: float = 0.3
    columns: int | None = None

    @property
    def across(self) -> int:
        """Number of panels side by side."""
        fit = 1 if self.width_mm < 120 else 2 if len(self.panels) in (2, 4) else 3
        return max(1, min(self.columns or fit, len(self.panels)))


def page_of(
    viewer: ViewerModel,
    chosen: Sequence[Chosen],
    *,
    part: Part = "tissue",
    histology: bool = True,
    width_mm: float = PAGE_MM,
    dark: bool = False,
) -> Page:
    """Return the page of the chosen panels, all in one scale.

    Parameters
    ----------
    part
        ``"tissue"``: all that a panel shows, its H&E included; ``"points"``: its points only, or
        its images if it has none; ``"view"``: what the window shows.
    histology
        Whether the H&E lies beneath a chosen layer.

    Raises
    ------
    InputError
        Nothing is chosen, or what is chosen has nothing to draw.
    """
    if not chosen:
        raise InputError(
            "Expected at least one panel, found none.",
            remedy="Try ticking a layer, or what the window shows.",
        )
    scenes = [scene_of(_layers(viewer, choice.layer, histology)) for choice in chosen]
    for choice, scene in zip(chosen, scenes, strict=True):
        if not any(len(d.places) if isinstance(d, Dots) else True for d in scene.drawn):
            raise InputError(
                "Expected points, images or vectors in two dimensions, found nothing to draw.",
                remedy="Try showing a layer first, or another one.",
                where=choice.caption or (choice.layer.name if choice.layer else "the window"),
            )
    extents = [
        view_extent(viewer) if part == "view" else extent_of(scene, whole=part == "tissue")
        for scene in scenes
    ]
    size = np.max([extent[1] - extent[0] for extent in extents], axis=0)
    panels = [
        Panel(choice.caption, scene, _around(extent, size))
        for choice, scene, extent in zip(chosen, scenes, extents, strict=True)
    ]
    return Page(tuple(panels), width_mm, dark)


def view_extent(viewer: ViewerModel) -> np.ndarray:
    """Return what the window shows, (2, 2) low and high (x, y)."""
    camera = viewer.scene.camera
    center = np.asarray(camera.center, float)[[-1, -2]]
    half = np.asarray(viewer.canvas.size, float)[::-1] / camera.zoom / 2
    return np.stack([center - half, center + half])


def extent_of(scene: Scene, *, whole: bool = True) -> np.ndarray:
    """Return where a scene is, with a margin: all of it, or its points if it has any."""
    corners = [
        end
        for dots in scene.drawn
        if isinstance(dots, Dots) and len(dots.places)
        for end in (
            (dots.places - dots.diameters[:, None] / 2).min(axis=0),
            (dots.places + dots.diameters[:, None] / 2).max(axis=0),
        )
    ]
    pictures = [d for d in scene.drawn if isinstance(d, Picture)]
    if not whole:
        results = [d for d in pictures if not d.histology]
        pictures = results or ([] if corners else pictures)
    corners += [corner for picture in pictures for corner in _corners(picture)]
    if not corners:
        corners = [p for d in scene.drawn for p in getattr(d, "ends", np.zeros((1, 2, 2)))[:, 0]]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    longest = float((high - low).max()) or 1.0
    middle, size = (low + high) / 2, np.maximum(high - low, _LEAST_SHARE * longest)
    return _around(np.stack([middle, middle]), size + 2 * _MARGIN * longest)


def _layers(viewer: ViewerModel, layer: Layer | None, histology: bool) -> list[Layer]:
    shown = [x for x in viewer.layers if x.metadata.get(OURS, {}).get("role") != "marks"]
    if layer is None:
        return [x for x in shown if x.visible]
    ground = histology_under(viewer, layer) if histology else None
    return [layer] if ground is None else [ground, layer]


def _corners(picture: Picture) -> np.ndarray:
    height, width = picture.levels[0].shape[:2]
    x, y = (-0.5, width - 0.5), (-0.5, height - 0.5)
    ends = np.array([[a, b, 1.0] for a in x for b in y])
    return np.asarray((picture.matrix @ ends.T)[:2].T)


def _around(extent: np.ndarray, size: np.ndarray) -> np.ndarray:
    middle = extent.mean(axis=0)
    return np.stack([middle - size / 2, middle + size / 2])
