"""The background of a picture: view, histology and scale bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from PIL import Image

from napari_spatialrecon.evaluation.place_metrics import runaways

#: Minimum and maximum ratio of height to width, to which a view is padded.
_FLATTEST, _STEEPEST = 0.42, 1.1
#: Margin around the tissue, and how far results may extend the view beyond it, in tissue sizes.
_MARGIN, _BEYOND = 0.06, 0.3
#: The scale bar is a round length near this share of the view's width.
_BAR_SHARE = 0.2


class ImagePyramid(Protocol):
    """Histology as in `tissue.images.Histology`.

    `levels` are (y, x, 3) uint8 array-likes, finest first; `units_per_pixel` is the size of a
    pixel of the finest, in units of the slide's frame.
    """

    @property
    def levels(self) -> Any: ...  # noqa: D102
    @property
    def units_per_pixel(self) -> float: ...  # noqa: D102


@dataclass(frozen=True)
class View:
    """A rectangle of the slide's frame, in its unit; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Extent along x."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Extent along y."""
        return self.bottom - self.top

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Return which of `points`, (n, 2), are inside."""
        low, high = (self.left, self.top), (self.right, self.bottom)
        return np.asarray(((points >= low) & (points <= high)).all(axis=1))


def fit_view(points: np.ndarray, anchor: np.ndarray | None) -> View:
    """Return a view that shows all of `anchor` (the slide), and `points` except far outliers.

    Parameters
    ----------
    points, anchor : (n, 2) float
        Results, and spots or true positions on the slide, if any.
    """
    inliers = points[~runaways(points)]
    if anchor is None or not len(anchor):
        low, high = inliers.min(axis=0), inliers.max(axis=0)
    else:
        low, high = anchor.min(axis=0), anchor.max(axis=0)
        reach = _BEYOND * (high - low)
        low = np.minimum(low, np.maximum(inliers.min(axis=0), low - reach))
        high = np.maximum(high, np.minimum(inliers.max(axis=0), high + reach))
    middle, size = (low + high) / 2, high - low
    size = size + 2 * _MARGIN * max(float(size.max()), 1e-9)
    width = max(size[0], size[1] / _STEEPEST)
    half = np.array([width, max(size[1], width * _FLATTEST)]) / 2
    return View(*(middle - half), *(middle + half))


def crop(image: ImagePyramid, view: View, width: int) -> tuple[np.ndarray, View] | None:
    """Return the part of `image` in `view`, about `width` pixels wide, and its extent.

    Reads the coarsest level that is fine enough, and only the part in the view.

    Returns
    -------
    rgb : (y, x, 3) uint8
    where : View
        Both are None if image and view do not overlap.
    """
    wanted = view.width / width
    fine_width = image.levels[0].shape[1]
    steps = [image.units_per_pixel * fine_width / level.shape[1] for level in image.levels]
    fitting = [i for i, step in enumerate(steps) if step <= wanted]
    chosen = fitting[-1] if fitting else 0
    level, step = image.levels[chosen], steps[chosen]
    rows, columns = level.shape[:2]
    x0, x1 = np.clip([np.floor(view.left / step), np.ceil(view.right / step)], 0, columns)
    y0, y1 = np.clip([np.floor(view.top / step), np.ceil(view.bottom / step)], 0, rows)
    if x1 - x0 < 1 or y1 - y0 < 1:
        return None
    stride = max(1, int(wanted / step / 2))
    part = np.asarray(level[int(y0) : int(y1) : stride, int(x0) : int(x1) : stride])[..., :3]
    size = [max(1, min(n, round(n * stride * step / wanted))) for n in part.shape[1::-1]]
    rgb = Image.fromarray(np.ascontiguousarray(part)).resize(
        (size[0], size[1]), Image.Resampling.BOX
    )
    return np.asarray(rgb), View(x0 * step, y0 * step, x1 * step, y1 * step)


def bar_length(width: float, um_per_unit: float | None) -> tuple[float, str]:
    """Return the length of a scale bar, in units of the frame, and its label.

    Parameters
    ----------
    width
        Width of the view, in units of the frame.
    um_per_unit
        None if unknown.

    Examples
    --------
    >>> bar_length(4000, 0.5)
    (1000.0, '500 µm')
    >>> bar_length(30, None)
    (5.0, '5 units')
    """
    aim = _BAR_SHARE * width * (um_per_unit or 1.0)
    power = 10.0 ** np.floor(np.log10(aim))
    length = min((1 * power, 2 * power, 5 * power, 10 * power), key=lambda v: abs(np.log(v / aim)))
    if um_per_unit is None:
        return float(length), f"{length:g} unit{'' if length == 1 else 's'}"
    label = f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} µm"
    return float(length / um_per_unit), label
