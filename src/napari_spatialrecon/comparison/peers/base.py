"""What an adapter to another tool is, and what adapters share."""

from __future__ import annotations

import importlib
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any, ClassVar

import anndata
import numpy as np
import pandas as pd
import scanpy
import torch
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from napari_spatialrecon.comparison.cases.problem import Part
from napari_spatialrecon.comparison.peers import PeerInfo
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import PROPORTIONS, SPATIAL

Array = NDArray[np.float64]


class Peer(ABC):
    """Another tool: AnnData in, AnnData out, in the slots of `docs/data-model.md`.

    Parameters
    ----------
    values
        Options instead of those in `OPTIONS`, as ``key=value``.
    """

    #: What is not left at the tool's defaults, and defaults worth recording.
    OPTIONS: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, info: PeerInfo, values: Sequence[str] = ()) -> None:
        self.info, self.options = info, dict(self.OPTIONS)
        for text in values:
            key, _, value = text.partition("=")
            if key not in self.OPTIONS:
                raise InputError(
                    f"Expected an option of {info.title}, found {key!r}.",
                    remedy=f"Try one of {', '.join(self.OPTIONS) or 'none'}.",
                )
            self.options[key] = type(self.OPTIONS[key])(value)

    def load(self) -> None:
        """Import the tool, which is no part of its time."""
        importlib.import_module(self.info.module)

    def versions(self) -> dict[str, str]:
        """Return the versions of the tool and of what it computes with."""
        found = {}
        for package in (self.info.package, "torch", "jax", "numpy", "anndata"):
            try:
                found[package] = metadata.version(package)
            except metadata.PackageNotFoundError:
                continue
        return found

    def settings(self, seed: int) -> dict[str, Any]:
        """Return what is recorded of a run."""
        return {**self.options, "seed": seed}

    def run(self, task: str, part: Part, seed: int) -> AnnData:
        """Solve one part of a case with every generator seeded."""
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (the tools draw from it)
        torch.manual_seed(seed)
        return self.solve(task, part, seed)

    @abstractmethod
    def solve(self, task: str, part: Part, seed: int) -> AnnData:
        """Solve one part of a case."""


def normalised(adata: AnnData) -> AnnData:
    """Return log-normalized counts; intensities as they are."""
    made = adata.copy()
    data = made.X.data if sparse.issparse(made.X) else made.X
    if np.all(data == np.rint(data)):
        scanpy.pp.normalize_total(made)
        scanpy.pp.log1p(made)
    return made


def needs_counts(adata: AnnData, title: str) -> None:
    """Refuse a slide of intensities.

    Raises
    ------
    InputError
        The slide holds no counts.
    """
    data = adata.X.data if sparse.issparse(adata.X) else adata.X
    if not np.all(data == np.rint(data)):
        raise InputError(f"Expected counts, which {title} models, found intensities.")


def on_shared_genes(*tables: AnnData) -> list[AnnData]:
    """Return tables with the genes that all have, in one order."""
    genes = tables[0].var_names
    for table in tables[1:]:
        genes = genes.intersection(table.var_names, sort=False)
    return [table[:, genes].copy() for table in tables]


def one_slide(references: Mapping[str, AnnData]) -> AnnData:
    """Return slides as one, each centered where there are several."""
    tables = []
    for table in on_shared_genes(*references.values()):
        spots = AnnData(table.X, obs=pd.DataFrame(index=table.obs_names), var=table.var[[]].copy())
        points = np.asarray(table.obsm[SPATIAL], float)[:, :2]
        spots.obsm[SPATIAL] = points - points.mean(axis=0) if len(references) > 1 else points
        tables.append(spots)
    if len(tables) == 1:
        return tables[0]
    return anndata.concat(tables, keys=list(references), index_unique="-")


def placed(cells: AnnData, weights: Array, spots: AnnData) -> AnnData:
    """Return cells at the mean of the spots' places under weights, (n_cells, n_spots)."""
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    made = AnnData(obs=pd.DataFrame(index=cells.obs_names))
    made.obsm[SPATIAL] = weights / total @ np.asarray(spots.obsm[SPATIAL], float)
    return made


def genes_of(spots: AnnData, values: Any, genes: list[str]) -> AnnData:
    """Return imputed expression, (n_spots, n_genes)."""
    dense = values.toarray() if sparse.issparse(values) else np.asarray(values)
    names = pd.DataFrame(index=spots.obs_names), pd.DataFrame(index=pd.Index(genes))
    return AnnData(dense.astype(np.float32), obs=names[0], var=names[1])


def mixture_of(spots: AnnData, shares: pd.DataFrame) -> AnnData:
    """Return shares that sum to 1; a spot that the tool left out gets the mean of the others."""
    known = shares.div(shares.sum(axis=1), axis=0)
    whole = known.reindex(spots.obs_names).fillna(known.mean())
    made = AnnData(obs=pd.DataFrame(index=spots.obs_names))
    made.obsm[PROPORTIONS] = whole.rename(columns=str)
    made.uns["left_out"] = int(spots.n_obs - spots.obs_names.isin(known.dropna().index).sum())
    return made


class Transport(Peer):
    """A tool that transports cells to spots; places and genes are read out of the plan."""

    @abstractmethod
    def transport(self, cells: AnnData, spots: AnnData) -> tuple[Array, AnnData]:
        """Return the plan, (n_cells, n_spots), and the cells' log-normalized counts."""

    def weights(self, plan: Array) -> Array:
        """Return the weight of each cell in each spot, by which genes are read out."""
        return plan

    def solve(self, task: str, part: Part, seed: int) -> AnnData:
        """Transport the cells, and read the transport out."""
        if task == "place":
            cells, spots = part.tables["query"], one_slide(part.references)
            return placed(cells, self.transport(cells, spots)[0], spots)
        genes = list(part.asked["genes"])
        cells, spots = part.tables["reference"], part.tables["slide"]
        plan, logs = self.transport(cells, spots)
        return genes_of(spots, self.weights(plan).T @ logs[:, genes].X, genes)
