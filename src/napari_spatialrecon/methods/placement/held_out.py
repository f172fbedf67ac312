"""Random held-out spots for validation, and the error measured on them.

Held-out spots are removed before features are fitted, so they affect neither gene selection nor
normalisation nor the network. Random spots rank methods as the ground truth does, but the error is
optimistic, since neighbours of a held-out spot are used for training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features, FeatureSpace
from napari_spatialrecon.tissue.slots import SPATIAL

#: Share of spots that are held out.
SHARE = 0.25
#: Number of such parts that hold every spot once.
PARTS = 4
#: Minimum number of held-out spots of a slide; with fewer, none are held out.
LEAST_SPOTS = 5
#: Number of held-out spots from which on the median of their errors is known without the other
#: quarters: of 55 it has a standard error of 5 to 7%, of 91 of 10%.
ENOUGH = 1000
#: Maximum number of spots of a slide whose places, and whose pairs, are compared.
MOST_SPOTS = 1000


@dataclass(frozen=True)
class HeldOut:
    """Slides split into seen and held-out spots.

    Parameters
    ----------
    whole, seen
        The slides with all their spots, and without the held-out ones.
    masks : one (n_spots,) bool per slide
        True where held out.
    """

    whole: tuple[Prepared, ...]
    seen: tuple[Prepared, ...]
    masks: tuple[NDArray[np.bool_], ...]

    def features(self, space: FeatureSpace) -> list[Features]:
        """Return the held-out spots of each slide in a space fitted without them."""
        return [
            space.transform(slide)[0][mask]
            for slide, mask in zip(self.whole, self.masks, strict=True)
        ]

    def places(self) -> list[NDArray[np.float64]]:
        """Return the places of each slide's held-out spots, in its unit."""
        return [
            np.asarray(slide.adata.obsm[SPATIAL], float)[mask]
            for slide, mask in zip(self.whole, self.masks, strict=True)
        ]

    @cached_property
    def compared(self) -> tuple[NDArray[np.intp], ...]:
        """Rows of each slide's held-out spots whose places are compared, evenly chosen."""
        counts = [int(mask.sum()) for mask in self.masks]
        return tuple(
            np.unique(np.arange(min(n, MOST_SPOTS)) * n // min(n, MOST_SPOTS)) for n in counts
        )

    def stress(self, placed: Sequence[NDArray[np.float64]]) -> float:
        """Return Kruskal's Stress-1 of distances between held-out spots: 0 perfect, 1 useless.

        Parameters
        ----------
        placed : one (n_held_out, d) float per slide
            Pose and scale do not matter: distances are scaled by the best-fitting factor.

        Returns
        -------
        Mean over the slides, weighted by their spots.
        """
        values, sizes = [], []
        for true, guess in zip(self.places(), placed, strict=True):
            if len(true) < 2:
                continue
            known, guessed = pdist(true[:MOST_SPOTS]), pdist(guess[:MOST_SPOTS])
            factor = guessed @ known / max(float(guessed @ guessed), 1e-12)
            values.append(np.sqrt(((factor * guessed - known) ** 2).sum() / (known**2).sum()))
            sizes.append(len(true))
        return float(np.average(values, weights=sizes))


def hold_out(references: Sequence[Prepared], seed: int, part: int = 0) -> HeldOut | None:
    """Hold out a quarter of the spots of each slide at random; None where slides are too small.

    Parameters
    ----------
    part
        Which of the four quarters: together they hold every spot once.
    """
    rng = np.random.default_rng(seed)
    seen, masks = [], []
    for slide in references:
        n = slide.adata.n_obs
        count = round(SHARE * n)
        if count < LEAST_SPOTS:
            return None
        mask = np.zeros(n, bool)
        end = n if part == PARTS - 1 else (part + 1) * count
        mask[rng.permutation(n)[part * count : end]] = True
        masks.append(mask)
        kept = slide.kept.copy()
        kept[np.flatnonzero(kept)[mask]] = False
        seen.append(replace(slide, adata=slide.adata[~mask].copy(), kept=kept))
    return HeldOut(tuple(references), tuple(seen), tuple(masks))
