"""The frame in which methods work: slides centred and divided by one pooled RMS radius.

A single isotropic scale preserves the tissue's shape (a z-score per axis would distort it).
Centring each slide, and rotating it if its expression indicates so, makes it possible to train one
model on sections that were mounted in different poses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.geometry.procrustes import Pose

Points = NDArray[np.float64]


@dataclass(frozen=True)
class ReferenceFrame:
    """Centres of the reference slides and their pooled radius.

    Parameters
    ----------
    centres : (n_slides, 2) float, (x, y) in each slide's own unit
    scales : (n_slides,) float
        Length of each slide's unit: in µm if known, else 1.
    radius
        Pooled root-mean-square distance of the spots from the centre of their slide, in units of
        `scales`.
    turns : (n_slides, 2, 2) float
        Rotation or reflection of each slide into the frame.
    """

    centres: Points
    scales: NDArray[np.float64]
    radius: float
    turns: NDArray[np.float64]

    @classmethod
    def of(cls, slides: Sequence[Points], scales: Sequence[float]) -> ReferenceFrame:
        """Return the frame of slides given as (n_spots, 2) coordinates."""
        centres = np.stack([np.mean(points, axis=0) for points in slides])
        squares = np.concatenate(
            [
                (((points - centre) * scale) ** 2).sum(axis=1)
                for points, centre, scale in zip(slides, centres, scales, strict=True)
            ]
        )
        turns = np.tile(np.eye(2), (len(slides), 1, 1))
        return cls(centres, np.asarray(scales, float), float(np.sqrt(squares.mean())), turns)

    def radius_on(self, slide: int) -> float:
        """Return the radius in a slide's unit."""
        return self.radius / float(self.scales[slide])

    def normalise(self, points: Points, slide: int) -> Points:
        """Transform coordinates of a slide into the frame: centred, RMS radius near 1."""
        return (points - self.centres[slide]) / self.radius_on(slide) @ self.turns[slide].T

    def restore(self, points: Points, slide: int) -> Points:
        """Transform coordinates of the frame onto a slide, in its unit."""
        return points @ self.turns[slide] * self.radius_on(slide) + self.centres[slide]

    def pose_on(self, slide: int) -> Pose:
        """Return the pose from the frame, in the slide's unit, onto the slide."""
        return Pose(self.turns[slide].T, self.centres[slide])

    def turned(self, turns: NDArray[np.float64]) -> ReferenceFrame:
        """Return the frame with every slide additionally rotated by `turns`, (n_slides, 2, 2)."""
        return replace(self, turns=turns @ self.turns)
