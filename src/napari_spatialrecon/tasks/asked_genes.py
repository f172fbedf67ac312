"""Genes that are asked of an imputation: which the slide measured, which the reference has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.genes.inputs import listed
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.gene_lookup import find_genes, lookup
from napari_spatialrecon.tissue.gene_names import GeneNames
from napari_spatialrecon.tissue.genes import match_genes

#: Asks for every gene of the reference that the slide did not measure.
MISSING = "missing"


@dataclass(frozen=True)
class Asked:
    """The asked genes, and where each comes from.

    Parameters
    ----------
    names
        As they were asked for, each once.
    measured
        Position among `names` to column of the slide.
    imputed
        Position among `names` to name in the reference.
    known
        The asked genes with the symbols and ids that slide and reference know.
    """

    names: tuple[str, ...]
    measured: dict[int, int]
    imputed: dict[int, str]
    known: GeneNames
    notes: tuple[str, ...] = ()

    @classmethod
    def sort(
        cls,
        genes: Sequence[str] | str,
        slide: contract.Prepared,
        reference: contract.Prepared,
        hidden: GeneNames | None = None,
    ) -> Asked:
        """Return which of the asked genes the slide measured, and which are to be imputed.

        Parameters
        ----------
        hidden
            Genes that were excluded from the slide, by all of the names that it has for them.

        Raises
        ------
        InputError
            The reference lacks a gene, or there is none to impute.
        """
        there, here = (GeneNames.of(table.adata.var) for table in (reference, slide))
        match = match_genes([there, here], [reference.name, slide.name])
        shared = dict(zip(*(index.tolist() for index in match.indices), strict=True))
        own = {name: i for i, name in enumerate(here.names)}
        if isinstance(genes, str):
            if genes != MISSING:
                raise InputError(
                    f'Expected a list of genes or "{MISSING}", found {genes!r}.',
                    remedy=f'Try ["{genes}"].',
                )
            genes = [n for i, n in enumerate(there.names) if i not in shared and n not in own]
        names = tuple(dict.fromkeys(map(str, genes)))
        if not names:
            raise InputError(
                "Expected genes to impute, found none.",
                remedy="Try a reference that measured more genes than the slide.",
                where="genes",
            )
        called = GeneNames.of(pd.Index(names, dtype=object))
        if hidden is not None:
            called = called.filled(hidden.take(lookup(hidden, called)))
        in_reference = lookup(there, called)
        on_slide = np.where(in_reference < 0, lookup(here, names), -1)
        for i, (column, name) in enumerate(zip(in_reference.tolist(), names, strict=True)):
            on_slide[i] = shared.get(column, own.get(name, on_slide[i]))
        found = {i: int(column) for i, column in enumerate(on_slide) if column >= 0}
        unknown = [n for i, n in enumerate(names) if i not in found and in_reference[i] < 0]
        if unknown:
            find_genes(there, unknown, reference.name)
        notes = []
        if len(names) < len(genes):
            notes.append(
                f"{len(genes) - len(names)} genes were requested twice; each is included once."
            )
        if found:
            kept = [names[i] for i in found]
            notes.append(f"Kept as measured, not imputed: {listed(kept)}.")
        imputed = {i: there.names[in_reference[i]] for i in range(len(names)) if i not in found}
        known = called
        for table, columns in ((there, in_reference), (here, on_slide)):
            known = known.filled(table.take(columns))
        return cls(names, found, imputed, known, tuple(notes))

    def positions(self, genes: GeneNames, called: Sequence[str]) -> dict[int, str]:
        """Return the position of genes of the slide, with what the user called them.

        Raises
        ------
        InputError
            One is not among the imputed genes, since the reference lacks it.
        """
        columns = find_genes(self.known, genes, "the list to impute")
        return {int(i): str(name) for i, name in zip(columns, called, strict=True)}

    def var(self, reliability: NDArray[np.float64]) -> pd.DataFrame:
        """Return one row per gene: its origin and expected reliability, (n_genes,).

        With the ids and symbols that slide or reference know.
        """
        origin = ["measured" if i in self.measured else "imputed" for i in range(len(self.names))]
        var = pd.DataFrame(
            {"origin": origin, "reliability": reliability},
            index=pd.Index(self.names, dtype=object),
        )
        for column, other in (("gene_ids", self.known.ids), ("gene_symbols", self.known.symbols)):
            if any(b and a != b for a, b in zip(self.names, other, strict=True)):
                var[column] = list(other)
        return var
