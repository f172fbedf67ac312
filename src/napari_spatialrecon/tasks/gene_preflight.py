"""What can be said of a run that imputes genes before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anndata import AnnData

from napari_spatialrecon.config import Config
from napari_spatialrecon.methods.come.config import GENE_OBJECTIVES, ComeGenesConfig
from napari_spatialrecon.methods.come.memory import mapping_seconds, mapping_size
from napari_spatialrecon.methods.genes.inputs import read_inputs
from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.tasks.imputing import MISSING, Asked
from napari_spatialrecon.tissue import contract

#: Measured on one busy core: seconds of a training step for a gene's spot, of a gene and spot that
#: is imputed (a draw's step, and the linear maps), of a pair of spot and cell.
_PER_STEP, _PER_DRAW, _PER_MAP, _PER_PAIR = 2.5e-5, 4e-7, 3e-5, 1.5e-6


@dataclass(frozen=True)
class GenePreflight:
    """What is known before a run.

    Parameters
    ----------
    shared
        Genes to learn from.
    asked, measured
        Genes that will be imputed, and those kept as measured.
    notes
        In words.
    """

    shared: int
    spots: int
    cells: int
    asked: int
    measured: int
    notes: tuple[str, ...]
    seconds: float
    memory_bytes: float


def gene_preflight(
    slide: AnnData,
    reference: AnnData,
    genes: Sequence[str] | str = MISSING,
    *,
    method: str = "spadit",
    config: Config | None = None,
    slide_name: str = "slide",
    reference_name: str = "reference",
) -> GenePreflight:
    """Check slide, reference and asked genes and estimate the run, without running it.

    Raises
    ------
    ValidationError
        Lists every problem of the inputs, or they share no gene.
    InputError
        The reference lacks an asked gene, nothing is left to impute, or a mapping of cells and
        spots does not fit the memory.
    """
    spots = contract.prepare_slide(slide, slide_name, counts_needed=False)
    cells = contract.prepare_query(reference, reference_name, counts_needed=False)
    asked = Asked.sort(genes, spots, cells)
    inputs = read_inputs(spots, cells)
    config = config or find_method(method, "impute-genes").config()()
    n_spots, n_cells, n_genes = spots.adata.n_obs, cells.adata.n_obs, len(asked.imputed)
    values = 8.0 * slide.n_obs * len(asked.names)
    learned = 8.0 * (n_spots * len(inputs.genes) * 12 + n_spots * min(n_cells, 4000))
    seconds = _seconds(config, n_spots, n_cells, len(inputs.genes), n_genes)
    notes = (*spots.notes, *cells.notes, *inputs.notes, *asked.notes)
    if isinstance(config, ComeGenesConfig):
        size = mapping_size(n_cells, n_spots, len(inputs.genes), config)
        learned = float(size.total_bytes)
        tried = config.folds * (len(GENE_OBJECTIVES) + config.mappings) if config.choose else 0
        each = mapping_seconds(size, n_cells, n_spots, len(inputs.genes), config)
        seconds += (tried + config.mappings) * each
        notes = (*notes, size.note) if size.note else notes
    return GenePreflight(
        len(inputs.genes),
        n_spots,
        n_cells,
        n_genes,
        len(asked.measured),
        notes,
        seconds,
        4e8 + 2 * values + learned,
    )


def _seconds(config: Config, spots: int, cells: int, shared: int, asked: int) -> float:
    values = config.flat()
    maps = (asked + shared) * spots * _PER_MAP + spots * min(cells, 4000) * _PER_PAIR
    if not values.get("network.on", True):
        return float(1.0 + maps)
    steps = values.get("training.steps", 0) * values.get("networks", 1)
    samples = values.get("genes_per_step", 0) * min(values.get("spots_per_step", 0), spots)
    passes = values.get("diffusion.steps", 0) * values.get("diffusion.draws", 0)
    draws = passes * values.get("networks", 1) * asked * spots * _PER_DRAW
    return float(1.0 + maps + steps * samples * _PER_STEP + draws)
