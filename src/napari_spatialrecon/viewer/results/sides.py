"""What can be ticked for a comparison: results, and slides with the true places of their cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.viewer.results.facts import PLACED, record_of
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role, Workspace

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.layers import Layer


@dataclass(frozen=True)
class Side:
    """One of the two that are compared: a result, or a slide with the truth."""

    about: Result | Entry

    @property
    def name(self) -> str:
        """How it is called on the canvas and in messages."""
        suffix = "" if self.result is not None else " · measured"
        return f"{self.about.name.removesuffix(' spots')}{suffix}"

    @property
    def result(self) -> Result | None:
        """The result; None of a slide."""
        return self.about if isinstance(self.about, Result) else None

    @property
    def layer(self) -> Layer | None:
        """The layer that shows it."""
        return self.about.layer

    @property
    def adata(self) -> AnnData:
        """Its table."""
        return self.about.adata if isinstance(self.about, Result) else self.about.table()


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
    """Return the slides that hold the true places of the cells of a placed result."""
    placed = [result for result in space.results if result.task in PLACED]
    slides = (e for e in space.of_role(Role.SLIDE, Role.QUERY) if _has_places(e))
    return [Side(e) for e in slides if any(_is_truth(e, result) for result in placed)]


def _has_places(entry: Entry) -> bool:
    return entry.adata is not None and SPATIAL in entry.adata.obsm


def _is_truth(entry: Entry, result: Result) -> bool:
    """Return whether a result placed the cells of an entry; by their names if no record says."""
    query = record_of(result).get("settings", {}).get("query")
    if query is not None and str(query) in (entry.name, str(entry.path)):
        return True
    cells, known = result.adata.obs_names, entry.adata
    if known is None or not len(cells) or len(cells) > known.n_obs:
        return False
    return cells[0] in known.obs_names and bool(cells.isin(known.obs_names).all())
