"""The tab Data without a window: a card for everything that is open, and what can be done next."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.tissue.spot_array import PITCH_UM, SpotArray, find_array
from napari_spatialrecon.viewer.workspace.tables import (
    histology_of,
    natural_order,
    short_name,
    slide_of,
)
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role, Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData

GROUPS = {
    "Slides": (Role.SLIDE,),
    "Cells": (Role.QUERY,),
    "Images": (Role.HISTOLOGY,),
    "Results": (Role.RESULT,),
    "Models": (Role.MODEL,),
}
"""Headings of the cards, and the roles below each."""
ROLES = {
    Role.SLIDE: "reference slide",
    Role.QUERY: "cells to place",
    Role.RESULT: "result",
    Role.HISTOLOGY: "image",
    Role.MODEL: "model",
}


NO_COUNTS = (
    "No counts: the values are not whole numbers. Open the file from before normalization, with "
    'counts in X or layers["counts"].'
)


#: Entry -> whether its table seems to hold counts.
_counted: weakref.WeakKeyDictionary[Entry, bool] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Card:
    """What the tab shows of an entry.

    Parameters
    ----------
    name
        Short name, the whole of which is in the tooltip.
    facts
        Numbers of rows and genes, and µm.
    problems
        What is missing or was noted; one a line.
    roles
        Roles that it can have; one if it cannot be changed.
    missing
        Those problems that stand in the way of a run.
    """

    entry: Entry
    name: str
    facts: str
    problems: tuple[str, ...]
    roles: tuple[Role, ...]
    missing: tuple[str, ...] = ()

    @property
    def needs_scale(self) -> bool:
        """Whether the µm per pixel or unit has to be typed."""
        return self.entry.needs_scale


@dataclass(frozen=True)
class Step:
    """Something that can be done with what is open.

    Parameters
    ----------
    where
        Place in the workbench, for instance ``"reconstruct/place"``.
    about
        The entry that it starts from.
    primary
        Whether it is the most likely one; at most one is.
    """

    where: str
    title: str
    about: Entry
    primary: bool = False


def cards(space: Workspace) -> dict[str, list[Card]]:
    """Return the cards below each heading that has some.

    An image that belongs to an open slide is a fact of the slide's card.
    """
    found: dict[str, list[Card]] = {}
    for title, roles in GROUPS.items():
        entries = sorted(space.of_role(*roles), key=natural_order)
        shown = [e for e in entries if e.role is not Role.HISTOLOGY or slide_of(space, e) is None]
        if shown:
            found[title] = [_card(space, entry) for entry in shown]
    return found


def next_steps(space: Workspace) -> list[Step]:
    """Return what the open data allow, the most likely first."""
    slides = sorted(space.of_role(Role.SLIDE), key=natural_order)
    cells = sorted(space.of_role(Role.QUERY), key=natural_order)
    steps = []
    if slides and cells:
        steps.append(Step("reconstruct/place", "Place cells", cells[-1], primary=True))
    elif len(slides) > 1:
        steps.append(Step("reconstruct/place", f"Place {short_name(slides[-1])}", slides[-1]))
    if slides and (cells or len(slides) > 1):
        steps.append(Step("reconstruct/deconvolve", "Deconvolve", slides[0]))
        steps.append(Step("reconstruct/impute-genes", "Impute genes", slides[0]))
    imaged = [e for e in slides if histology_of(space, e) is not None]
    if imaged:
        steps.append(Step("reconstruct/super-resolve", "Super-resolve", imaged[0]))
    return steps


def advice(space: Workspace) -> str:
    """Return the one thing to do if nothing can be run yet; empty if something can."""
    if next_steps(space):
        return ""
    if space.of_role(Role.SLIDE):
        return "Open cells to place, or a second slide."
    if space.of_role(Role.QUERY):
        return "Open a slide to place the cells on: spots or cells with coordinates."
    return "Drop a slide and a table of cells here, or try a sample."


def _card(space: Workspace, entry: Entry) -> Card:
    problems = [_missing_scale(entry)] if entry.needs_scale else []
    if entry.adata is not None and entry.role is not Role.RESULT and not _holds_counts(entry):
        problems.append(NO_COUNTS)
    image = histology_of(space, entry) if entry.role is Role.SLIDE else None
    roles: tuple[Role, ...] = (entry.role,)
    if entry.adata is not None and entry.role in (Role.SLIDE, Role.QUERY, Role.RESULT):
        placed = entry.layer is not None
        roles = (Role.SLIDE, Role.QUERY, Role.RESULT) if placed else (Role.QUERY,)
    return Card(
        entry,
        short_name(entry),
        " · ".join(_facts(entry, image)),
        (*problems, *entry.notes),
        roles,
        tuple(problems),
    )


def _facts(entry: Entry, image: Entry | None) -> Sequence[str]:
    facts = []
    if entry.adata is not None:
        what = "spots" if entry.layer is not None and entry.name.endswith(" spots") else "cells"
        facts.append(f"{entry.adata.n_obs:,} {what}")
        facts.append(f"{entry.adata.n_vars:,} genes")
        if entry.layer is None:
            facts.append("no coordinates")
        if entry.layer is not None and (array := _array(entry.adata)) is not None:
            facts.append(f"{array.kind}, {PITCH_UM[array.kind]:.0f} µm pitch")
    if entry.um_per_unit is not None:
        unit = "pixel" if entry.role is Role.HISTOLOGY else _unit_of(entry)
        same = entry.um_per_unit == 1.0 and unit != "pixel"
        facts.append("in µm" if same else f"{entry.um_per_unit:.3g} µm per {unit}")
    if image is not None:
        facts.append("H&E")
    return facts


def _holds_counts(entry: Entry) -> bool:
    """Return whether the table of an entry seems to hold counts; looked up once."""
    from napari_spatialrecon.tissue.counts import seems_counts

    if entry.adata is None:
        return False
    if entry not in _counted:
        _counted[entry] = seems_counts(entry.adata)
    return _counted[entry]


def _unit_of(entry: Entry) -> str:
    """Return the unit of a slide's coordinates, as its table names it."""
    from napari_spatialrecon.tissue import contract

    unit = "unit" if entry.adata is None else str(contract.unit(entry.adata))
    return "pixel" if unit == "px" else unit


def _missing_scale(entry: Entry) -> str:
    unit = "pixel" if entry.role is Role.HISTOLOGY else "unit"
    return f"Its µm per {unit} are unknown: the scale bar does not apply to it."


def _array(adata: AnnData) -> SpotArray | None:
    """Return the array that the spots of a slide were printed as."""
    if SPATIAL not in adata.obsm or not {"array_row", "array_col"} <= set(adata.obs):
        return None
    points = np.asarray(adata.obsm[SPATIAL], float)
    return find_array(adata.obs["array_row"], adata.obs["array_col"], points)
