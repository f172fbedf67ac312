"""Which cells of a query do not belong to the reference, and whether the query lacks tissue.

The same for every placing method, since both are read from expression alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.placement.calibration import Calibration, Stated, raw_spread
from napari_spatialrecon.methods.placement.composition import composition_notes, imbalance
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.domain import Domain, check_domain
from napari_spatialrecon.methods.placement.posterior import Posterior, knn_posterior
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features
from napari_spatialrecon.tissue.slots import OUTSIDE


@dataclass(frozen=True)
class Flags:
    """What expression tells of a query beside a reference.

    Parameters
    ----------
    posterior
        The most similar spots of each cell.
    domain
        Which cells resemble the reference.
    uneven
        How much more unevenly the cells fall on the reference than its own spots do.
    """

    posterior: Posterior
    domain: Domain
    uneven: float

    @classmethod
    def of(
        cls,
        reference: Reference,
        directions: NDArray[np.float64],
        query: Prepared,
        features: Features,
        *,
        config: KnnConfig | None = None,
        known: NDArray[np.intp] | None = None,
        reporter: Reporter | None = None,
    ) -> Flags:
        """Compare a query, given its features, with the reference.

        Parameters
        ----------
        known : (n,) int, optional
            Rows of cells that are themselves spots of the reference: they tell nothing of the
            others, and are inside.
        """
        knn = config or KnnConfig()
        found = knn_posterior(reference, features, directions, knn, reporter)
        if known is None or not len(known):
            domain = check_domain(reference, directions, query, found)
        else:
            others = np.setdiff1d(np.arange(len(features)), known)
            some = replace(query, adata=query.adata[others])
            domain = check_domain(reference, directions, some, found.of(others))
            outside = np.zeros(len(features), bool)
            outside[others] = domain.outside
            domain = replace(domain, outside=outside)
        uneven = imbalance(reference, directions, found.mass, reporter)
        return cls(found, domain, uneven)

    def stated(
        self, calibration: Calibration | None, places: NDArray[np.float64], radius: float
    ) -> Stated | None:
        """Return the expected error and the 90% radius of cells, if they are calibrated.

        Parameters
        ----------
        places : (n_cells, 2) float
            Where a method places them, in the reference's frame.
        radius
            Of the reference, in the unit of the result.
        """
        if calibration is None or self.domain.foreign:
            return None
        found = calibration.stated(raw_spread(places, self.posterior), self.domain.resemblance)
        return None if found is None else found.to(radius)

    @property
    def diagnostics(self) -> dict[str, float]:
        """The numbers, by name."""
        return {
            "similarity_median": float(np.median(self.posterior.similarity)),
            "regional_imbalance": self.uneven,
            "resemblance": self.domain.resemblance,
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """A note where the query lacks tissue."""
        return composition_notes(self.uneven, len(self.posterior.places))

    @property
    def per_cell(self) -> dict[str, NDArray[np.bool_]]:
        """The flag of each cell, by the name of its column."""
        return {OUTSIDE: self.domain.outside}
