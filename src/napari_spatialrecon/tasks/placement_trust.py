"""How far to trust placed cells: one sentence per diagnostic, green, amber or red.

Diagnostics that a method did not write are omitted. docs/data-model.md lists columns and numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from anndata import AnnData

from napari_spatialrecon.methods.placement.composition import composition_notes
from napari_spatialrecon.methods.placement.domain import foreign_notes
from napari_spatialrecon.methods.placement.limits import LIMITS
from napari_spatialrecon.tissue.slots import OURS, OUTSIDE, WEAK
from napari_spatialrecon.tissue.spatial_signal import is_missing

MANY = 0.5
"""Share of flagged cells above which a flag is red; any flagged cell makes it amber."""
Line = tuple[str, str]
"""A tone ("good", "warning" or "wrong") and a text."""


def diagnostics(adata: AnnData) -> list[Line]:
    """Return the diagnostics of a result, one line each."""
    numbers: Mapping[str, Any] = adata.uns.get(OURS, {}).get("diagnostics", {})
    lines = [
        _flagged(
            adata,
            OUTSIDE,
            "unlike anything in the reference: placement is unreliable",
            "Every cell resembles part of the reference",
        ),
        _flagged(
            adata,
            WEAK,
            "in too few agreeing patches to be placed reliably",
            "Every cell is in enough agreeing patches",
        ),
        _number(
            numbers.get("patch_disagreement"),
            LIMITS["patch_disagreement"],
            "Overlapping patches differ in a distance by a factor of {:.2f} "
            "(1.0 is perfect agreement)",
            shown=np.exp,
        ),
        _number(
            numbers.get("solve_stress"),
            LIMITS["solve_stress"],
            "Joining patches into one layout changed their distances by {:.0%}",
        ),
        _number(
            numbers.get("residual_spread"),
            LIMITS["residual_spread"],
            "The refiner moves spots it was trained on by {:.0%} of the tissue's radius "
            "(σ of the residual; 3 to 5% is healthy)",
        ),
    ]
    return [line for line in lines if line is not None]


def belonging(adata: AnnData) -> list[Line]:
    """Return what speaks against placed cells as a whole, however they are moved; a line each.

    Read from what the run wrote: cells of another tissue or unlike any spot, missing tissue, slides
    without a pattern in space. Landmarks mend none of them.
    """
    ours: Mapping[str, Any] = adata.uns.get(OURS, {})
    numbers: Mapping[str, Any] = ours.get("diagnostics", {})
    lines: list[Line] = [
        ("wrong", note) for note in foreign_notes(float(numbers.get("resemblance", np.nan)))
    ]
    outside = _flagged(adata, OUTSIDE, "unlike anything in the reference", "")
    if outside is not None and outside[0] != "good" and not lines:
        lines.append(outside)
    uneven = float(numbers.get("regional_imbalance", 0.0))
    lines += [("warning", note) for note in composition_notes(uneven, adata.n_obs)]
    settings = json.loads(str(ours.get("provenance", "{}"))).get("settings", {})
    bare = [name for name, one in settings.get("spatial_signal", {}).items() if is_missing(one)]
    if bare:
        lines.append(("wrong", f"Expression shows no pattern in space on {', '.join(bare)}."))
    return lines


def _flagged(adata: AnnData, column: str, meaning: str, none: str) -> Line | None:
    if column not in adata.obs:
        return None
    n = int(adata.obs[column].sum())
    if n == 0:
        return "good", f"{none}."
    share = n / adata.n_obs
    part = f"{share:.0%}" if share >= 0.01 else "under 1%"
    cells, are = ("cell", "is") if n == 1 else ("cells", "are")
    tone = "wrong" if share > MANY else "warning"
    return tone, f"{n:,} {cells} ({part}) {are} {meaning}."


def _number(
    value: float | None,
    limits: tuple[float, float],
    text: str,
    *,
    shown: Callable[[float], float] = float,
) -> Line | None:
    if value is None or not np.isfinite(value):
        return None
    return _tone(float(value), limits), f"{text.format(shown(value))}."


def _tone(value: float, limits: tuple[float, float]) -> str:
    """Return green up to the first limit, amber up to the second, then red."""
    return ("good", "warning", "wrong")[sum(value > limit for limit in limits)]
