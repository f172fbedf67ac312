"""How far two results disagree, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.results.facts import Number
from napari_spatialrecon.viewer.window.words import length

if TYPE_CHECKING:
    from napari_spatialrecon.tasks.compared import Compared
    from napari_spatialrecon.tasks.value_comparison import ValueComparison


@dataclass(frozen=True)
class Words:
    """A comparison in numbers; `maps` is empty of places."""

    median: Number
    p90: Number
    maps: Number


def words_of(found: Compared) -> Words:
    """Return what is said of a comparison."""
    n, values = len(found.obs_names), values_of(found)
    of = "cells" if values is None else values.kind.of
    said = "" if values is None else f"\n{values.kind.tip}."
    what = "Disagreement" if values is None else values.kind.amount
    apart = "apart in the two" if values is None else "different in the two"
    alone = f"Only in the first: {found.only_first:,}; only in the second: {found.only_second:,}."
    return Words(
        Number(
            f"{what[0].upper()}{what[1:]}: median {amount_text(found.median, found)}",
            f"Half of the {n:,} {of} are at most this far {apart}.{said}\n{alone}",
        ),
        Number(
            f"90% within {amount_text(found.p90, found)}",
            f"90% of the {of} are at most this far {apart}",
        ),
        Number("" if values is None else values.maps, "1: the same map; 0: unrelated ones"),
    )


def amount_text(value: float, found: Compared) -> str:
    """Return how far two results disagree, in three digits, with the unit of a length."""
    if values_of(found) is not None:
        return f"{value:.2g}"
    unit = "µm" if found.unit == "um" else found.unit
    return length(value, unit)


def values_of(found: Compared | None) -> ValueComparison | None:
    """Return a comparison, if it is one of mixtures, genes or parts."""
    if found is None:
        return None
    from napari_spatialrecon.tasks.value_comparison import ValueComparison

    return found if isinstance(found, ValueComparison) else None
