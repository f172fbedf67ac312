"""Imputation of genes not measured on a slide, from a reference of dissociated cells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from napari_spatialrecon import provenance
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.genes.base import GeneMethod, GeneSizes
from napari_spatialrecon.methods.genes.inputs import log_normalised
from napari_spatialrecon.methods.registry import default_for
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tasks.asked_genes import Asked
from napari_spatialrecon.tasks.choosing import method_of, note_choice
from napari_spatialrecon.tasks.configs import Settings, chosen_config
from napari_spatialrecon.tasks.gene_certainty import GeneCertainty, gene_certainty, whole_cost
from napari_spatialrecon.tasks.gene_check import correlation, hidden_truth, names_of, without
from napari_spatialrecon.tasks.gene_report import draw_run
from napari_spatialrecon.tasks.gene_result import GeneResult
from napari_spatialrecon.tasks.gene_table import GeneTable, MemoryTable, table_on_disk
from napari_spatialrecon.tasks.reference_check import likeness
from napari_spatialrecon.tasks.signal import note_signals
from napari_spatialrecon.tasks.timing import timed
from napari_spatialrecon.tasks.writing import record_beside
from napari_spatialrecon.tissue import contract, slots
from napari_spatialrecon.tissue.micrometres import scale_slots
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.tissue.sdata.source import carried
from napari_spatialrecon.training.device import choose_device

#: Measured genes that are copied at a time.
_BLOCK = 256
#: Number of hidden genes whose correlation a note names.
_SHOWN = 6
#: Number of neighbouring spots whose mean an empty spot gets.
_LENDERS = 8


@takes_spatialdata
def impute_genes(
    slide: Table,
    reference: Table,
    genes: Sequence[str] | str,
    *,
    method: str = default_for("impute-genes"),
    config: Config | None = None,
    settings: Settings | None = None,
    seed: int = 0,
    device: str = "auto",
    hide: Sequence[str] = (),
    out: str | Path | None = None,
    slide_name: str = "slide",
    reference_name: str = "reference",
    recorded: Mapping[str, Any] | None = None,
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> GeneResult:
    """Impute genes that were measured in the reference but not on the slide.

    Parameters
    ----------
    slide
        Counts (or logarithms, or in-situ intensities) and ``obsm["spatial"]``, (n, 2) as (x, y).
    reference
        Cells: counts or logarithms of many genes.
    genes
        Names; or "missing": all that the slide lacks. A gene that the slide measured is kept as
        measured.
    config
        Hyper-parameters of the method; the quick preset if None.
    settings
        Single values over `config` (or over the quick preset), such as ``{"members": 2}``.
    hide
        Genes of the slide to hide from the method and impute as well, to compare with the
        measurement.
    out
        Write block by block to this h5ad or zarr, so that the maps are never all in memory.
    recorded
        What the record keeps besides the config, such as the command.
    method
        See ``spatialrecon methods``.
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
    GeneResult
        ``adata`` has a row for each spot and a column for each gene: log-normalized values, the
        expected correlation in ``var["reliability"]``, the spread in ``layers["imputed_std"]``.

    Raises
    ------
    ValidationError
        Lists every problem of the inputs, or they share no gene.
    InputError
        The reference lacks an asked gene.
    Stopped
        `should_stop` returned True; no partial file is left.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> made = sr.simulate("cortex", preset="tiny")
    >>> genes = list(made.slides[0].var_names[:3])
    >>> result = sr.impute_genes(made.slides[0], made.cells, genes, hide=genes, method="knn")
    >>> result.adata.shape == (made.slides[0].n_obs, 3)
    True
    """
    info = method_of(method, "impute-genes", config=config)
    reporter = Reporter(progress, should_stop)
    measured, slide = slide, without(slide, hide, slide_name)
    if not isinstance(genes, str):
        genes = [*genes, *(name for name in hide if name not in set(genes))]
    hidden = names_of(measured, hide, slide_name) if hide else None
    spots = contract.prepare_slide(slide, slide_name, counts_needed=False)
    cells = contract.prepare_query(reference, reference_name, counts_needed=False)
    asked = Asked.sort(genes, spots, cells, hidden)
    record = provenance.RunRecord("impute-genes", info.name, {}, seed, str(choose_device(device)))
    record.inputs = {t.name: t.fingerprint() for t in (spots, cells)}
    record.history = reporter.history
    chosen: GeneMethod = info.method()(chosen_config(info, config, settings))
    sizes = GeneSizes.of(spots, cells, len(asked.imputed))
    cost = partial(whole_cost, sizes=sizes, selects=info.selects)
    estimate = cost(chosen)
    note_signals(record, [spots], reporter)
    unlike = likeness(spots, cells).warning(slide_name, reference_name)
    reporter.warn(unlike)
    record.warnings += unlike
    with ExitStack() as stack:
        names = record.task, info.name, record.device
        stack.enter_context(timed(reporter, estimate, *names, cost=cost))
        run = Run(seed, record.device, reporter)
        fitted = chosen.fit(spots, cells, run)
        certain = gene_certainty(chosen, fitted, spots, cells, run)
        if info.selects:
            note_choice(record, chosen, fitted)
        record.config = fitted.config.to_dict()
        record.notes = [*spots.notes, *cells.notes, *fitted.notes, *asked.notes, *certain.notes]
        record.warnings += certain.warnings
        report = fitted.report()
        record.settings |= {**(recorded or {}), "report": report}
        own = {k: v for k, v in report.items() if isinstance(v, float)}
        record.metrics |= {**certain.metrics, **own}
        if not spots.kept.all():
            record.notes.append(
                f"{slide_name}: {int((~spots.kept).sum()):,} empty spots got the mean of the "
                f"{_LENDERS} nearest others."
            )
        whole = _Spots(contract.coordinates(slide), spots.kept)
        table: GeneTable = MemoryTable(slide.n_obs, len(asked.names))
        keep = None
        if out is not None:
            keep = stack.enter_context(record_beside(out))
            table = stack.enter_context(table_on_disk(Path(out), slide.n_obs, len(asked.names)))
        checked = {} if hidden is None else asked.positions(hidden, hide)
        reliability, maps = _fill(table, asked, fitted, certain, spots, whole, reporter, checked)
        _judge(pd.DataFrame(maps, index=spots.adata.obs_names), measured, record, slide_name)
        var = asked.var(reliability)
        header = _header(slide, spots, var, record)
        adata = table.finish(header)
        if keep is not None:
            keep(record)
    path = None if out is None else Path(out)
    picture = None if path is None else draw_run(record.settings, path)
    return GeneResult(adata, path, var, fitted, record, tuple(record.notes), picture)


@dataclass(frozen=True)
class _Spots:
    """All spots of a slide, of which only those with values were imputed."""

    places: NDArray[np.float64]
    kept: NDArray[np.bool_]

    def spread(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values for all spots: empty ones get the mean of the nearest others."""
        if self.kept.all():
            return values
        whole = np.zeros((len(self.kept), values.shape[1]), np.float32)
        whole[self.kept] = values
        near, _ = nearest(self.places[self.kept], _LENDERS, queries=self.places[~self.kept])
        whole[~self.kept] = values[near].mean(axis=1)
        return whole


def _fill(
    table: GeneTable,
    asked: Asked,
    fitted: GeneMethod,
    certain: GeneCertainty,
    spots: contract.Prepared,
    whole: _Spots,
    reporter: Reporter,
    hidden: Mapping[int, str],
) -> tuple[NDArray[np.float64], dict[str, np.ndarray]]:
    """Write the asked genes, measured ones first.

    Returns
    -------
    reliability : (n_genes,)
        NaN if unknown.
    maps : by name, (n_kept,)
        Of the genes in `hidden`, whose columns it names, in the spots that have counts.
    """
    reliability = np.full(len(asked.names), np.nan)
    for columns, kept in _measured(asked, spots):
        reporter.check()
        table.put(columns, whole.spread(kept), None)
    waiting = list(asked.imputed)
    if not waiting:
        return reliability, {}
    maps: dict[str, np.ndarray] = {}
    for block in fitted.impute(list(asked.imputed.values()), reporter=reporter):
        columns, waiting = waiting[: len(block.genes)], waiting[len(block.genes) :]
        stated = block.spread if certain.keeps_own else None
        if certain.errors is not None:
            stated = certain.errors.spread(block.values)
        spread = None if stated is None else whole.spread(stated)
        table.put(columns, whole.spread(block.values), spread)
        asked_back = [(at, hidden[column]) for at, column in enumerate(columns) if column in hidden]
        maps |= {gene: np.array(block.values[:, at], float) for at, gene in asked_back}
        if block.reliability is not None:
            reliability[columns] = block.reliability
    assert not waiting, "the method left genes out"
    return reliability, maps


def _judge(maps: pd.DataFrame, slide: AnnData, record: provenance.RunRecord, name: str) -> None:
    """Note how well the maps of hidden genes agree with what the slide measured."""
    if not maps.shape[1]:
        return
    truth = hidden_truth(slide, list(maps), name)
    both = truth.index.intersection(maps.index)
    found = maps.apply(lambda gene: correlation(gene[both].to_numpy(), truth.loc[both, gene.name]))
    record.metrics["hidden_pcc"] = float(found.mean())
    shown = ", ".join(f"{gene} {value:.2f}" for gene, value in found[:_SHOWN].items())
    more = ", ..." if len(found) > _SHOWN else ""
    record.notes.append(f"Correlation of hidden genes with their measurement: {shown}{more}.")


def _measured(
    asked: Asked, spots: contract.Prepared
) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
    if not asked.measured:
        return
    values, _ = log_normalised(spots, intensities=True)
    columns, positions = list(asked.measured.values()), list(asked.measured)
    by_column = values.tocsc()
    for start in range(0, len(columns), _BLOCK):
        here = slice(start, start + _BLOCK)
        yield positions[here], np.asarray(by_column[:, columns[here]].toarray(), np.float32)


def _header(
    slide: AnnData, spots: contract.Prepared, var: pd.DataFrame, record: provenance.RunRecord
) -> AnnData:
    """Return the result without its maps."""
    header = AnnData(obs=slide.obs.copy(), var=var)
    header.obs["empty"] = ~spots.kept
    for key, value in slide.obsm.items():
        header.obsm[key] = value.copy()
    header.uns = {k: v for k, v in slide.uns.items() if k == slots.SPATIAL}
    header.uns[slots.OURS] = {
        **scale_slots(contract.unit(slide), contract.um_per_unit(slide)),
        "provenance": json.dumps(record.provenance(), sort_keys=True),
        **carried(slide),
    }
    return header
