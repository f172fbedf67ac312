"""What can be said of a run before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anndata import AnnData

from napari_spatialrecon.config import Config
from napari_spatialrecon.methods.come.config import ComeConfig
from napari_spatialrecon.methods.come.memory import mapping_seconds, mapping_size
from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.tasks.placing import prepare_slides
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.genes import match_genes


@dataclass(frozen=True)
class Preflight:
    """What is known before a run.

    Parameters
    ----------
    genes
        Shared by all inputs.
    spots, cells
        That will be used.
    notes, warnings
        In words; warnings are shown in amber.
    seconds, memory_bytes
        Estimates.
    """

    genes: int
    spots: int
    cells: int
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    seconds: float
    memory_bytes: float


def preflight(
    references: Mapping[str, AnnData],
    query: AnnData,
    *,
    method: str = "dpvae",
    config: Config | None = None,
    query_name: str = "query",
) -> Preflight:
    """Check inputs and estimate a run, without running it.

    Raises
    ------
    ValidationError
        Lists every problem.
    InputError
        A mapping of cells and spots does not fit the memory.
    """
    info = find_method(method, "place")
    slides = prepare_slides(references)
    cells = contract.prepare_query(query, query_name)
    match = match_genes([t.adata.var for t in (*slides, cells)], [t.name for t in (*slides, cells)])
    config = config or info.config()()
    spots, n_cells, n_genes = (
        sum(s.adata.n_obs for s in slides),
        cells.adata.n_obs,
        len(match.genes),
    )
    seconds, memory = _seconds(config, spots, n_cells, len(slides)), 0.0
    notes = [n for t in (*slides, cells) for n in t.notes]
    if isinstance(config, ComeConfig):
        size = mapping_size(n_cells, spots, n_genes, config)
        memory += size.total_bytes + 4e8 + 50.0 * (spots + n_cells) * n_genes
        seconds += 4e-3 * spots + 2 * mapping_seconds(size, n_cells, spots, n_genes, config)
        notes += [size.note] if size.note else []
    return Preflight(
        genes=n_genes,
        spots=spots,
        cells=n_cells,
        notes=tuple(notes),
        warnings=tuple(match.notes),
        seconds=seconds,
        memory_bytes=memory + 4e8 + 24.0 * (spots + n_cells) * n_genes,
    )


def _seconds(config: Config, spots: int, cells: int, n_slides: int) -> float:
    values = config.flat()
    fixed = 1.0 + 1e-7 * spots * cells
    trainings = values.get("members", 1) + bool(values.get("validate", False))
    steps = values.get("training.steps", 0) * trainings
    pairs = min(values.get("spots_per_step", 0), spots / max(n_slides, 1)) ** 2 / 2
    return fixed + steps * n_slides * (0.012 + 5e-8 * pairs)
