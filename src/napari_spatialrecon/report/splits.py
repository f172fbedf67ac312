"""What a report tells of split spots: a gene before and after, and whether counts were kept."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_spatialrecon.evaluation.pictures import overlay
from napari_spatialrecon.geometry.autocorrelation import morans_i
from napari_spatialrecon.methods.super_resolution.coarse_check import FOUND, LEVEL
from napari_spatialrecon.report.ground import drawn, stain_of, where
from napari_spatialrecon.report.inputs import Input
from napari_spatialrecon.report.parts import Section
from napari_spatialrecon.report.pictures import Studio
from napari_spatialrecon.report.run import Run
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.slots import PARENT, SPREAD

#: Genes with the most counts, among which the most patterned one is drawn.
_AMONG = 200


def asked(run: Run, inputs: list[Input]) -> tuple[str, ...]:
    """Return what was asked."""
    slide = next((one.name for one in inputs if one.role == "slide"), "the slide")
    spots, parts = _sizes(run)
    genes = "1 gene" if run.adata.n_vars == 1 else f"{run.adata.n_vars:,} genes"
    return (
        f"Split the counts of {genes} in {spots:,} spots of {slide} over {parts} parts each, "
        "losing and inventing none.",
    )


def figures(run: Run, inputs: list[Input], studio: Studio, types: str | None) -> list[Section]:
    """Return the most patterned gene, as measured and as split, and its spread."""
    gene, places, sums = _most_patterned(run)
    values = _values(run, gene)
    below = where(run, inputs)
    before = overlay(
        places,
        sums,
        image=stain_of(run, inputs),
        um_per_unit=contract.um_per_unit(run.adata),
        kind="gene",
        label=f"{gene}, counts",
    )
    after = drawn(run, inputs, values, kind="gene", label=f"{gene}, counts")
    pictures = (
        studio.picture(
            before,
            f"Map of the measured counts of {gene} in the spots, over {below}.",
            f"{gene} as measured: the gene with the clearest pattern among the {_AMONG} strongest.",
        ),
        studio.picture(
            after, f"Map of {gene} in the parts of the spots, over {below}.", f"{gene} as split."
        ),
    )
    return [
        Section("map", "A gene before and after", pictures=pictures),
        _uncertainty(run, inputs, studio, gene),
    ]


def _sizes(run: Run) -> tuple[int, int]:
    spots = run.adata.obs[PARENT].nunique()
    return spots, run.adata.n_obs // max(spots, 1)


def _values(run: Run, gene: str, layer: str | None = None) -> np.ndarray:
    at = run.adata.var_names.get_loc(gene)
    matrix = run.adata.X if layer is None else run.adata.layers[layer]
    return np.asarray(matrix[:, [at]].toarray(), float).ravel()


def _most_patterned(run: Run) -> tuple[str, np.ndarray, np.ndarray]:
    """Return the gene whose measured counts are most alike between neighbors, with them."""
    parents = pd.Categorical(run.adata.obs[PARENT]).codes
    n = parents.max() + 1
    size = np.bincount(parents, minlength=n)
    points = contract.coordinates(run.adata)
    places = np.column_stack([np.bincount(parents, axis, n) / size for axis in points.T])
    totals = np.asarray(run.adata.X.sum(axis=0)).ravel()
    strong = np.argsort(-totals, kind="stable")[:_AMONG]
    dense = run.adata.X[:, strong].toarray()
    sums = np.column_stack([np.bincount(parents, column, n) for column in dense.T])
    score = morans_i(np.log1p(sums), places, k=min(6, n - 1))
    best = int(np.nanargmax(np.where(np.isfinite(score), score, -np.inf)))
    return str(run.adata.var_names[strong[best]]), places, sums[:, best]


def _uncertainty(run: Run, inputs: list[Input], studio: Studio, gene: str) -> Section:
    title = "How certain each part is"
    if SPREAD not in run.adata.layers:
        why = [note for note in run.notes if note.startswith("The spread over draws is not")]
        if why:
            return Section("uncertainty", title, tuple(why))
        other = "" if run.info is None else run.info.spread_preset
        more = f"; with the preset {other} it does" if other else ""
        text = f"In this run {run.method} states no uncertainty of a part{more}."
        return Section("uncertainty", title, (text,))
    figure = drawn(run, inputs, _values(run, gene, SPREAD), kind="gene", label=f"{gene}, sd")
    alt = f"Map of the spread of {gene}, bright where parts are uncertain."
    caption = f"Spread of {gene}, in counts."
    picture = studio.picture(figure, alt, caption)
    covered = run.metrics.get("spread_coverage")
    text = (
        f"Two spreads are to hold {LEVEL:.0%} of the true counts of parts. They follow from draws "
        "and are scaled so on the slide seen coarser, whose parts it measured"
    )
    text += "." if covered is None else f"; of blocks held out of this, they held {covered:.0%}."
    growth = run.metrics.get("spread_growth")
    if growth is None:  # a run of an earlier version
        text += " Of parts themselves expect less."
    else:
        text += (
            f" They are {growth - 1:.0%} wider than there, by what they grow from a slide seen "
            f"coarser still to it. On slides whose parts were measured they held {FOUND[0]:.0%} "
            f"to {FOUND[1]:.0%}."
        )
    return Section("uncertainty", title, (text,), pictures=(picture,))


def done(run: Run, inputs: list[Input]) -> str:
    """Return what was done, for a methods paragraph; the method's name follows."""
    spots, parts = _sizes(run)
    return f"The counts of {spots:,} spots were split over {parts} parts each with"
