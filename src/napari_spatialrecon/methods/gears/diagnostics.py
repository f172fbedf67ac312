"""Diagnostics of a layout: patches, solver, refiner and the support of each cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import nn

from napari_spatialrecon.geometry.patchwork.stitching import Stitched
from napari_spatialrecon.methods.ensemble.base import Layouts
from napari_spatialrecon.methods.gears.patchwise import Laid
from napari_spatialrecon.methods.gears.task import GeometryNetwork
from napari_spatialrecon.methods.placement.limits import DISAGREE, FAILING, HEALTHY, STRESS
from napari_spatialrecon.tissue.slots import SUPPORT, WEAK


@dataclass(frozen=True, kw_only=True, eq=False)
class Diagnosed(Layouts):
    """Layouts with their diagnostics; `spread` is over patches and samples.

    Parameters
    ----------
    numbers
        Diagnostics by name, averaged over the networks.
    stitched
        Consensus of each network's patches; empty if all cells were placed in one shot.
    per_cell, per_patch
        Arrays of diagnostics by name.
    notes
        Messages for the user.
    """

    numbers: dict[str, float] = field(default_factory=dict)
    stitched: tuple[Stitched, ...] = ()
    per_cell: dict[str, NDArray[Any]] = field(default_factory=dict)
    per_patch: dict[str, NDArray[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def distances(self, radius: float) -> csr_matrix | None:
        """Return the stitched distances times `radius`, averaged where networks share a pair."""
        if not self.stitched:
            return None
        total = sum(s.graph.matrix for s in self.stitched)
        count = sum(s.graph.symmetric(np.ones(len(s.graph.first))) for s in self.stitched)
        result = csr_matrix(total * radius)
        result.sort_indices()
        count = csr_matrix(count)
        count.sort_indices()
        result.data /= count.data
        return result


def diagnose(
    laid: Sequence[Laid], networks: Sequence[nn.Module], spread: NDArray[np.float64]
) -> Diagnosed:
    """Return the networks' layouts with their diagnostics."""
    numbers = {k: float(np.mean([x.diagnostics[k] for x in laid])) for k in laid[0].diagnostics}
    notes = []
    if numbers.get("patch_disagreement", 0.0) > DISAGREE:
        notes.append(
            f"Patches disagree on distances by {numbers['patch_disagreement']:.2f} (log scale): "
            "the overall layout is unreliable. Try larger patches (patches.size)."
        )
    if numbers.get("solve_stress", 0.0) > STRESS:
        notes.append(
            f"The layout fits the patches' distances poorly (stress {numbers['solve_stress']:.2f})."
        )
    residuals = [
        float(n.sigma_data)
        for n in networks
        if isinstance(n, GeometryNetwork) and n.denoiser is not None
    ]
    if residuals:
        numbers["residual_spread"] = float(np.mean(residuals))
        notes.append(_verdict(numbers["residual_spread"]))
    plain = Diagnosed(
        places=tuple(x.places for x in laid), spread=spread, numbers=numbers, notes=tuple(notes)
    )
    stitched = tuple(x.stitched for x in laid if x.stitched is not None)
    if not stitched:
        return plain
    return replace(
        plain,
        stitched=stitched,
        per_cell={
            SUPPORT: np.min([s.support for s in stitched], axis=0),
            WEAK: np.any([s.weak for s in stitched], axis=0),
        },
        per_patch={
            "disagreement": np.concatenate([s.disagreement for s in stitched]),
            "reliability": np.concatenate([s.reliability for s in stitched]),
            "network": np.repeat(np.arange(len(stitched)), [len(s.reliability) for s in stitched]),
        },
    )


def _verdict(residual: float) -> str:
    """Return a note that interprets σ_data, the spread of the residual."""
    start = f"The refiner corrects {residual:.2f} of the tissue's radius on the training spots"
    if residual <= HEALTHY:
        return f"{start}: healthy (.03 to .05)."
    if residual <= FAILING:
        return f"{start}: more than the .05 expected of a good fit."
    return f"{start}: the generator is poorly trained. Try more steps, or no refiner."
