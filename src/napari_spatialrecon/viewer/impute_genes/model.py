"""Impute genes without a window: choices, missing inputs and the state of the run."""

from __future__ import annotations

from enum import StrEnum
from typing import Unpack

from napari_spatialrecon.viewer.impute_genes.job import GeneJob, Imputed
from napari_spatialrecon.viewer.task.gene_list_model import GeneChoice, GeneListModel, genes_of
from napari_spatialrecon.viewer.task.job import Common
from napari_spatialrecon.viewer.task.one_slide_model import SlideAndReferenceModel
from napari_spatialrecon.viewer.workspace.tables import query_table, short_name, slide_table
from napari_spatialrecon.viewer.workspace.workspace import Entry, Workspace


class CheckChoice(StrEnum):
    """Which measured genes are hidden from the run to check its maps."""

    DRAWN = "drawn"
    LISTED = "listed"
    NONE = "none"


class GeneModel(GeneListModel[GeneJob, Imputed], SlideAndReferenceModel[GeneJob, Imputed]):
    """The choices made in Impute genes, and its run."""

    task = "impute-genes"
    validates = True
    first_choice = GeneChoice.LIST

    def __init__(self, workspace: Workspace) -> None:
        self._check = CheckChoice.DRAWN
        self._drawn: tuple[tuple[int, ...], tuple[str, ...]] = ((), ())
        super().__init__(workspace)

    @property
    def gene_table(self) -> Entry | None:
        """The reference, whose genes can be imputed."""
        return self.reference

    @property
    def measured(self) -> set[str]:
        """Genes of the slide."""
        return set(genes_of(self.slide))

    @property
    def n_missing(self) -> int:
        """Number of genes of the reference that the slide lacks, by name."""
        return len(set(self.names) - self.measured)

    @property
    def check(self) -> CheckChoice:
        """Which measured genes are hidden from the run."""
        return self._check

    @check.setter
    def check(self, choice: CheckChoice) -> None:
        self._check = choice
        self.choose()

    def hidden(self, choice: CheckChoice) -> tuple[str, ...]:
        """Return the genes that a choice hides."""
        slide, reference = self.slide, self.reference
        tables = [e.adata for e in (slide, reference) if e is not None and e.adata is not None]
        if choice is CheckChoice.NONE or len(tables) < 2:
            return ()
        if choice is CheckChoice.LISTED:
            return tuple(g for g in self.genes if g in self.measured)
        key = (*map(id, tables), self.seed)
        if self._drawn[0] != key:
            from napari_spatialrecon.tasks.gene_check import draw_checks

            self._drawn = (key, draw_checks(tables[0], tables[1], self.seed))
        return self._drawn[1]

    def missing(self) -> list[str]:
        """Return what must be opened or chosen first."""
        found = []
        if self.slide is None:
            found.append("a slide: spots with coordinates")
        if self.reference is None:
            found.append("a reference: a table of cells with more genes")
        if not found and self.choice is GeneChoice.LIST and not self.genes:
            found.append("a gene to impute: type part of its name, or choose all")
        return found

    def make_job(self, **common: Unpack[Common]) -> GeneJob:
        """Return a run with the current choices."""
        slide, reference = self.slide, self.reference
        assert slide is not None and reference is not None, "nothing is missing"
        return GeneJob(
            slide=slide_table(slide, short_name(slide)),
            reference=query_table(reference, short_name(reference)),
            genes=None if self.choice is GeneChoice.ALL else self.genes,
            hidden=self.hidden(self.check),
            **common,
        )
