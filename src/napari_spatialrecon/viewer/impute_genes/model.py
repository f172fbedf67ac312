"""Impute genes without a window: what was chosen, what is missing, and where the run stands."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.impute_genes.job import GeneJob, Imputed
from napari_spatialrecon.viewer.task.model import TaskModel
from napari_spatialrecon.viewer.task.slides_model import natural_order
from napari_spatialrecon.viewer.workspace.tables import query_table, short_name, slide_table
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role, Workspace


class GeneChoice(StrEnum):
    """Which genes are imputed."""

    LIST = "list"
    MISSING = "missing"


class CheckChoice(StrEnum):
    """Which measured genes are hidden from the run, to see what its maps are worth."""

    DRAWN = "drawn"
    LISTED = "listed"
    NONE = "none"


class GeneModel(TaskModel):
    """What was chosen in Impute genes, and its run."""

    task, default = "impute-genes", "spadit"
    unheard = (Role.RESULT, Role.MODEL, Role.HISTOLOGY)
    outcome: Imputed | None

    def __init__(self, workspace: Workspace) -> None:
        self._slide: Entry | None = None
        self._reference: Entry | None = None
        self._choice = GeneChoice.LIST
        self._check = CheckChoice.DRAWN
        self._genes: tuple[str, ...] = ()
        self._drawn: tuple[tuple[Any, ...], tuple[str, ...]] = ((), ())
        super().__init__(workspace)

    @property
    def slides(self) -> list[Entry]:
        """What genes can be imputed for: every slide that is open, by name."""
        return sorted(self.workspace.of_role(Role.SLIDE), key=natural_order)

    @property
    def slide(self) -> Entry | None:
        """The slide: the one chosen, else the first."""
        known = self.slides
        return self._slide if self._slide in known else next(iter(known), None)

    @slide.setter
    def slide(self, entry: Entry | None) -> None:
        self._slide = entry
        self.choose()

    @property
    def references(self) -> list[Entry]:
        """What can say how genes go together: cells without place, then other slides."""
        return [e for e in self.workspace.of_role(Role.QUERY, Role.SLIDE) if e is not self.slide]

    @property
    def reference(self) -> Entry | None:
        """The reference: the one chosen, else the first."""
        known = self.references
        return self._reference if self._reference in known else next(iter(known), None)

    @reference.setter
    def reference(self, entry: Entry | None) -> None:
        self._reference = entry
        self.choose()

    @property
    def names(self) -> list[str]:
        """Genes of the reference."""
        return _genes_of(self.reference)

    @property
    def measured(self) -> set[str]:
        """Genes of the slide."""
        return set(_genes_of(self.slide))

    @property
    def n_missing(self) -> int:
        """How many genes the reference has and the slide lacks, by name."""
        return len(set(self.names) - self.measured)

    @property
    def choice(self) -> GeneChoice:
        """Whether a list of genes is imputed, or all that the slide lacks."""
        return self._choice

    @choice.setter
    def choice(self, choice: GeneChoice) -> None:
        self._choice = choice
        self.choose()

    @property
    def genes(self) -> tuple[str, ...]:
        """The list of genes."""
        return self._genes

    @genes.setter
    def genes(self, names: Iterable[str]) -> None:
        self._genes, self._choice = tuple(dict.fromkeys(names)), GeneChoice.LIST
        self.choose()

    def add_genes(self, text: str) -> None:
        """Add genes to the list: one, or several with commas, lines or spaces between.

        Raises
        ------
        InputError
            Some are not genes of the reference; the others were added.
        """
        names = self.names
        exact = set(names)
        anycase = {name.casefold(): name for name in names}
        whole = text.strip()
        words = [whole] if whole in exact else whole.replace(",", " ").replace(";", " ").split()
        found = [word if word in exact else anycase.get(word.casefold()) for word in words]
        known = [name for name in found if name is not None]
        if known:
            self.genes = (*self._genes, *known)
        unknown = [word for word, name in zip(words, found, strict=True) if name is None]
        if unknown:
            where = short_name(self.reference) if self.reference is not None else "the reference"
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            raise InputError(
                f"Expected genes of {where}, found {', '.join(unknown[:5])}{more}.",
                remedy="Try typing a part of the name and choosing from the list.",
            )

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

            self._drawn = (key, draw_checks(*tables, self.seed))
        return self._drawn[1]

    def missing(self) -> list[str]:
        """Return what has to be opened or chosen first, in words."""
        found = []
        if self.slide is None:
            found.append("a slide: spots with coordinates")
        if self.reference is None:
            found.append("a reference: a table of cells that measured more genes")
        if not found and self.choice is GeneChoice.LIST and not self.genes:
            found.append("a gene to impute: type a part of its name, or choose all")
        return found

    def make_job(self, **common: Any) -> GeneJob:
        """Return the run as it is chosen now."""
        slide, reference = self.slide, self.reference
        assert slide is not None and reference is not None, "nothing is missing"
        return GeneJob(
            slide=slide_table(slide, short_name(slide)),
            reference=query_table(reference, short_name(reference)),
            genes=None if self.choice is GeneChoice.MISSING else self.genes,
            hidden=self.hidden(self.check),
            **common,
        )


def _genes_of(entry: Entry | None) -> list[str]:
    known = entry is not None and entry.adata is not None
    return [str(name) for name in entry.adata.var_names] if known else []
