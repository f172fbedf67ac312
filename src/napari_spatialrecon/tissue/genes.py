"""Genes shared by inputs, matched by name, symbol or Ensembl id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from napari_spatialrecon.errors import InputError, Problem, ValidationError
from napari_spatialrecon.tissue.gene_lookup import Var, positions
from napari_spatialrecon.tissue.gene_names import GeneNames
from napari_spatialrecon.tissue.species import TwoSpecies, style

#: Below this many shared genes, or this share of the smallest input, a note warns.
FEW_GENES, SMALL_SHARE = 20, 0.02
LEAST_GENES = 3
"""Minimum number of shared genes: two can be laid out in a plane by any data whatever."""

#: A stricter way of matching is used if it finds at least this share of the loosest one's matches.
_ENOUGH = 0.5
_BY = {
    "case-insensitive": "by name, ignoring case",
    "symbol": "by gene symbol",
    "ensembl": "by Ensembl id",
}

#: Position in the first input and in the other input of each gene that matches.
Pairs = dict[int, int]


@dataclass(frozen=True, eq=False)
class GeneMatch:
    """Genes shared by all inputs.

    Parameters
    ----------
    genes
        Names of the first input, in its order.
    indices
        One array (n_genes,) int per input: the index of each gene in it.
    names
        The same genes with the symbols and ids that any input knows.
    report
        Number of matches of each input (but the first) by each way: "exact",
        "case-insensitive", "symbol", "ensembl".
    notes
        Messages for the user.
    """

    genes: pd.Index
    indices: list[np.ndarray]
    names: GeneNames
    report: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def match_genes(
    inputs: Sequence[Var], names: Sequence[str], *, least: int = LEAST_GENES
) -> GeneMatch:
    """Return the genes that all inputs share.

    Each input is paired with the first. A pair is matched by exact name, by name ignoring case, by
    symbols in a column of `var`, or by Ensembl ids (in `var_names` or a column such as "gene_ids",
    versions stripped): by the strictest of these that finds at least half as many matches as the
    best. Names that are ambiguous for the chosen way are excluded. Where one input has symbols and
    another ids, a third that has both translates.

    Parameters
    ----------
    inputs
        `adata.var` or `adata.var_names` of each, the reference first. Not modified.
    names
        Names of the inputs in messages.
    least
        Minimum number of shared genes.

    Raises
    ------
    ValidationError
        The inputs share fewer genes, or are of different species. The message says what their
        names look like.
    InputError
        There is no input.

    Examples
    --------
    >>> match = match_genes([pd.Index(["Actb", "Gapdh", "Sox2"]), pd.Index(["SOX2", "ACTB"])],
    ...                     ["slide", "cells"], least=2)
    >>> list(match.genes), match.indices[1].tolist(), match.report["cells"]["case-insensitive"]
    (['Actb', 'Sox2'], [1, 0], 2)
    """
    if not inputs:
        raise InputError("Expected at least one table of genes, found none.")
    tables = _translated([GeneNames.of(var) for var in inputs])
    first, report, notes, problems = tables[0], {}, [], []
    pairs: list[Pairs] = [{i: i for i in range(len(first))}]
    for table, name in zip(tables[1:], names[1:], strict=True):
        found, counts, remarks = _match_pair(first, table, f"{names[0]} and {name}")
        pairs.append(found)
        report[name] = counts
        notes += remarks
        species = TwoSpecies.of(first, table, names[0], name, found)
        if species is not None and species.refused:
            problems.append(species.problem())
        elif len(found) < least:
            problems.append(_too_few_shared(first, table, names[0], name, found, least))
        elif species is not None:
            notes.append(species.note())
    if problems:
        raise ValidationError(problems)
    shared = [i for i in range(len(first)) if all(i in found for found in pairs)]
    if len(shared) < least and len(inputs) > 1:
        raise ValidationError([_no_common_genes(names, len(shared), least)])
    smallest = min(map(len, tables))
    if len(shared) < FEW_GENES or len(shared) < SMALL_SHARE * smallest:
        notes.append(
            f"Only {len(shared)} genes are shared by {', '.join(names)}: expect poor results."
        )
    indices = [np.array([found[i] for i in shared], dtype=np.intp) for found in pairs]
    known = first.take(indices[0])
    for table, index in zip(tables[1:], indices[1:], strict=True):
        known = known.filled(table.take(index))
    return GeneMatch(pd.Index(known.names, dtype=object), indices, known, report, tuple(notes))


def _translated(tables: list[GeneNames]) -> list[GeneNames]:
    """Return tables of three or more with ids and symbols that another one knows for them."""
    if len(tables) < 3:
        return tables
    rows = {(s, i) for t in tables for s, i in zip(t.symbols, t.ids, strict=True) if s and i}
    by_symbol, by_id = _unambiguous(rows), _unambiguous({(i, s) for s, i in rows})
    return [
        GeneNames(
            t.names,
            tuple(s or by_id.get(i, "") for s, i in zip(t.symbols, t.ids, strict=True)),
            tuple(i or by_symbol.get(s, "") for s, i in zip(t.symbols, t.ids, strict=True)),
        )
        for t in tables
    ]


def _unambiguous(pairs: set[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for key, value in pairs:
        found.setdefault(key, set()).add(value)
    return {key: next(iter(values)) for key, values in found.items() if len(values) == 1}


def _match_pair(
    first: GeneNames, other: GeneNames, names: str
) -> tuple[Pairs, dict[str, int], list[str]]:
    exact, doubled = _join(first.names, other.names)
    anycase, ambiguous = _join(first.names, other.names, str.casefold, exact)
    symbol, _ = _join(first.symbols, other.symbols)
    symbol |= _join(first.symbols, other.symbols, str.casefold, symbol)[0]
    ensembl, _ = _join(first.ids, other.ids)
    ways = {
        "exact": exact,
        "case-insensitive": exact | anycase,
        "symbol": symbol,
        "ensembl": ensembl,
    }
    most = max(len(found) for found in ways.values())
    way = next(way for way, found in ways.items() if len(found) >= _ENOUGH * most)
    counts = dict.fromkeys(ways, 0)
    notes = _remarks(way, names, ways, doubled + (ambiguous if way == "case-insensitive" else []))
    if way == "case-insensitive":
        counts |= {"exact": len(exact), way: len(anycase)}
    else:
        counts[way] = len(ways[way])
    return ways[way], counts, notes


def _join(
    first: Sequence[str],
    other: Sequence[str],
    key: Callable[[str], str] = str,
    taken: Pairs | None = None,
) -> tuple[Pairs, list[str]]:
    """Return pairs of indices whose key occurs once on both sides, and names that occur twice.

    `taken` pairs are excluded on both sides.
    """
    taken = taken or {}
    gone = set(taken.values())
    left = positions([key(n) if i not in taken else "" for i, n in enumerate(first)])
    right = positions([key(n) if i not in gone else "" for i, n in enumerate(other)])
    pairs, ambiguous = {}, []
    for word, here in left.items():
        there = right.get(word, [])
        if len(here) == 1 and len(there) == 1:
            pairs[here[0]] = there[0]
        elif there:
            ambiguous.append(first[here[0]])
    return pairs, ambiguous


def _remarks(way: str, names: str, ways: dict[str, Pairs], ambiguous: list[str]) -> list[str]:
    notes = []
    if way != "exact":
        notes.append(
            f"{names}: {len(ways[way]):,} genes matched {_BY[way]} ({len(ways['exact']):,} match "
            "exactly)."
        )
    elif extra := len(ways["case-insensitive"]) - len(ways["exact"]):
        notes.append(
            f"{names}: {extra:,} more genes would match if case were ignored; "
            "they are treated as different genes."
        )
    if ambiguous:
        shown = ", ".join(ambiguous[:3]) + (" and more" if len(ambiguous) > 3 else "")
        notes.append(
            f"{names}: excluded {len(ambiguous):,} genes whose name is ambiguous ({shown})."
        )
    return notes


def _too_few_shared(
    first: GeneNames, other: GeneNames, first_name: str, other_name: str, pairs: Pairs, least: int
) -> Problem:
    here, there = style(first.names), style(other.names)
    shared = ", ".join(first.names[i] for i in pairs)
    found = (
        f"Expected at least {least} genes shared with {first_name}, found "
        f"{f'only {len(pairs)} ({shared})' if pairs else 'none'}: {first_name} has {here}"
        f"{_example(first)}, {other_name} has {there}{_example(other)}."
    )
    ensembl = [not any(table.symbols) for table in (first, other)]
    if "numbers" in here + there:
        remedy = "Try var_names with gene names; they may be in a column of var."
    elif any(ensembl) and not all(ensembl):
        remedy = (
            'Try adding the Ensembl ids of the gene names as a column var["gene_ids"], or the '
            'symbols of the ids as var["feature_name"].'
        )
    elif here != there:
        remedy = "Try mapping genes to their orthologs first: these look like two species."
    else:
        remedy = "Try two inputs of the same species with overlapping gene panels."
    return Problem(f"{other_name}: var_names", found, remedy)


def _example(table: GeneNames) -> str:
    return f" (such as {table.names[0]!r})" if len(table) else ""


def _no_common_genes(names: Sequence[str], n_shared: int, least: int) -> Problem:
    found = (
        f"Expected at least {least} genes shared by all inputs, found {n_shared or 'none'}, "
        "although pairs of inputs share some."
    )
    return Problem(", ".join(names), found, "Try leaving out the input with the smallest panel.")
