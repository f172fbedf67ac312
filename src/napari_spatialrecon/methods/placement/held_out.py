"""Random held-out spots for validation, and the error measured on them.

Held-out spots are taken away before features are fitted, so neither gene choice nor normalisation
nor the network has met them. Random spots rank methods as the truth does; the level of the error
is optimistic, since neighbours of a held-out spot are seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features, FeatureSpace
from napari_spatialrecon.tissue.slots import SPATIAL

#: Share of the spots that is held out.
SHARE = 0.25
#: Fewest spots a slide gives up, or none.
LEAST_SPOTS = 5
#: Spots of a slide whose pairs are compared.
MOST_SPOTS = 1000


@dataclass(frozen=True)
class HeldOut:
    """Slides split in seen and held-out spots.

    Parameters
    ----------
    whole, seen
        The slides with all their spots, and without the held-out ones.
    masks : one (n_spots,) bool a slide
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
        """Return where the held-out spots of each slide are, in its unit."""
        return [
            np.asarray(slide.adata.obsm[SPATIAL], float)[mask]
            for slide, mask in zip(self.whole, self.masks, strict=True)
        ]

    def stress(self, placed: Sequence[NDArray[np.float64]]) -> float:
        """Return Kruskal's Stress-1 of distances between held-out spots: 0 perfect, 1 useless.

        Parameters
        ----------
        placed : one (n_held_out, d) float a slide
            Pose and scale do not matter: distances are scaled by the one factor that fits best.

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


def hold_out(references: Sequence[Prepared], seed: int) -> HeldOut | None:
    """Hold out a quarter of the spots of each slide at random; None where slides are too small."""
    rng = np.random.default_rng(seed)
    seen, masks = [], []
    for slide in references:
        n = slide.adata.n_obs
        count = round(SHARE * n)
        if count < LEAST_SPOTS:
            return None
        mask = np.zeros(n, bool)
        mask[rng.permutation(n)[:count]] = True
        masks.append(mask)
        kept = slide.kept.copy()
        kept[np.flatnonzero(kept)[mask]] = False
        seen.append(replace(slide, adata=slide.adata[~mask].copy(), kept=kept))
    return HeldOut(tuple(references), tuple(seen), tuple(masks))
