"""What two results say of the same spots, and how far they agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import rel_entr

from napari_spatialrecon.tasks.compared import Array, Compared
from napari_spatialrecon.tasks.value_kinds import Kind

_BLOCK = 256
"""Columns that are dense at a time."""


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
    obs_names : (n,) str
        Cells or spots that both tables hold, in the order of the first.
    first, second : (n, 2) float, (x, y)
        Their places in the frame of the first, in `unit`.
    unit
        ``"um"``; that of the first table if its µm are unknown.
    only_first, only_second
        Number of those that the other does not hold.
    notes
        Messages for the user.
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
            f"{self.median:.2g}, 90% within {self.p90:.2g}. {self.maps}"
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


def _dense(values: Any, columns: slice) -> Array:
    part = values[:, columns]
    return np.asarray(part.toarray() if sparse.issparse(part) else part, float)


def _correlations(first: Array, second: Array) -> Array:
    """Return Pearson's correlation of each column; 0 where one is constant."""
    one, other = first - first.mean(axis=0), second - second.mean(axis=0)
    norm = np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0))
    return np.divide((one * other).sum(axis=0), norm, out=np.zeros(len(norm)), where=norm > 0)
