"""Shared steps of placement runs, up to a fitted method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from anndata import AnnData

from napari_spatialrecon import provenance
from napari_spatialrecon.errors import CheckpointError, InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.placement.base import PlacementMethod, PlacementSizes
from napari_spatialrecon.methods.registry import MethodInfo
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tasks import resuming
from napari_spatialrecon.tasks.belonging import unlike
from napari_spatialrecon.tasks.choosing import Trained, method_of, note_choice
from napari_spatialrecon.tasks.saved import Fitted
from napari_spatialrecon.tasks.signal import note_signals
from napari_spatialrecon.tasks.timing import timed
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.genes import match_genes
from napari_spatialrecon.tissue.needed_genes import needed_genes
from napari_spatialrecon.tissue.preprocess_config import LEAST_COUNTS
from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.training.device import choose_device


@dataclass(frozen=True)
class PlacingRun:
    """A run of `place`, `impute_locations` or `train`."""

    info: MethodInfo
    record: provenance.RunRecord
    reporter: Reporter
    folder: Path | None
    resume: bool

    def timed(
        self,
        slides: Sequence[contract.Prepared],
        cells: contract.Prepared,
        config: Config,
        device: str,
        model: PlacementMethod | None,
    ) -> AbstractContextManager[None]:
        """Return the context of fitting and placing; see `timing.timed`."""
        if model is not None or not slides:
            return nullcontext()
        shared = match_genes(
            [t.adata.var for t in (*slides, cells)], [t.name for t in (*slides, cells)]
        )
        sizes = PlacementSizes.of(slides, cells, len(shared.genes))
        estimate = self.info.method()(config).estimate(sizes)
        names = self.record.task, self.info.name
        return timed(self.reporter, estimate, *names, device, cost=lambda m: m.estimate(sizes))

    def fitted(
        self,
        slides: Sequence[contract.Prepared],
        cells: contract.Prepared | None,
        config: Config,
        device: str,
        model: PlacementMethod | None = None,
        **learning: Any,
    ) -> PlacementMethod:
        """Return the model given, or one trained on the slides, and note it in the record.

        `learning` holds arguments that only some methods' `fit` takes; None values are omitted.
        """
        record = self.record
        if pairs := learning.get("masks"):
            record.settings["masks"] = {
                slide.name: provenance.fingerprint(mask)
                for slide, mask in zip(slides, pairs, strict=True)
                if mask is not None
            }
        inputs = (*slides, *([cells] if cells is not None else []))
        record.inputs = {prepared.name: prepared.fingerprint() for prepared in inputs}
        record.device = str(choose_device(device))
        if model is not None:
            self._look(slides, cells)
            method = model
        elif not slides:
            raise InputError(
                "Expected at least one reference slide or a model, found neither.",
                remedy=f"Try {argument('references')} with a slide.",
            )
        else:
            chooser = self.info.method()(config)
            if self.folder is not None:
                asked = {
                    "method": self.info.name,
                    "seed": record.seed,
                    "config": chooser.config.to_dict(),
                    "inputs": record.inputs,
                    "masks": record.settings.get("masks"),
                    **_pixel_sizes(slides),
                }
                resuming.begin(self.folder, asked, resume=self.resume)
            extra = {name: value for name, value in learning.items() if value is not None}
            run = Run(record.seed, record.device, self.reporter, self.folder, self.resume)
            with run.resumable():
                self._look(slides, cells)
                method = chooser.fit(slides, cells, run, **extra)
            if self.info.selects:
                note_choice(record, chooser, method)
        method.to(record.device)
        record.config = method.config.to_dict()
        record.metrics |= {f"held_out_{k}": v for k, v in method.held_out.items()}
        return method

    def _look(self, slides: Sequence[contract.Prepared], cells: contract.Prepared | None) -> None:
        """Note the slides' pattern in space, and warn of cells that are unlike them."""
        note_signals(self.record, slides, self.reporter)
        if cells is not None and slides:
            self.reporter.check()
            self.reporter.warn(unlike(slides, cells))
            self.reporter.check()


def _pixel_sizes(slides: Sequence[contract.Prepared]) -> dict[str, dict[str, float]]:
    """Return the µm of slides in pixels, which a run cannot be resumed without knowing."""
    tables = {slide.name: slide.adata for slide in slides}
    pixels = {n: t for n, t in tables.items() if contract.unit(t) == "px"}
    sizes = {n: um for n, t in pixels.items() if (um := contract.um_per_unit(t)) is not None}
    return {"micrometres": sizes} if sizes else {}


def begin(
    task: str,
    verb: str,
    method: str,
    seed: int,
    folder: str | Path | None,
    resume: bool,
    progress: ProgressCallback | None,
    should_stop: ShouldStop | None,
    model: Trained | None = None,
    config: Config | None = None,
) -> PlacingRun:
    """Return a run of a task by a method that supports `verb`; see `method_of`."""
    info = method_of(method, verb, model, config)
    reporter = Reporter(progress, should_stop)
    return PlacingRun(
        info,
        provenance.RunRecord(task, info.name, {}, seed, history=reporter.history),
        reporter,
        None if folder is None else Path(folder),
        resume,
    )


def prepare_slides(
    references: Mapping[str, AnnData],
    config: Config | None = None,
    wanted: Sequence[np.ndarray | None] | None = None,
) -> list[contract.Prepared]:
    """Check reference slides and leave out spots with too few counts for training.

    Parameters
    ----------
    config
        Hyper-parameters of the method, of which ``preprocess.min_counts`` is heeded.
    wanted
        Of each slide, the genes whose counts are needed, as in `contract.prepare_slide`.

    Raises
    ------
    ValidationError
        Lists every problem of the first slide that has any.
    """
    preprocess = getattr(config, "preprocess", None)
    least = LEAST_COUNTS if preprocess is None else preprocess.min_counts
    setting = "" if preprocess is None else "preprocess.min_counts"
    return [
        contract.prepare_slide(slide, name, min_counts=least, genes=genes, setting=setting)
        for (name, slide), genes in zip(
            references.items(), wanted or [None] * len(references), strict=True
        )
    ]


def prepare_inputs(
    references: Mapping[str, AnnData],
    query: AnnData,
    query_name: str,
    config: Config | None = None,
    model: PlacementMethod | None = None,
) -> tuple[list[contract.Prepared], contract.Prepared]:
    """Check slides and cells together; of tables on disk, read the counts of shared genes only.

    Parameters
    ----------
    config
        As in `prepare_slides`.
    model
        Fitted method whose genes are needed, if there is one.

    Raises
    ------
    ValidationError
        Lists every problem of the first table that has any.
    """
    known = None if model is None else model.reference.space.genes
    *wanted, own = needed_genes([*references.values(), query], known)
    slides = prepare_slides(references, config, wanted)
    return slides, contract.prepare_query(query, query_name, genes=own)


def located(query: AnnData, landmarks: Landmarks) -> AnnData:
    """Return the landmark cells of a query as a slide.

    Raises
    ------
    InputError
        A landmark is not one of the cells.
    """
    landmarks.check_cells(query.n_obs)
    slide = query[landmarks.indices].copy()
    slide.obsm[SPATIAL] = landmarks.places
    return slide


def among(landmarks: Landmarks, cells: contract.Prepared) -> Landmarks:
    """Return the landmarks as rows of the prepared cells.

    Raises
    ------
    InputError
        A cell with a landmark has no counts.
    """
    row = np.cumsum(cells.kept) - 1
    lost = landmarks.indices[~cells.kept[landmarks.indices]]
    if len(lost):
        raise InputError(
            f"Expected landmarks on cells with counts, found {len(lost)} on empty cells "
            f"(row {lost[0]} of the query).",
            remedy="Try other cells.",
            where="landmarks",
        )
    return replace(landmarks, indices=row[landmarks.indices])


def loaded(info: MethodInfo, model: Trained | None) -> PlacementMethod | None:
    """Return a fitted method of `info`, read from disk if it is given as a folder.

    Raises
    ------
    CheckpointError
        It belongs to another method, is damaged or is newer.
    """
    if model is None:
        return None
    if isinstance(model, str | Path):
        read: PlacementMethod = info.method().load(model)
        return read
    method: Any = model.method if isinstance(model, Fitted) else model
    if method.name != info.name:
        raise CheckpointError(
            f"Expected a model of {info.name!r}, found one of {method.name!r}.",
            remedy=f"Try {argument('method', method.name)}.",
        )
    given: PlacementMethod = method
    return given


def display_number(names: Sequence[str], display: str | None) -> int:
    """Return the index of the display reference: the first by default.

    Raises
    ------
    InputError
        No reference has that name.
    """
    if display is None:
        return 0
    if display not in names:
        raise InputError(
            f"Expected the name of a reference slide, found {display!r}.",
            remedy=f"Try one of {', '.join(names)}.",
        )
    return names.index(display)
