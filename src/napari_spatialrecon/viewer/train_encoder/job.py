"""One run of Train encoder, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.legacy import read_record
from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.viewer.task.job import Input, Job, Line, Outcome, Script
from napari_spatialrecon.viewer.task.script import reading, reading_many
from napari_spatialrecon.viewer.workspace.tables import Table

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.methods.encoders.base import EncoderMethod
    from napari_spatialrecon.methods.encoders.mixing import Mixing
    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.tasks.preflight import Preflight

MIXED = 0.15
"""Source predictability above chance from which sources count as separated."""


@dataclass(frozen=True)
class Trained(Outcome):
    """A trained encoder; the table holds all profiles before and after encoding."""

    method: EncoderMethod

    @property
    def n_sources(self) -> int:
        """Number of slides and tables of cells."""
        return len(self.adata.obs["source"].cat.categories)

    @property
    def summary(self) -> str:
        """Number of profiles, run time, and whether their sources are mixed."""
        n = f"{self.adata.n_obs:,} profiles of {self.n_sources} sources embedded{self.time}."
        before, after = self.method.before, self.method.after
        if before is None or after is None:
            return f"{n} With a single source there is nothing to mix."
        return f"{n} {self._words(before, after)}"

    def _words(self, before: Mixing, after: Mixing) -> str:
        if after.probe > 1 / self.n_sources + MIXED:
            return "Sources are still separated: cell types may differ, or training was short."
        if before.probe <= 1 / self.n_sources + MIXED:
            return "Sources were already mixed before encoding, and still are."
        return "Sources that were separated are now mixed."

    @property
    def doubtful(self) -> bool:
        """Whether sources are still separated, or the embedding has collapsed."""
        after = self.method.after
        apart = after is not None and after.probe > 1 / self.n_sources + MIXED
        return apart or any("collapsed" in note for note in self.method.notes)

    def facts(self) -> list[Line]:
        """Return the three measures of mixing, before and after, and the notes."""
        before, after = self.method.before, self.method.after
        measures = [] if before is None or after is None else self._measures(before, after)
        return [*measures, *super().facts()]

    def _measures(self, before: Mixing, after: Mixing) -> list[Line]:
        chance = 1 / self.n_sources
        probe = (
            f"Neighbors predict the source of {before.probe:.0%} before, {after.probe:.0%} after"
        )
        tone = "warning" if after.probe > chance + MIXED else "good"
        return [
            (tone, f"{probe} (chance {chance:.0%}: no trace of the source)."),
            ("quiet", f"Domain mixing {before.entropy:.2f} → {after.entropy:.2f} (1 is ideal)."),
            ("quiet", f"iLISI {before.ilisi:.2f} → {after.ilisi:.2f} (1 is ideal)."),
        ]

    def write(self, path: str | Path) -> tuple[Path, ...]:
        """Write the encoder's folder with the record of the run in it; return the folder."""
        from napari_spatialrecon.tasks.writing import write_model

        folder, _ = write_model(path, self.method, self.record)
        return (folder,)


@dataclass(frozen=True, kw_only=True)
class EncoderJob(Job):
    """A run of Train encoder."""

    references: tuple[Table, ...]
    query: Table | None = None

    verb = "train-encoder"
    out = "encoder"
    repeated = ("reference",)
    outcome_class = Trained

    def __call__(self, progress: ProgressCallback, should_stop: ShouldStop) -> Trained:
        """Train the encoder."""
        from napari_spatialrecon.tasks.encoding import train_encoder

        result = train_encoder(
            self._slides(),
            None if self.query is None else self.query.adata,
            method=self.method,
            config=self.config,
            seed=self.seed,
            device=self.device,
            folder=self.folder,
            resume=self.resume,
            query_name=self._query_name(),
            progress=progress,
            should_stop=should_stop,
        )
        result.record.settings |= self.settings()
        return Trained(result.adata, result.record.to_dict(), result.encoder)

    @property
    def title(self) -> str:
        """What is being done."""
        return "Training an encoder"

    @property
    def result_name(self) -> str:
        """The sources."""
        return f"encoder of {', '.join(table.name for _, table in self.inputs())}"

    def inputs(self) -> list[tuple[str, Input]]:
        """Return slides and cells."""
        slides: list[tuple[str, Input]] = [("reference", table) for table in self.references]
        return [*slides, *([] if self.query is None else [("query", self.query)])]

    def preflight(self) -> Preflight:
        """Check the inputs and estimate the run."""
        from napari_spatialrecon.methods.encoders.base import ProfileSizes
        from napari_spatialrecon.tasks.encoding import prepare_profiles
        from napari_spatialrecon.tasks.preflight import Preflight
        from napari_spatialrecon.tasks.timing import expected
        from napari_spatialrecon.tissue.genes import match_genes

        query = None if self.query is None else self.query.adata
        tables = prepare_profiles(self._slides(), query, self._query_name())
        match = match_genes([t.adata.var for t in tables], [t.name for t in tables])
        sizes = [table.adata.n_obs for table in tables]
        cells = 0 if query is None else sizes[-1]
        method = find_method(self.method, self.verb).method()(self.config)
        cost = method.estimate(ProfileSizes(sum(sizes), len(match.genes)))
        return Preflight(
            genes=len(match.genes),
            spots=sum(sizes) - cells,
            cells=cells,
            notes=tuple(note for table in tables for note in table.notes),
            warnings=tuple(match.notes),
            seconds=cost.seconds,
            memory_bytes=cost.memory_bytes,
            time=expected(cost, self.verb, self.method, self.device),
        )

    def script(self) -> Script:
        """Return the call of `train_encoder`."""
        lines = reading_many("slides", self.references)
        if self.query is None:
            return Script("sr.train_encoder", ["slides"], lines)
        lines += reading({"cells": self.query})
        return Script("sr.train_encoder", ["slides", "cells"], lines)

    def outcome(self, out: Path) -> Trained:
        """Read the encoder that the command line wrote to `out`, and encode all profiles."""
        from napari_spatialrecon.tasks.encoder_choice import load_encoder
        from napari_spatialrecon.tasks.encoding import embedded, prepare_profiles

        encoder = load_encoder(out)
        record = read_record(out / "run.json")
        record["settings"] |= self.settings()
        query = None if self.query is None else self.query.adata
        tables = prepare_profiles(self._slides(), query, self._query_name())
        return Trained(embedded(encoder, tables), record, encoder)

    def _slides(self) -> dict[str, AnnData]:
        return {table.name: table.adata for table in self.references}

    def _query_name(self) -> str:
        return "query" if self.query is None else self.query.name


@dataclass(frozen=True)
class Scatter:
    """Profiles before and after an encoder, as points of a plot.

    Parameters
    ----------
    rows : (n,) int
        Rows of the outcome's table.
    before, after : (n, 2) float
    way
        ``"pca"`` or ``"umap"``.
    """

    rows: np.ndarray
    before: np.ndarray
    after: np.ndarray
    way: str


@dataclass(frozen=True)
class Flatten:
    """The work of an embedding plot, for `Run`."""

    outcome: Trained
    way: str

    def __call__(self, progress: ProgressCallback, should_stop: ShouldStop) -> Scatter:
        """Embed the profiles in two dimensions."""
        from napari_spatialrecon.tasks.encoding import flattened

        seed = int(self.outcome.record.get("seed", 0))
        return Scatter(*flattened(self.outcome.adata, way=self.way, seed=seed), way=self.way)
