"""RCTD (Cable et al. 2022), as the Python package rctd-py, mode full."""

from __future__ import annotations

import contextlib
import io
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.comparison.cases.problem import Part
from napari_spatialrecon.comparison.peers.base import Peer, mixture_of, needs_counts
from napari_spatialrecon.comparison.peers.rctd_tables import tables_up_to


class Rctd(Peer):
    """A type with fewer than `cell_min` cells is not fitted."""

    OPTIONS: ClassVar[dict[str, Any]] = {
        "mode": "full",
        "cell_min": 25,
        "min_UMI": 100,
        "UMI_min": 100,
    }

    def solve(self, task: str, part: Part, seed: int) -> AnnData:
        """Fit profiles and platform effects, then the spots."""
        import rctd

        cells, spots = part.tables["reference"], part.tables["slide"]
        needs_counts(spots, self.info.title)
        reference = rctd.Reference(
            cells,
            cell_type_col=part.asked["labels"],
            cell_min=int(self.options["cell_min"]),
            min_UMI=int(self.options["min_UMI"]),
        )
        # Larger counts than its default are cut there; no table is needed above the largest count.
        largest = int(min(spots.X.max(), rctd.RCTDConfig().K_val))
        config = rctd.RCTDConfig(
            UMI_min=int(self.options["UMI_min"]), K_val=largest, device="cpu", compile=False
        )
        quiet = contextlib.redirect_stdout(io.StringIO())
        with tables_up_to(largest), quiet:
            found = rctd.run_rctd(spots, reference, mode=self.options["mode"], config=config)
        names = spots.obs_names[np.asarray(found.pixel_mask, bool)]
        shares = pd.DataFrame(np.asarray(found.weights), names, list(found.cell_type_names))
        return mixture_of(spots, shares)
