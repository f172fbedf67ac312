"""Names of genes: as a table has them, their symbols and Ensembl ids, and the species they tell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

ENSEMBL = re.compile(r"(ENS[A-Z]*G\d{6,}|FBgn\d{7}|WBGene\d{8})(\.\d+)?(_PAR_Y)?")
GENOME = re.compile(
    r"((?:GRC[hmrz]|hg|mm|rn|Rnor_|mRatBN|danRer|dm|BDGP|galGal|susScr|rheMac|Mmul_)"
    r"\d[\w.-]*?)_+(?=\S)"
)
"""A reference genome, as Cell Ranger puts it before the genes of a mixed reference."""
IDS = (
    "gene_ids",
    "gene_id",
    "ensembl",
    "ensembl_id",
    "ensembl_ids",
    "ensembl_gene_id",
    "feature_id",
    "accession",
)
SYMBOLS = (
    "symbol",
    "symbols",
    "gene_symbol",
    "gene_symbols",
    "gene_name",
    "gene_names",
    "gene_short_name",
    "feature_name",
    "gene",
)
_SPECIES = {
    "ENSG": "human",
    "ENSMUSG": "mouse",
    "ENSRNOG": "rat",
    "ENSDARG": "zebrafish",
    "ENSGALG": "chicken",
    "ENSSSCG": "pig",
    "ENSMMUG": "macaque",
    "ENSPTRG": "chimpanzee",
    "FBgn": "fruit fly",
    "WBGene": "C. elegans",
}
_GENOMES = {"GRCh": "human", "hg": "human", "GRCm": "mouse", "mm": "mouse", "rn": "rat"}
#: Symbols that only one species has, in any case of letters.
_MARKS = {
    "human": re.compile(r"HLA-[A-Z]+\d?|LINC\d{5}|C\d+ORF\d+|MT-(CO|ND|ATP)\d", re.IGNORECASE),
    "mouse": re.compile(r"\w+RIK|GM\d{3,}|H2-[A-Z]\w*", re.IGNORECASE),
}


@dataclass(frozen=True, eq=False)
class GeneNames:
    """Genes of one input, by each of their names; an empty string where one is unknown.

    Parameters
    ----------
    names
        As the table names them.
    symbols
        Gene symbols.
    ids
        Ensembl ids, or those of FlyBase or WormBase, without version.
    """

    names: tuple[str, ...]
    symbols: tuple[str, ...]
    ids: tuple[str, ...]

    @classmethod
    def of(cls, var: pd.DataFrame | pd.Index | Self) -> Self:
        """Return the names that `adata.var` or `adata.var_names` hold.

        The genome that a mixed reference puts before a name is omitted from symbols and ids.
        """
        if isinstance(var, cls):
            return var
        assert not isinstance(var, GeneNames)
        index = var.index if isinstance(var, pd.DataFrame) else var
        names = [str(name) for name in index]
        bare = [without_genome(name) for name in names]
        ids = [ensembl_id(name) for name in bare]
        symbols = ["" if known else name for name, known in zip(bare, ids, strict=True)]
        if isinstance(var, pd.DataFrame):
            if are_numbers(names):
                symbols = [""] * len(names)
            for column in _columns(var, IDS):
                ids = _filled(ids, map(ensembl_id, column))
            for column in _columns(var, SYMBOLS):
                symbols = _filled(symbols, ("" if ensembl_id(c) else c for c in column))
            if are_numbers(names):
                symbols = _filled(symbols, names)
        return cls(tuple(names), tuple(symbols), tuple(ids))

    def __len__(self) -> int:
        return len(self.names)

    def lines(self) -> tuple[str, ...]:
        r"""Return one line of text per gene: its name, then symbol and id where they differ.

        Examples
        --------
        >>> var = pd.DataFrame({"gene_ids": ["ENSG00000075624"]}, index=["ACTB"])
        >>> GeneNames.of(var).lines()
        ('ACTB\t\tENSG00000075624',)
        """
        rows = zip(self.names, self.symbols, self.ids, strict=True)
        return tuple(
            "\t".join((name, *("" if other == name else other for other in others))).rstrip("\t")
            for name, *others in rows
        )

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Self:
        """Return the genes that `lines` described; a line may be a name alone."""
        rows = [(line + "\t\t").split("\t")[:3] for line in lines]
        bare = cls.of(pd.Index([row[0] for row in rows], dtype=object))
        symbols = _filled([row[1] for row in rows], bare.symbols)
        return cls(bare.names, tuple(symbols), tuple(_filled([row[2] for row in rows], bare.ids)))

    def labels(self) -> list[str]:
        """Return what to call the genes: symbols where most names are ids, if none stands twice.

        Examples
        --------
        >>> var = pd.DataFrame({"feature_name": ["ACTB"]}, index=["ENSG00000075624"])
        >>> GeneNames.of(var).labels()
        ['ACTB']
        """
        if sum(map(bool, map(ensembl_id, self.names))) <= len(self) / 2:
            return list(self.names)
        counts = Counter(self.symbols)
        pairs = zip(self.names, self.symbols, strict=True)
        return [s if s and counts[s] == 1 else n for n, s in pairs]

    def take(self, positions: np.ndarray) -> GeneNames:
        """Return some of the genes, (n,) int; nameless ones at negative positions."""
        parts = (self.names, self.symbols, self.ids)
        return GeneNames(*(tuple(part[i] if i >= 0 else "" for i in positions) for part in parts))

    def filled(self, others: GeneNames) -> GeneNames:
        """Return the same genes with symbols and ids that `others`, in the same order, knows."""
        return GeneNames(
            self.names,
            tuple(_filled(self.symbols, others.symbols)),
            tuple(_filled(self.ids, others.ids)),
        )

    def species(self) -> tuple[str, bool]:
        """Return the species that the names tell, "" if none, and whether that is certain.

        Certain by ids or by symbols that only one species has; else by the case of symbols.
        """
        kinds = Counter(re.split(r"\d", name, maxsplit=1)[0] for name in self.ids if name)
        if kinds:
            kind = kinds.most_common(1)[0][0]
            return _SPECIES.get(kind, f"{kind} (by Ensembl id)"), True
        marked = {
            name: sum(bool(mark.fullmatch(s)) for s in self.symbols)
            for name, mark in _MARKS.items()
        }
        most = max(marked, key=lambda name: marked[name])
        if marked[most] >= 2 and marked[most] > 4 * min(marked.values()):
            return most, True
        case = case_of(self.symbols)
        return {"upper": "human", "capitalized": "mouse"}.get(case, ""), False


def ensembl_id(name: str) -> str:
    """Return an Ensembl id without its genome and version, "" if it is none.

    Examples
    --------
    >>> ensembl_id("ENSG00000075624.17"), ensembl_id("ACTB")
    ('ENSG00000075624', '')
    """
    found = ENSEMBL.fullmatch(without_genome(name))
    return found[1] if found else ""


def without_genome(name: str) -> str:
    """Return a name without the genome of a mixed reference.

    Examples
    --------
    >>> without_genome("mm10___Actb"), without_genome("GRCh38_ACTB"), without_genome("ACTB")
    ('Actb', 'ACTB', 'ACTB')
    """
    found = GENOME.match(name)
    return name[found.end() :] if found else name


def species_of_genome(genome: str) -> str:
    """Return the species of a genome, "" if unknown."""
    return next((s for start, s in _GENOMES.items() if genome.startswith(start)), "")


def case_of(symbols: Sequence[str]) -> str:
    """Return "upper" if most symbols are in capitals, "capitalized", or "" for anything else."""
    letters = [name for name in symbols if any(c.isalpha() for c in name)]
    if not letters:
        return ""
    if np.mean([name == name.upper() for name in letters]) > 0.6:
        return "upper"
    capitalized = [name[:1].isupper() and name[1:] != name[1:].upper() for name in letters]
    return "capitalized" if np.mean(capitalized) > 0.6 else ""


def are_numbers(names: Sequence[str]) -> bool:
    """Return whether most names have no letters."""
    return sum(any(c.isalpha() for c in name) for name in names) < len(names) / 2


def _columns(var: pd.DataFrame, wanted: Sequence[str]) -> list[list[str]]:
    """Return the columns of these names, in the order in which they are wanted."""
    here = {str(column).lower(): column for column in reversed(var.columns)}
    return [
        [str(value) if pd.notna(value) else "" for value in var[here[name]]]
        for name in wanted
        if name in here
    ]


def _filled(first: Iterable[str], second: Iterable[str]) -> list[str]:
    return [a or b for a, b in zip(first, second, strict=True)]
