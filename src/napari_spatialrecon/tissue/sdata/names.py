"""Names that SpatialData allows, and the way back to those that a table had."""

from __future__ import annotations

from collections.abc import Mapping

from anndata import AnnData

from napari_spatialrecon.tissue.sdata.library import library

_SLOTS = ("obs", "var", "obsm", "varm", "obsp", "varp", "layers", "uns")
#: Slot to the names that were changed in it: what is written to what it was.
Renamed = dict[str, dict[str, str]]


def allow(table: AnnData) -> Renamed:
    """Give slots of a table names that SpatialData allows, in place; return what was changed.

    Letters, digits, "_", "-" and "." are allowed, and no two names that differ in case alone.
    """
    before = now = _names(table)
    while True:  # what tells two names apart can be refused in turn: "_" and "_" become "__1"
        library().sanitize_table(table)
        last, now = now, _names(table)
        if now == last:
            break
    changed: Renamed = {}
    for slot, names in before.items():
        renamed = {new: old for new, old in zip(now[slot], names, strict=True) if new != old}
        if renamed:
            changed[slot] = renamed
    return changed


def _names(table: AnnData) -> dict[str, list[str]]:
    return {slot: list(getattr(table, slot).keys()) for slot in _SLOTS}


def restore(table: AnnData, renamed: Mapping[str, Mapping[str, str]]) -> None:
    """Give slots of a table the names that they had before `allow`, in place."""
    for slot, names in renamed.items():
        held = getattr(table, slot)
        if slot in ("obs", "var"):
            setattr(table, slot, held.rename(columns=dict(names)))
        else:
            setattr(table, slot, {names.get(name, name): held[name] for name in held})
