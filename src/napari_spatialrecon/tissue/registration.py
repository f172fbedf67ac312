"""Registration of one H&E image to another, by tissue outline and stain, without spots.

Also conversions between pixels, frame units and micrometres, as poses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize, signal
from skimage import color, transform

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.procrustes import Pose
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.images import Histology, tissue_mask

#: Side, in pixels, of the square images used for search, refinement and the final fit.
_SEARCH, _REFINE, _FINISH = 64, 128, 256
_ROTATIONS = np.arange(0, 360, 15.0)
#: Number of poses of the search that are refined.
_STARTS = 6
#: Allowed error factor of known micrometres (shrinkage), and of unknown scales.
_KNOWN_SCALE, _GUESSED_SCALE = 1.08, 1.35
#: Blur, in thumbnail pixels, that averages out nuclei, since sections share no cells.
_SMOOTHING = 3.0
#: Minimum tissue area, in thumbnail pixels, for an outline.
_LEAST_TISSUE = 200


def pixels_to_units(histology: Histology) -> Pose:
    """Return the pose from level-0 pixels (column, row) to frame units (x, y)."""
    return Pose(np.eye(2) * histology.units_per_pixel, np.zeros(2))


def units_to_um(um_per_unit: float) -> Pose:
    """Return the pose from frame units to micrometres; its inverse goes back.

    Examples
    --------
    >>> units_to_um(0.5).apply(np.array([[4.0, 2.0]]))
    array([[2., 1.]])
    """
    return Pose(np.eye(2) * um_per_unit, np.zeros(2))


@dataclass(frozen=True, eq=False)
class Registration:
    """Registration of one image to another, and its quality.

    Parameters
    ----------
    pose
        From the moving frame to the fixed frame, both in units of their `obsm["spatial"]`.
    overlap
        Intersection over union of the two tissues, 0 to 1.
    correlation
        Pearson correlation of the staining darkness where both have tissue, -1 to 1.
    """

    pose: Pose
    overlap: float
    correlation: float

    @property
    def matrix(self) -> np.ndarray:
        """The homogeneous matrix, (3, 3), for columns (x, y, 1)."""
        return self.pose.matrix


@dataclass(frozen=True, eq=False)
class _View:
    """The tissue of a thumbnail, cropped and resampled to a square of `side` pixels.

    Parameters
    ----------
    mask : (side, side) float
        1 on tissue.
    stain : (side, side) float
        Darkness, with mean 0 and standard deviation 1 on tissue, 0 outside.
    frame
        From pixel (column, row) of the square to frame units.
    """

    mask: np.ndarray
    stain: np.ndarray
    frame: Pose

    @property
    def centre(self) -> np.ndarray:
        """Centre of the tissue, (column, row)."""
        row, column = ndimage.center_of_mass(self.mask)
        return np.array([column, row])


def register_images(
    moving: Histology,
    fixed: Histology,
    *,
    reflection: bool = True,
    reporter: Reporter | None = None,
) -> Registration:
    """Return the similarity that registers the tissue of `moving` to that of `fixed`.

    Every 15 degrees, flipped or not, the best translation is found by cross-correlation; the best
    six poses are refined by overlap plus correlation of the stain, coarse to fine. The result
    depends only on the images.

    Parameters
    ----------
    moving, fixed
        Images; thumbnails of at most 512 pixels per side are read. If `um_per_unit` of both is
        known, sizes may differ by 8%; otherwise by 35% from that of equal areas.
    reflection
        Whether the section may have been flipped.
    reporter
        Receives the stages; may stop the work.

    Raises
    ------
    InputError
        An image shows no tissue.
    """
    reporter = reporter or Reporter()
    reporter.begin("Finding tissue", total=2)
    cuts = []
    for number, image in enumerate((moving, fixed)):
        cuts.append(_cut_tissue(image))
        reporter.step(number + 1)
    side_units = [max(cut[0].shape) * cut[2].scale for cut in cuts]
    known = moving.um_per_unit is not None and fixed.um_per_unit is not None
    if known:
        scale = float(moving.um_per_unit or 1) / float(fixed.um_per_unit or 1)
    else:
        scale = float(np.sqrt(_area(cuts[1]) / _area(cuts[0])))
    extent = 1.3 * max(side_units[1], side_units[0] * scale)
    views = {
        side: (_view(cuts[0], extent / scale, side), _view(cuts[1], extent, side))
        for side in (_SEARCH, _REFINE, _FINISH)
    }
    free = _KNOWN_SCALE if known else _GUESSED_SCALE
    best = _search(*views[_SEARCH], reflection, reporter)
    best = _refine(best[:_STARTS], *views[_REFINE], free, reporter)
    best = _refine(best[:1], *views[_FINISH], free, reporter)
    source, target = views[_FINISH]
    pose = _pose(best[0], source, target)
    overlap, correlation = _agreement(pose, source, target)
    in_units = target.frame.compose(pose).compose(source.frame.inverse())
    return Registration(in_units, overlap, correlation)


_Cut = tuple[np.ndarray, np.ndarray, Pose]


def _cut_tissue(image: Histology) -> _Cut:
    """Return mask and darkness of the box around the tissue, and its pose to frame units."""
    rgb, units = image.thumbnail(512)
    mask = tissue_mask(rgb)
    if mask.sum() < _LEAST_TISSUE:
        raise InputError(
            "Expected tissue on the image, found none distinct from the background.",
            remedy="Try landmarks instead.",
            where=image.name,
        )
    weight = ndimage.gaussian_filter(mask.astype(float), _SMOOTHING)
    darkness = ndimage.gaussian_filter(np.where(mask, 1 - color.rgb2gray(rgb), 0), _SMOOTHING)
    darkness = darkness / np.maximum(weight, 1e-6)
    darkness = np.where(mask, darkness - darkness[mask].mean(), 0) / (darkness[mask].std() + 1e-9)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    # The centre of a thumbnail pixel is half its width into the pixels of the finest level.
    shift = units * (np.array([columns[0], rows[0]]) + 0.5) - 0.5 * image.units_per_pixel
    return mask[box].astype(float), darkness[box], Pose(np.eye(2) * units, shift)


def _area(cut: _Cut) -> float:
    return float(cut[0].sum()) * cut[2].scale ** 2


def _view(cut: _Cut, extent: float, side: int) -> _View:
    """Resample a crop to a square that spans `extent` frame units around the box's centre."""
    mask, stain, frame = cut
    step = extent / side / frame.scale
    centre = (np.array(mask.shape[::-1]) - 1) / 2
    origin = centre - step * (side - 1) / 2
    to_cut = Pose(np.eye(2) * step, origin)
    sigma = max(0.0, (step - 1) / 2)
    mask, stain = (
        _warp(ndimage.gaussian_filter(np.pad(a, 2), sigma), _padded(to_cut), side)
        for a in (mask, stain)
    )
    return _View(mask, stain, frame.compose(to_cut))


def _padded(to_cut: Pose) -> Pose:
    return Pose(to_cut.linear, to_cut.translation + 2)


def _warp(image: np.ndarray, to_image: Pose, side: int) -> np.ndarray:
    """Return `image` resampled to a square; `to_image` maps its (column, row) to the image's."""
    linear, shift = to_image.linear[::-1, ::-1], to_image.translation[::-1]
    return ndimage.affine_transform(image, linear, shift, (side, side), order=1)


#: Angle in degrees, logarithm of the scale, translation (columns, rows), and 1, or -1 if flipped.
_Parameters = tuple[float, float, float, float, int]


def _pose(parameters: _Parameters, source: _View, target: _View) -> Pose:
    """Return the pixel pose that rotates about the tissue's centre and translates it."""
    angle, log_scale, column, row, flip = parameters
    turn = transform.SimilarityTransform(rotation=np.deg2rad(angle), scale=np.exp(log_scale))
    linear = turn.params[:2, :2] @ np.diag([float(flip), 1.0])
    shift = target.centre + np.array([column, row]) - linear @ source.centre
    return Pose(linear, shift)


def _search(
    source: _View, target: _View, reflection: bool, reporter: Reporter
) -> list[_Parameters]:
    """Return poses of all rotations with their best translation, best first."""
    flips = (1, -1) if reflection else (1,)
    reporter.begin("Searching rotations", total=len(flips) * len(_ROTATIONS))
    side, scored = target.mask.shape[0], []
    for flip in flips:
        for angle in _ROTATIONS:
            reporter.check()
            start: _Parameters = (float(angle), 0.0, 0.0, 0.0, flip)
            inverse = _pose(start, source, target).inverse()
            mask = _warp(source.mask, inverse, side)
            shared = signal.fftconvolve(target.mask, mask[::-1, ::-1])
            row, column = np.unravel_index(int(np.argmax(shared)), shared.shape)
            shifted: _Parameters = (
                float(angle),
                0.0,
                float(column - side + 1),
                float(row - side + 1),
                flip,
            )
            scored.append((_score(shifted, source, target), shifted))
            reporter.step(len(scored))
    return [pose for _, pose in sorted(scored, key=lambda item: -item[0])]


def _refine(
    starts: list[_Parameters], source: _View, target: _View, free: float, reporter: Reporter
) -> list[_Parameters]:
    """Return `starts` refined to their nearest best pose, best first; translations in pixels."""
    side = target.mask.shape[0]
    before = _SEARCH if side == _REFINE else _REFINE
    reporter.begin("Refining the pose", total=len(starts))
    limit, scored = float(np.log(free)), []
    for number, (angle, log_scale, column, row, flip) in enumerate(starts):
        reporter.check()
        grown = side / before
        steps = np.array([8.0, limit / 2, side / 40, side / 40]) / (4 if side == _FINISH else 1)
        start = np.array([angle, log_scale, column * grown, row * grown])

        def loss(x: np.ndarray, flip: int = flip) -> float:
            clipped = float(np.clip(x[1], -limit, limit))
            return -_score((x[0], clipped, x[2], x[3], flip), source, target)

        found = optimize.minimize(
            loss,
            start,
            method="Nelder-Mead",
            options={
                "initial_simplex": np.vstack([start, start + np.diag(steps)]),
                "maxfev": 160,
                "xatol": 0.02,
                "fatol": 1e-4,
            },
        )
        angle, log_scale, column, row = (float(value) for value in found.x)
        end = (angle, float(np.clip(log_scale, -limit, limit)), column, row, flip)
        scored.append((float(found.fun), end))
        reporter.step(number + 1)
    return [pose for _, pose in sorted(scored, key=lambda item: item[0])]


def _score(parameters: _Parameters, source: _View, target: _View) -> float:
    overlap, correlation = _agreement(_pose(parameters, source, target), source, target)
    return overlap + correlation


def _agreement(pose: Pose, source: _View, target: _View) -> tuple[float, float]:
    """Return (intersection over union, correlation of the stain where both have tissue)."""
    side, inverse = target.mask.shape[0], pose.inverse()
    mask, stain = (_warp(image, inverse, side) for image in (source.mask, source.stain))
    shared = np.minimum(mask, target.mask)
    union = float(np.maximum(mask, target.mask).sum())
    weight = shared.sum()
    if weight < 1:
        return 0.0, 0.0
    a, b = (image - (shared * image).sum() / weight for image in (stain, target.stain))
    spread = float(np.sqrt((shared * a**2).sum() * (shared * b**2).sum()))
    correlation = float((shared * a * b).sum()) / spread if spread > 0 else 0.0
    return float(weight) / union, correlation
