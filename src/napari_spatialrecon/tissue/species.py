"""Species that names of genes tell: two inputs of two species, and tables of mixed species."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from napari_spatialrecon.errors import Problem
from napari_spatialrecon.tissue.gene_names import (
    ENSEMBL,
    GENOME,
    GeneNames,
    are_numbers,
    case_of,
    species_of_genome,
)

#: Above this share of matched genes that are written alike, names of two species were translated.
_ALIKE = 0.5
#: Minimum share of a table's genes that are of a species, for the table to be of it.
_SHARE = 0.05


@dataclass(frozen=True)
class TwoSpecies:
    """Two inputs whose genes look like those of two species.

    Parameters
    ----------
    inputs
        Names of the two inputs.
    species
        Species of each.
    certain
        Whether ids or symbols that only one species has tell both.
    alike
        Whether most genes that match are written alike, as after a translation to orthologues.
    """

    inputs: tuple[str, str]
    species: tuple[str, str]
    certain: bool
    alike: bool

    @classmethod
    def of(
        cls,
        first: GeneNames,
        other: GeneNames,
        first_name: str,
        other_name: str,
        pairs: Mapping[int, int],
    ) -> Self | None:
        """Return what two inputs look like, or None where it is not two species.

        Parameters
        ----------
        pairs
            Position in `first` and in `other` of each gene that matches.
        """
        (here, sure), (there, also_sure) = first.species(), other.species()
        if not here or not there or here == there:
            return None
        written = [
            first.names[i] == other.names[j] or first.symbols[i] == other.symbols[j]
            for i, j in pairs.items()
        ]
        alike = bool(written) and float(np.mean(written)) > _ALIKE
        certain = sure and also_sure
        if not certain and alike:
            return None
        return cls((first_name, other_name), (here, there), certain, alike)

    @property
    def refused(self) -> bool:
        """Whether these are two species whose genes were not translated."""
        return self.certain and not self.alike

    def problem(self) -> Problem:
        """Return the problem with the second input."""
        here, there = self.species
        found = (
            f"Expected genes of the same species as {self.inputs[0]} ({here}), "
            f"found those of {there}."
        )
        remedy = (
            f"Try cells and slides of one species, or rename the var_names of {self.inputs[1]} "
            f"to their {here} orthologs."
        )
        return Problem(f"{self.inputs[1]}: var_names", found, remedy)

    def note(self) -> str:
        """Return what to tell where the inputs are used."""
        (first, other), (here, there) = self.inputs, self.species
        if self.certain:
            return (
                f"{first} is {here} and {other} {there} by their gene ids: genes "
                "with the same name were treated as orthologs."
            )
        return (
            f"{first} has gene names as in {here}, {other} as in {there}: if these are two "
            "species, genes that are spelled alike were matched by name only."
        )


def style(names: Sequence[str]) -> str:
    """Return what names look like: Ensembl ids and their species, or the case of symbols."""
    if not names:
        return "no genes"
    if are_numbers(names):
        return "numbers instead of names"
    ids = [name for name in names if ENSEMBL.fullmatch(name)]
    if len(ids) > len(names) / 2:
        return f"Ensembl ids ({re.split(r'[0-9]', ids[0])[0]})"
    case = case_of(names)
    if case == "upper":
        return "upper-case names as in human"
    return "capitalized names as in mouse" if case else "names"


def genomes(var: pd.DataFrame) -> np.ndarray:
    """Return the genome of each gene, (n_genes,) str: that before its name, else of its column.

    Empty where neither tells.
    """
    found = [match[1] if (match := GENOME.match(str(name))) else "" for name in var.index]
    if "genome" in var and not all(found):
        column = [str(value) if pd.notna(value) else "" for value in var["genome"]]
        found = [a or b for a, b in zip(found, column, strict=True)]
    return np.array(found, dtype=object)


def mixed_genomes(var: pd.DataFrame) -> dict[str, int]:
    """Return the number of genes of each genome of a mixed table; empty if there is one genome.

    A genome with few genes, such as that of a virus or a transgene, does not make it mixed.

    Examples
    --------
    >>> var = pd.DataFrame(index=["GRCh38_ACTB", "GRCh38_SOX2", "mm10___Actb"])
    >>> mixed_genomes(var)
    {'GRCh38': 2, 'mm10': 1}
    """
    names, numbers = np.unique(genomes(var).astype(str), return_counts=True)
    least = _SHARE * len(var)
    found = {str(g): int(n) for g, n in zip(names, numbers, strict=True) if g and n >= least}
    return found if len(found) > 1 else {}


def described(found: Mapping[str, int]) -> str:
    """Return the genomes of a mixed table in words."""
    parts = []
    for genome, n in found.items():
        species = species_of_genome(genome)
        parts.append(f"{n:,} of {genome}{f' ({species})' if species else ''}")
    return " and ".join(parts)
