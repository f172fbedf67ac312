"""What can be ticked for a comparison: results, and slides with the true places of their cells."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.tissue.slots import BEFORE, OURS, SPATIAL
from napari_spatialrecon.viewer.results.facts import PLACED, record_of
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.same_cells import are_same_cells
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role, Workspace

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Layer, Points


@dataclass(frozen=True)
class Side:
    """One of the two that are compared: a result, or the true places of its cells.

    Parameters
    ----------
    about
        The result, or a slide with true places.
    measured
        The places that the table of a result had before the run.
    """

    about: Result | Entry
    measured: bool = False

    @property
    def name(self) -> str:
        """How it is called on the canvas and in messages."""
        if self.measured and isinstance(self.about, Result):
            return f"{_query_name(self.about)} · measured"
        suffix = "" if self.result is not None else " · measured"
        return f"{self.about.name.removesuffix(' spots')}{suffix}"

    @property
    def result(self) -> Result | None:
        """The result; None of true places."""
        return self.about if isinstance(self.about, Result) and not self.measured else None

    @property
    def task(self) -> str:
        """Task of the result; that of placements for true places."""
        return "place" if self.result is None or self.result.task in PLACED else self.result.task

    @property
    def layer(self) -> Layer | None:
        """The layer that shows it."""
        return None if self.measured else self.about.layer

    def points(self, viewer: ViewerModel) -> Iterator[Points]:
        """Return the points layers that show it: its own, or those that its widget added."""
        from napari.layers import Points

        for layer in self.layers(viewer):
            if isinstance(layer, Points):
                yield layer

    def layers(self, viewer: ViewerModel) -> list[Layer]:
        """Return the layers that show it, its own first."""
        if self.result is None:
            return [layer for layer in viewer.layers if layer is self.layer]
        return sorted(layers_of(viewer, self.result), key=lambda layer: layer is not self.layer)

    @property
    def adata(self) -> AnnData:
        """Its table."""
        if not isinstance(self.about, Result):
            return self.about.table()
        from napari_spatialrecon.tasks.comparing import measured_places

        return measured_places(self.about.adata) if self.measured else self.about.adata


def told_apart(first: str, second: str) -> tuple[str, str]:
    """Return two names without the parts at their beginning that both have.

    Examples
    --------
    >>> told_apart("C5 · GEARS", "C5 · kNN")
    ('GEARS', 'kNN')
    """
    parts, others = first.split(" · "), second.split(" · ")
    while len(parts) > 1 and len(others) > 1 and parts[0] == others[0]:
        parts, others = parts[1:], others[1:]
    return " · ".join(parts), " · ".join(others)


def truths(space: Workspace) -> list[Side]:
    """Return what holds the true places of the cells of a placed result: slides, and results.

    Of results that no open slide holds the truth of, one of each set of cells is listed.
    """
    placed = [result for result in space.results if result.task in PLACED]
    slides = [e for e in space.of_role(Role.SLIDE, Role.QUERY) if _has_places(e)]
    known = [Side(e) for e in slides if any(_is_truth(e, result) for result in placed)]
    own: list[Result] = []
    for result in placed:
        listed = any(_is_truth(e, result) for e in slides) or any(_same(result, o) for o in own)
        if BEFORE in result.adata.obsm and not listed:
            own.append(result)
    return [*known, *(Side(result, measured=True) for result in own)]


def layers_of(viewer: ViewerModel, result: Result) -> list[Layer]:
    """Return the layers that show a result: its own, and those that its widget added to it."""
    return [
        layer
        for layer in viewer.layers
        if layer is result.layer
        or any(
            isinstance(value, str)
            and (value == result.name or value.startswith(f"{result.name} · "))
            for value in layer.metadata.get(OURS, {}).values()
        )
    ]


def _same(result: Result, other: Result) -> bool:
    return bool(
        result.adata.n_obs == other.adata.n_obs
        and (result.adata.obs_names == other.adata.obs_names).all()
        and np.array_equal(result.adata.obsm[BEFORE], other.adata.obsm[BEFORE], equal_nan=True)
    )


def _query_name(result: Result) -> str:
    query = record_of(result).get("settings", {}).get("query")
    return result.name.partition(" · ")[0] if query is None else Path(str(query)).stem


def _has_places(entry: Entry) -> bool:
    return entry.adata is not None and SPATIAL in entry.adata.obsm


def _is_truth(entry: Entry, result: Result) -> bool:
    """Return whether a result placed the cells of an entry: by file, or all of the same cells."""
    query = record_of(result).get("settings", {}).get("query")
    if query is not None and str(query) == str(entry.path):
        return True
    known = entry.adata
    named = query is not None and str(query) == entry.name
    if known is None or not (named or _are_named(result.adata.obs_names, known.obs_names)):
        return False
    return are_same_cells(known, result.adata)


#: Ids of two indices -> the indices, and whether all names of the first are among the second's.
_among: dict[tuple[int, int], tuple[weakref.ref[pd.Index], weakref.ref[pd.Index], bool]] = {}


def _are_named(cells: pd.Index, known: pd.Index) -> bool:
    """Return whether there are cells, and all of them are known by name."""
    return 0 < len(cells) <= len(known) and cells[0] in known and _are_among(cells, known)


def _are_among(cells: pd.Index, known: pd.Index) -> bool:
    """Return whether all cells are known; remembered, since the list asks at each change."""
    one, other, found = _among.get((id(cells), id(known)), (None, None, False))
    if one is None or other is None or one() is not cells or other() is not known:
        for key in [k for k, (a, b, _) in _among.items() if a() is None or b() is None]:
            del _among[key]
        found = bool(cells.isin(known).all())
        _among[id(cells), id(known)] = weakref.ref(cells), weakref.ref(known), found
    return found
