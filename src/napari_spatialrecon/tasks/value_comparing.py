"""Comparing what two results say of the same spots: mixtures, imputed genes, parts of spots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.mixture_metrics import named_types
from napari_spatialrecon.tasks.compared import matched, places_of
from napari_spatialrecon.tasks.value_comparison import ValueComparison
from napari_spatialrecon.tasks.value_kinds import Kind, kind_of
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.gene_names import GeneNames
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.tissue.slots import OURS, PROPORTIONS

_ELSEWHERE = 0.01
"""Distance of the places of spots of one name, as a share of the tissue, that is noted."""


@takes_spatialdata
def compare_values(
    first: Table, second: Table, *, names: tuple[str, str] = ("first", "second")
) -> ValueComparison:
    """Compare two mixtures, two imputations or two super-resolutions of the same slide.

    Parameters
    ----------
    first, second
        Two results of `deconvolve`, of `impute_genes` or of `super_resolve`. Spots, types and genes
        are matched by name; a type that one does not know has share 0 there.
    names
        How errors and notes call the tables.

    Returns
    -------
    ValueComparison
        How far the two disagree on each spot, and on each type or gene.

    Raises
    ------
    InputError
        They are not of one task, have fewer than 4 spots or no gene in common, or are split into
        different parts.

    Examples
    --------
    >>> mixtures = [AnnData(np.ones((5, 1), np.float32)) for _ in range(2)]
    >>> for mixture, share in zip(mixtures, (1.0, 0.5)):
    ...     mixture.obsm["spatial"] = np.arange(10.0).reshape(5, 2)
    ...     shares = {"T cell": share, "B cell": 1 - share}
    ...     mixture.obsm["proportions"] = pd.DataFrame(shares, index=mixture.obs_names)
    >>> round(compare_values(*mixtures).median, 2)
    0.56
    """
    kinds = [kind_of(table) for table in (first, second)]
    if kinds[0] is None or kinds[0] is not kinds[1]:
        found = " and ".join("neither" if kind is None else kind.task for kind in kinds)
        raise InputError(
            "Expected two results of deconvolve, of impute-genes or of super-resolve, found "
            f"{found}.",
            remedy="Try two results of the same task.",
        )
    kind = kinds[0]
    if kind.task == "super-resolve":
        _check_factors(first, second, names)
    places = [places_of(adata, name) for adata, name in zip((first, second), names, strict=True)]
    rows, alone = matched(first, second, places, names)
    columns, values, notes = _values(kind, first, second, rows, names)
    scales = [contract.um_per_unit(adata) or 1.0 for adata in (first, second)]
    here, there = (p[r] * s for p, r, s in zip(places, rows, scales, strict=True))
    apart = float(np.median(np.linalg.norm(here - there, axis=1)))
    if apart > _ELSEWHERE * float(np.ptp(here, axis=0).max()):
        notes.append(
            "Spots with the same name lie at different positions: they may be of different slides."
        )
    known = contract.um_per_unit(first) is not None
    return ValueComparison(
        obs_names=first.obs_names.to_numpy(object)[rows[0]],
        first=here,
        second=here,
        unit="um" if known else contract.unit(first),
        only_first=alone[0],
        only_second=alone[1],
        notes=tuple(notes),
        kind=kind,
        names=tuple(columns),
        values=values,
    )


Rows = list[NDArray[np.intp]]


def _values(
    kind: Kind, first: AnnData, second: AnnData, rows: Rows, names: tuple[str, str]
) -> tuple[list[str], tuple[Any, Any], list[str]]:
    """Return the names of what is compared, its values in both, and notes."""
    if kind.task == "deconvolve":
        return _shares(first, second, rows, names)
    genes = [_genes(adata) for adata in (first, second)]
    both = first.var_names.intersection(second.var_names)
    if kind.task == "impute-genes":
        imputed = [a.var.index[a.var["origin"].astype(str) != "measured"] for a in (first, second)]
        both = both.intersection(imputed[0].union(imputed[1]))
    if not len(both):
        raise InputError(
            f"Expected genes that {names[0]} and {names[1]} both hold, found none.",
            remedy="Try two results with a gene in common.",
            where="var_names",
        )
    columns = [adata.var_names.get_indexer(both) for adata in (first, second)]
    values = tuple(
        sparse.csr_matrix(a.X)[row].tocsc()[:, column]
        for a, row, column in zip((first, second), rows, columns, strict=True)
    )
    return [genes[0][i] for i in columns[0]], (values[0], values[1]), []


def _shares(
    first: AnnData, second: AnnData, rows: Rows, names: tuple[str, str]
) -> tuple[list[str], tuple[Any, Any], list[str]]:
    tables = [
        named_types(adata, pd.DataFrame(adata.obsm[PROPORTIONS])).iloc[r]
        for adata, r in zip((first, second), rows, strict=True)
    ]
    types = list(dict.fromkeys([*tables[0].columns, *tables[1].columns]))
    notes = [
        f"{name} does not know {_listed(lacks)}, whose share counts as 0."
        for name, table in zip(names, tables, strict=True)
        if (lacks := [t for t in types if t not in table])
    ]
    values = [t.reindex(columns=types, fill_value=0.0).to_numpy(float) for t in tables]
    return types, (values[0], values[1]), notes


def _genes(adata: AnnData) -> list[str]:
    return GeneNames.of(adata.var).labels()


def _check_factors(first: AnnData, second: AnnData, names: tuple[str, str]) -> None:
    factors = [str(adata.uns[OURS]["factor"]) for adata in (first, second)]
    if factors[0] != factors[1]:
        raise InputError(
            f"Expected spots split into the same parts, found {factors[0]} in {names[0]} and "
            f"{factors[1]} in {names[1]}.",
            remedy="Try two results of the same factor.",
        )


def _listed(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more types" if len(names) > most else ""
    return ", ".join(names[:most]) + more
