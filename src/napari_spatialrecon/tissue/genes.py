"""Genes shared by inputs, matched by name, name ignoring case, symbol or Ensembl id."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from napari_spatialrecon.errors import InputError, Problem, ValidationError

#: Below this many shared genes, a note warns of unreliable results.
FEW_GENES = 20

_ENSEMBL = re.compile(r"^(ENS[A-Z]*G\d{6,}|FBgn\d{7}|WBGene\d{8})(\.\d+)?$")
_ID_COLUMNS = ("gene_ids", "gene_id", "ensembl", "ensembl_id", "ensembl_gene_id", "feature_id")
_SYMBOL_COLUMNS = ("symbol", "gene_symbol", "gene_symbols", "gene_name", "feature_name")
#: A stricter way of matching is used if it finds at least this share of the loosest one's matches.
_ENOUGH = 0.5

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
    report
        Number of matches of each input (but the first) by each way: "exact",
        "case-insensitive", "symbol", "ensembl".
    notes
        Messages for the user.
    """

    genes: pd.Index
    indices: list[np.ndarray]
    report: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Names:
    """Names of the genes of one input by each way; empty strings if unknown."""

    names: list[str]
    symbols: list[str]
    ids: list[str]

    @classmethod
    def of(cls, var: pd.DataFrame | pd.Index) -> _Names:
        index = var.index if isinstance(var, pd.DataFrame) else var
        names = [str(name) for name in index]
        ids = [_stripped(name) for name in names]
        symbols = ["" if known else name for name, known in zip(names, ids, strict=True)]
        if isinstance(var, pd.DataFrame):
            named_ids = [_stripped(value) for value in _column(var, _ID_COLUMNS)]
            ids = _filled(ids, named_ids)
            symbols = _filled(symbols, _column(var, _SYMBOL_COLUMNS))
        return cls(names, symbols, ids)


def _stripped(name: str) -> str:
    return name.split(".")[0] if _ENSEMBL.match(name) else ""


def _column(var: pd.DataFrame, wanted: Sequence[str]) -> list[str]:
    for column in var.columns:
        if str(column).lower() in wanted:
            return [str(value) if pd.notna(value) else "" for value in var[column]]
    return [""] * len(var)


def _filled(first: list[str], second: list[str]) -> list[str]:
    return [a or b for a, b in zip(first, second, strict=True)]


def match_genes(inputs: Sequence[pd.DataFrame | pd.Index], names: Sequence[str]) -> GeneMatch:
    """Return the genes that all inputs share.

    Each input is paired with the first. A pair is matched by exact name, by name ignoring case, by
    symbols in a column of `var`, or by Ensembl ids (in `var_names` or a column such as "gene_ids",
    versions stripped): by the strictest of these that finds at least half as many matches as the
    best. Names that are ambiguous for the chosen way are left out.

    Parameters
    ----------
    inputs
        `adata.var` or `adata.var_names` of each, the reference first. Not modified.
    names
        Names of the inputs in messages.

    Raises
    ------
    ValidationError
        The inputs share no gene. The message describes what their names look like.
    InputError
        There is no input.

    Examples
    --------
    >>> match = match_genes([pd.Index(["Actb", "Gapdh", "Sox2"]), pd.Index(["SOX2", "ACTB"])],
    ...                     ["slide", "cells"])
    >>> list(match.genes), match.indices[1].tolist(), match.report["cells"]["case-insensitive"]
    (['Actb', 'Sox2'], [1, 0], 2)
    """
    if not inputs:
        raise InputError("Expected at least one table of genes, found none.")
    tables = [_Names.of(var) for var in inputs]
    first, report, notes, problems = tables[0], {}, [], []
    pairs: list[Pairs] = [{i: i for i in range(len(first.names))}]
    for table, name in zip(tables[1:], names[1:], strict=True):
        found, counts, remarks = _match_pair(first, table, f"{names[0]} and {name}")
        pairs.append(found)
        notes += remarks
        report[name] = counts
        if not found:
            problems.append(_no_shared_genes(first, table, names[0], name))
    if problems:
        raise ValidationError(problems)
    shared = [i for i in range(len(first.names)) if all(i in found for found in pairs)]
    if not shared:
        raise ValidationError([_no_common_genes(names)])
    if len(shared) < FEW_GENES:
        notes.append(
            f"Only {len(shared)} genes are shared by {', '.join(names)}: expect poor results."
        )
    indices = [np.array([found[i] for i in shared], dtype=np.intp) for found in pairs]
    genes = pd.Index([first.names[i] for i in shared], dtype=object)
    return GeneMatch(genes, indices, report, tuple(notes))


def _match_pair(
    first: _Names, other: _Names, names: str
) -> tuple[Pairs, dict[str, int], list[str]]:
    exact, doubled = _join(first.names, other.names)
    anycase, ambiguous = _join(first.names, other.names, str.casefold, exact)
    symbol, _ = _join(first.symbols, other.symbols)
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
    first: list[str],
    other: list[str],
    key: Callable[[str], str] = str,
    taken: Pairs | None = None,
) -> tuple[Pairs, list[str]]:
    """Return pairs of indices whose key occurs once on both sides, and names that occur twice.

    `taken` pairs are left out on both sides.
    """
    taken = taken or {}
    gone = set(taken.values())
    left = _positions([key(n) if i not in taken else "" for i, n in enumerate(first)])
    right = _positions([key(n) if i not in gone else "" for i, n in enumerate(other)])
    pairs, ambiguous = {}, []
    for word, here in left.items():
        there = right.get(word, [])
        if len(here) == 1 and len(there) == 1:
            pairs[here[0]] = there[0]
        elif there:
            ambiguous.append(first[here[0]])
    return pairs, ambiguous


def _positions(names: list[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        if name:
            found.setdefault(name, []).append(position)
    return found


def _remarks(way: str, names: str, ways: dict[str, Pairs], ambiguous: list[str]) -> list[str]:
    notes = []
    if way != "exact":
        by = {
            "case-insensitive": "by name, ignoring case",
            "symbol": "by gene symbol",
            "ensembl": "by Ensembl id",
        }[way]
        notes.append(
            f"{names}: {len(ways[way]):,} genes matched {by} ({len(ways['exact']):,} match "
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
            f"{names}: left out {len(ambiguous):,} genes whose name is ambiguous ({shown})."
        )
    return notes


def _no_shared_genes(first: _Names, other: _Names, first_name: str, other_name: str) -> Problem:
    here, there = _style(first.names), _style(other.names)
    found = (
        f"Expected genes shared with {first_name}, found none: {first_name} has {here}"
        f"{_example(first.names)}, {other_name} has {there}{_example(other.names)}."
    )
    ensembl = ["Ensembl" in style for style in (here, there)]
    if "numbers" in here + there:
        remedy = "Try var_names with gene names; they may be in a column of var."
    elif any(ensembl) and not all(ensembl):
        remedy = 'Try adding the Ensembl ids of the gene names as a column var["gene_ids"].'
    elif here != there:
        remedy = "Try mapping genes to their orthologues first: these look like two species."
    else:
        remedy = "Try two inputs of the same species with overlapping gene panels."
    return Problem(f"{other_name}: var_names", found, remedy)


def _example(names: list[str]) -> str:
    return f" (such as {names[0]!r})" if names else ""


def _no_common_genes(names: Sequence[str]) -> Problem:
    found = "Expected genes shared by all inputs, found none, although pairs of inputs share some."
    return Problem(", ".join(names), found, "Try leaving out the input with the smallest panel.")


def _style(names: list[str]) -> str:
    """Return what names look like: Ensembl ids and their species, or the case of symbols."""
    if not names:
        return "no genes"
    letters = [name for name in names if any(c.isalpha() for c in name)]
    if len(letters) < len(names) / 2:
        return "numbers instead of names"
    ids = [name for name in names if _ENSEMBL.match(name)]
    if len(ids) > len(names) / 2:
        return f"Ensembl ids ({re.split(r'[0-9]', ids[0])[0]})"
    if np.mean([name == name.upper() for name in letters]) > 0.6:
        return "upper-case names as in human"
    if np.mean([name[:1].isupper() and name[1:] != name[1:].upper() for name in letters]) > 0.6:
        return "capitalised names as in mouse"
    return "names"
