"""What a report tells of imputed genes: their maps, and how far each can be believed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from napari_spatialrecon.evaluation.reliability_plot import reliability_plot
from napari_spatialrecon.evaluation.type_maps import type_maps
from napari_spatialrecon.report.ground import drawn, where
from napari_spatialrecon.report.inputs import Input
from napari_spatialrecon.report.parts import Picture, Section, Table
from napari_spatialrecon.report.pictures import Studio
from napari_spatialrecon.report.run import Run
from napari_spatialrecon.tasks.gene_check import FOUND, HELD_OUT
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.slots import IMPUTED_STD

#: Most maps, and most rows of the table at either end.
_MAPS, _ENDS = 8, 10
#: Correlations with the truth below which a map is unreliable, and above which it is reliable.
_ROUGH, _GOOD = 0.3, 0.6


def asked(run: Run, inputs: list[Input]) -> tuple[str, ...]:
    """Return what was asked."""
    n = int((_origin(run) != "measured").sum())
    slide = next((one.name for one in inputs if one.role == "slide"), "the slide")
    cells = next((one.name for one in inputs if one.role == "cells"), "the reference")
    genes = "1 gene" if n == 1 else f"{n:,} genes"
    return (f"Impute {genes} in {run.adata.n_obs:,} spots of {slide}, from the cells of {cells}.",)


def figures(run: Run, inputs: list[Input], studio: Studio, types: str | None) -> list[Section]:
    """Return maps of some genes, the expected reliability of all, and the spread of one map."""
    genes = _shown(run)
    if not genes:
        return []
    first, below = genes[0], where(run, inputs)
    label = f"{first}, log"
    figure = drawn(run, inputs, _values(run, first), kind="gene", label=label)
    alt = f"Map of the imputed gene {first} over {below}, bright where it is high."
    on = studio.picture(figure, alt, f"{first}, log-normalized, over {below}.")
    frame = pd.DataFrame({gene: _values(run, gene) for gene in genes})
    small = type_maps(contract.coordinates(run.adata), frame)
    alt = f"{len(genes)} small maps of genes: {', '.join(genes)}; bright where they are high."
    which = "Genes that were hidden first, then those of the highest expected reliability."
    maps = studio.picture(small, alt, which)
    return [
        Section("map", "Maps of genes", pictures=(on, maps)),
        _reliability(run, studio),
        _uncertainty(run, inputs, studio, first),
    ]


def _origin(run: Run) -> pd.Series:
    if "origin" not in run.adata.var:
        return pd.Series("imputed", run.adata.var_names)
    return run.adata.var["origin"].astype(str)


def _shown(run: Run) -> list[str]:
    origin = _origin(run)
    hidden = [str(name) for name in origin.index[origin == HELD_OUT]]
    rest = run.adata.var[(origin == "imputed").to_numpy()]
    if "reliability" in rest:
        rest = rest.sort_values("reliability", ascending=False, kind="stable", na_position="last")
    return list(dict.fromkeys([*hidden, *map(str, rest.index)]))[:_MAPS]


def _values(run: Run, gene: str, layer: str | None = None) -> np.ndarray:
    at = run.adata.var_names.get_loc(gene)
    column = (run.adata.X if layer is None else run.adata.layers[layer])[:, at]
    column = column.toarray() if sparse.issparse(column) else column
    return np.asarray(column, float).ravel()


def _reliability(run: Run, studio: Studio) -> Section:
    title = "How far each gene can be believed"
    report = run.settings.get("report") or {}
    pictures: tuple[Picture, ...] = ()
    if diagram := report.get("reliability_diagram"):
        alt = (
            "Expected against found correlation of genes that the run held out, near the diagonal "
        )
        alt += "if expectations are right."
        figure = reliability_plot(diagram, title="Shared genes that the run held out")
        pictures = (studio.picture(figure, alt, "Expected and found correlation of a gene's map."),)
    var = run.adata.var[(_origin(run) != "measured").to_numpy()]
    if "reliability" not in var or var["reliability"].isna().all():
        text = "The method predicts no reliability of a gene."
        return Section("genes", title, (text,), pictures=pictures)
    var = var.sort_values("reliability", ascending=False, kind="stable", na_position="last")
    expected = var["reliability"].to_numpy(float)
    n = np.isfinite(expected).sum()
    good, rough = (expected >= _GOOD).sum(), (expected < _ROUGH).sum()
    text = (
        f"Of {n:,} genes, {good:,} have an expected correlation of {_GOOD} or more, {rough:,} of "
        f"less than {_ROUGH}: do not rely on the latter."
    )
    both = var if len(var) <= 2 * _ENDS else pd.concat([var.head(_ENDS), var.tail(_ENDS)])
    rows = tuple(
        (
            str(name),
            str(row.get("origin", "imputed")),
            _number(row["reliability"]),
            _number(row.get(FOUND, np.nan)),
        )
        for name, row in both.iterrows()
    )
    shown = (
        f" (the {_ENDS} best and the {_ENDS} worst of {len(var):,})" if len(both) < len(var) else ""
    )
    head = ("Gene", "Origin", "Expected correlation", "Found correlation")
    table = Table(f"Genes{shown}", head, rows, (2, 3))
    return Section("genes", title, (text,), tables=(table,), pictures=pictures)


def _number(value: object) -> str:
    number = float(value)  # type: ignore[arg-type]
    return f"{number:.2f}" if np.isfinite(number) else "–"


def _uncertainty(run: Run, inputs: list[Input], studio: Studio, gene: str) -> Section:
    title = "How certain a map is"
    spread = None
    if IMPUTED_STD in run.adata.layers:
        spread = _values(run, gene, IMPUTED_STD)
    if spread is None or not spread.any():
        why = [note for note in run.notes if note.startswith("Maps have no spread")]
        text = f"{run.method} states no uncertainty within a map; see the reliability of each gene."
        return Section("uncertainty", title, tuple(why) or (text,))
    covered = run.metrics.get("spread_coverage")
    said = (
        "Two spreads are to hold 95% of the values, as they do for measured genes that were hidden"
    )
    said += "." if covered is None else f"; of genes held out of this, they held {covered:.0%}."
    figure = drawn(run, inputs, spread, kind="gene", label=f"{gene}, spread")
    alt = f"Map of the spread of {gene}, bright where the map is uncertain."
    picture = studio.picture(figure, alt, f"Spread of {gene}, in its logarithm.")
    return Section("uncertainty", title, (said,), pictures=(picture,))


def done(run: Run, inputs: list[Input]) -> str:
    """Return what was done, for a methods paragraph; the method's name follows."""
    n = int((_origin(run) != "measured").sum())
    cells = next((one.name for one in inputs if one.role == "cells"), "the reference")
    genes = "One gene was" if n == 1 else f"{n:,} genes were"
    return f"{genes} imputed in {run.adata.n_obs:,} spots from the cells of {cells} with"
