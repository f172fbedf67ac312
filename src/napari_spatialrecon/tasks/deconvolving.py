"""Deconvolution: estimating the cell types in each spot of a slide."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from napari_spatialrecon import provenance
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.mixtures.base import (
    CellTypes,
    Mixture,
    MixtureMethod,
    MixtureSizes,
    read_types,
)
from napari_spatialrecon.methods.registry import default_for
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tasks.choosing import method_of, note_choice
from napari_spatialrecon.tasks.configs import Settings, chosen_config
from napari_spatialrecon.tasks.known_shares import shares_of_spots
from napari_spatialrecon.tasks.mixture_intervals import Certainty, certainty, whole_cost
from napari_spatialrecon.tasks.mixture_trust import (
    marker_support,
    mixture_warnings,
    support_table,
)
from napari_spatialrecon.tasks.reference_check import label_warning, likeness
from napari_spatialrecon.tasks.signal import note_signals
from napari_spatialrecon.tasks.timing import timed
from napari_spatialrecon.tasks.verdicts import mixture_verdict
from napari_spatialrecon.tasks.writing import write_result
from napari_spatialrecon.tissue import contract, slots
from napari_spatialrecon.tissue.micrometres import scale_slots
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.tissue.sdata.source import carried
from napari_spatialrecon.training.device import choose_device


@dataclass(frozen=True)
class MixtureResult:
    """What `deconvolve` returns.

    Parameters
    ----------
    adata
        The slide's spots with ``obsm["proportions"]``, the bounds of their 90% intervals in
        ``obsm["proportions_lower"]`` and ``["proportions_upper"]`` where they could be calibrated,
        and ``obsm["mapping"]`` for methods that map cells.
    proportions
        Proportions with one row per spot and one column per type; rows sum to 1. Empty spots get
        the reference's proportions. ``adata.obsm["proportions"]`` is the same with "_" for the "/"
        of a name, which no file can hold.
    method
        The fitted method; its ``history`` holds the losses.
    record
        The run: ``record.write("run.json")``.
    notes
        Messages for the user.
    """

    adata: AnnData
    proportions: pd.DataFrame
    method: MixtureMethod
    record: provenance.RunRecord
    notes: tuple[str, ...] = field(default=())

    @property
    def markers(self) -> pd.DataFrame:
        """How marker genes bear out each type, the most frequent first.

        ``share`` of the tissue; ``agreement``, Spearman's correlation over the spots of the type's
        share with its ``markers``; ``expressed``, their expression over what the shares lead one to
        expect (both NaN without markers); ``shared``, whether other types express them as well. The
        run saw these genes: a low value is a warning, a high one no proof.
        """
        found: pd.DataFrame = self.adata.uns[slots.OURS][slots.MARKERS]
        return found

    @property
    def verdict(self) -> str:
        """What most of the tissue is, and what speaks against it."""
        types = self.adata.uns[slots.OURS]["types"]
        shares = self.proportions.to_numpy()
        names, record = [str(name) for name in types], self.record
        return mixture_verdict(shares, names, record.warnings, record.metrics).text

    def write(self, path: str | Path, *, add: bool = False) -> tuple[Path, Path]:
        """Write the spots as h5ad or SpatialData zarr, the record beside it; return both paths.

        `add` adds them to the SpatialData zarr in `path`. A zarr holds all of the SpatialData that
        the task was given as well.
        """
        return write_result(path, self.adata, self.record, add=add)


@takes_spatialdata
def deconvolve(
    slide: Table,
    reference: Table,
    labels: str,
    *,
    method: str = default_for("deconvolve"),
    config: Config | None = None,
    settings: Settings | None = None,
    prior: pd.DataFrame | None = None,
    seed: int = 0,
    device: str = "auto",
    slide_name: str = "slide",
    reference_name: str = "reference",
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> MixtureResult:
    """Estimate the proportions of cell types in each spot.

    Parameters
    ----------
    slide
        Counts of spots and ``obsm["spatial"]``, (n, 2) as (x, y).
    reference
        Counts of cells.
    labels
        Column of ``reference.obs`` that names each cell's type. Cells without a label are not used
        as a type.
    method
        See ``spatialrecon methods``.
    config
        Hyper-parameters of the method; the quick preset if None.
    settings
        Single values over `config` (or over the quick preset), such as ``{"members": 2}``.
    prior
        Known shares, or whole numbers of cells: spots by name, types
        as columns. Missing spots or types get the reference's shares.
    seed
        Seed; the same seed on the same machine gives the same bytes.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    slide_name, reference_name
        Names of the inputs in messages, in the record and in the result.
    progress, should_stop
        Receives a `Progress` about ten times a second; returns True to stop within a step.

    Returns
    -------
    MixtureResult
        `proportions` holds the shares of each spot, `verdict` what speaks against them.

    Raises
    ------
    ValidationError
        Lists every problem of the inputs, or they share no gene.
    InputError
        The reference has no such column, or `prior` is not shares.
    Stopped
        `should_stop` returned True.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> made = sr.simulate("cortex", preset="tiny")
    >>> result = sr.deconvolve(made.slides[0], made.cells, "cell_type", method="nnls")
    >>> shares = result.proportions  # (n_spots, n_types)
    >>> bool((abs(shares.sum(axis=1) - 1) < 1e-4).all())
    True
    """
    info = method_of(method, "deconvolve", config=config)
    record = provenance.RunRecord("deconvolve", info.name, {}, seed, str(choose_device(device)))
    spots = contract.prepare_slide(slide, slide_name)
    cells = contract.prepare_query(reference, reference_name)
    types = read_types(cells.adata, labels, reference_name)
    chosen: MixtureMethod = info.method()(chosen_config(info, config, settings))
    known = None if prior is None else shares_of_spots(prior, slide, types)[spots.kept]
    run = Run(seed, record.device, Reporter(progress, should_stop))
    record.history = run.reporter.history
    sizes = MixtureSizes.of(spots, cells, types)
    cost = partial(whole_cost, sizes=sizes, selects=info.selects)
    before = (
        *likeness(spots, cells).warning(slide_name, reference_name),
        *label_warning(cells, types, labels),
    )
    run.reporter.warn(before)
    note_signals(record, [spots], run.reporter)
    with timed(run.reporter, cost(chosen), record.task, info.name, record.device, cost=cost):
        mixture = chosen.deconvolve(spots, cells, types, run, prior=known)
        if info.selects:
            chooser: Any = chosen
            chosen = chooser.kept
            note_choice(record, chooser, chosen)
        certain = certainty(mixture, chosen, spots, cells, types, run, has_prior=known is not None)
    record.config = chosen.config.to_dict()
    record.inputs = {t.name: t.fingerprint() for t in (spots, cells)}
    record.settings["labels"] = labels
    support = marker_support(spots, cells, types, mixture.proportions)
    warnings, numbers = mixture_warnings(types, mixture.proportions, support)
    record.metrics |= {**mixture.diagnostics, **numbers, **certain.metrics}
    record.warnings = [*before, *warnings, *certain.warnings, *record.warnings]
    record.notes = [*spots.notes, *cells.notes, *types.notes, *mixture.notes, *certain.notes]
    if not spots.kept.all():
        record.notes.append(
            f"{slide_name}: {int((~spots.kept).sum()):,} empty spots got the proportions of the "
            "reference, since they have no counts."
        )
    adata, table = _annotated(slide, spots, reference, cells, types, mixture, certain, record)
    markers = support_table(types.names, mixture.proportions, support)
    adata.uns[slots.OURS][slots.MARKERS] = markers
    return MixtureResult(adata, table, chosen, record, tuple(record.notes))


def _annotated(
    slide: AnnData,
    spots: contract.Prepared,
    reference: AnnData,
    cells: contract.Prepared,
    types: CellTypes,
    mixture: Mixture,
    certain: Certainty,
    record: provenance.RunRecord,
) -> tuple[AnnData, pd.DataFrame]:
    columns = _columns(types.names)

    def table_of(found: NDArray[np.float64], empty: NDArray[np.float64] | float) -> pd.DataFrame:
        values = np.broadcast_to(empty, (slide.n_obs, len(columns))).copy()
        values[spots.kept] = found
        return pd.DataFrame(values, index=slide.obs_names, columns=columns)

    table = table_of(mixture.proportions, types.shares)
    adata = slide.copy()
    for key in (slots.LOWER, slots.UPPER):
        adata.obsm.pop(key, None)  # of an earlier run on this table
    adata.obsm[slots.PROPORTIONS] = table
    if certain.lower is not None and certain.upper is not None:
        adata.obsm[slots.LOWER] = table_of(certain.lower, 0.0)
        adata.obsm[slots.UPPER] = table_of(certain.upper, 1.0)
    own = {
        **scale_slots(contract.unit(slide), contract.um_per_unit(slide)),
        "provenance": json.dumps(record.provenance(), sort_keys=True),
        "labels": record.settings["labels"],
        "types": np.array(types.names, dtype=object),
        **carried(slide),
    }
    if mixture.mapping is not None:
        adata.obsm[slots.MAPPING] = _whole(mixture.mapping, spots.kept, cells.kept)
        own["mapping_cells"] = np.array(reference.obs_names, dtype=object)
    adata.uns[slots.OURS] = own
    return adata, table.set_axis(list(types.names), axis=1)


def _columns(names: Sequence[str]) -> list[str]:
    """Return names that can be columns in HDF5, which reads "/" as a folder; each once."""
    found: list[str] = []
    for name in names:
        column = name.replace("/", "_")
        while column in found:
            column += "_"
        found.append(column)
    return found


def _whole(
    mapping: sparse.csr_matrix, spots: NDArray[np.bool_], cells: NDArray[np.bool_]
) -> sparse.csr_matrix:
    """Return the mapping with the rows and columns of the inputs; left-out ones are empty."""
    found = mapping.tocoo()
    index = (np.flatnonzero(spots)[found.row], np.flatnonzero(cells)[found.col])
    return sparse.csr_matrix((found.data, index), shape=(len(spots), len(cells)))
