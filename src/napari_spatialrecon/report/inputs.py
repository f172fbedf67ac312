"""The inputs of a run: where they are, whether they are still the same, and how good they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from anndata import AnnData

from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.report.parts import Line, Section, Table
from napari_spatialrecon.report.run import PLACING, Run
from napari_spatialrecon.report.settings import changed
from napari_spatialrecon.tasks.placing_run import prepare_slides
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.formats.naming import numbered, table_name
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.genes import match_genes
from napari_spatialrecon.tissue.images import Histology, histology
from napari_spatialrecon.tissue.read import read_with
from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.tissue.spatial_signal import SpatialSignal

UNCHANGED, CHANGED, MISSING = "unchanged", "changed since the run", "not found"
NOT_CHECKED, UNREADABLE = "not checked", "cannot be read"
_ROLES = {"reference": "reference", "query": "cells", "slide": "slide"}
_DASH = "–"


@dataclass(frozen=True, eq=False)
class Input:
    """An input of a run, as it is now.

    Parameters
    ----------
    role
        "slide", "cells" or "reference".
    digest
        Hash in the record; empty if the record has none for it.
    state
        One of the states above.
    table, prepared
        What is read now, if it can be: as it is, and as the run reads it.
    """

    name: str
    role: str
    path: str
    digest: str
    state: str
    reason: str = ""
    table: AnnData | None = None
    prepared: Prepared | None = None

    @property
    def image(self) -> Histology | None:
        """The H&E of a slide, if it can be opened."""
        if self.table is None or SPATIAL not in self.table.obsm:
            return None
        try:
            return histology(self.table, Path(self.path).parent if self.path else None)
        except SpatialReconError:
            return None


def inputs_of(run: Run, *, check: bool = True) -> list[Input]:
    """Return the inputs of a run, read again.

    Parameters
    ----------
    check
        Whether to read them; without, only what the record says is known.
    """
    digests: dict[str, str] = dict(run.record.get("inputs") or {})
    found = []
    for option, name, path, chosen in _named(run):
        found.append(_looked_up(run, option, name, path, chosen, digests, check=check))
    left = {n: d for n, d in digests.items() if n not in {one.name for one in found}}
    for name, digest in left.items():
        table = run.tables.get(name)
        role = "reference" if len(digests) > 1 else "slide"
        if table is None:
            found.append(Input(name, role, "", digest, MISSING, "the record names no file"))
        else:
            found.append(_checked(run, role, name, "", table, {name: digest}))
    return found


def inputs_section(run: Run, inputs: list[Input]) -> Section:
    """Return a table of the inputs: quality, hash, and whether they still are what they were."""
    quality, same, lines = [], [], []
    for one in inputs:
        state = one.state + (f" ({one.reason})" if one.reason else "")
        quality.append((one.name, one.role, *_quality(one)))
        same.append((one.name, one.path or "not recorded", one.digest or "none", state))
        if one.state == CHANGED:
            text = f"{one.name} is no longer what the run read: repeating it gives another result."
            lines.append(("wrong", text))
    tables = (
        Table(
            "Quality; of counts and of genes seen the median per row, with the 5th and 95th "
            "percentile",
            (
                "Input",
                "Role",
                "Spots or cells",
                "Genes",
                "Counts",
                "Genes seen",
                "Spacing",
                "H&E",
            ),
            tuple(quality),
            (2, 3, 4, 5, 6),
        ),
        Table(
            "Identity; the hash is that of counts, names and coordinates as the run read them",
            ("Input", "File", "Hash of the run", "Now"),
            tuple(same),
        ),
    )
    shared = _shared(inputs)
    lines += _signals(run)
    return Section("inputs", "Inputs", shared, tuple(lines), (), tables if quality else ())


def _signals(run: Run) -> list[Line]:
    """Return whether expression on each slide is arranged in space, as the run found."""
    lines: list[Line] = []
    for name, found in (run.settings.get("spatial_signal") or {}).items():
        nothing = np.zeros(0)
        try:
            signal = SpatialSignal(**found, distances=nothing, differences=nothing)
        except TypeError:  # of another version
            continue
        lines.append(("good" if signal.exists else "warning", f"{name}: {signal.text}."))
    return lines


def _shared(inputs: list[Input]) -> tuple[str, ...]:
    """Return how many genes the inputs share, where several were read."""
    known = [one.prepared for one in inputs if one.prepared is not None]
    if len(known) < 2:
        return ()
    try:
        match = match_genes([one.adata.var for one in known], [one.name for one in known])
    except SpatialReconError as error:
        return (str(error),)
    return (f"The inputs share {len(match.genes):,} genes.",)


def _named(run: Run) -> Iterator[tuple[str, str, Path, dict[str, str]]]:
    """Yield option, name in the record, file and reading options of each input of the settings."""
    settings = run.settings
    for option in _ROLES:
        given = settings.get(option)
        paths = [
            Path(str(p)) for p in (given if isinstance(given, list) else [given] if given else [])
        ]
        known = run.record.get("inputs") or {}
        short = numbered([table_name(path) for path in paths])
        for number, path in enumerate(paths):
            names = [short[number], path.name, path.stem, str(path)]
            name = next((n for n in names if n in known), short[number])
            chosen = {}
            for key in ReadOptions.names():
                if values := settings.get(key):
                    words = [str(v) for v in (values if isinstance(values, list) else [values])]
                    own = [w.partition("=")[2] for w in words if w.partition("=")[0] in names[1:]]
                    common = [w for w in words if "=" not in w]
                    if own:
                        chosen[key] = own[-1]
                    elif common:
                        chosen[key] = common[number] if number < len(common) else common[0]
            yield option, name, path, chosen


def _looked_up(
    run: Run,
    option: str,
    name: str,
    path: Path,
    chosen: dict[str, str],
    digests: dict[str, str],
    *,
    check: bool,
) -> Input:
    role = _ROLES[option] if run.task in PLACING or option == "slide" else "cells"
    held = run.tables.get(name, run.tables.get(str(path)))
    if held is not None:
        return _checked(run, role, name, str(path), held, digests)
    at = _found(path, run)
    digest = digests.get(name, "")
    if at is None:
        return Input(name, role, str(path), digest, MISSING)
    if not check:
        return Input(name, role, str(at), digest, NOT_CHECKED)
    try:
        table = read_with(at, ReadOptions.of(chosen))
    except SpatialReconError as error:
        return Input(name, role, str(at), digest, UNREADABLE, str(error))
    return _checked(run, role, name, str(at), table, digests)


def _found(path: Path, run: Run) -> Path | None:
    """Return where an input is: where it was, else beside the result."""
    places = [path]
    if run.path is not None:
        places += [run.path.parent / path, run.path.parent / path.name]
    return next((place for place in places if place.exists()), None)


def _checked(
    run: Run, role: str, name: str, path: str, table: AnnData, digests: dict[str, str]
) -> Input:
    try:
        prepared = _prepared(run, role, name, table)
    except SpatialReconError as error:
        return Input(name, role, path, digests.get(name, ""), UNREADABLE, str(error), table)
    now = prepared.fingerprint()
    before = digests.get(name, "")
    if now in digests.values() and now != before:
        name = next(n for n, d in digests.items() if d == now)
        before = now
    state, reason = (UNCHANGED if now == before else CHANGED), ""
    if not before:
        state, reason = NOT_CHECKED, "the record has no hash"
    elif now != before and "hidden_pcc" in run.metrics and role == "slide":
        state, reason = NOT_CHECKED, "genes were hidden from the run"
    elif now != before:
        reason = f"now {now}"
    return Input(name, role, path, before, state, reason, table, prepared)


def _prepared(run: Run, role: str, name: str, table: AnnData) -> Prepared:
    """Return an input as its task reads it, on which its hash depends."""
    genes = run.task == "impute-genes"
    if role == "cells":
        return contract.prepare_query(table, name, counts_needed=not genes)
    if run.task in PLACING:
        config = None if run.info is None else run.info.config()().with_values(_known(run))
        return prepare_slides({name: table}, config)[0]
    return contract.prepare_slide(table, name, counts_needed=not genes)


def _known(run: Run) -> dict[str, Any]:
    return {name: value for name, value in changed(run).items() if "min_counts" in name}


def _quality(one: Input) -> tuple[str, str, str, str, str, str]:
    if one.prepared is None or one.table is None:
        return (_DASH,) * 6
    counts = one.prepared.adata.X
    n, kept = one.table.n_obs, one.prepared.adata.n_obs
    rows = f"{kept:,}" if n == kept else f"{kept:,} of {n:,}"
    totals = np.asarray(counts.sum(axis=1)).ravel()
    seen = np.diff(counts.tocsr().indptr)
    return (
        rows,
        f"{one.table.n_vars:,}",
        _spread(totals),
        _spread(seen),
        _spacing(one.prepared.adata, one.table),
        _stain(one),
    )


def _spread(values: np.ndarray) -> str:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{middle:,.0f} ({low:,.0f}–{high:,.0f})"


def _spacing(prepared: AnnData, table: AnnData) -> str:
    if SPATIAL not in prepared.obsm or prepared.n_obs < 2:
        return _DASH
    apart = float(np.median(nearest(np.asarray(prepared.obsm[SPATIAL], float), 1)[1]))
    scale = contract.um_per_unit(table)
    if scale is not None:
        return f"{apart * scale:,.0f} µm"
    return f"{apart:,.0f}, µm unknown" if apart >= 100 else f"{apart:.3g}, µm unknown"


def _stain(one: Input) -> str:
    image = one.image
    if image is None:
        return "none" if one.role != "cells" else _DASH
    if image.um_per_pixel is None:
        return "yes, µm unknown"
    return f"{image.um_per_pixel:.3g} µm/px"
