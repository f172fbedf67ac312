"""What can be said of a super-resolution before it starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from anndata import AnnData

from napari_spatialrecon.config import Config
from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.methods.super_resolution.base import BLOCK_VALUES
from napari_spatialrecon.tasks.super_resolving import gene_columns, parts_of
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.subspots import parse_factor

#: Seconds for a part of a pair of spot and gene with a count, by the network of the package, and
#: for a value of an interpolation. From runs of 1,000 to 100,000 bins (docs/benchmarks.md).
_PER_TOKEN, _PER_VALUE = 8e-6, 6e-8
#: Seconds of an epoch of the alignment for a spot and a gene, and of a step of the adaptation.
_PER_EPOCH, _PER_STEP = 1.6e-7, 0.13
#: Seconds and bytes to encode, coarsen and decompose a spot and a gene that the alignment sees.
_PER_SEEN, _BYTES_PER_SEEN = 3.5e-6, 77.0


@dataclass(frozen=True)
class SuperPreflight:
    """What is known before a run.

    Parameters
    ----------
    layout
        ``"square bins"``, ``"round spots on a hexagonal grid"`` and the like.
    spots, parts, genes
        With counts; parts of a spot; genes to split.
    seconds, memory_bytes
        Estimates, for one core.
    notes
        In words.
    """

    layout: str
    spots: int
    parts: int
    genes: int
    seconds: float
    memory_bytes: float
    notes: tuple[str, ...]

    @property
    def summary(self) -> str:
        """One line for people."""
        seconds = max(1, round(self.seconds))
        time = f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"
        return (
            f"{self.spots:,} {self.layout}, {self.parts} parts each, {self.genes:,} genes: about "
            f"{time}, {self.memory_bytes / 1e9:.1f} GB"
        )


def super_preflight(
    slide: AnnData,
    factor: str = "2x2",
    *,
    method: str = "srast",
    config: Config | None = None,
    genes: Iterable[str] | None = None,
    spot_diameter: float | None = None,
    name: str = "slide",
) -> SuperPreflight:
    """Check a slide and estimate the run, without running it.

    Raises
    ------
    InputError
        As `super_resolve`.
    """
    info = find_method(method, "super-resolve")
    prepared = contract.prepare_slide(slide, name)
    parts = parts_of(prepared, parse_factor(factor), spot_diameter)
    chosen = gene_columns(prepared, genes)
    n, k = len(parts.lattice.points), len(parts.offsets)
    filled = int(np.diff(prepared.adata.X.tocsc().indptr)[chosen].sum())
    values = (config or info.config()()).flat()
    seconds = 2.0 + _PER_VALUE * n * k * len(chosen)
    memory = 4e8 + 8.0 * min(n * k * len(chosen), BLOCK_VALUES) * 8 + 24.0 * filled * k
    if "hidden" in values:
        size = (values["hidden"] / 32) ** 2 * values["depth"] / 2
        passes = values["flow.starts"] + values["flow.draws"] * values["flow.steps"]
        seconds += _PER_TOKEN * filled * k * size * passes
        seen = min(prepared.adata.n_vars, values["sasa.genes"])
        fitted = min(n, values["sasa.spots"]) * seen
        seconds += _PER_EPOCH * fitted * values["sasa.training.steps"] + _PER_SEEN * n * seen
        memory += _BYTES_PER_SEEN * n * seen
        seconds += _PER_STEP * size * values["adapt.steps"] * bool(values["coarse_pair"])
    return SuperPreflight(
        _layout(parts.lattice.kind, parts.lattice.diameter is not None),
        n,
        k,
        len(chosen),
        seconds,
        memory,
        prepared.notes,
    )


def _layout(kind: str, are_round: bool) -> str:
    spots = "round spots" if are_round else "bins"
    where = {"square": "on a square grid", "hexagon": "on a hexagonal grid", "free": "on no grid"}
    return "square bins" if kind == "square" and not are_round else f"{spots} {where[kind]}"
