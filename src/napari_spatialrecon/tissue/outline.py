"""An initial pose of spots on an image, found by matching their outline to that of the tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.geometry.procrustes import Pose
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.images import Histology, tissue_mask

#: Longer side, in pixels, of the compared masks.
_SIDE = 160
#: Step of the directions tried besides those of the principal axes, in degrees.
_TURNS = np.arange(0, 360, 15.0)
#: Number of poses of the search that are refined.
_STARTS = 6
#: Allowed error factor of known micrometres (shrinkage), and of unknown sizes.
_KNOWN, _GUESSED = 1.08, 1.35
#: Poses whose overlap differs by less cannot be distinguished by an outline.
_ALIKE = 0.02
#: Maximum number of points used to draw the outline; more only refine it.
_MOST = 20_000


@dataclass(frozen=True)
class OutlineStart:
    """A pose found from outlines alone.

    Parameters
    ----------
    pose
        From the spots' frame to the image's.
    overlap
        Intersection over union of the spots' area and the tissue, 0 to 1.
    ambiguous
        Whether a pose rotated by more than 30 degrees, or flipped, fits equally well, as with a
        round or symmetric outline.
    """

    pose: Pose
    overlap: float
    ambiguous: bool


def start_by_outline(
    points: np.ndarray,
    image: Histology,
    *,
    um_per_unit: float | None = None,
    reflection: bool = True,
    reporter: Reporter | None = None,
) -> OutlineStart:
    """Return the similarity that matches the outline of `points` to the tissue of an image.

    Centres and areas (or micrometres, if both are known) give translation and size; the tried
    directions are those of the principal axes and every 15 degrees; the best are refined by
    overlap. Among poses that fit equally well, the one with the smallest rotation is chosen. Only
    the outlines are used.

    Parameters
    ----------
    points : (n, 2) float, (x, y)
        Spots or cells, in any unit.
    image
        H&E image; its `um_per_unit` gives the size of its frame.
    um_per_unit
        Micrometers per unit of `points`; None if unknown.
    reflection
        Whether the spots may be flipped.

    Raises
    ------
    InputError
        There are fewer than 4 spots, or the image shows no tissue.
    """
    reporter = reporter or Reporter()
    reporter.begin("Finding tissue")
    points = np.asarray(points, float)
    if len(points) < 4 or not np.ptp(points, axis=0).all():
        raise InputError(
            f"Expected at least 4 spots that span the plane, found {len(points)}.",
            remedy="Try landmark pairs instead.",
        )
    search = _Search(points, image, um_per_unit, reflection)
    reporter.begin("Comparing outlines", total=_STARTS)
    still: _Parameters = (0.0, 0.0, 0.0, 0.0, 1)
    starts = [still, *sorted(search.starts(), key=search.loss)[: _STARTS - 1]]
    ends = []
    for number, start in enumerate(starts):
        reporter.check()
        ends.append(search.refined(start))
        reporter.step(number + 1)
    least = min(search.loss(end) for end in ends)
    alike = [end for end in ends if search.loss(end) < least + _ALIKE]
    best = min(alike, key=lambda p: (p[4] < 0, abs(_wrapped(p[0])), search.loss(p)))
    other = any(p[4] != best[4] or abs(_wrapped(p[0] - best[0])) > 30 for p in alike)
    return OutlineStart(search.in_units(best), -search.loss(best), other)


#: Angle in degrees, logarithm of the size, translation in pixels, and 1, or -1 if flipped.
_Parameters = tuple[float, float, float, float, int]


class _Search:
    """Both outlines, in pixels of a thumbnail."""

    def __init__(
        self, points: np.ndarray, image: Histology, um: float | None, reflection: bool
    ) -> None:
        rgb, self.units = image.thumbnail(_SIDE)
        self.mask = tissue_mask(rgb)
        if self.mask.sum() < 50:
            raise InputError(
                "Expected tissue on the image, found none distinct from the background.",
                remedy="Try landmark pairs instead.",
                where=image.name,
            )
        step = max(1, len(points) // _MOST)
        self.points = points[::step]
        self.spacing = float(np.median(nearest(self.points, 1)[1])) or 1.0
        area, self.centre = self._measured()
        known = um is not None and image.um_per_unit is not None
        if known:
            self.size = float(um or 1) / float(image.um_per_unit or 1) / self.units
        else:
            self.size = float(np.sqrt(self.mask.sum() / area))
        self.limit = float(np.log(_KNOWN if known else _GUESSED))
        row, column = ndimage.center_of_mass(self.mask)
        self.middle = np.array([column, row])
        self.flips = (1, -1) if reflection else (1,)

    def _measured(self) -> tuple[float, np.ndarray]:
        """Return the area covered by the points, in their unit squared, and its centre."""
        low = self.points.min(axis=0)
        step = max(self.spacing, float(np.ptp(self.points, axis=0).max()) / 200)
        cells = np.unique(np.floor((self.points - low) / step).astype(int), axis=0)
        filled = np.zeros(cells.max(axis=0) + 3, bool)
        filled[tuple((cells + 1).T)] = True
        filled = ndimage.binary_closing(filled, np.ones((3, 3)))
        return float(filled.sum()) * step**2, np.argwhere(filled).mean(0) * step + low - step / 2

    def starts(self) -> list[_Parameters]:
        """Return poses in all directions, including those of the principal axes."""
        here, there = self.points - self.centre, np.argwhere(self.mask)[:, ::-1] - self.middle
        found: list[_Parameters] = []
        for flip in self.flips:
            turned = here * [flip, 1.0]
            own, wanted = (np.linalg.svd(p, full_matrices=False)[2][0] for p in (turned, there))
            axis = np.degrees(np.arctan2(wanted[1], wanted[0]) - np.arctan2(own[1], own[0]))
            for angle in (*_TURNS, axis, axis + 180):
                found.append((float(angle), 0.0, 0.0, 0.0, flip))
        return found

    def pose(self, parameters: _Parameters) -> Pose:
        """Return the pose from the points' frame to pixels (column, row)."""
        angle, log_size, column, row, flip = parameters
        turn = np.deg2rad(angle)
        linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        linear = self.size * np.exp(log_size) * linear @ np.diag([float(flip), 1.0])
        return Pose(linear, self.middle + np.array([column, row]) - linear @ self.centre)

    def in_units(self, parameters: _Parameters) -> Pose:
        return Pose(np.eye(2) * self.units, np.full(2, 0.5 * self.units)).compose(
            self.pose(parameters)
        )

    def loss(self, parameters: _Parameters) -> float:
        """Return the negative intersection over union of the two outlines."""
        pose = self.pose(parameters)
        at = np.rint(pose.apply(self.points)).astype(int)[:, ::-1]
        inside = ((at >= 0) & (at < self.mask.shape)).all(axis=1)
        empty = np.ones(self.mask.shape, bool)
        empty[tuple(at[inside].T)] = False
        reach = max(1.0, 0.75 * self.spacing * pose.scale)
        covered = ndimage.distance_transform_edt(empty) <= reach if inside.any() else ~empty
        lost = (~inside).sum() * (self.spacing * pose.scale) ** 2
        return -float((covered & self.mask).sum() / ((covered | self.mask).sum() + lost))

    def refined(self, start: _Parameters) -> _Parameters:
        """Return the nearest locally best pose."""
        flip = start[4]

        def loss(x: np.ndarray) -> float:
            size = float(np.clip(x[1], -self.limit, self.limit))
            return self.loss((x[0], size, x[2], x[3], flip))

        begin = np.array(start[:4])
        steps = np.array([8.0, self.limit / 2, _SIDE / 30, _SIDE / 30])
        found = optimize.minimize(
            loss,
            begin,
            method="Nelder-Mead",
            options={
                "initial_simplex": np.vstack([begin, begin + np.diag(steps)]),
                "maxfev": 120,
                "xatol": 0.05,
                "fatol": 1e-4,
            },
        ).x
        size = float(np.clip(found[1], -self.limit, self.limit))
        return float(found[0]), size, float(found[2]), float(found[3]), flip


def _wrapped(degrees: float) -> float:
    return float((degrees + 180) % 360 - 180)
