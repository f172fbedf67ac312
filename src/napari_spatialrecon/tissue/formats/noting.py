"""What a reader tells the user about a table: kept in it, printed and shown by the faces."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from anndata import AnnData

from napari_spatialrecon.tissue.slots import NOTES, OURS


def add_notes(adata: AnnData, notes: Iterable[str]) -> None:
    """Add notes to `uns["spatialrecon"]["notes"]`, in place, each once."""
    ours = dict(adata.uns.get(OURS, {}))
    lines = dict.fromkeys([*map(str, np.atleast_1d(ours.get(NOTES, []))), *notes])
    if lines:
        adata.uns[OURS] = {**ours, NOTES: np.array([*lines], dtype=str)}
