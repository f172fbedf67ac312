"""Checks and estimates of an imputation run before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from napari_spatialrecon.durations import Span
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.genes.base import GeneMethod, GeneSizes
from napari_spatialrecon.methods.genes.inputs import read_inputs
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.registry import default_for
from napari_spatialrecon.tasks.asked_genes import MISSING, Asked
from napari_spatialrecon.tasks.choosing import method_of
from napari_spatialrecon.tasks.gene_certainty import whole_cost
from napari_spatialrecon.tasks.memory import Need, need_of
from napari_spatialrecon.tasks.reference_check import likeness
from napari_spatialrecon.tasks.signal import missing, passed, signals
from napari_spatialrecon.tasks.timing import expected
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata

#: Bytes of every run, and of a value or its spread in the result.
_FIXED_BYTES, _PER_VALUE = 4e8, 8.0


@dataclass(frozen=True)
class GenePreflight:
    """Checks and estimates of a run.

    Parameters
    ----------
    shared
        Number of shared genes for training.
    asked, measured
        Genes that will be imputed, and those kept as measured.
    notes
        Messages for the user.
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

    shared: int
    spots: int
    cells: int
    asked: int
    measured: int
    notes: tuple[str, ...]
    seconds: float
    memory_bytes: float
    time: Span
    plan: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    memory: Need | None = field(default=None, compare=False)  # what is free changes


@takes_spatialdata
def gene_preflight(
    slide: Table,
    reference: Table,
    genes: Sequence[str] | str = MISSING,
    *,
    method: str = default_for("impute-genes"),
    config: Config | None = None,
    device: str = "auto",
    slide_name: str = "slide",
    reference_name: str = "reference",
) -> GenePreflight:
    """Check slide, reference and asked genes and estimate the run, without running it.

    Raises
    ------
    ValidationError
        Lists every problem of the inputs, or they share no gene.
    InputError
        The reference lacks an asked gene, nothing is left to impute, or the run does not fit the
        memory.
    """
    info = method_of(method, "impute-genes", config=config)
    spots = contract.prepare_slide(slide, slide_name, counts_needed=False)
    cells = contract.prepare_query(reference, reference_name, counts_needed=False)
    asked = Asked.sort(genes, spots, cells)
    inputs = read_inputs(spots, cells)
    sizes = GeneSizes(
        spots=spots.adata.n_obs,
        cells=cells.adata.n_obs,
        shared=len(inputs.genes),
        asked=len(asked.imputed),
    )
    found = signals([spots])
    like = likeness(spots, cells)
    warned = (*missing(found), *like.warning(slide_name, reference_name))
    imputing: GeneMethod = info.method()(config)
    maps = _FIXED_BYTES + 2 * _PER_VALUE * slide.n_obs * len(asked.names)

    def cost(method: GeneMethod) -> Estimate:
        return whole_cost(method, sizes, selects=info.selects).plus(memory_bytes=maps)

    estimate = cost(imputing)
    return GenePreflight(
        sizes.shared,
        sizes.spots,
        sizes.cells,
        sizes.asked,
        len(asked.measured),
        (*warned, *spots.notes, *cells.notes, *inputs.notes, *asked.notes, *estimate.notes),
        estimate.seconds,
        estimate.memory_bytes,
        expected(estimate, "impute-genes", info.name, device),
        estimate.plan,
        (*passed(found), *like.passed(slide_name, reference_name)),
        need_of("impute-genes", info.name, estimate, cost),
    )
