"""Checks and estimates of a deconvolution before it starts."""

from __future__ import annotations

from functools import partial

import pandas as pd

from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.mixtures.base import MixtureMethod, MixtureSizes, read_types
from napari_spatialrecon.methods.mixtures.knn import refuse_prior
from napari_spatialrecon.methods.registry import default_for
from napari_spatialrecon.tasks.choosing import method_of
from napari_spatialrecon.tasks.known_shares import shares_of_spots
from napari_spatialrecon.tasks.memory import need_of
from napari_spatialrecon.tasks.mixture_intervals import whole_cost
from napari_spatialrecon.tasks.preflight import Preflight
from napari_spatialrecon.tasks.reference_check import label_warning, likeness
from napari_spatialrecon.tasks.signal import missing, passed, signals
from napari_spatialrecon.tasks.timing import expected
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.genes import match_genes
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata


@takes_spatialdata
def mixture_preflight(
    slide: Table,
    reference: Table,
    labels: str,
    *,
    method: str = default_for("deconvolve"),
    config: Config | None = None,
    prior: pd.DataFrame | None = None,
    device: str = "auto",
    slide_name: str = "slide",
    reference_name: str = "reference",
) -> Preflight:
    """Check a slide and a labelled reference and estimate the run, without running it.

    Raises
    ------
    ValidationError
        Lists every problem of the inputs, or they share no gene.
    InputError
        The reference has no such column, the run does not fit the memory, or `prior` is not shares
        or is given to a method that takes none.
    """
    info = method_of(method, "deconvolve", config=config)
    spots = contract.prepare_slide(slide, slide_name)
    cells = contract.prepare_query(reference, reference_name)
    types = read_types(cells.adata, labels, reference_name)
    match = match_genes([spots.adata.var, cells.adata.var], [slide_name, reference_name])
    if prior is not None:
        shares_of_spots(prior, slide, types)
        if not info.takes_prior and not info.selects:
            refuse_prior(prior, info.name)
    sizes = MixtureSizes.of(spots, cells, types)
    found = signals([spots])
    like = likeness(spots, cells)
    mixing: MixtureMethod = info.method()(config)
    cost = partial(whole_cost, sizes=sizes, selects=info.selects)
    estimate = cost(mixing)
    return Preflight(
        genes=sizes.genes,
        spots=sizes.spots,
        cells=sizes.cells,
        notes=(*spots.notes, *cells.notes, *types.notes, *estimate.notes),
        warnings=(
            *missing(found),
            *like.warning(slide_name, reference_name),
            *label_warning(cells, types, labels),
            *match.notes,
        ),
        seconds=estimate.seconds,
        memory_bytes=estimate.memory_bytes,
        time=expected(estimate, "deconvolve", info.name, device),
        plan=estimate.plan,
        passed=(*passed(found), *like.passed(slide_name, reference_name)),
        memory=need_of("deconvolve", info.name, estimate, cost),
    )
