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
from scipy.spatial.distance import pdist

from napari_spatialrecon.methods.placement.held_out import HeldOut
from napari_spatialrecon.methods.placement.posterior import Posterior
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.tissue.contract import um_per_unit
from napari_spatialrecon.tissue.frame import Points, ReferenceFrame

#: Standard deviations by which a gain must exceed 0 not to be noise.
_CLEAR = 2.0
#: Groups of held-out spots, each left away once, that give the noise of a gain.
_GROUPS = 20


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
    directions : (d, n_directions) float
        Directions of expression along which they were found.
    """

    held_out: HeldOut
    seen: Reference
    posteriors: tuple[Posterior, ...]
    directions: NDArray[np.float64]

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
        known; ``gain``, by which the stress of the method's places (`HeldOut.stress`) is below that
        of the baseline's, and its standard error ``gain_noise``.

        Notes
        -----
        The gain is of distances *between* spots: places that shrink towards the center are near the
        true ones in the median, and useless as a layout. The error is that of a jackknife over 20
        groups of spots.
        """
        known = [
            self.seen.frame.normalise(true, i)
            for i, true in enumerate(self.compared(self.held_out.places()))
        ]
        own = self.compared([found.places for found in self.posteriors])
        gains = _stresses(known, own) - _stresses(known, places)
        without = gains[1:]
        noise = np.sqrt((_GROUPS - 1) / _GROUPS * ((without - without.mean()) ** 2).sum())
        off = self._distances(places, frame)
        return {
            **self._in_um({"method": off, "baseline": self._own, "center": self._off}),
            "gain": float(gains[0]),
            "gain_noise": float(noise),
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


def _stresses(known: Sequence[Points], placed: Sequence[Points]) -> NDArray[np.float64]:
    """Return the stress of all spots, then without each group of them, (1 + n_groups,).

    With the best-fitting factor, the squared stress is 1 - (Σ g k)² / (Σ g² Σ k²) over the
    distances g and k of the pairs: sums over pairs of groups give those without a group.
    """
    values, sizes = [], []
    for true, guess in zip(known, placed, strict=True):
        n = len(true)
        if n < 2:
            continue
        group = np.random.default_rng(0).permutation(n) % _GROUPS
        first, second = np.triu_indices(n, 1)
        cell = group[first] * _GROUPS + group[second]
        k, g = pdist(true), pdist(guess)
        sums = [
            np.bincount(cell, values, _GROUPS**2).reshape(_GROUPS, _GROUPS)
            for values in (g * k, g * g, k * k)
        ]
        left = np.stack([t.sum() - t.sum(0) - t.sum(1) + np.diag(t) for t in sums])
        whole = np.stack([t.sum() for t in sums])[:, None]
        gk, gg, kk = np.concatenate([whole, left], axis=1)
        fit = gk**2 / np.maximum(gg * kk, 1e-300)
        values.append(np.sqrt(np.clip(1 - fit, 0, None)))
        sizes.append(n)
    if not values:
        return np.zeros(1 + _GROUPS)
    found: NDArray[np.float64] = np.average(values, axis=0, weights=sizes)
    return found


def beats_baseline(errors: Mapping[str, float]) -> bool:
    """Return whether a method lays held-out spots out better than the baseline, beyond noise.

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
