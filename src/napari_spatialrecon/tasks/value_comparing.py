"""Comparing what two results say of the same spots: mixtures, imputed genes, parts of spots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import rel_entr

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tasks.compared import Array, Compared, matched, places_of
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.gene_names import GeneNames
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.tissue.slots import OURS, PARENT, PROPORTIONS

_BLOCK = 256
"""Columns that are dense at a time."""
_ELSEWHERE = 0.01
"""Distance of the places of spots of one name, as a share of the tissue, that is noted."""


@dataclass(frozen=True)
class Kind:
    """What is compared.

    Parameters
    ----------
    task
        Its name in `methods.registry`.
    of, one, many
        What a row is, and what a column is, in words.
    amount, unit
        How rows are compared, and the unit of a column.
    tip
        What the amount means.
    link
        Joins the amount and the other result in a title.
    """

    task: str
    of: str
    one: str
    many: str
    amount: str
    unit: str
    tip: str
    link: str = "to"


KINDS = {
    "deconvolve": Kind(
        "deconvolve",
        "spots",
        "type",
        "types",
        "JSD",
        "share",
        "Jensen-Shannon distance of the two mixtures of a spot: 0 where they are the same, 1 where "
        "they have no type in common",
    ),
    "impute-genes": Kind(
        "impute-genes",
        "spots",
        "gene",
        "genes",
        "difference",
        "log expression",
        "Root of the mean squared difference of log expression in a spot, over the genes",
        "from",
    ),
    "super-resolve": Kind(
        "super-resolve",
        "parts of spots",
        "gene",
        "genes",
        "share elsewhere",
        "counts per part",
        "Share of a part's counts that the two do not agree on: 0 where they are the same, 1 where "
        "one has all and the other none",
        "than in",
    ),
}
"""By the task whose results are compared."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ValueComparison(Compared):
    """What two results say of the same spots.

    Parameters
    ----------
    kind
        What is compared.
    names
        Types or genes that are compared.
    values : two of (n, n_names), dense or CSC
        Of the first and of the second, in the order of `obs_names` and `names`.
    """

    kind: Kind
    names: tuple[str, ...]
    values: tuple[Any, Any]

    @property
    def is_mixture(self) -> bool:
        """Whether the values are shares of types."""
        return self.kind.task == "deconvolve"

    @property
    def amount(self) -> Array:
        """How far the two disagree on each spot; `kind` says how it is measured."""
        return self._measured[0]

    def title(self, other: str) -> str:
        """Return the title of the amounts beside another result's name."""
        unit = f", {self.kind.unit}" if self.kind.task == "impute-genes" else ""
        return f"{self.kind.amount} {self.kind.link} {other}{unit}"

    @property
    def agreement(self) -> pd.Series:
        """Correlation over the spots of each type or gene; 0 where one of the maps is constant."""
        return self._measured[1]

    @property
    def least_agreed(self) -> str:
        """The type or gene on whose map the two agree least."""
        return str(self.agreement.idxmin())

    @property
    def summary(self) -> str:
        """How far the two disagree, and how far their maps agree."""
        return (
            f"{len(self.obs_names):,} {self.kind.of}: {self.kind.amount} of median "
            f"{self.median:.2g}, 90 % within {self.p90:.2g}. {self.maps}"
        )

    @property
    def maps(self) -> str:
        """How far the maps of the types or genes agree, in a sentence."""
        found, n = self.agreement, len(self.names)
        if n == 1:
            return f"The two maps of {self.names[0]} correlate by {found.iloc[0]:.2f}."
        return (
            f"The two maps of a {self.kind.one} correlate by {found.median():.2f} (median of "
            f"{n:,} {self.kind.many}), least those of {self.least_agreed} ({found.min():.2f})."
        )

    def of(self, name: str) -> tuple[Array, Array]:
        """Return a type or gene of the first and of the second, (n,) each."""
        at = self.names.index(name)
        first, second = (_dense(values, slice(at, at + 1))[:, 0] for values in self.values)
        return first, second

    @cached_property
    def _measured(self) -> tuple[Array, pd.Series]:
        n = len(self.obs_names)
        upper, lower, agreement = np.zeros(n), np.zeros(n), []
        for first, second in self._blocks():
            agreement.append(_correlations(first, second))
            if self.is_mixture:
                middle = (first + second) / 2
                upper += (rel_entr(first, middle) + rel_entr(second, middle)).sum(axis=1) / 2
            elif self.kind.task == "impute-genes":
                upper += ((first - second) ** 2).sum(axis=1)
            else:
                upper += np.abs(first - second).sum(axis=1)
                lower += (first + second).sum(axis=1)
        if self.is_mixture:
            amount = np.sqrt(np.clip(upper / np.log(2), 0, 1))
        elif self.kind.task == "impute-genes":
            amount = np.sqrt(upper / max(len(self.names), 1))
        else:
            amount = np.divide(upper, lower, out=np.zeros(n), where=lower > 0)
        return amount, pd.Series(np.concatenate(agreement), index=list(self.names))

    def _blocks(self) -> Iterator[tuple[Array, Array]]:
        for start in range(0, len(self.names), _BLOCK):
            first, second = (_dense(v, slice(start, start + _BLOCK)) for v in self.values)
            yield first, second


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


def kind_of(adata: AnnData) -> Kind | None:
    """Return what can be compared of a result; None of a table that holds nothing of the kind."""
    if PROPORTIONS in adata.obsm:
        return KINDS["deconvolve"]
    if PARENT in adata.obs and "factor" in contract.section(adata.uns, OURS):
        return KINDS["super-resolve"]
    return KINDS["impute-genes"] if "origin" in adata.var else None


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
    tables = [_named(adata).iloc[r] for adata, r in zip((first, second), rows, strict=True)]
    types = list(dict.fromkeys([*tables[0].columns, *tables[1].columns]))
    notes = [
        f"{name} does not know {_listed(lacks)}, whose share counts as 0."
        for name, table in zip(names, tables, strict=True)
        if (lacks := [t for t in types if t not in table])
    ]
    values = [t.reindex(columns=types, fill_value=0.0).to_numpy(float) for t in tables]
    return types, (values[0], values[1]), notes


def _named(adata: AnnData) -> pd.DataFrame:
    """Return the shares of a table, its types named as in the reference."""
    shares = pd.DataFrame(adata.obsm[PROPORTIONS])
    types = contract.section(adata.uns, OURS).get("types")
    if types is not None and len(types) == shares.shape[1]:
        return shares.set_axis([str(name) for name in types], axis=1)
    return shares.rename(columns=str)


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


def _dense(values: Any, columns: slice) -> Array:
    part = values[:, columns]
    return np.asarray(part.toarray() if sparse.issparse(part) else part, float)


def _correlations(first: Array, second: Array) -> Array:
    """Return Pearson's correlation of each column; 0 where one is constant."""
    one, other = first - first.mean(axis=0), second - second.mean(axis=0)
    norm = np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0))
    return np.divide((one * other).sum(axis=0), norm, out=np.zeros(len(norm)), where=norm > 0)
