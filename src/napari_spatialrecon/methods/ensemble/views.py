"""Views of spots and cells, from which each network of an ensemble takes its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.ensemble.sight import Sight
from napari_spatialrecon.methods.placement.posterior import fitted_directions
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features, FeatureSpace


@dataclass(frozen=True)
class View:
    """Features of spots in one scaling of genes.

    Parameters
    ----------
    space
        Feature space: converts counts to features.
    features : one (n_spots, d) float32 per slide
    directions : (d, n_directions) float
        Directions of the features that neighbouring spots share.
    """

    space: FeatureSpace
    features: tuple[Features, ...]
    directions: NDArray[np.float64]


@dataclass(frozen=True)
class Embedded:
    """Slides in the views of an ensemble.

    Parameters
    ----------
    reference
        The slides, rotated to match in expression.
    views
        One or two views, each with its scaling of genes. The first is that of the reference; only
        it is used to place cells by similarity.
    notes
        Messages for the user.
    """

    reference: Reference
    views: tuple[View, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        reference: Reference,
        directions: NDArray[np.float64],
        *further: View,
        notes: tuple[str, ...] = (),
    ) -> Embedded:
        """Return a reference with its own view and further ones."""
        own = View(reference.space, reference.features, directions)
        return cls(reference, (own, *further), notes)

    @property
    def directions(self) -> NDArray[np.float64]:
        """Directions of the reference's own features."""
        return self.views[0].directions

    def spots(self, sight: Sight) -> list[Features]:
        """Return a network's features of each slide's spots."""
        return [self.seen(sight, f) for f in self.views[sight.view].features]

    def seen(self, sight: Sight, features: Features) -> Features:
        """Return features of a network's view, projected onto its directions if it uses them."""
        if not sight.directions:
            return features
        return (features @ self.views[sight.view].directions).astype(np.float32)

    def cells(self, query: Prepared) -> tuple[list[Features], tuple[str, ...]]:
        """Return new cells in each view, and notes on genes they lack."""
        found = [view.space.transform(query) for view in self.views]
        return [features for features, _ in found], found[0][1]

    def arrays(self) -> dict[str, Any]:
        """Return the arrays saved in a checkpoint."""
        own, *further = self.views
        found: dict[str, Any] = {**self.reference.arrays(), "directions": own.directions}
        for view in further:
            found |= {f"second.space.{k}": v for k, v in view.space.arrays().items()}
            found["second.features"] = np.concatenate(view.features)
            found["second.directions"] = view.directions
        return found


def second_view(reference: Reference, arrays: Mapping[str, NDArray[Any]]) -> tuple[View, ...]:
    """Return the second view saved in a checkpoint, if there is one."""
    own = {k.removeprefix("second."): v for k, v in arrays.items() if k.startswith("second.")}
    if not own:
        return ()
    space = {k.removeprefix("space."): v for k, v in own.items() if k.startswith("space.")}
    return (
        View(
            FeatureSpace.from_arrays(reference.space.genes, space),
            tuple(reference.by_slide(own["features"])),
            fitted_directions(own["directions"]),
        ),
    )
