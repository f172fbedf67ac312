"""The AnnData contract: where counts, coordinates and units are, and what a method receives.

`docs/data-model.md` lists all slots.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon import faces, provenance
from napari_spatialrecon.errors import InputError, Problem, ValidationError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.tissue import places, validate
from napari_spatialrecon.tissue.counts import settled, whole_layers
from napari_spatialrecon.tissue.counts_reading import CountsRead, read_counts
from napari_spatialrecon.tissue.library import Library, library, positive, section, unit
from napari_spatialrecon.tissue.micrometres import micrometres, um_per_pixel, um_per_unit
from napari_spatialrecon.tissue.row_blocks import to_csr
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

_DEEPER = "Try larger bins, with the counts of neighboring ones summed, or a deeper section."


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
        Messages about what was excluded.
    digest
        Digest of all counts, where those of some genes were excluded.
    """

    adata: AnnData
    name: str
    kept: np.ndarray
    notes: tuple[str, ...] = ()
    digest: provenance.RowsDigest | None = None

    def without_counts(self) -> Prepared:
        """Return the table without its matrix, to free the memory where nothing else holds it."""
        light = AnnData(obs=self.adata.obs, var=self.adata.var, uns=self.adata.uns)
        return replace(self, adata=light)

    def fingerprint(self) -> str:
        """Return a short hash of counts, names and coordinates, equal for equal tables."""
        found = self.adata
        return provenance.fingerprint(
            self.digest or found.X, found.obs_names, found.var_names, found.obsm.get(SPATIAL)
        )


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
    return to_csr(matrix).astype(np.float32)


def coordinates(adata: AnnData) -> np.ndarray:
    """Return a copy of `obsm["spatial"]`, (n, 2) float64 as (x, y), y down, in `unit(adata)`.

    Raises
    ------
    ValidationError
        There are no coordinates, or they are not two finite numbers per row.
    """
    if problems := _coordinate_problems(adata, "", least=adata.n_obs + 1):
        raise ValidationError(problems)
    return np.array(adata.obsm[SPATIAL], dtype=np.float64)


def prepare_slide(
    adata: AnnData,
    name: str,
    *,
    min_counts: int = 1,
    counts_needed: bool = True,
    genes: np.ndarray | None = None,
    setting: str = "",
) -> Prepared:
    """Return a reference slide with checked counts and coordinates; empty rows are excluded.

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
    genes : (n_genes,) bool, optional
        Genes whose counts are needed; those of others are checked, counted in totals, and excluded
        as if they were zero. All if None.
    setting
        Dotted name of the hyper-parameter that `min_counts` comes from, for the remedy where it
        leaves too few spots.

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
    prepared = _prepare(
        adata, name, problems, min_counts, counts_needed, LEAST_SPOTS, genes, setting
    )
    prepared.adata.obsm[SPATIAL] = coordinates(adata)[prepared.kept]
    return replace(prepared, notes=(*prepared.notes, *notes))


def prepare_query(
    adata: AnnData,
    name: str,
    *,
    min_counts: int = 1,
    counts_needed: bool = True,
    genes: np.ndarray | None = None,
) -> Prepared:
    """Return checked cells without positions; like `prepare_slide`, but `obsm` is not copied.

    Raises
    ------
    ValidationError
        Lists every problem.
    """
    return _prepare(adata, name, [], min_counts, counts_needed, 1, genes)


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
    wanted: np.ndarray | None,
    setting: str = "",
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
        remedy = f'Try adata.layers["{COUNTS}"] = counts, raw and of the same shape.'
        raise ValidationError([*problems, Problem(f"{name}: X", found, remedy)])
    if np.dtype(raw.dtype).kind not in "iufb":
        found = f"Expected numbers, found values of type {raw.dtype}."
        remedy = "Try adata.X = adata.X.astype(float)."
        raise ValidationError([*problems, Problem(f"{name}: {slot}", found, remedy)])
    genes, notes = _trusted_genes(adata, slot), [f"{name}: {note}" for note in said]
    if not genes.all():
        notes.append(
            f"{name}: excluded {int((~genes).sum())} of {len(genes)} genes whose counts are not "
            f'trusted (var["{COUNTS_OK}"]).'
        )
    check = validate.CountsCheck(
        f"{name}: {slot}",
        cells=adata.obs_names,
        genes=adata.var_names[genes],
        counts_needed=counts_needed,
    )
    read = read_counts(raw, check, min_counts=min_counts, trusted=genes, wanted=wanted)
    if problems := [*problems, *check.problems(lambda: whole_layers(adata))]:
        raise ValidationError(problems)
    rows = "spots" if least > 1 else "cells"
    kept, dropped = read.kept, _rows_left_out(read, name, min_counts, rows)
    if kept.sum() < least:
        number = f"{least} {rows if least > 1 else 'cell'}"
        enough = f"{min_counts} or more counts" if min_counts > 1 else "counts"
        found = f"Expected at least {number} with {enough}, found {int(kept.sum())}."
        remedy = "Try the raw counts of cells that were sequenced."
        if least > 1:
            remedy = _fewer_counts(read.totals, least, setting)
        raise ValidationError([Problem(f"{name}: {slot}", found, remedy)])
    light = AnnData(
        X=read.matrix,
        obs=_frame(adata.obs)[kept].copy(),
        var=_frame(adata.var)[genes].copy(),
        uns=dict(adata.uns),
    )
    return Prepared(light, name, kept, tuple(notes + dropped), read.digest)


def _fewer_counts(totals: np.ndarray, least: int, setting: str) -> str:
    """Return how to use enough spots: by a lower setting if there is one that helps."""
    reached = int(np.sort(totals)[-least]) if len(totals) >= least else 0
    return f"Try {faces.setting(setting, reached)}." if setting and reached >= 1 else _DEEPER


def _species_problems(adata: AnnData, name: str) -> list[Problem]:
    """Return a problem if the genes are of several species, with how to keep those of one."""
    found = mixed_genomes(_frame(adata.var))
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


def _frame(table: Any) -> pd.DataFrame:
    """Return `obs` or `var`, read from disk if anndata left it there."""
    found: pd.DataFrame = table if isinstance(table, pd.DataFrame) else table.to_memory()
    return found


def trusted_genes(adata: AnnData) -> tuple[pd.DataFrame, np.ndarray]:
    """Return `var` of the genes whose counts are read, and which genes of the table these are."""
    adata, _ = settled(adata)
    genes = _trusted_genes(adata, _counts_slot(adata)[1])
    return _frame(adata.var)[genes], genes


def _trusted_genes(adata: AnnData, slot: str) -> np.ndarray:
    if slot == "X" or COUNTS_OK not in adata.var:
        return np.ones(adata.n_vars, bool)
    return np.asarray(_frame(adata.var)[COUNTS_OK]).astype(bool)


def _rows_left_out(found: CountsRead, name: str, min_counts: int, rows: str) -> list[str]:
    """Return notes on the rows that were excluded."""
    empty = found.totals <= 0
    return [
        f"{name}: excluded {int(mask.sum()):,} of {len(mask):,} {rows} {why}."
        for mask, why in (
            (empty, "without counts"),
            (~empty & ~found.kept, f"under {min_counts} counts"),
        )
        if mask.any()
    ]
