"""The frame of a table's rows: a coordinate system, or the pixels of the image that shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_spatialrecon.errors import ChoiceError
from napari_spatialrecon.tissue.sdata.instances import Instances
from napari_spatialrecon.tissue.sdata.library import (
    MICROMETRES,
    Matrix,
    applied,
    is_similarity,
    library,
    matrices,
    scale_of,
)
from napari_spatialrecon.tissue.sdata.picture import SMALL, Picture

_DEFAULT = "global"
"""The coordinate system that the library puts an element in unless it is told otherwise."""
_LEAST_SHARE = 0.5
"""Share of the rows that have to lie on an image for it to be theirs."""


@dataclass(frozen=True, eq=False)
class Frame:
    """Where `obsm["spatial"]` lies.

    Parameters
    ----------
    system
        The coordinate system.
    matrix
        From the element's own coordinates to the frame.
    to_system
        From the frame to the coordinate system.
    unit
        "px" of the image, "um", or "unit" where nothing says.
    um_per_unit
        Micrometers in a unit; None where unknown.
    picture
        The image; None without one.
    pixels_per_unit
        Pixels of the image in a unit of the frame.
    """

    system: str
    matrix: Matrix
    to_system: Matrix
    unit: str
    um_per_unit: float | None
    picture: Picture | None = None
    pixels_per_unit: float = 1.0


def find_frame(
    sdata: Any,
    region: str,
    found: Instances,
    asked: str | None,
    stated: frozenset[str],
    notes: list[str],
) -> Frame:
    """Return the frame in which an element and its image are in register.

    An image that is only scaled leaves the coordinates as they are in the coordinate system, as
    Space Ranger's are in full-resolution pixels. Else the frame is the pixels of the image, and the
    rows are moved there; an image whose pixels are not square there is resampled.

    Parameters
    ----------
    asked
        The coordinate system; None chooses it.
    stated
        Coordinate systems whose axes are said to be in µm.

    Raises
    ------
    ChoiceError
        There are several coordinate systems and none is clear, or not the one that was asked.
    """
    maps = matrices(sdata[region])
    pictures = _pictures(sdata, notes)
    system = _choose_system(maps, pictures, asked, region, notes)
    micrometres = {name for name in maps if name.strip().lower() in MICROMETRES} | stated
    um = _um_of_system(maps, system, micrometres)
    picture = _choose_picture(maps[system], pictures, system, found, notes)
    if picture is None:
        unit = "um" if system in micrometres else "unit"
        return Frame(system, maps[system], np.eye(3), unit, um)
    if not is_similarity(picture.matrices[system]):
        notes.append(f"Image {picture.name} is sheared or stretched and was resampled.")
        moved = library().transform(picture.element, to_coordinate_system=system)
        picture = Picture.of(picture.name, moved)
    return _on_picture(picture, maps[system], system, um, keep=system not in micrometres)


def _pictures(sdata: Any, notes: list[str]) -> dict[str, Picture]:
    found = {name: Picture.of(name, image) for name, image in sdata.images.items()}
    others = [f"{name} ({one.kind})" for name, one in found.items() if not one.is_histology]
    if others:
        notes.append(f"Images that are not histology were excluded: {', '.join(others)}.")
    return {name: one for name, one in found.items() if one.is_histology}


def _on_picture(
    picture: Picture, matrix: Matrix, system: str, um: float | None, *, keep: bool
) -> Frame:
    to_system = picture.matrices[system]
    scale = scale_of(to_system)
    unmoved = np.allclose(to_system, np.diag([scale, scale, 1]), atol=1e-9 * max(1.0, scale))
    if keep and unmoved and (max(picture.size) <= SMALL or np.isclose(scale, 1)):
        return Frame(system, matrix, np.eye(3), "px", um, picture, 1 / scale)
    to_frame = np.linalg.inv(to_system) @ matrix
    return Frame(system, to_frame, to_system, "px", None if um is None else um * scale, picture)


def _um_of_system(
    maps: Mapping[str, Matrix], system: str, micrometres: set[str] | frozenset[str]
) -> float | None:
    """Return the µm in a unit of a coordinate system, from one of the element's that is in µm."""
    if system in micrometres:
        return 1.0
    known = next((name for name in maps if name in micrometres), None)
    return None if known is None else scale_of(maps[known]) / scale_of(maps[system])


def _choose_system(
    maps: Mapping[str, Matrix],
    pictures: Mapping[str, Picture],
    asked: str | None,
    region: str,
    notes: list[str],
) -> str:
    if asked is not None:
        if asked not in maps:
            raise _several(maps, region, asked)
        return asked
    shown = {s: [p for p in pictures.values() if s in p.matrices] for s in maps}
    rivals = [system for system in maps if shown[system]] or list(maps)
    rivals.sort(key=lambda system: (-len(shown[system]), system != _DEFAULT))
    first, *others = rivals
    if not all(_agree(maps, shown, first, other) for other in others):
        if _DEFAULT not in rivals:
            raise _several(maps, region, None)
        first = _DEFAULT
    if others:
        notes.append(f"Used coordinate system {first!r}; there is also {', '.join(others)}.")
    return first


def _several(maps: Mapping[str, Matrix], region: str, asked: str | None) -> ChoiceError:
    return ChoiceError(
        "coordinate systems", "coordinate_system", list(maps), asked=asked, where=region
    )


def _agree(
    maps: Mapping[str, Matrix], shown: Mapping[str, list[Picture]], one: str, other: str
) -> bool:
    """Return whether the element lies at the same place on an image in two coordinate systems."""
    common = [p for p in shown[one] if p in shown[other]]
    return bool(common) and all(
        np.allclose(
            np.linalg.solve(p.matrices[one], maps[one]),
            np.linalg.solve(p.matrices[other], maps[other]),
            atol=0.01,
        )
        for p in common
    )


def _choose_picture(
    matrix: Matrix,
    pictures: Mapping[str, Picture],
    system: str,
    found: Instances,
    notes: list[str],
) -> Picture | None:
    """Return the image that shows most rows: in color before grey, then the finest."""
    ranked = []
    points = applied(matrix, found.points)
    for picture in pictures.values():
        if system not in picture.matrices:
            continue
        pixels = applied(np.linalg.inv(picture.matrices[system]), points)
        inside = np.all((pixels >= 0) & (pixels <= np.array(picture.size[::-1])), axis=1)
        share = float(np.mean(inside)) if len(points) else 1.0
        if share >= _LEAST_SHARE:
            rank = (not picture.is_color, -round(share, 1), scale_of(picture.matrices[system]))
            ranked.append((*rank, -picture.n_levels, picture.name))
        else:
            notes.append(
                f"Image {picture.name} covers only {share:.0%} of the rows and was excluded."
            )
    if not ranked:
        return None
    names = [entry[-1] for entry in sorted(ranked)]
    if len(names) > 1:
        notes.append(f"Used image {names[0]}; there is also {', '.join(names[1:])}.")
    return pictures[names[0]]
