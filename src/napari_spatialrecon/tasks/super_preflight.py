"""Checks and estimates of a super-resolution run before it starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from napari_spatialrecon.durations import Span
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.registry import default_for
from napari_spatialrecon.methods.super_resolution.base import SuperResolution
from napari_spatialrecon.tasks.choosing import method_of
from napari_spatialrecon.tasks.memory import Need, need_of
from napari_spatialrecon.tasks.signal import missing, passed, signals
from napari_spatialrecon.tasks.super_resolving import gene_columns, parts_of, split_sizes
from napari_spatialrecon.tasks.timing import expected
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.tissue.subspots import parse_factor


@dataclass(frozen=True)
class SuperPreflight:
    """Checks and estimates of a run.

    Parameters
    ----------
    layout
        ``"square bins"``, ``"round spots on a hexagonal grid"`` and the like.
    spots, parts, genes
        With counts; parts of a spot; genes to split.
    seconds, memory_bytes
        Estimates, for an idle core.
    notes
        Messages for the user.
    time
        Range of seconds expected on this machine, now.
    plan
        What will be done, where that depends on the estimates.
    passed
        Checks that the slide passed, besides its numbers.
    memory
        The memory beside what is free, with a smaller way; None where nobody looked.
    """

    layout: str
    spots: int
    parts: int
    genes: int
    seconds: float
    memory_bytes: float
    notes: tuple[str, ...]
    time: Span
    plan: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    memory: Need | None = field(default=None, compare=False)  # what is free changes

    @property
    def summary(self) -> str:
        """One-line summary."""
        return (
            f"{self.spots:,} {self.layout}, {self.parts} parts each, {self.genes:,} genes: "
            f"{self.time.words}, {self.memory_bytes / 1e9:.1f} GB"
        )


@takes_spatialdata
def super_preflight(
    slide: Table,
    factor: str = "2x2",
    *,
    method: str = default_for("super-resolve"),
    config: Config | None = None,
    device: str = "auto",
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
    info = method_of(method, "super-resolve", config=config)
    prepared = contract.prepare_slide(slide, name)
    parts = parts_of(prepared, parse_factor(factor), spot_diameter)
    chosen = gene_columns(prepared, genes)
    sizes = split_sizes(prepared, parts, chosen)
    found = signals([prepared])
    splitting: SuperResolution = info.method()(config)
    estimate = splitting.estimate(sizes)
    return SuperPreflight(
        _layout(parts.lattice.kind, parts.lattice.diameter is not None),
        sizes.spots,
        sizes.parts,
        sizes.genes,
        estimate.seconds,
        estimate.memory_bytes,
        (*missing(found), *prepared.notes, *estimate.notes),
        expected(estimate, "super-resolve", info.name, device),
        estimate.plan,
        passed(found),
        need_of("super-resolve", info.name, estimate, lambda m: m.estimate(sizes)),
    )


def _layout(kind: str, are_round: bool) -> str:
    spots = "round spots" if are_round else "bins"
    where = {
        "square": "on a square grid",
        "hexagon": "on a hexagonal grid",
        "free": "without a grid",
    }
    return "square bins" if kind == "square" and not are_round else f"{spots} {where[kind]}"
