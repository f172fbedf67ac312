"""The library of a slide, `uns["spatial"][name]`, and the unit of its coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import LIBRARY, OURS, SPATIAL

Library = tuple[str, Mapping[str, Any]]
"""Name and content of a slide's library."""

UM_PER_PIXEL = ("metadata", "um_per_fullres_px")
MICRONS_PER_PIXEL = ("scalefactors", "microns_per_pixel")
SPOT_DIAMETER = ("scalefactors", "spot_diameter_fullres")
BIN_SIZE = ("scalefactors", "bin_size_um")
"""Where a library states a size: of a pixel in µm, of a spot in pixels, of a bin in µm."""

_UNITS = {
    "um": ("um", "µm", "μm", "micron", "microns", "micrometer", "micrometre"),
    "px": ("px", "pixel", "pixels"),
    "unit": ("unit", ""),
}


def library(adata: AnnData) -> Library | None:
    """Return name and content of the library in `uns["spatial"]`, or None without one.

    Entries that hold nothing, such as CELLxGENE's flag `is_single`, are not libraries.

    Raises
    ------
    InputError
        There are several, and `obs["library_id"]` does not tell to which one the rows belong.
    """
    libraries = adata.uns.get(SPATIAL)
    if not isinstance(libraries, Mapping) or not libraries:
        return None
    names = [name for name, content in libraries.items() if isinstance(content, Mapping)]
    if not names:
        return None
    if len(names) > 1 and LIBRARY in adata.obs:
        names = [name for name in names if name in set(adata.obs[LIBRARY].astype(str))]
    if len(names) != 1:
        raise InputError(
            f"Expected one library per slide, found {', '.join(map(str, names))}.",
            remedy='Try one slide at a time: adata[adata.obs["library_id"] == "..."].',
            where=f'uns["{SPATIAL}"]',
        )
    return str(names[0]), libraries[names[0]]


def section(content: Any, key: str) -> Mapping[str, Any]:
    """Return the mapping under `key` of a mapping, or an empty one."""
    found = content.get(key) if isinstance(content, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def stated(found: Library | None, slot: tuple[str, str]) -> float | None:
    """Return the number that a library states in a slot; None where it does not.

    Parameters
    ----------
    slot
        One of the constants above.

    Raises
    ------
    InputError
        It is not a positive number.
    """
    if found is None or slot[1] not in section(found[1], slot[0]):
        return None
    value = section(found[1], slot[0])[slot[1]]
    return positive(value, f'uns["{SPATIAL}"]["{found[0]}"]["{slot[0]}"]["{slot[1]}"]')


def unit(adata: AnnData) -> str:
    """Return the unit of `obsm["spatial"]`: "um", "px", or "unit" if unknown.

    Raises
    ------
    InputError
        `uns["spatialrecon"]["unit"]` is something else.
    """
    ours = adata.uns.get(OURS)
    if isinstance(ours, Mapping) and "unit" in ours:
        word = str(ours["unit"]).strip().lower()
        for name, words in _UNITS.items():
            if word in words:
                return name
        raise InputError(
            f'Expected "um" or "px", found {word[:40]!r}.', where=f'uns["{OURS}"]["unit"]'
        )
    found = library(adata)
    sizes = (UM_PER_PIXEL, MICRONS_PER_PIXEL, SPOT_DIAMETER)
    known = found is not None and any(key in section(found[1], part) for part, key in sizes)
    return "px" if known else "unit"


def positive(value: Any, slot: str) -> float:
    """Return `value` as a float; raise `InputError` naming `slot` unless it is above 0."""
    try:
        number = float(np.asarray(value).item())
    except (TypeError, ValueError):
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise InputError(
            f"Expected a positive number, found {str(value)[:40]}.",
            remedy="Try the value in the file it came from, such as scalefactors_json.json.",
            where=slot,
        )
    return number
