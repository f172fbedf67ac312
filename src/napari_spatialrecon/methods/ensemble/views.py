"""What each network of an ensemble sees of spots and cells."""

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
    """Spots as some of the networks see them.

    Parameters
    ----------
    space
        How counts become features.
    features : one (n_spots, d) float32 a slide
    directions : (d, n_directions) float
        Directions of the features that neighbouring spots share.
    """

    space: FeatureSpace
    features: tuple[Features, ...]
    directions: NDArray[np.float64]


@dataclass(frozen=True)
class Embedded:
    """Slides as an ensemble sees them.

    Parameters
    ----------
    reference
        The slides, turned as expression says.
    views
        One or two, each with its scaling of genes. The first is that of the reference: it alone
        places cells by similarity.
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
        """Return a reference with its own view, and further ones."""
        own = View(reference.space, reference.features, directions)
        return cls(reference, (own, *further), notes)

    @property
    def directions(self) -> NDArray[np.float64]:
        """Directions of the reference's own features."""
        return self.views[0].directions

    def spots(self, sight: Sight) -> list[Features]:
        """Return what a network sees of each slide's spots."""
        return [self.seen(sight, f) for f in self.views[sight.view].features]

    def seen(self, sight: Sight, features: Features) -> Features:
        """Return what a network sees of features of its view."""
        if not sight.directions:
            return features
        return (features @ self.views[sight.view].directions).astype(np.float32)

    def cells(self, query: Prepared) -> tuple[list[Features], tuple[str, ...]]:
        """Return new cells in each view, and notes on genes they lack."""
        found = [view.space.transform(query) for view in self.views]
        return [features for features, _ in found], found[0][1]

    def arrays(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        own, *further = self.views
        found: dict[str, Any] = {**self.reference.arrays(), "directions": own.directions}
        for view in further:
            found |= {f"second.space.{k}": v for k, v in view.space.arrays().items()}
            found["second.features"] = np.concatenate(view.features)
            found["second.directions"] = view.directions
        return found


def second_view(reference: Reference, arrays: Mapping[str, NDArray[Any]]) -> tuple[View, ...]:
    """Return the second view that a checkpoint keeps, if there is one."""
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
