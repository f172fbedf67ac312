"""The AnnData contract: where counts, coordinates and units are, and what a method receives.

`docs/data-model.md` lists all slots.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon import provenance
from napari_spatialrecon.errors import InputError, Problem, ValidationError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.tissue import places, validate
from napari_spatialrecon.tissue.counts import settled, whole_layers
from napari_spatialrecon.tissue.library import Library, library, positive, section, unit
from napari_spatialrecon.tissue.micrometres import micrometres, um_per_pixel, um_per_unit
from napari_spatialrecon.tissue.slots import COUNTS, COUNTS_OK, SPATIAL
from napari_spatialrecon.tissue.species import described, mixed_genomes

__all__ = [
    "LEAST_SPOTS",
    "Library",
    "Prepared",
    "coordinates",
    "counts",
    "library",
    "positive",
    "prepare_query",
    "prepare_slide",
    "section",
    "um_per_pixel",
    "um_per_unit",
    "unit",
]

LEAST_SPOTS = 4
"""Minimum number of spots of a slide: three determine a pose, a fourth can contradict it."""

_DEEPER = "Try larger bins, with the counts of neighbouring ones summed, or a deeper section."


@dataclass(frozen=True, eq=False)
class Prepared:
    """One input, checked and reduced to what a method reads.

    Parameters
    ----------
    adata
        `X` is csr float32 counts; `obs` and `var` are copies; `obsm["spatial"]` (n, 2) float64
        for slides only; `uns` is carried over.
    name
        Name of the input in messages.
    kept : (n_input,) bool
        Which rows of the input are in `adata`; the order is unchanged.
    notes
        Messages about what was left out.
    """

    adata: AnnData
    name: str
    kept: np.ndarray
    notes: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """Return a short hash of counts, names and coordinates, equal for equal tables."""
        found = self.adata
        return provenance.fingerprint(
            found.X, found.obs_names, found.var_names, found.obsm.get(SPATIAL)
        )


def _to_csr(matrix: Any) -> sparse.csr_matrix:
    if hasattr(matrix, "to_memory"):
        matrix = matrix.to_memory()
    return sparse.csr_matrix(matrix)


def _counts_slot(adata: AnnData) -> tuple[Any, str]:
    if COUNTS in adata.layers:
        return adata.layers[COUNTS], f'layers["{COUNTS}"]'
    return adata.X, "X"


def counts(adata: AnnData) -> sparse.csr_matrix:
    """Return the raw counts, (n_cells, n_genes) csr float32: the layer "counts", else `X`.

    Raises
    ------
    InputError
        The table has neither of them.
    """
    matrix, _ = _counts_slot(adata)
    if matrix is None:
        raise InputError(f'Expected counts in X or layers["{COUNTS}"], found neither.', where="X")
    return _to_csr(matrix).astype(np.float32)


def coordinates(adata: AnnData) -> np.ndarray:
    """Return a copy of `obsm["spatial"]`, (n, 2) float64 as (x, y), y down, in `unit(adata)`.

    Raises
    ------
    ValidationError
        There are no coordinates, or they are not two finite numbers per row.
    """
    if problems := _coordinate_problems(adata, "", least=0):
        raise ValidationError(problems)
    return np.array(adata.obsm[SPATIAL], dtype=np.float64)


def prepare_slide(
    adata: AnnData, name: str, *, min_counts: int = 1, counts_needed: bool = True
) -> Prepared:
    """Return a reference slide with checked counts and coordinates; empty rows are left out.

    Parameters
    ----------
    adata
        Not modified.
    name
        Name in messages, for example the file name.
    min_counts
        Minimum counts of a spot to be kept.
    counts_needed
        If False, any values of at least 0 are accepted (in-situ intensities, normalised values).

    Raises
    ------
    ValidationError
        Lists every problem.
    """
    problems = _coordinate_problems(adata, name, least=LEAST_SPOTS)
    if adata.n_obs < LEAST_SPOTS:
        found = f"Expected at least {LEAST_SPOTS} spots, found {adata.n_obs}."
        problems.append(Problem(name, found, "Try a complete section."))
    notes: tuple[str, ...] = ()
    try:
        notes = tuple(f"{name}: {note}" for note in micrometres(adata).notes)
    except InputError as error:
        problems.append(_named(error, name))
    prepared = _prepare(adata, name, problems, min_counts, counts_needed, LEAST_SPOTS)
    prepared.adata.obsm[SPATIAL] = coordinates(adata)[prepared.kept]
    return replace(prepared, notes=(*prepared.notes, *notes))


def prepare_query(
    adata: AnnData, name: str, *, min_counts: int = 1, counts_needed: bool = True
) -> Prepared:
    """Return checked cells without positions; like `prepare_slide`, but `obsm` is not copied.

    Raises
    ------
    ValidationError
        Lists every problem.
    """
    return _prepare(adata, name, [], min_counts, counts_needed, 1)


def _named(error: InputError, name: str) -> Problem:
    problem = error.problem
    return Problem(f"{name}: {problem.where}", problem.message, problem.remedy)


def _coordinate_problems(adata: AnnData, name: str, *, least: int) -> list[Problem]:
    where = f'{name}: obsm["{SPATIAL}"]' if name else f'obsm["{SPATIAL}"]'
    if SPATIAL in adata.obsm:
        return validate.coordinate_problems(
            adata.obsm[SPATIAL], where, cells=adata.obs_names, least=least
        )
    others = ", ".join(sorted(adata.obsm)) or "none"
    found = f"Expected coordinates (x, y) of each spot, found no such slot (obsm holds: {others})."
    return [Problem(where, found, f'Try adata.obsm["{SPATIAL}"] = {places.found_in(adata)}.')]


def _prepare(
    adata: AnnData,
    name: str,
    problems: list[Problem],
    min_counts: int,
    counts_needed: bool,
    least: int,
) -> Prepared:
    adata, said = settled(adata)
    problems = [
        *problems,
        *_species_problems(adata, name),
        *validate.name_problems(adata.obs_names, f"{name}: obs_names", "cell"),
        *validate.name_problems(adata.var_names, f"{name}: var_names", "gene"),
    ]
    raw, slot = _counts_slot(adata)
    if raw is None:
        found = f'Expected counts in X or layers["{COUNTS}"], found neither.'
        raise ValidationError([*problems, Problem(f"{name}: X", found)])
    if np.dtype(raw.dtype).kind not in "iufb":
        found = f"Expected numbers, found values of type {raw.dtype}."
        raise ValidationError([*problems, Problem(f"{name}: {slot}", found)])
    stored, notes = _to_csr(raw), [f"{name}: {note}" for note in said]
    genes = _trusted_genes(adata, slot)
    if not genes.all():
        stored = stored[:, genes]
        notes.append(
            f"{name}: left out {int((~genes).sum())} of {len(genes)} genes whose counts are not "
            f'trusted (var["{COUNTS_OK}"]).'
        )
    problems += validate.matrix_problems(
        stored,
        f"{name}: {slot}",
        cells=adata.obs_names,
        genes=adata.var_names[genes],
        counts_needed=counts_needed,
        others=lambda: whole_layers(adata),
    )
    if problems:
        raise ValidationError(problems)
    matrix = stored.astype(np.float32)
    rows = "spots" if least > 1 else "cells"
    kept, dropped = _rows_to_keep(matrix, name, min_counts, rows)
    if kept.sum() < least:
        wanted = f"{least} {rows if least > 1 else 'cell'}"
        enough = f"{min_counts} or more counts" if min_counts > 1 else "counts"
        found = f"Expected at least {wanted} with {enough}, found {int(kept.sum())}."
        remedy = _DEEPER if least > 1 else "Try the raw counts of cells that were sequenced."
        raise ValidationError([Problem(f"{name}: {slot}", found, remedy)])
    light = AnnData(
        X=matrix[kept], obs=adata.obs[kept].copy(), var=adata.var[genes].copy(), uns=dict(adata.uns)
    )
    return Prepared(light, name, kept, tuple(notes + dropped))


def _species_problems(adata: AnnData, name: str) -> list[Problem]:
    """Return a problem if the genes are of several species, with how to keep those of one."""
    found = mixed_genomes(adata.var)
    if not found:
        return []
    text = f"Expected genes of one species, found {described(found)}."
    return [
        Problem(
            f"{name}: var_names",
            text,
            f"Try {argument('genome', next(iter(found)))}, in reading it, to keep one.",
        )
    ]


def _trusted_genes(adata: AnnData, slot: str) -> np.ndarray:
    if slot == "X" or COUNTS_OK not in adata.var:
        return np.ones(adata.n_vars, bool)
    return np.asarray(adata.var[COUNTS_OK]).astype(bool)


def _rows_to_keep(
    matrix: sparse.csr_matrix, name: str, min_counts: int, rows: str
) -> tuple[np.ndarray, list[str]]:
    totals = np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
    empty = totals <= 0
    few = ~empty & (totals < min_counts) if min_counts > 1 else np.zeros(len(totals), bool)
    notes = [
        f"{name}: left out {int(mask.sum()):,} of {len(mask):,} {rows} {why}."
        for mask, why in ((empty, "without counts"), (few, f"under {min_counts} counts"))
        if mask.any()
    ]
    return ~(empty | few), notes
