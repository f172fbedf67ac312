"""Deconvolve without a window: choices, missing inputs and the state of the run."""

from __future__ import annotations

from typing import Unpack

from napari_spatialrecon.viewer.canvas.colors import guess_kind
from napari_spatialrecon.viewer.deconvolve.job import Known, Mixed, MixtureJob
from napari_spatialrecon.viewer.task.curves import Curves
from napari_spatialrecon.viewer.task.job import Common
from napari_spatialrecon.viewer.task.one_slide_model import SlideAndReferenceModel
from napari_spatialrecon.viewer.workspace.tables import query_table, short_name, slide_table
from napari_spatialrecon.viewer.workspace.workspace import Entry, Workspace

MOST_TYPES = 200
"""A column with more distinct values names cells rather than cell types."""
_LIKELY = ("cell_type", "celltype", "cell type", "type", "annotation", "label", "cluster")


class MixtureModel(SlideAndReferenceModel[MixtureJob, Mixed]):
    """The choices made in Deconvolve, and its run."""

    task = "deconvolve"
    validates = True

    def __init__(self, workspace: Workspace) -> None:
        self._labels: str | None = None
        self._known: Known | None = None
        super().__init__(workspace)

    def is_likely(self, entry: Entry) -> bool:
        """Return whether a table has a column of cell types."""
        return bool(label_columns(entry))

    @property
    def columns(self) -> dict[str, int]:
        """Columns of the reference that may hold cell types, each with its number of types."""
        return {} if self.reference is None else label_columns(self.reference)

    @property
    def labels(self) -> str | None:
        """The column of types: the chosen one, else one with a telling name, else the first."""
        columns = self.columns
        if self._labels in columns:
            return self._labels
        likely = (c for word in _LIKELY for c in columns if word in c.casefold())
        return next(likely, next(iter(columns), None))

    @labels.setter
    def labels(self, column: str | None) -> None:
        self._labels = column
        self.choose()

    @property
    def known(self) -> Known | None:
        """Shares or numbers of cells that are known of some spots."""
        return self._known

    @known.setter
    def known(self, known: Known | None) -> None:
        self._known = known
        self.choose()

    def new_curves(self) -> Curves:
        """Return curves of the loss alone, since no spots are held out."""
        return Curves({})

    def missing(self) -> list[str]:
        """Return what must be opened or chosen first."""
        found = []
        if self.slide is None:
            found.append("a slide: spots with coordinates")
        if self.reference is None:
            found.append("a reference: a table of cells with known types")
        elif not self.columns:
            found.append(f"a column that names the type of each cell of {self.reference.name}")
        return found

    def make_job(self, **common: Unpack[Common]) -> MixtureJob:
        """Return a run with the current choices."""
        slide, reference, labels = self.slide, self.reference, self.labels
        assert slide is not None and reference is not None and labels is not None, "nothing missing"
        return MixtureJob(
            slide=slide_table(slide, short_name(slide)),
            reference=query_table(reference, short_name(reference)),
            labels=labels,
            known=self.known,
            **common,
        )


def label_columns(entry: Entry) -> dict[str, int]:
    """Return the columns of a table that may hold cell types, each with its number of types."""
    if entry.adata is None:
        return {}
    obs = entry.adata.obs
    words = (str(c) for c in obs if guess_kind(obs[c]) == "category")
    counts = {name: int(obs[name].nunique()) for name in words}
    return {name: n for name, n in counts.items() if 0 < n <= MOST_TYPES}
