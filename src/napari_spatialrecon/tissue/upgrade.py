"""Bringing the µm of results of earlier versions up to date, as they are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from anndata import AnnData

from napari_spatialrecon import legacy
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.micrometres import micrometres, scale_slots
from napari_spatialrecon.tissue.slots import ALIGNMENT, GEOMETRY, NOTES, OURS


def correct_micrometres(adata: AnnData) -> None:
    """Correct, in place, the µm of a result whose Visium spots were taken as 55 µm wide.

    Corrected are `uns["spatialrecon"]["um_per_unit"]`, `["alignment"]["um_per_ref_unit"]` and
    `obsm["X_geometry"]`; `["notes"]` says so. Coordinates, layouts and uncertainties are in pixels
    and stay. Other tables are left as they are: `micrometres` doubts what cannot be told.

    Parameters
    ----------
    adata
        A table that was just read.
    """
    ours = adata.uns.get(OURS)
    if not isinstance(ours, Mapping) or not legacy.is_earlier(ours) or "um_per_unit" not in ours:
        return
    try:
        before, found = float(ours["um_per_unit"]), micrometres(adata)
    except (InputError, TypeError, ValueError):
        return
    if found.per_unit is None or np.isclose(found.per_unit, before, rtol=1e-6, atol=0):
        return
    ratio = found.per_unit / before
    content = {**ours, **scale_slots(str(ours.get("unit", "px")), found.per_unit)}
    notes = [*ours.get(NOTES, ()), *found.notes]
    alignment = ours.get(ALIGNMENT)
    if isinstance(alignment, Mapping) and "um_per_ref_unit" in alignment:
        per_unit = float(alignment["um_per_ref_unit"])
        content[ALIGNMENT] = {**alignment, "um_per_ref_unit": per_unit * ratio}
    if GEOMETRY in adata.obsm:
        if alignment is None and not _was_registered(ours):
            adata.obsm[GEOMETRY] = np.asarray(adata.obsm[GEOMETRY]) * ratio
        else:
            notes.append(f'Lengths in obsm["{GEOMETRY}"] may be 15% too small.')
    adata.uns[OURS] = {**content, NOTES: np.array(notes)}


def _was_registered(ours: Mapping[str, Any]) -> bool:
    """Return whether the cells lie on another slide than the one whose µm their geometry has."""
    try:
        record = json.loads(str(ours["provenance"]))
    except (KeyError, ValueError):
        return False
    return bool({"registered_to", "laid_onto"} & set(record.get("settings", {})))
