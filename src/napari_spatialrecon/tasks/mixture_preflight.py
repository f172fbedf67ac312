"""What can be said of a deconvolution before it starts."""

from __future__ import annotations

from anndata import AnnData

from napari_spatialrecon.config import Config
from napari_spatialrecon.methods.come.config import ComeMixturesConfig
from napari_spatialrecon.methods.come.memory import mapping_seconds, mapping_size
from napari_spatialrecon.methods.mixtures.base import read_types
from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.tasks.preflight import Preflight
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.genes import match_genes

#: Seconds for a spot, a type and a gene of a regression.
_PER_FIT = 3e-8


def mixture_preflight(
    slide: AnnData,
    reference: AnnData,
    labels: str,
    *,
    method: str = "come",
    config: Config | None = None,
    slide_name: str = "slide",
    reference_name: str = "reference",
) -> Preflight:
    """Check a slide and a labelled reference and estimate the run, without running it.

    Raises
    ------
    ValidationError
        Lists every problem of the inputs, or they share no gene.
    InputError
        The reference has no such column, or the mapping does not fit the memory.
    """
    spots = contract.prepare_slide(slide, slide_name)
    cells = contract.prepare_query(reference, reference_name)
    types = read_types(cells.adata, labels, reference_name)
    match = match_genes([spots.adata.var, cells.adata.var], [slide_name, reference_name])
    config = config or find_method(method, "deconvolve").config()()
    n_spots, n_cells, n_genes = spots.adata.n_obs, cells.adata.n_obs, len(match.genes)
    used = min(n_genes, int(config.flat().get("top_genes", n_genes)))
    pairs = n_spots * n_cells
    seconds = 1.0 + _PER_FIT * n_spots * len(types.names) * used + 2e-8 * pairs
    memory, notes = 6e8 + 24.0 * (n_spots + n_cells) * used, list(types.notes)
    if isinstance(config, ComeMixturesConfig):
        size = mapping_size(n_cells, n_spots, used, config)
        memory += size.total_bytes
        notes += [size.note] if size.note else []
        seconds += mapping_seconds(size, n_cells, n_spots, used, config)
    return Preflight(
        genes=n_genes,
        spots=n_spots,
        cells=n_cells,
        notes=(*spots.notes, *cells.notes, *notes),
        warnings=tuple(match.notes),
        seconds=seconds,
        memory_bytes=memory,
    )
