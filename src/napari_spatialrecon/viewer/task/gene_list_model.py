"""The model of a task on all genes of a table, or on a list of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.task.model import JobT, OutcomeT
from napari_spatialrecon.viewer.task.one_slide_model import OneSlideModel
from napari_spatialrecon.viewer.workspace.tables import short_name
from napari_spatialrecon.viewer.workspace.workspace import Entry, Workspace

_NAMED = 5
"""Largest number of unknown genes named in a message."""


class GeneChoice(StrEnum):
    """Which genes a run is for."""

    ALL = "all"
    LIST = "list"


class GeneListModel(OneSlideModel[JobT, OutcomeT]):
    """A task on all genes of a table, or on a list of them."""

    first_choice: ClassVar[GeneChoice]
    """The choice at the start."""

    def __init__(self, workspace: Workspace) -> None:
        self._choice = self.first_choice
        self._genes: tuple[str, ...] = ()
        super().__init__(workspace)

    @property
    def gene_table(self) -> Entry | None:
        """The table whose genes can be listed."""
        return self.slide

    @property
    def all_open(self) -> bool:
        """Whether only genes are missing."""
        return self.slide is not None and self.gene_table is not None

    @property
    def names(self) -> list[str]:
        """Genes that can be listed."""
        return genes_of(self.gene_table)

    @property
    def choice(self) -> GeneChoice:
        """Whether the run is for all genes or for a list of them."""
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
        """Add genes to the list: one, or several separated by commas, lines or spaces.

        Raises
        ------
        InputError
            Some are not genes of the table; the others were added.
        """
        known, unknown = read_genes(text, self.names)
        known, unknown = self._by_other_names(known, unknown)
        if known:
            self.genes = (*self._genes, *known)
        if unknown:
            table = self.gene_table
            more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
            raise InputError(
                f"Expected genes measured in {'a table' if table is None else short_name(table)}, "
                f"found {', '.join(unknown[:_NAMED])}{more}, which it lacks.",
                remedy="Try typing part of the name and choosing from the list.",
            )

    def _by_other_names(self, known: list[str], unknown: list[str]) -> tuple[list[str], list[str]]:
        """Return more known genes: those that the table knows by another name, such as an id."""
        from napari_spatialrecon.tissue.gene_lookup import lookup

        table = self.gene_table
        if not unknown or table is None or table.adata is None:
            return known, unknown
        labels = self.names
        found = dict(zip(unknown, lookup(table.adata.var, unknown).tolist(), strict=True))
        return (
            [*known, *(labels[column] for column in found.values() if column >= 0)],
            [word for word, column in found.items() if column < 0],
        )


#: Index and columns that the genes of an entry were read from, and those genes.
_genes: WeakKeyDictionary[Entry, tuple[Any, Any, list[str]]] = WeakKeyDictionary()


def genes_of(entry: Entry | None) -> list[str]:
    """Return the genes of a table by their symbols, if it knows them; none without a table.

    They are kept, since every change in the window asks for them: 20,000 take 0.1 s.
    """
    from napari_spatialrecon.tissue.gene_names import GeneNames

    if entry is None or entry.adata is None:
        return []
    var = entry.adata.var
    index, columns, genes = _genes.get(entry, (None, None, []))
    if index is not var.index or columns is not var.columns:
        genes = GeneNames.of(var).labels()
        _genes[entry] = var.index, var.columns, genes
    return list(genes)


def read_genes(text: str, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the genes named in a text, and its words that are not genes.

    Case matters only if names differ by case alone. A name may contain spaces if it is the whole
    text.

    Examples
    --------
    >>> read_genes("erbb2, CD74; nothing", ["ERBB2", "CD74"])
    (['ERBB2', 'CD74'], ['nothing'])
    """
    exact = set(names)
    any_case = {name.casefold(): name for name in names}
    whole = text.strip()
    words = [whole] if whole in exact else whole.replace(",", " ").replace(";", " ").split()
    found = [word if word in exact else any_case.get(word.casefold()) for word in words]
    known = [name for name in found if name is not None]
    return known, [word for word, name in zip(words, found, strict=True) if name is None]
