"""Whether a type's markers are expressed near where its cells were placed (GEARS, figure 4).

The markers come from the cells, the expression from the measured spots: what is compared is whether
spots near placed cells of a type have more of its markers than spots farther away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.figure import Figure, SubFigure
from scipy.sparse import csr_matrix
from scipy.stats import mannwhitneyu

from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.evaluation import palette
from napari_spatialrecon.evaluation.pictures import overlay
from napari_spatialrecon.faces import spoken
from napari_spatialrecon.report.ground import number, slide_below, stain_of, type_column
from napari_spatialrecon.report.inputs import Input
from napari_spatialrecon.report.parts import Section, Table
from napari_spatialrecon.report.pictures import Studio
from napari_spatialrecon.report.run import Run
from napari_spatialrecon.tasks.groups import log_expression, markers
from napari_spatialrecon.tasks.vicinity import PITCHES, default_radius, near
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.gene_lookup import lookup

TITLE = "Markers near placed types"
#: Most types and markers of each, and fewest cells of a type, spots near and spots farther away.
_TYPES, _MARKERS, _FEWEST = 8, 4, 5
#: Adjusted p below which a gene is a marker of a type.
_MARKS = 0.05


@dataclass(frozen=True, eq=False)
class Vicinity:
    """The spots near the placed cells of a type, and the type's markers in them.

    Parameters
    ----------
    near : (n_spots,) bool
    genes
        One row per marker: ``change``, log2 of the mean expression near over that farther away, and
        ``p`` of a one-sided rank test.
    values
        Log-normalized expression of each marker, one column per gene.
    """

    kind: str
    cells: int
    near: np.ndarray
    genes: pd.DataFrame
    values: pd.DataFrame

    @property
    def higher(self) -> float:
        """Share of the markers that are higher near the cells."""
        return float((self.genes["change"] > 0).mean())


def markers_section(
    run: Run, inputs: list[Input], studio: Studio, types: str | None
) -> Section | None:
    """Return the section; where nothing can be tested, why not."""
    column = type_column(run.adata, types)
    if column is None:
        return _without("the cells have no column of types, such as cell_type")
    slide = slide_below(run, inputs)
    if slide is None:
        return _without("the measured slide was not found")
    try:
        found = vicinities(run.adata, slide, column)
    except SpatialReconError as error:
        return _without(str(error).rstrip(".").replace("\n", " "))
    if not found:
        return _without("no type has markers, and spots both near its cells and farther away")
    scale = contract.um_per_unit(slide)
    radius = default_radius(contract.coordinates(slide))
    reach = f"{radius * scale:,.0f} µm" if scale else f"{number(radius)} units"
    rows = [
        (
            one.kind,
            f"{one.cells:,}",
            f"{one.near.sum():,} of {len(one.near):,}",
            ", ".join(f"{g} {r.change:+.2f}{_stars(r.p)}" for g, r in one.genes.iterrows()),
        )
        for one in found
    ]
    best = max(found, key=lambda one: (one.higher, -float(np.median(one.genes["p"]))))
    higher = sum(int((one.genes["change"] > 0).sum()) for one in found)
    tested = sum(len(one.genes) for one in found)
    text = (
        f"Markers of each type come from the cells themselves; the expression is that of the "
        f"measured spots. A spot is near if a cell of the type lies within {reach} "
        f"({PITCHES:g} times the spacing of the spots). Of {tested} markers, {higher} are higher "
        f"near their type, where half would be by chance. The method used the expression of these "
        "spots to place the cells, so this shows that places and expression agree, not that both "
        "are right."
    )
    table = Table(
        f"Types by the column {column}: log2 of expression near over farther away (* p < .05, "
        "** p < .001, one-sided rank test, not corrected for the number of tests)",
        ("Type", "Cells", "Spots near", "Markers"),
        tuple(rows),
        (1, 2),
    )
    return Section(
        "markers",
        TITLE,
        (text,),
        tables=(table,),
        pictures=_pictures(run, inputs, slide, best, studio),
    )


def vicinities(cells: AnnData, slide: AnnData, column: str) -> list[Vicinity]:
    """Return the vicinity of each type that can be tested, the most frequent first.

    Parameters
    ----------
    cells
        Placed on the slide, with counts.
    slide
        Measured spots with counts, in the same frame.
    column
        Of `cells.obs`, with the types.
    """
    labels = cells.obs[column].astype(str).where(cells.obs[column].notna())
    places, spots = contract.coordinates(cells), contract.coordinates(slide)
    radius = default_radius(spots)
    expression = log_expression(slide)
    found = []
    for kind in labels.value_counts().index[: 2 * _TYPES]:
        own = (labels == kind).to_numpy()
        close = near(spots, places[own], radius) if own.sum() >= _FEWEST else np.zeros(1, bool)
        if min(close.sum(), (~close).sum()) < _FEWEST:
            continue
        one = vicinity(slide, expression, own, close, str(kind), own_markers(cells, own))
        if one is not None:
            found.append(one)
        if len(found) == _TYPES:
            break
    return found


def own_markers(cells: AnnData, own: np.ndarray) -> list[str]:
    """Return the genes that mark the cells `own`, (n_cells,) bool, the clearest first."""
    ranked = markers(cells, own)
    ranked = ranked[(ranked["p_adjusted"] < _MARKS) & (ranked["log2_fold_change"] > 0)]
    return [str(name) for name in ranked.index]


def vicinity(
    slide: AnnData,
    expression: tuple[csr_matrix, np.ndarray],
    own: np.ndarray,
    close: np.ndarray,
    kind: str,
    genes: Sequence[str],
) -> Vicinity | None:
    """Return the vicinity of the cells `own`; None if the slide has none of the genes.

    Parameters
    ----------
    expression
        `tasks.groups.log_expression` of the slide.
    close : (n_spots,) bool
        Which spots are near.
    genes
        Of which the first four that the slide has are tested.
    """
    logs, used = expression
    at = lookup(slide.var[used], list(genes))
    known = [(name, row) for name, row in zip(genes, at, strict=True) if row >= 0][:_MARKERS]
    if not known:
        return None
    dense = logs[:, [row for _, row in known]].toarray()
    values = pd.DataFrame(dense, columns=[name for name, _ in known])
    return Vicinity(kind, int(own.sum()), close, _tested(values, close), values)


def _tested(values: pd.DataFrame, close: np.ndarray) -> pd.DataFrame:
    linear = np.expm1(values)
    inside, outside = linear[close].mean(), linear[~close].mean()
    change = np.log2((inside + 1e-3) / (outside + 1e-3))
    p = [
        mannwhitneyu(values[g][close], values[g][~close], alternative="greater").pvalue
        for g in values
    ]
    return pd.DataFrame({"change": change, "p": p}, index=values.columns)


def _stars(p: float) -> str:
    return "**" if p < 0.001 else "*" if p < 0.05 else ""


def _without(why: str) -> Section:
    return Section("markers", TITLE, (spoken(f"Not shown: {why}."),))


def _pictures(
    run: Run, inputs: list[Input], slide: AnnData, best: Vicinity, studio: Studio
) -> tuple:
    close = pd.Series(np.where(best.near, f"near {best.kind}", "farther away"))
    order = pd.CategoricalDtype([f"near {best.kind}", "farther away"])
    figure = overlay(
        contract.coordinates(slide),
        close.astype(order),
        image=stain_of(run, inputs),
        um_per_unit=contract.um_per_unit(slide),
        kind="category",
        label="measured spots",
    )
    alt = f"Map of the measured spots: those near placed cells of {best.kind}, and all others."
    spots = studio.picture(figure, alt, f"Measured spots near placed cells of type {best.kind}.")
    drawn = Figure((8, 2.9), dpi=150, layout="constrained")
    draw_boxes(best, drawn)
    boxes = studio.picture(
        drawn,
        f"Box plots of {', '.join(best.values)}: expression in spots near {best.kind} beside that "
        "in other spots.",
        f"Markers of {best.kind} in spots near its placed cells and farther away.",
    )
    return spots, boxes


def draw_boxes(one: Vicinity, figure: Figure | SubFigure) -> None:
    """Draw expression of each gene in near spots beside that in others, into an empty figure."""
    genes: Sequence[str] = list(one.values)
    for ax, gene in zip(figure.subplots(1, len(genes), squeeze=False)[0], genes, strict=True):
        groups = [one.values[gene][one.near], one.values[gene][~one.near]]
        drawn = ax.boxplot(groups, widths=0.6, patch_artist=True, showfliers=False)
        for patch, color in zip(drawn["boxes"], palette.CATEGORIES[:2], strict=True):
            patch.set(facecolor=color, edgecolor=palette.INK)
        for line in drawn["medians"]:
            line.set(color=palette.INK, linewidth=1.5)
        p = one.genes["p"][gene]
        ax.set_title(f"{palette.elide(gene, 16)}\np = {p:.2g}", fontsize=8, color=palette.INK)
        ax.set_xticks([1, 2], ["near", "farther"], fontsize=8)
        ax.tick_params(labelsize=8, colors=palette.INK)
        ax.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("log-normalized counts", fontsize=8, color=palette.INK)
