"""Genes that a user names, found by name, symbol or Ensembl id."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.gene_names import GeneNames

Var: TypeAlias = pd.DataFrame | pd.Index | GeneNames


def find_genes(var: Var, asked: Sequence[str] | GeneNames, where: str = "") -> np.ndarray:
    """Return the columns of genes that a user named, (n_asked,) int.

    A gene is found by its name in the table, its symbol or its Ensembl id, else by one of these
    ignoring case, where only one gene has it.

    Parameters
    ----------
    where
        Name of the table in messages.

    Raises
    ------
    InputError
        Some are not in the table; names the nearest that are.

    Examples
    --------
    >>> var = pd.DataFrame({"feature_name": ["ACTB", "SOX2"]},
    ...                    index=["ENSG00000075624", "ENSG00000181449"])
    >>> find_genes(var, ["sox2", "ENSG00000075624.17"]).tolist()
    [1, 0]
    """
    table = GeneNames.of(var)
    columns = lookup(table, asked)
    names = asked.names if isinstance(asked, GeneNames) else asked
    missing = [name for name, column in zip(names, columns, strict=True) if column < 0]
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5:,} more" * (len(missing) > 5))
        raise InputError(
            f"Expected genes measured in {where or 'the table'}, found {shown}, which it lacks.",
            remedy=_nearest(missing[0], table),
            where=where,
        )
    return columns


def lookup(var: Var, asked: Sequence[str] | GeneNames) -> np.ndarray:
    """Return the columns of genes like `find_genes`, (n_asked,) int; -1 where there is none.

    Genes of another table, as `GeneNames`, are looked for by all of their names.
    """
    table = GeneNames.of(var)
    names = asked if isinstance(asked, GeneNames) else pd.Index(list(asked), dtype=object)
    wanted = GeneNames.of(names)
    columns = np.full(len(wanted), -1)
    folded: Callable[[str], str] = str.casefold
    ways: list[tuple[Sequence[str], Sequence[str], Callable[[str], str]]] = [
        (table.names, wanted.names, str),
        (table.symbols, wanted.symbols, str),
        (table.ids, wanted.ids, str),
        (table.names, wanted.names, folded),
        (table.symbols, wanted.symbols, folded),
    ]
    for known, names, key in ways:
        if (columns >= 0).all():
            break
        places = positions([key(name) for name in known])
        for i, name in enumerate(names):
            found = places.get(key(name), []) if name and columns[i] < 0 else []
            if len(found) == 1:
                columns[i] = found[0]
    return columns


def _nearest(name: str, table: GeneNames) -> str:
    known = dict.fromkeys(s or n for s, n in zip(table.symbols, table.names, strict=True))
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"Try names such as {', '.join([*known][:3])}."


def positions(names: Sequence[str]) -> dict[str, list[int]]:
    """Return where each name stands; empty ones are excluded."""
    found: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        if name:
            found.setdefault(name, []).append(position)
    return found
