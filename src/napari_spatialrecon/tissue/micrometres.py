"""The micrometres of a slide: from what states them, or from the spots themselves.

Visium spots are 55 µm wide and 100 µm apart. Space Ranger's `spot_diameter_fullres` is the size in
pixels of a circle of 65 µm [1]_. Versions before 0.2 took it for that of the spot, so that their
micrometres were 15% too small; such values are recognised here.

References
----------
.. [1] 10x Genomics, Space Ranger documentation, "Spatial outputs".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray

from napari_spatialrecon import legacy
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.library import (
    BIN_SIZE,
    MICRONS_PER_PIXEL,
    SPOT_DIAMETER,
    UM_PER_PIXEL,
    Library,
    library,
    positive,
    stated,
    unit,
)
from napari_spatialrecon.tissue.slots import FORMAT, OURS, SECOND, SPATIAL
from napari_spatialrecon.tissue.spot_array import (
    PITCH_UM,
    SPOT_UM,
    ST,
    VISIUM,
    SpotArray,
    find_array,
    hexagonal_pitch,
)

CIRCLE_UM = 65.0
"""What Space Ranger's `spot_diameter_fullres` is the size of, in Visium."""
_TOLERANCE = 0.02
"""Relative difference of two sources from which a user is told."""
_NEAR = 0.1
"""The same, of an aligned table's spots from 55 µm, whose diameter a registration scaled."""
_OURS, _STATED, _EXACT = "um_per_unit", UM_PER_PIXEL[1], MICRONS_PER_PIXEL[1]
_CIRCLE = f"{CIRCLE_UM:.0f} µm of {SPOT_DIAMETER[1]}"
_PITCH = {kind: f"the array's pitch of {PITCH_UM[kind]:.0f} µm ({kind})" for kind in PITCH_UM}


@dataclass(frozen=True)
class Micrometres:
    """The scale of a slide.

    Parameters
    ----------
    per_unit
        Micrometers in a unit of the coordinates; None where unknown.
    per_pixel
        Micrometers in a full-resolution pixel of the histology; None where unknown.
    spot
        Diameter of a spot, or width of a bin, in µm; None where nothing says.
    notes
        What a user should know: sources that disagree, and values of earlier versions.
    """

    per_unit: float | None
    per_pixel: float | None
    spot: float | None
    notes: tuple[str, ...] = ()


def micrometres(adata: AnnData) -> Micrometres:
    """Return the micrometres of a slide.

    Per unit, the first of: 1 if the unit is µm; `uns["spatialrecon"]["um_per_unit"]`; the library's
    `metadata["um_per_fullres_px"]`; Visium HD's `scalefactors["microns_per_pixel"]`; the pitch of
    the array of Visium or ST, from `obs["array_row"]`, `["array_col"]` and the coordinates; 65 µm
    over `scalefactors["spot_diameter_fullres"]`.

    Raises
    ------
    InputError
        The first of them is not a positive number, or the library or the unit is not clear.
    """
    evidence = _Evidence(adata)
    if unit(adata) == "um":
        pixel = library_um_per_pixel(evidence.library)
        return Micrometres(1.0, pixel, evidence.spot_um(pixel))
    sources = dict(evidence.sources())
    if not sources:
        return Micrometres(None, None, None, tuple(evidence.doubts))
    used, um = next(iter(sources.items()))
    notes = [
        *evidence.doubts,
        *(f"Used {um:.4g} µm per unit: {text}." for text in evidence.refused),
    ]
    if used == _PITCH[ST]:
        notes.append(f"Used {um:.4g} µm per unit, by {used}: no size is stated.")
    for other in (_PITCH[VISIUM], _CIRCLE) if used == _PITCH[VISIUM] else (_PITCH[VISIUM],):
        away = sources.get(other, um) / um - 1
        if abs(away) > _TOLERANCE:
            notes.append(
                f"Used {um:.4g} µm per unit, by {used}; by {other} it is {sources[other]:.4g} "
                f"({100 * away:+.0f}%)."
            )
    pixel = um if unit(adata) == "px" else library_um_per_pixel(evidence.library)
    return Micrometres(um, pixel, evidence.spot_um(um), tuple(notes))


def um_per_unit(adata: AnnData) -> float | None:
    """Return the micrometres per unit of `obsm["spatial"]`, or None if unknown.

    See `micrometres` for where they come from and for what is raised.
    """
    return micrometres(adata).per_unit


def um_per_pixel(adata: AnnData) -> float | None:
    """Return the micrometres per full-resolution pixel of the histology, or None if unknown."""
    return micrometres(adata).per_pixel


def library_um_per_pixel(found: Library | None) -> float | None:
    """Return the micrometres per full-resolution pixel that a library alone tells, or None.

    Raises
    ------
    InputError
        The stated value is not a positive number.
    """
    for slot in (UM_PER_PIXEL, MICRONS_PER_PIXEL):
        if (size := stated(found, slot)) is not None:
            return size
    diameter = stated(found, SPOT_DIAMETER)
    return None if diameter is None else _circle_um(found) / diameter


def scale_slots(unit: str, um_per_unit: float | None) -> dict[str, Any]:
    """Return the slots of `uns["spatialrecon"]` that say unit, scale and format of a result."""
    scale = {} if um_per_unit is None else {_OURS: um_per_unit}
    return {"unit": unit, FORMAT: SECOND, **scale}


def _circle_um(found: Library | None) -> float:
    return stated(found, BIN_SIZE) or CIRCLE_UM


class _Evidence:
    """What tells the scale of a slide in pixels or in an unknown unit.

    Attributes
    ----------
    refused, doubts
        Messages about values of earlier versions: not used, and used although perhaps wrong.
    """

    def __init__(self, adata: AnnData) -> None:
        self._adata = adata
        self.library = library(adata)
        ours = adata.uns.get(OURS)
        self._ours: Mapping[str, Any] = ours if isinstance(ours, Mapping) else {}
        self.refused: list[str] = []
        self.doubts: list[str] = []

    def sources(self) -> Iterator[tuple[str, float]]:
        """Yield name and µm per unit of each source, the most reliable first.

        Those after the first are excluded if they are not positive numbers.
        """
        count = 0
        for name, read in (
            (_OURS, self._own),
            (_STATED, self._stated),
            (_EXACT, lambda: stated(self.library, MICRONS_PER_PIXEL)),
            (_PITCH[self.array.kind] if self.array else "", self._pitch),
            (_CIRCLE, self._circle),
        ):
            try:
                found = read()
            except InputError:
                if not count:
                    raise
                continue
            if found is not None:
                count += 1
                yield name, found

    def spot_um(self, um: float | None) -> float | None:
        """Return the diameter of a spot in µm, given the µm of a pixel."""
        if self.array is not None:
            return SPOT_UM[self.array.kind]
        diameter = stated(self.library, SPOT_DIAMETER)
        if diameter is None or um is None:
            return None
        circle = abs(diameter * um / CIRCLE_UM - 1) < 2 * _TOLERANCE
        return SPOT_UM[VISIUM] if circle and not self._binned else diameter * um

    @cached_property
    def array(self) -> SpotArray | None:
        """The array of the spots; None of bins, of coordinates in µm, and without indices."""
        obs = self._adata.obs
        numbered = "array_row" in obs and "array_col" in obs
        if not numbered or self._binned or unit(self._adata) == "um" or self._points is None:
            return None
        return find_array(obs["array_row"], obs["array_col"], self._points)

    @property
    def _binned(self) -> bool:
        return any(stated(self.library, slot) for slot in (MICRONS_PER_PIXEL, BIN_SIZE))

    @cached_property
    def _points(self) -> NDArray[np.float64] | None:
        try:
            points = np.asarray(self._adata.obsm[SPATIAL], np.float64)
        except (KeyError, TypeError, ValueError):
            return None
        fit = points.ndim == 2 and points.shape[1] == 2 and np.isfinite(points).all()
        return points if fit else None

    def _own(self) -> float | None:
        if _OURS not in self._ours:
            return None
        value = positive(self._ours[_OURS], f'uns["{OURS}"]["{_OURS}"]')
        return None if self._is_wrong(value, _OURS) else value

    def _stated(self) -> float | None:
        value = stated(self.library, UM_PER_PIXEL)
        return None if value is None or self._is_wrong(value, _STATED) else value

    def _pitch(self) -> float | None:
        return None if self.array is None else self.array.um_per_unit

    def _circle(self) -> float | None:
        if self.array is not None and self.array.kind == ST:
            return None
        diameter = stated(self.library, SPOT_DIAMETER)
        return None if diameter is None else _circle_um(self.library) / diameter

    def _is_wrong(self, value: float, name: str) -> bool:
        """Return whether a value took spots as 55 µm wide, where that is certain; else doubt it."""
        text = f"{name} of {value:.4g} took {SPOT_DIAMETER[1]} as {legacy.SPOT_UM:.0f} µm wide"
        wrong = self._took_spots_as_55(value, self._is_earlier and name == _OURS)
        if wrong:
            self.refused.append(f"{text}, as versions before 0.2 did")
        elif wrong is None:
            self.doubts.append(
                f"Perhaps {text}, as versions before 0.2 did: then lengths in µm are 15% too "
                "small. Try the run again with this version."
            )
        return bool(wrong)

    def _took_spots_as_55(self, value: float, earlier: bool) -> bool | None:
        """Return whether it did; None where it cannot be told."""
        diameter = stated(self.library, SPOT_DIAMETER)
        exact = diameter is not None and legacy.took_spots_as_55(value, diameter, self._ours)
        if not exact and not earlier:
            return False
        right = self._um_of_pitch()
        if exact and right is not None:
            return abs(value / right - 1) > _TOLERANCE
        if exact:
            return True if earlier else None
        if right is not None:
            return abs(value / right * legacy.SPOT_RATIO - 1) < _TOLERANCE
        near = diameter is None or abs(value * diameter / legacy.SPOT_UM - 1) < _NEAR
        return None if near else False

    @property
    def _is_earlier(self) -> bool:
        """Whether an earlier version took the scale from the diameter of spots, or may have."""
        known = any(stated(self.library, slot) for slot in (UM_PER_PIXEL, MICRONS_PER_PIXEL))
        return legacy.is_earlier(self._ours) and not known and unit(self._adata) == "px"

    def _um_of_pitch(self) -> float | None:
        """Return µm per unit by the pitch of Visium, if need be without array indices."""
        if self.array is not None:
            return self.array.um_per_unit if self.array.kind == VISIUM else None
        pitch = None if self._points is None else hexagonal_pitch(self._points)
        return None if pitch is None else PITCH_UM[VISIUM] / pitch
