"""What a report tells of placed cells: what was asked, where they lie, how certain it is."""

from __future__ import annotations

import numpy as np

from napari_spatialrecon.evaluation.calibration import stated_metrics, stated_sentence
from napari_spatialrecon.report.ground import alike, drawn, spread_words, type_column, where
from napari_spatialrecon.report.inputs import Input
from napari_spatialrecon.report.parts import Line, Section, listed
from napari_spatialrecon.report.pictures import Studio
from napari_spatialrecon.report.run import Run
from napari_spatialrecon.report.validation import measure_of, measured
from napari_spatialrecon.tasks.stated import held_words
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.slots import EXPECTED, UNCERTAINTY

#: Share of cells within their radius from which on radii hold enough; nine of ten should be.
_COVERED = 0.8
#: Factor between the medians of expected errors and those found up to which they agree.
_AS_STATED = 1.25
#: Median radius over the median error of held-out spots above which radii are wide; 1.8 is that of
#: errors which scatter evenly.
_WIDE = 3.0


def asked(run: Run, inputs: list[Input]) -> tuple[str, ...]:
    """Return what was asked."""
    slides = [one.name for one in inputs if one.role == "reference"]
    cells = next((one.name for one in inputs if one.role == "cells"), "the query")
    on = f" on {listed(slides)}" if slides else ""
    said = [f"Place {run.adata.n_obs:,} cells of {cells}{on}, by their expression alone."]
    settings = run.settings
    if to := settings.get("registered_to"):
        said.append(
            f"Register the result to the H&E of {to}, whose coordinates are not used for training."
        )
    elif settings.get("display") and len(slides) > 1:
        said.append(f"The result is in the frame of {settings['display']}.")
    if landmarks := settings.get("landmarks"):
        number = len(landmarks) if isinstance(landmarks, dict | list) else "the"
        said.append(f"Use {number} landmarks: cells whose positions were known.")
    return (" ".join(said),)


def figures(run: Run, inputs: list[Input], studio: Studio, types: str | None) -> list[Section]:
    """Return the map of the cells and that of their uncertainty."""
    column = type_column(run.adata, types)
    below = where(run, inputs)
    values = None if column is None else run.adata.obs[column]
    kind = None if column is None else "category"
    figure = drawn(run, inputs, values, kind=kind, label=column or "")
    colored = "" if column is None else f", colored by {column}"
    alt = f"Map of {run.adata.n_obs:,} placed cells over {below}{colored}."
    caption = f"Placed cells over {below}{colored}."
    found = [
        Section("map", "Where the cells lie", pictures=(studio.picture(figure, alt, caption),))
    ]
    return [*found, _uncertainty(run, inputs, studio, below)]


def _uncertainty(run: Run, inputs: list[Input], studio: Studio, below: str) -> Section:
    title = "How certain each place is"
    if UNCERTAINTY not in run.adata.obs:
        return Section("uncertainty", title, (f"{run.method} states no uncertainty of a place.",))
    scale = contract.um_per_unit(run.adata)
    unit = " µm" if scale else " units"
    values = run.adata.obs[UNCERTAINTY].to_numpy(float)
    stated = values * (scale or 1.0)
    if EXPECTED in run.adata.obs:
        error = run.adata.obs[EXPECTED].to_numpy(float) * (scale or 1.0)
        text = (
            "Half of such cells lie within a cell's expected error of their true place, nine of "
            f"ten within its 90% radius. Expected error: {spread_words(error, unit)}; "
            f"90% radius: {spread_words(stated, unit)}. {held_words(run.metrics)}"
        ).strip()
        label = "90% radius"
    else:
        text = (
            "The spread of a cell's likely places, of a version that states no expected error: "
            f"{spread_words(stated, unit)}. It is not calibrated: it ranks cells and is no length."
        )
        label = "spread, not calibrated"
    lines = tuple(_checked(run, stated))
    if alike(stated):
        return Section("uncertainty", title, (text,), lines)
    figure = drawn(run, inputs, values, kind="uncertainty", label=label)
    alt = f"Map of the placed cells over {below}, dark where the place is certain."
    caption = "Uncertainty of each place: dark is certain, bright is not."
    picture = studio.picture(figure, alt, caption)
    return Section("uncertainty", title, (text,), lines, pictures=(picture,))


def _checked(run: Run, stated: np.ndarray) -> list[Line]:
    """Return whether the stated radii hold as many cells as they should, as far as it is known."""
    found = (_covers(run, stated), _as_expected(run), _beside(run, stated))
    return [line for line in found if line is not None]


def _as_expected(run: Run) -> Line | None:
    """Return the expected error beside the distance from measured places, where these are known."""
    between = measured(run)
    if between is None or EXPECTED not in run.adata.obs:
        return None
    scale = contract.um_per_unit(run.adata) or 1.0
    stated = (run.adata.obs[name].to_numpy(float) * scale for name in (EXPECTED, UNCERTAINTY))
    found = stated_metrics(between.column(run.adata), *stated)
    if not found:
        return None
    off = max(found["ratio"], 1 / max(found["ratio"], 1e-9))
    text = stated_sentence(found, "µm" if contract.um_per_unit(run.adata) else "units")
    return "good" if off <= _AS_STATED else "warning", text


def _covers(run: Run, stated: np.ndarray) -> Line | None:
    """Return the share of cells whose measured place lies within the stated radius."""
    between = measured(run)
    if between is None:
        return None
    away = between.column(run.adata)
    known = np.isfinite(away) & np.isfinite(stated)
    share = float((away[known] <= stated[known]).mean()) if known.any() else np.nan
    text = f"{share:.0%} of the cells lie within this radius of their measured place"
    if share >= _COVERED:
        return "good", f"{text}, where about 90% should."
    return "warning", f"{text}, where about 90% should: the radii are too small here."


def _beside(run: Run, stated: np.ndarray) -> Line | None:
    """Return whether the median radius is plausible beside the error of held-out spots."""
    known = measure_of(run)
    if known is None or not known[0].own.endswith("_um"):
        return None
    found, middle = known[1][known[0].own], float(np.nanmedian(stated))
    if not (found > 0 and middle > 0):
        return None
    both = (
        f"the median radius is {middle:,.0f} µm, the median error of held-out spots {found:,.0f} µm"
    )
    if middle < found:
        text = f"Held-out spots lay farther off than these radii allow: {both}. "
        return "warning", text + "Take them to rank cells, not as a length."
    if middle > _WIDE * found and "calibration_held" not in run.metrics:
        text = f"These radii are wide for how far off held-out spots lay: {both}. "
        return "warning", text + "Take them to rank cells, not as a length."
    if middle > _WIDE * found:
        return None  # calibrated on spots that were made as unlike the slides as the cells are
    return "good", f"Plausible by held-out spots: {both}."


def uncertainty_caveats(run: Run) -> list[Line]:
    """Return what speaks against the stated uncertainty."""
    if UNCERTAINTY not in run.adata.obs:
        return []
    scale = contract.um_per_unit(run.adata)
    lines = _checked(run, run.adata.obs[UNCERTAINTY].to_numpy(float) * (scale or 1.0))
    return [(tone, f"Uncertainty: {text}") for tone, text in lines if tone != "good"]


def done(run: Run, inputs: list[Input]) -> str:
    """Return what was done, for a methods paragraph; the method's name follows."""
    slides = [one.name for one in inputs if one.role == "reference"]
    on = f" on {listed(slides)}" if slides else ""
    return f"{run.adata.n_obs:,} cells were placed{on} with"
