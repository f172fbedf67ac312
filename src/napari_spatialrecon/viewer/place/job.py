"""One run of Place cells: its inputs, fixed when Run was pressed, and its outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.registry import baseline_for, find_method
from napari_spatialrecon.tissue.formats.naming import numbered, table_name
from napari_spatialrecon.viewer.place.diagnostics import with_communities
from napari_spatialrecon.viewer.task.job import Figure, Input, Job, Line, Outcome, Script
from napari_spatialrecon.viewer.task.script import (
    file_of,
    reading,
    reading_many,
)
from napari_spatialrecon.viewer.workspace.tables import Model, Picture, Table

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.methods.placement.base import PlacementMethod
    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.tasks.preflight import Preflight
    from napari_spatialrecon.tissue.images import Histology

_OWN = (
    "Median distance of held-out spots from their true places: spots of the reference that the "
    "method did not see. Cells of another experiment may lie further off."
)
_CENTER = "The same if every spot were put at the tissue's center: what is known without expression"
SLIGHT_OVERLAP = 0.7
"""With less overlap of outlines than this, the registration of two H&E images is doubtful."""


@dataclass(frozen=True)
class Placed(Outcome):
    """Placed cells."""

    method: PlacementMethod | None = field(default=None, repr=False)

    @classmethod
    def of(cls, adata: AnnData, record: Mapping[str, Any], image: Histology | None = None) -> Self:
        """Return the outcome of a run from its table and record, with its communities."""
        return cls(with_communities(adata), record)

    @property
    def held_out(self) -> dict[str, float]:
        """Errors on held-out spots, as in `FittedPlacement.held_out`, as far as they are known."""
        from napari_spatialrecon.tasks.verdicts import held_out_errors

        return held_out_errors(self.record)

    @property
    def doubtful(self) -> bool:
        """Whether the baseline did as well on the held-out spots, or neither says much."""
        from napari_spatialrecon.tasks.verdicts import placement_verdict

        return super().doubtful or placement_verdict(self.held_out).doubtful

    @property
    def verdict(self) -> str:
        """Median error on held-out spots, beside the baseline's and the tissue's center."""
        from napari_spatialrecon.tasks.stated import stated_words
        from napari_spatialrecon.tasks.verdicts import placement_verdict

        stated = stated_words(self.record.get("metrics", {}))
        return " ".join(filter(None, [placement_verdict(self.held_out).text, stated]))

    @property
    def summary(self) -> str:
        """Number of placed cells, run time, and the verdict."""
        return f"{self.adata.n_obs:,} cells placed{self.time}. {self.verdict}"

    @property
    def better(self) -> str:
        """Name of the baseline if the method did not do better on held-out spots."""
        from napari_spatialrecon.methods.placement.yardsticks import beats_baseline

        errors, baseline = self.held_out, baseline_for("place").name
        measured = "method" in errors and "baseline" in errors
        lost = measured and self.record.get("method") != baseline and not beats_baseline(errors)
        return baseline if lost else ""

    def figures(self) -> list[Figure]:
        """Return the errors on held-out spots in µm: of the method, the baseline, the center."""
        errors, baseline = self.held_out, baseline_for("place").title.partition(" (")[0]
        own = errors.get("method_um", errors.get("baseline_um"))
        if own is None:
            return []
        shown = [(f"{own:,.0f} µm", _OWN)]
        if "method_um" in errors and "baseline_um" in errors:
            text = f"{baseline} {errors['baseline_um']:,.0f} µm"
            shown.append((text, f"The same for {baseline}, the baseline, on the same spots"))
        if "center_um" in errors:
            shown.append((f"center {errors['center_um']:,.0f} µm", _CENTER))
        return shown

    @property
    def pose(self) -> tuple[str, bool]:
        """Summary of the registration to another H&E, and whether it is unreliable."""
        overlap = self.record.get("metrics", {}).get("registration_overlap")
        if overlap is None:
            return "", False
        target = self.record.get("settings", {}).get("registered_to", "the other")
        text = f"Registered to {target} by the two images alone: outlines overlap {overlap:.0%}."
        return text, overlap < SLIGHT_OVERLAP

    def facts(self) -> list[Line]:
        """Return how the result was registered, its reliability and the notes."""
        from napari_spatialrecon.tasks.placement_trust import diagnostics

        text, doubtful = self.pose
        pose: list[Line] = [("warning" if doubtful else "good", text)] if text else []
        return [*pose, *diagnostics(self.adata), *super().facts()]


@dataclass(frozen=True, kw_only=True)
class PlaceJob(Job):
    """A run of Place cells.

    Parameters
    ----------
    display
        Name of the reference whose frame the result has, unless `onto` is given.
    onto
        H&E image to register the result to; its slide is not used for training.
    encoder
        A trained encoder that gives the method its input.
    model
        Folder of a saved model, with its own settings, to use instead of training.
    """

    references: tuple[Table, ...]
    query: Table
    display: str | None = None
    onto: Table | Picture | None = None
    encoder: Model | None = None
    model: Path | None = None

    verb = "place"
    out = "placed.h5ad"
    repeated = ("reference",)
    outcome_class = Placed

    def __call__(self, progress: ProgressCallback, should_stop: ShouldStop) -> Placed:
        """Place the cells."""
        from napari_spatialrecon.tasks.placing import place

        result = place(
            {table.name: table.adata for table in self.references},
            self.query.adata,
            method=self.method,
            config=self.config,
            seed=self.seed,
            device=self.device,
            display=self.display,
            register_to=self._target(),
            encoder=None if self.encoder is None else self.encoder.model,
            model=self.model,
            folder=self.folder,
            resume=self.resume,
            query_name=self.query.name,
            progress=progress,
            should_stop=should_stop,
        )
        result.record.settings |= self.settings()
        adata = with_communities(result.adata, should_stop)
        return Placed(adata, result.record.to_dict(), result.method)

    @property
    def title(self) -> str:
        """What is being done."""
        return f"Placing {self.query.name}"

    @property
    def result_name(self) -> str:
        """The cells and the method."""
        return f"{self.query.name} · {find_method(self.method, self.verb).title}"

    def preflight(self) -> Preflight:
        """Check the inputs and estimate the run, without running it.

        Modules needed at the end of a run are imported now, since importing blocks the window.
        """
        import napari_spatialrecon.tasks.communities
        import napari_spatialrecon.tasks.placing  # noqa: F401
        from napari_spatialrecon.methods.method import Estimate
        from napari_spatialrecon.tasks.preflight import preflight
        from napari_spatialrecon.tasks.timing import expected

        found = preflight(
            {table.name: table.adata for table in self.references},
            self.query.adata,
            method=self.method,
            config=self.config,
            device=self.device,
            query_name=self.query.name,
        )
        if self.model is None:
            return found
        self._check_model(self.model)
        cost = Estimate(1.0 + 1e-7 * found.spots * found.cells, found.memory_bytes)
        time = expected(cost, self.verb, f"saved {self.method}", self.device)
        return replace(found, seconds=cost.seconds, time=time, plan=())

    def validated(self) -> dict[str, Any]:
        """Return slides and cells; a model or an encoder that has seen the slides is refused."""
        if self.model is not None or self.encoder is not None:
            what = "a saved model" if self.model is not None else "a trained encoder"
            raise InputError(
                f"Expected a method that is trained without what is held out, found {what}.",
                remedy="Try to train a new model, without an encoder of your own.",
            )
        slides = {table.name: table.adata for table in self.references}
        return {"references": slides, "query": self.query.adata}

    def _check_model(self, folder: Path) -> None:
        """Load the model, and find the slide in whose frame the result will lie."""
        from napari_spatialrecon.tasks.model import load

        known = load(folder).method.reference.names
        if self.shown().name not in known:
            raise InputError(
                f"Expected, under Histology, a slide that the saved model was trained on "
                f"({', '.join(known)}), found {self.shown().name}.",
                remedy="Try opening that slide, or train a new model.",
            )

    def changes(self) -> dict[str, Any]:
        """Return the settings that differ from the preset; a saved model has its own."""
        return super().changes() if self.model is None else {}

    def settings(self) -> dict[str, Any]:
        """Return the settings that a record keeps besides the config."""
        used = {} if self.model is None else {"model": str(self.model)}
        return {**super().settings(), **used}

    def inputs(self) -> list[tuple[str, Input]]:
        """Return references, cells, the other H&E and the encoder."""
        tables: list[tuple[str, Input]] = [("reference", table) for table in self.references]
        tables.append(("query", self.query))
        others = (("onto", self.onto), ("encoder", self.encoder))
        return [*tables, *((option, other) for option, other in others if other is not None)]

    def options(self, path: Callable[[Input], Path]) -> list[str]:
        """Return the options for the reference whose frame the result has, and the saved model."""
        saved = [] if self.model is None else ["--model", str(self.model)]
        if len(self.references) == 1:
            return saved
        names = numbered([table_name(path(table)) for table in self.references])
        return [*saved, "--display", names[self.references.index(self.shown())]]

    def script(self) -> Script:
        """Return the call of `place`."""
        arguments = ["slides", "cells", f"display={self.shown().name!r}"]
        if self.model is not None:
            arguments.append(f"model={str(self.model)!r}")
        if self.encoder is not None:
            arguments.append(f"encoder={str(file_of(self.encoder))!r}")
        lines = [*reading_many("slides", self.references), *reading({"cells": self.query})]
        if self.onto is None:
            return Script("sr.place", arguments, lines)
        lines += reading({"target": self.onto})
        return Script("sr.place", [*arguments, "register_to=target"], lines)

    def shown(self) -> Table:
        """Return the reference whose frame the result has before registration."""
        return next((t for t in self.references if t.name == self.display), self.references[0])

    def _target(self) -> AnnData | None:
        """Return the slide to whose H&E the result is registered."""
        if self.onto is None:
            return None
        return (self.onto.table() if isinstance(self.onto, Picture) else self.onto).adata


def hidden_error(outcome: Placed, truth: AnnData) -> float | None:
    """Return the median distance of placed cells from their true positions, in µm.

    Parameters
    ----------
    truth
        The same cells by name, with coordinates in the frame of the result. The run did not
        read them.

    Returns
    -------
    None if no cell is among them or the unit is unknown.
    """
    from napari_spatialrecon.tissue import contract

    scale = contract.um_per_unit(truth)
    rows = truth.obs_names.get_indexer(outcome.adata.obs_names)
    if scale is None or not (rows >= 0).any():
        return None
    placed = contract.coordinates(outcome.adata)[rows >= 0]
    off = placed - contract.coordinates(truth)[rows[rows >= 0]]
    return float(np.median(np.linalg.norm(off, axis=1))) * scale
