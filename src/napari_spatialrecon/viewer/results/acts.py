"""What is done with results: show, recolor, delete and restore, write."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.palette import category_colors
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.colors import Kind, set_point_colors
from napari_spatialrecon.viewer.canvas.features import add_feature
from napari_spatialrecon.viewer.canvas.point_values import values
from napari_spatialrecon.viewer.canvas.quiet_layers import inserting, remove
from napari_spatialrecon.viewer.results.facts import record_of
from napari_spatialrecon.viewer.results.model import Deleted, ResultsModel
from napari_spatialrecon.viewer.results.sides import Side, layers_of
from napari_spatialrecon.viewer.task.result_layers import hide_other_results
from napari_spatialrecon.viewer.window.steps import Steps, at_once
from napari_spatialrecon.viewer.workspace.reopening import with_look

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel
    from napari.layers import Layer, Points

    from napari_spatialrecon.tasks.compared import Compared
    from napari_spatialrecon.viewer.workspace.results import Result


@runtime_checkable
class Whole(Protocol):
    """What draws a result in several layers."""

    def show_whole(self) -> None:
        """Show the layers that make it up."""


def bring_up(viewer: ViewerModel, result: Result) -> Layer | None:
    """Show the layer of a result, select it, and hide other results on the same tissue.

    A layer that was deleted is added again.

    Returns
    -------
    The layer; None of a result without one.
    """
    layer = result.layer
    if layer is None:
        return None
    if layer not in viewer.layers:
        viewer.add_layer(layer)
    layer.visible = True
    if isinstance(result.drawn, Whole):
        result.drawn.show_whole()
    hide_other_results(viewer, layer, layers_of(viewer, result))
    viewer.layers.selection = {layer}
    return layer


def recolor(viewer: ViewerModel, sides: Sequence[Side], name: str) -> list[str]:
    """Color several results by the same column or gene: the same limits, the same palette.

    Returns
    -------
    Names of those that were colored.

    Raises
    ------
    InputError
        None of them has such a column or gene, or none is shown as points.
    """
    found: list[tuple[Points, Any, Kind, str, str]] = []
    refused: InputError | None = None
    for side in sides:
        points = shown_points(viewer, side)
        if points is None:
            continue
        try:
            of, kind, title = values(side.adata, name)
        except InputError as error:
            refused = error
            continue
        if len(of) == len(points.data):
            found.append((points, of, kind, title, side.name))
    if not found:
        raise refused or InputError(
            "Expected a result that is shown as points, found none.",
            remedy="Try a placement, or cell types in spots.",
        )
    common = _common([(of, kind) for _, of, kind, _, _ in found])
    for points, of, kind, title, _ in found:
        set_point_colors(points, of, kind=kind, title=title, **common)
    return [side for *_, side in found]


def shown_points(viewer: ViewerModel, side: Side) -> Points | None:
    """Return the points layer of a side that the viewer has."""
    from napari.layers import Points

    layer = side.layer
    return layer if isinstance(layer, Points) and layer in viewer.layers else None


def _common(found: Sequence[tuple[Any, Kind]]) -> dict[str, Any]:
    """Return limits or palette under which colors mean the same in all."""
    import pandas as pd
    from natsort import natsorted

    kinds = {kind for _, kind in found}
    if kinds == {"category"}:
        names = natsorted({str(c) for of, _ in found for c in pd.Categorical(of).categories})
        return {"palette": category_colors(names)}
    if "category" in kinds:
        return {}
    numbers = np.concatenate([np.asarray(of, float) for of, _ in found])
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return {}
    low = 0.0 if kinds == {"uncertainty"} else float(numbers.min())
    return {"limits": (min(low, float(numbers.min())), float(numbers.max()))}


def write_disagreement(
    viewer: ViewerModel, comparison: Compared, sides: tuple[Side, Side]
) -> list[str]:
    """Write how far each cell or spot disagrees with the other, as a column of each result.

    Slides keep their tables as they are.

    Returns
    -------
    Names of the columns.
    """
    names: list[str] = at_once(writing_disagreement(viewer, comparison, sides))
    return names


def writing_disagreement(
    viewer: ViewerModel, comparison: Compared, sides: tuple[Side, Side]
) -> Steps:
    """Do what `write_disagreement` does, and return the same, in steps."""
    written = []
    for side, other in (sides, sides[::-1]):
        if side.result is None:
            continue
        name = comparison.title(other.name).replace("/", "_")
        column = yield partial(comparison.column, side.adata)
        side.adata.obs[name] = column
        yield None
        for layer in side.points(viewer):
            if len(layer.features) == len(column):
                add_feature(layer, name, column)
                yield None
        written.append(name)
    return written


def write(result: Result, path: str | Path) -> tuple[Path, ...]:
    """Write a result and the record of its run; return their paths."""
    from napari_spatialrecon.tasks.writing import write_result

    if result.outcome is not None:
        kept = with_look(result.outcome.record, result.layer)
        return tuple(replace(result.outcome, record=kept).write(path))
    record = record_of(result) or {"task": result.task, "metrics": {}}
    return write_result(path, result.adata, with_look(record, result.layer))


def export_table(result: Result) -> pd.DataFrame:
    """Return the places and all columns of a result, with one row per cell or spot."""
    import pandas as pd

    from napari_spatialrecon.evaluation.mixture_metrics import named_types
    from napari_spatialrecon.tissue.slots import LOWER, PROPORTIONS, SPATIAL, UPPER

    adata = result.adata
    parts = [pd.DataFrame(index=adata.obs_names)]
    if SPATIAL in adata.obsm:
        places = np.asarray(adata.obsm[SPATIAL], float)[:, :2]
        unit = str(adata.uns.get(OURS, {}).get("unit", "unit"))
        parts.append(pd.DataFrame(places, adata.obs_names, [f"x_{unit}", f"y_{unit}"]))
    parts.append(adata.obs)
    told = {PROPORTIONS: "share of ", LOWER: "lower share of ", UPPER: "upper share of "}
    for key, prefix in told.items():
        if isinstance(adata.obsm.get(key), pd.DataFrame):
            parts.append(named_types(adata, adata.obsm[key]).add_prefix(prefix))
    return pd.concat(parts, axis=1).rename_axis("obs_name")


def delete(viewer: ViewerModel, model: ResultsModel, result: Result) -> Deleted:
    """Remove a result and its layers; `undo` brings them back."""
    gone = Deleted(
        result,
        list(model.space.results).index(result),
        tuple((viewer.layers.index(layer), layer) for layer in layers_of(viewer, result)),
    )
    model.space.results.remove(result)
    for _, layer in reversed(gone.layers):
        remove(viewer.layers, layer)
    model.deleted.append(gone)
    return gone


def undo(viewer: ViewerModel, model: ResultsModel) -> Result | None:
    """Bring back the result that was deleted last; return it, or None if there is none."""
    found: Result | None = at_once(undoing(viewer, model))
    return found


def undoing(viewer: ViewerModel, model: ResultsModel) -> Steps:
    """Do what `undo` does, and return the same, in steps."""
    if not model.deleted:
        return None
    gone, layers = model.deleted.pop(), viewer.layers
    for index, layer in gone.layers:
        yield from inserting(layers, min(index, len(layers)), layer, nullcontext())
    back = [layer for _, layer in gone.layers if layer in layers]
    if back:
        layers.selection = {back[-1]}
        yield None
    return model.space.results.add(gone.result, gone.index)


def measured_pair(pair: tuple[Side, Side] | None) -> tuple[Side, Side] | None:
    """Return the placement and its measured places, if those are the two; else None."""
    if pair is None or pair[0].task != "place":
        return None
    placed = [side for side in pair if side.result is not None]
    true = [side for side in pair if side.result is None]
    return (placed[0], true[0]) if placed and true else None


def write_accuracy(placed: Side, true: Side, path: Path) -> list[Path]:
    """Write figure 5 of the GEARS paper: ``<path>_distances.png`` and ``<path>_curves.png``."""
    from napari_spatialrecon.comparison.place_pictures import accuracy_figures
    from napari_spatialrecon.evaluation.pictures import save_png

    drawn = accuracy_figures(true.adata, {placed.name: placed.adata})
    return [
        save_png(drawn[kind], path.with_name(f"{path.stem}_{kind}.png"))
        for kind in ("distances", "curves")
    ]
