"""Memory estimate of a mapping, before it is created."""

from __future__ import annotations

from dataclasses import dataclass

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import setting
from napari_spatialrecon.machine import free_memory
from napari_spatialrecon.methods.come.config import ComeConfig

#: float32 copies of the matrix held in training: start, change, its gradient, two moments of Adam,
#: P, its gradient and a temporary one; measured 7.5 to 9.
COPIES = 9
#: Bytes of the index of a sparse entry.
INDEX_BYTES = 8
#: Seconds of one core for a step, an entry that is kept, and for a gene of a pair, whole or sparse;
#: measured 3.3e-8 a pair with 500 genes, 2.2e-8 with 100 (MOp, 2,549 cells, 361 spots), and 0.75 s
#: a step for 5,000 cells and spots, 400 genes, sparse.
_PER_ENTRY, _PER_PRODUCT, _PER_SPREAD = 2e-8, 3e-11, 7.5e-11


@dataclass(frozen=True)
class Size:
    """Size of a mapping.

    Parameters
    ----------
    kept
        Entries kept per row, or None for a dense matrix.
    matrix_bytes
        Memory of the matrix alone.
    total_bytes
        Peak memory of training, besides the tables.
    note
        Message; empty for a dense matrix.
    """

    kept: int | None
    matrix_bytes: int
    total_bytes: int
    note: str = ""


def mapping_size(n_cells: int, n_spots: int, n_genes: int, config: ComeConfig) -> Size:
    """Return how a mapping will be stored, and its memory.

    Raises
    ------
    InputError
        It does not fit in the free memory. The message states its size and the low-memory mode.
    """
    entries = n_cells * n_spots
    rows, columns = (n_cells, n_spots) if config.over == "spots" else (n_spots, n_cells)
    others = "spots of each cell" if config.over == "spots" else "cells of each spot"
    kept = min(config.kept, columns) if entries > config.dense_limit * 1_000_000 else None
    tables = 4 * (n_cells + n_spots) * n_genes * 6
    if kept is None:
        size = Size(None, 4 * entries, 4 * entries * COPIES + tables)
    else:
        held = rows * kept
        spread = 3 * 4 * 1024 * columns
        note = (
            f"A mapping of {n_cells:,} cells and {n_spots:,} spots would take "
            f"{_gigabytes(4 * entries)} if dense and {_gigabytes(4 * entries * COPIES)} to train: "
            f"only the {kept} most likely {others} are kept (dense_limit, kept)."
        )
        total = held * (4 * COPIES + INDEX_BYTES) + spread + tables
        size = Size(kept, held * (4 + INDEX_BYTES), total, note)
    free = free_memory()
    if size.total_bytes > free:
        mode = (
            f"Try {setting('dense_limit', 0)}, which keeps only the most likely entries "
            "(low-memory mode)."
            if kept is None
            else f"Try a smaller value of {setting('kept')}, or fewer cells."
        )
        raise InputError(
            f"Expected {_gigabytes(size.total_bytes)} of free memory for a mapping of "
            f"{n_cells:,} cells and {n_spots:,} spots, found {_gigabytes(free)}.",
            remedy=mode,
        )
    return size


def mapping_seconds(
    size: Size, n_cells: int, n_spots: int, n_genes: int, config: ComeConfig
) -> float:
    """Return the training time of a mapping in seconds on one core, within a factor of two.

    A sparse mapping takes as long as a dense one, since its blocks are made dense.
    """
    entries = n_cells * n_spots
    rows = n_cells if config.over == "spots" else n_spots
    kept = entries if size.kept is None else rows * size.kept
    product = _PER_PRODUCT if size.kept is None else _PER_SPREAD
    each = _PER_ENTRY * kept + product * entries * n_genes
    return float(config.joint_steps(n_genes) * each)


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"
