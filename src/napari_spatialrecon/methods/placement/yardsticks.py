"""What a method's places of held-out spots are compared with: the baseline and the center.

Distances are taken in the reference's frame, after the pose that `place` gives a result: a spot is
placed like a cell of the query, and its distance from its true place counts. Nothing is fitted to
the true places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.placement.held_out import HeldOut
from napari_spatialrecon.methods.placement.posterior import Posterior
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.tissue.contract import um_per_unit
from napari_spatialrecon.tissue.frame import Points, ReferenceFrame

#: Standard deviations by which a gain must exceed 0 not to be noise.
_CLEAR = 2.0
#: Samples of the held-out spots, drawn with replacement, that give the noise of a gain.
_SAMPLES = 200


@dataclass(frozen=True, eq=False)
class Yardsticks:
    """The baseline's places of held-out spots.

    Parameters
    ----------
    held_out
        The spots.
    seen
        The slides without the held-out spots.
    posteriors : one per slide
        The baseline's places of the slide's held-out spots, in the frame of `seen`.
    """

    held_out: HeldOut
    seen: Reference
    posteriors: tuple[Posterior, ...]

    @cached_property
    def stress(self) -> float:
        """Stress of the baseline's places; see `HeldOut.stress`."""
        return self.held_out.stress([found.places for found in self.posteriors])

    def errors(self) -> dict[str, float]:
        """Return the errors of the baseline, as in `FittedPlacement.held_out`."""
        return {
            "baseline": self.stress,
            **self._in_um({"baseline": self._own, "center": self._off}),
        }

    def beside(self, places: Sequence[Points], frame: ReferenceFrame) -> dict[str, float]:
        """Return how far a method places spots from their true places, and what it gains.

        Parameters
        ----------
        places : one (n_compared, 2) float per slide
            The method's places of the `compared` spots.
        frame
            Their frame.

        Returns
        -------
        ``method_um``, ``baseline_um`` and ``center_um``, in µm, if the size of the slides is
        known; ``gain``, by which the method's median distance is below the baseline's, and its
        standard deviation ``gain_noise`` over samples of the spots, both as shares of the
        distance of all at the center.
        """
        off, own, center = self._distances(places, frame), self._own, self._off
        whole = max(float(np.median(center)), 1e-12)
        rows = np.random.default_rng(0).integers(len(off), size=(_SAMPLES, len(off)))
        gains = np.median(own[rows], axis=1) - np.median(off[rows], axis=1)
        return {
            **self._in_um({"method": off, "baseline": own, "center": center}),
            "gain": float(np.median(own) - np.median(off)) / whole,
            "gain_noise": float(gains.std()) / whole,
        }

    @cached_property
    def _own(self) -> NDArray[np.float64]:
        """Distances of the baseline's places from the true ones, of all slides' spots."""
        places = [found.places for found in self.posteriors]
        return self._distances(self.compared(places), self.seen.frame)

    @cached_property
    def _off(self) -> NDArray[np.float64]:
        """Distances of the true places from the center of their slide."""
        middle = [np.zeros((len(rows), 2)) for rows in self.held_out.compared]
        return self._distances(middle, self.seen.frame)

    def compared(self, values: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
        """Return the rows of held-out spots whose places are compared."""
        return [each[rows] for each, rows in zip(values, self.held_out.compared, strict=True)]

    def _distances(self, places: Sequence[Points], frame: ReferenceFrame) -> NDArray[np.float64]:
        """Return distances from the true places: (n,), in µm or, if unknown, the slides' unit."""
        true = self.compared(self.held_out.places())
        known = [frame.normalise(t, i) for i, t in enumerate(true)]
        off = [np.linalg.norm(p - k, axis=1) for p, k in zip(places, known, strict=True)]
        return np.concatenate(off) * frame.radius

    def _in_um(self, distances: dict[str, NDArray[np.float64]]) -> dict[str, float]:
        """Return medians in µm, none where the size of a slide is unknown."""
        if any(um_per_unit(slide.adata) is None for slide in self.held_out.whole):
            return {}
        return {f"{name}_um": float(np.median(values)) for name, values in distances.items()}


def beats_baseline(errors: Mapping[str, float]) -> bool:
    """Return whether a method places held-out spots better than the baseline, beyond noise.

    Parameters
    ----------
    errors
        As in `FittedPlacement.held_out`. Without ``gain``, as in models saved earlier, any smaller
        stress counts.

    Examples
    --------
    >>> beats_baseline({"gain": 0.05, "gain_noise": 0.01})
    True
    >>> beats_baseline({"gain": 0.05, "gain_noise": 0.04})
    False
    """
    if "gain" in errors:
        return errors["gain"] > _CLEAR * errors["gain_noise"]
    return errors.get("method", np.inf) < errors.get("baseline", np.inf)
