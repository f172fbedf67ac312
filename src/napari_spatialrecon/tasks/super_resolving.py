"""Super-resolution: split the counts of spots over sub-spots, preserving totals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from napari_spatialrecon import provenance
from napari_spatialrecon.errors import InputError, SpatialReconError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.registry import MethodInfo, default_for, methods_for
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.super_resolution.base import (
    SplitBlock,
    SplitSizes,
    SuperResolution,
    gene_blocks,
)
from napari_spatialrecon.methods.super_resolution.coarse_check import (
    FOUND,
    LEAST_STILL,
    LEVEL,
    MOST_PARTS,
    CoarseCheck,
    coarse_check,
    scaled,
)
from napari_spatialrecon.methods.super_resolution.histology_guide import Guide, fit_guide
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tasks.choosing import method_of, note_choice
from napari_spatialrecon.tasks.configs import Settings, chosen_config
from napari_spatialrecon.tasks.saved import Fitted
from napari_spatialrecon.tasks.signal import note_signals
from napari_spatialrecon.tasks.super_result import SuperResult, laid_out
from napari_spatialrecon.tasks.timing import timed
from napari_spatialrecon.tissue import contract, slots
from napari_spatialrecon.tissue.gene_lookup import find_genes
from napari_spatialrecon.tissue.images import Histology
from napari_spatialrecon.tissue.lattice import Lattice, find_lattice
from napari_spatialrecon.tissue.nuclear_density import nuclear_density
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.tissue.slide_frame import SlideScale
from napari_spatialrecon.tissue.subspots import Factor, SubSpots, parse_factor, split_spots
from napari_spatialrecon.training.device import choose_device

#: Largest fractional deviation of a run that claims to conserve mass.
MOST_DEVIATION = 1e-6
#: Spots whose stated diameter is at least this share of the pitch are bins, as in Visium HD.
_BIN_SHARE = 0.97


@takes_spatialdata
def super_resolve(
    slide: Table,
    factor: str | Factor = "2x2",
    *,
    method: str = default_for("super-resolve"),
    genes: Iterable[str] | None = None,
    config: Config | None = None,
    settings: Settings | None = None,
    seed: int = 0,
    device: str = "auto",
    model: Fitted | SuperResolution | str | Path | None = None,
    spot_diameter: float | None = None,
    histology: Histology | None = None,
    name: str = "slide",
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> SuperResult:
    """Split the counts of each spot over its sub-spots.

    Parameters
    ----------
    slide
        Counts and ``obsm["spatial"]``, (n, 2) as (x, y); not changed.
    factor
        ``"2x2"``: rows x columns of a spot; ``"7"``: the hexagonal parts of a round spot.
    method
        See ``spatialrecon methods``.
    genes
        Names; all genes if None.
    config
        Hyper-parameters of the method; the quick preset if None, or those of `model`.
    settings
        Single values over `config`, such as ``{"flow.draws": 8}``.
    model
        A generalist of one's own, or its checkpoint folder; that of the package if None.
    spot_diameter
        Of round spots, in the unit of the coordinates; that of the slide if None (55 µm for
        Visium), and bins without gaps where there is none.
    histology
        The slide's H&E: its nuclear stain guides the split as far as it predicts held-out spots.
    name
        Name of the slide in messages.
    seed
        Seed; the same seed on the same machine gives the same bytes.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    progress, should_stop
        Receives a `Progress` about ten times a second; returns True to stop within a step.

    Returns
    -------
    SuperResult
        The parts of all spots; `verdict` says whether anything was gained, `write` saves them.

    Raises
    ------
    ValidationError
        Lists every problem of the slide.
    InputError
        The spots are not on a grid and have no diameter, the factor splits nothing, or a gene is
        not in the slide.
    SpatialReconError
        The parts do not sum to the spots: the run fails rather than invent counts.
    Stopped
        `should_stop` returned True.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> made = sr.simulate("cortex", preset="tiny")
    >>> slide = made.slides[0][:, :5].copy()
    >>> parts = sr.super_resolve(slide, "7", method="uniform").adata
    >>> parts.n_obs == 7 * slide.n_obs, bool(abs(parts.X.sum() - slide.X.sum()) < 1)
    (True, True)
    """
    info = method_of(method, "super-resolve", model, config)
    reporter = Reporter(progress, should_stop)
    parsed = factor if isinstance(factor, Factor) else parse_factor(factor)
    prepared = contract.prepare_slide(slide, name)
    chosen = gene_columns(prepared, genes)
    parts = parts_of(prepared, parsed, spot_diameter)
    record = provenance.RunRecord("super-resolve", info.name, {}, seed)
    record.device = str(choose_device(device))
    record.inputs = {name: prepared.fingerprint()}
    record.history = reporter.history
    note_signals(record, [prepared], reporter)
    record.settings["factor"] = str(parsed)
    chosen_method = _solver(info, config, settings, model)
    sizes = split_sizes(prepared, parts, chosen)
    estimate = chosen_method.estimate(sizes)
    run = Run(seed, record.device, reporter)
    names = record.task, info.name, record.device
    with timed(reporter, estimate, *names, cost=lambda m: m.estimate(sizes)):
        solver = chosen_method.fit(prepared, parts, run)
        if info.selects:
            note_choice(record, chosen_method, solver)
        record.config = solver.config.to_dict()
        checked = _checked(solver, prepared, parts, run)
        scale = None if checked is None else checked.finer(len(parts.offsets))
        guide = None
        if histology is not None:
            reporter.begin("Computing nuclear density")
            stain = nuclear_density(histology).at
            guide = fit_guide(csr_matrix(prepared.adata.X), parts, stain, seed)
            record.metrics |= {"guide_exponent": guide.exponent, "guide_gain": guide.gain}
        values, spread = _joined(_split(solver, chosen, parts, scale, guide, reporter))
    notes = [*prepared.notes, *_geometry_notes(parts.lattice), *solver.notes]
    if solver.draws and scale is None:
        notes.append(
            "The spread over draws is not stated: it is calibrated on the slide seen coarser and "
            f"coarser still, which can be done for up to {MOST_PARTS} parts of spots on a grid "
            f"that form at least {LEAST_STILL} complete blocks of blocks."
        )
    elif checked is not None and (growth := checked.widened(len(parts.offsets))) is not None:
        record.metrics["spread_growth"] = growth
        notes.append(
            f"Two spreads are to hold {LEVEL:.0%} of the true counts of parts: as on the slide "
            f"seen coarser, and {growth - 1:.0%} wider, by what they grow there from step to step. "
            f"On slides whose parts were measured they held {FOUND[0]:.0%} to {FOUND[1]:.0%}."
        )
    if guide is not None:
        notes.append(guide.note)
    record.metrics |= solver.metrics
    if checked is not None:
        record.metrics[f"coarse_error_{solver.name}"] = checked.error
        record.metrics |= (
            {"spread_coverage": checked.coverage()} if checked.spread is not None else {}
        )
    record.metrics |= _deviation(values, csr_matrix(prepared.adata.X)[:, chosen], parts)
    if solver.conserves:
        _check_conserved(record.metrics)
    else:
        notes.append("Counts are not conserved: this form is for comparison with the paper only.")
    record.notes = notes
    adata = laid_out(slide, prepared, parts, chosen, values, spread, record)
    return SuperResult(adata, parts, solver, record, tuple(notes))


def _checked(
    solver: SuperResolution, prepared: contract.Prepared, parts: SubSpots, run: Run
) -> CoarseCheck | None:
    """Return how the method splits the slide seen coarser; None where that is known or cannot be.

    A method that draws is asked again, since its spread is calibrated on it.
    """
    known = any(name.startswith("coarse_error_") for name in solver.metrics)
    if not solver.conserves or (known and not solver.draws):
        return None
    own = run.reporter.within("Checking on coarser spots")
    own.history = []  # the losses of a check are none of the run
    return coarse_check(solver, prepared, parts, replace(run, reporter=own))


def _split(
    solver: SuperResolution,
    genes: np.ndarray,
    parts: SubSpots,
    scale: NDArray[np.float64] | None,
    guide: Guide | None,
    reporter: Reporter,
) -> list[SplitBlock]:
    """Return the split counts of genes, in blocks that fit the memory."""
    blocks, done = [], 0
    reporter.begin("Splitting counts", total=len(genes))
    for group in gene_blocks(genes, len(parts.parents)):
        block = scaled(solver.split(group, reporter), scale, len(parts.offsets))
        blocks.append(block if guide is None else guide.guided(block))
        done += len(group)
        reporter.step(done)
    return blocks


def split_sizes(prepared: contract.Prepared, parts: SubSpots, genes: np.ndarray) -> SplitSizes:
    """Return the size of splitting genes, columns of a slide, over parts."""
    return SplitSizes(
        spots=len(parts.lattice.points),
        parts=len(parts.offsets),
        genes=len(genes),
        measured=prepared.adata.n_vars,
        filled=int(np.diff(prepared.adata.X.tocsc().indptr)[genes].sum()),
    )


def parts_of(
    prepared: contract.Prepared, factor: Factor, spot_diameter: float | None = None
) -> SubSpots:
    """Return the parts of a slide's spots.

    Parameters
    ----------
    spot_diameter
        As in `super_resolve`.
    """
    adata = prepared.adata
    diameter = spot_diameter if spot_diameter is not None else SlideScale.read(adata).spot_diameter
    lattice = find_lattice(adata.obsm[slots.SPATIAL], diameter)
    if spot_diameter is None and diameter is not None and lattice.kind == "square":
        bins = diameter >= _BIN_SHARE * lattice.pitch
        lattice = find_lattice(lattice.points) if bins else lattice
    return split_spots(lattice, factor)


def gene_columns(prepared: contract.Prepared, genes: Iterable[str] | None) -> np.ndarray:
    """Return the columns of genes, asked by name, in the order that was asked.

    Raises
    ------
    InputError
        A gene is not in the slide, or none was named.
    """
    names = [str(n) for n in prepared.adata.var_names]
    if genes is None:
        return np.arange(len(names))
    asked = list(dict.fromkeys(genes))
    if not asked:
        raise InputError(
            f"Expected names of genes that {prepared.name} measured, found none.",
            remedy=f"Try names such as {', '.join(names[:3])}.",
        )
    return np.array([*dict.fromkeys(find_genes(prepared.adata.var, asked, prepared.name))])


def _solver(
    info: MethodInfo,
    config: Config | None,
    settings: Settings | None,
    model: Fitted | SuperResolution | str | Path | None,
) -> SuperResolution:
    """Return the method with its settings, and its network where a model is given."""
    method = info.method()
    made: SuperResolution
    if model is None:
        made = method(chosen_config(info, config, settings))
        return made
    if not info.has_generalist:
        able = " or ".join(
            argument("method", i.name) for i in methods_for("super-resolve") if i.has_generalist
        )
        raise InputError(
            f"Expected no model for {info.name}, which learns nothing; found one.",
            remedy=f"Try without {argument('model')}, or {able}.",
        )
    with _folder_of(model) as folder:
        made = method.load(folder, config)
        if settings:
            made = method.load(folder, chosen_config(info, made.config, settings))
    return made


@contextmanager
def _folder_of(model: Fitted | SuperResolution | str | Path) -> Iterator[Path]:
    """Yield a model's folder, from which each run reads a network of its own to adapt."""
    if isinstance(model, str | Path):
        yield Path(model)
        return
    fitted = model.method if isinstance(model, Fitted) else model
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        fitted.save(path)
        yield path


def _geometry_notes(lattice: Lattice) -> list[str]:
    if lattice.kind == "free":
        return ["The spots are not on a grid: neighbors are found by distance."]
    if abs(lattice.angle) > 0.5:
        return [f"The grid is rotated by {lattice.angle:.1f} degrees, and so are the sub-spots."]
    return []


def _joined(blocks: Sequence[SplitBlock]) -> tuple[csr_matrix, csr_matrix | None]:
    values = csr_matrix(hstack([block.values for block in blocks], format="csr"))
    drawn = [block.spread for block in blocks if block.spread is not None]
    spread = csr_matrix(hstack(drawn, format="csr")) if len(drawn) == len(blocks) else None
    return values.astype(np.float32), spread


def _deviation(values: csr_matrix, counts: csr_matrix, parts: SubSpots) -> dict[str, float]:
    """Return the fractional deviation of the sums, in all and of the worst entry, in float64."""
    rows = np.arange(values.shape[0])
    gather = csr_matrix((np.ones(len(rows)), (parts.parents, rows)))
    observed = counts.astype(np.float64)
    away = abs(gather @ values.astype(np.float64) - observed)
    share = observed.copy()
    share.data = 1 / np.maximum(share.data, 1)
    invented = away - away.multiply(observed > 0)
    worst = max(float(away.multiply(share).max()), float(invented.max()))
    return {"fd": float(away.sum() / max(observed.sum(), 1)), "fd_worst": worst}


def _check_conserved(metrics: Mapping[str, float]) -> None:
    found = max(metrics["fd"], metrics["fd_worst"])
    if not found <= MOST_DEVIATION:
        raise SpatialReconError(
            f"Expected parts that sum to their spots within {MOST_DEVIATION:g}, found a fractional "
            f"deviation of {found:.2g}.",
            remedy="This is a bug in the method; please report it with the slide.",
        )
