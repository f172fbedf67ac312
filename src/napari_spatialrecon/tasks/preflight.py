"""Checks and estimates of a run before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from napari_spatialrecon.durations import Span
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.placement.base import PlacementMethod, PlacementSizes
from napari_spatialrecon.methods.registry import default_for
from napari_spatialrecon.tasks.belonging import unlike
from napari_spatialrecon.tasks.choosing import method_of
from napari_spatialrecon.tasks.memory import Need, need_of
from napari_spatialrecon.tasks.placing_run import located, prepare_inputs
from napari_spatialrecon.tasks.signal import missing, passed, signals
from napari_spatialrecon.tasks.timing import expected
from napari_spatialrecon.tissue.backed import is_backed
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.genes import match_genes
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata


@dataclass(frozen=True)
class Preflight:
    """Checks and estimates of a run.

    Parameters
    ----------
    genes
        Shared by all inputs.
    spots, cells
        That will be used.
    notes, warnings
        Messages; warnings are shown in amber.
    seconds, memory_bytes
        Estimates, for an idle core.
    time
        Range of seconds expected on this machine, now.
    plan
        What will be done, where that depends on the estimates.
    passed
        Checks that the inputs passed, besides their numbers.
    memory
        The memory beside what is free, with a smaller way; None where nobody looked.
    """

    genes: int
    spots: int
    cells: int
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    seconds: float
    memory_bytes: float
    time: Span
    plan: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    memory: Need | None = field(default=None, compare=False)  # what is free changes


@takes_spatialdata
def preflight(
    references: Mapping[str, Table],
    query: Table,
    *,
    method: str | None = None,
    config: Config | None = None,
    landmarks: Landmarks | None = None,
    device: str = "auto",
    query_name: str = "query",
) -> Preflight:
    """Check inputs of `place` or `impute_locations` and estimate a run, without running it.

    Parameters
    ----------
    method
        Default of the task if None.
    landmarks
        Of `impute_locations`; without references, their cells are the slide.
    references, query
        As `place` takes them.
    config
        Hyper-parameters of the method; the quick preset if None.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    query_name
        Name of the cells in messages, in the record and in the result.

    Returns
    -------
    Preflight
        What the inputs share, and how long a run takes and how much memory.

    Raises
    ------
    ValidationError
        Lists every problem.
    InputError
        The run does not fit the memory.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> made = sr.simulate("cortex", preset="tiny")
    >>> checked = sr.preflight({"section 1": made.slides[0]}, made.cells, method="knn")
    >>> checked.seconds > 0
    True
    """
    task = "place" if landmarks is None else "impute-locations"
    if landmarks is not None and not references:
        references = {"landmarks": located(query, landmarks)}
    info = method_of(method or default_for(task), task, None, config)
    known = config if config is not None else info.config()()
    slides, cells = prepare_inputs(references, query, query_name, known)
    match = match_genes([t.adata.var for t in (*slides, cells)], [t.name for t in (*slides, cells)])
    sizes = PlacementSizes.of(slides, cells, len(match.genes))
    placing: PlacementMethod = info.method()(config)
    tables = zip((*references.values(), query), (*slides, cells), strict=True)
    found = signals(slides)
    held = sum(_bytes_of_counts(read) for table, read in tables if is_backed(table))

    def cost(method: PlacementMethod) -> Estimate:
        return method.estimate(sizes).plus(memory_bytes=held)

    estimate = cost(placing)
    return Preflight(
        genes=sizes.genes,
        spots=sizes.spots,
        cells=sizes.cells,
        notes=(*(n for t in (*slides, cells) for n in t.notes), *estimate.notes),
        warnings=(*missing(found), *unlike(slides, cells), *match.notes),
        seconds=estimate.seconds,
        memory_bytes=estimate.memory_bytes,
        plan=estimate.plan,
        time=expected(estimate, task, info.name, device),
        passed=passed(found),
        memory=need_of(task, info.name, estimate, cost),
    )


def _bytes_of_counts(table: Prepared) -> float:
    counts = table.adata.X
    return float(counts.data.nbytes + counts.indices.nbytes + counts.indptr.nbytes)
