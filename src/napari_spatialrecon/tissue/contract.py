"""The AnnData contract: where counts, coordinates and units are, and what a method receives.

`docs/data-model.md` lists all slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon import provenance
from napari_spatialrecon.errors import InputError, Problem, ValidationError
from napari_spatialrecon.tissue import places, validate
from napari_spatialrecon.tissue.slots import COUNTS, COUNTS_OK, OURS, SPATIAL

VISIUM_SPOT_UM = 55.0
"""Diameter of a Visium spot; Space Ranger's `spot_diameter_fullres` is its size in pixels."""
LEAST_SPOTS = 4
"""Minimum number of spots of a slide: three determine a pose, a fourth can contradict it."""

_DEEPER = "Try larger bins, with the counts of neighbouring ones summed, or a deeper section."

Library = tuple[str, Mapping[str, Any]]
"""Name and content of a slide's library."""

_UNITS = {
    "um": ("um", "µm", "μm", "micron", "microns", "micrometer", "micrometre"),
    "px": ("px", "pixel", "pixels"),
    "unit": ("unit", ""),
}


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


def library(adata: AnnData) -> Library | None:
    """Return name and content of the library in `uns["spatial"]`, or None without one.

    Raises
    ------
    InputError
        There are several, and `obs["library_id"]` does not tell to which one the rows belong.
    """
    libraries = adata.uns.get(SPATIAL)
    if not isinstance(libraries, Mapping) or not libraries:
        return None
    names = list(libraries)
    if len(names) > 1 and "library_id" in adata.obs:
        names = [name for name in names if name in set(adata.obs["library_id"].astype(str))]
    if len(names) != 1:
        raise InputError(
            f"Expected one library per slide, found {', '.join(map(str, libraries))}.",
            remedy='Try one slide at a time: adata[adata.obs["library_id"] == "..."].',
            where=f'uns["{SPATIAL}"]',
        )
    content = libraries[names[0]]
    return str(names[0]), content if isinstance(content, Mapping) else {}


def section(content: Any, key: str) -> Mapping[str, Any]:
    """Return the mapping under `key` of a mapping, or an empty one."""
    found = content.get(key) if isinstance(content, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _stated_sizes(found: Library | None) -> list[tuple[str, Any, float]]:
    """Return (slot, value, µm it stands for; 0 where it is µm a pixel) of what a library states.

    The most reliable comes first.
    """
    if found is None:
        return []
    name, content = found
    return [
        (f'uns["{SPATIAL}"]["{name}"]["{part}"]["{key}"]', section(content, part)[key], size)
        for part, key, size in (
            ("metadata", "um_per_fullres_px", 0.0),
            ("scalefactors", "microns_per_pixel", 0.0),
            ("scalefactors", "spot_diameter_fullres", VISIUM_SPOT_UM),
        )
        if key in section(content, part)
    ]


def unit(adata: AnnData) -> str:
    """Return the unit of `obsm["spatial"]`: "um", "px", or "unit" if unknown.

    Raises
    ------
    InputError
        `uns["spatialrecon"]["unit"]` is something else.
    """
    ours = adata.uns.get(OURS)
    if isinstance(ours, Mapping) and "unit" in ours:
        word = str(ours["unit"]).strip().lower()
        for name, words in _UNITS.items():
            if word in words:
                return name
        raise InputError(
            f'Expected "um" or "px", found {word[:40]!r}.', where=f'uns["{OURS}"]["unit"]'
        )
    return "px" if _stated_sizes(library(adata)) else "unit"


def um_per_unit(adata: AnnData) -> float | None:
    """Return the micrometres per unit of `obsm["spatial"]`, or None if unknown.

    In order: 1 if the unit is µm; `uns["spatialrecon"]["um_per_unit"]`; the library's
    `metadata["um_per_fullres_px"]`; Visium HD's `scalefactors["microns_per_pixel"]`; a spot's 55 µm
    over `scalefactors["spot_diameter_fullres"]`, following the convention for Visium [1]_.

    Raises
    ------
    InputError
        The stated value is not a positive number.

    References
    ----------
    .. [1] 10x Genomics, Space Ranger documentation, "Spatial outputs".
    """
    if unit(adata) == "um":
        return 1.0
    ours = adata.uns.get(OURS)
    if isinstance(ours, Mapping) and "um_per_unit" in ours:
        return positive(ours["um_per_unit"], f'uns["{OURS}"]["um_per_unit"]')
    return um_per_pixel(adata)


def um_per_pixel(adata: AnnData) -> float | None:
    """Return the micrometres per full-resolution pixel of the histology, or None.

    The last three of the sources that `um_per_unit` lists.

    Raises
    ------
    InputError
        The stated value is not a positive number.
    """
    return library_um_per_pixel(library(adata))


def library_um_per_pixel(found: Library | None) -> float | None:
    """Return `um_per_pixel` of a slide whose library is known."""
    for slot, value, micrometres in _stated_sizes(found):
        number = positive(value, slot)
        return micrometres / number if micrometres else number
    return None


def positive(value: Any, slot: str) -> float:
    """Return `value` as a float; raise `InputError` naming `slot` unless it is above 0."""
    try:
        number = float(np.asarray(value).item())
    except (TypeError, ValueError):
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise InputError(
            f"Expected a positive number, found {str(value)[:40]}.",
            remedy="Try the value in the file it came from, such as scalefactors_json.json.",
            where=slot,
        )
    return number


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
    try:
        um_per_unit(adata)
    except InputError as error:
        problems.append(_named(error, name))
    prepared = _prepare(adata, name, problems, min_counts, counts_needed, LEAST_SPOTS)
    prepared.adata.obsm[SPATIAL] = coordinates(adata)[prepared.kept]
    return prepared


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
    problems = [
        *problems,
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
    stored, notes = _to_csr(raw), []
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
        others=_other_matrices(adata),
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


def _trusted_genes(adata: AnnData, slot: str) -> np.ndarray:
    if slot == "X" or COUNTS_OK not in adata.var:
        return np.ones(adata.n_vars, bool)
    return np.asarray(adata.var[COUNTS_OK]).astype(bool)


def _other_matrices(adata: AnnData) -> dict[str, sparse.csr_matrix]:
    """Return the slots other than the one that is read; sparse ones are shared, not copied."""
    found = {
        f'adata.layers["{key}"]': _to_csr(layer)
        for key, layer in adata.layers.items()
        if sparse.issparse(layer)
    }
    if adata.raw is not None and sparse.issparse(adata.raw.X):
        found["adata.raw"] = _to_csr(adata.raw.X)
    return found


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
