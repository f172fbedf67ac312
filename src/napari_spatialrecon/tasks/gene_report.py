"""The picture of an imputation run: reliability of the predicted accuracy of genes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_spatialrecon.evaluation.pictures import save_png
from napari_spatialrecon.evaluation.reliability_plot import reliability_plot

#: Suffix of the picture next to a result.
PICTURE = ".reliability.png"


def draw_run(settings: Mapping[str, Any], out: str | Path) -> Path | None:
    """Write the reliability diagram of genes that a run held out beside its result.

    Parameters
    ----------
    settings
        Of the run's record.
    out
        The result.

    Returns
    -------
    The picture; None where the method held no genes out, and then none of an earlier run is left.
    """
    path = Path(out).with_suffix(PICTURE)
    diagram = settings.get("report", {}).get("reliability_diagram")
    if diagram is None:
        path.unlink(missing_ok=True)
        return None
    return draw_reliability(diagram, path, title="Shared genes that the run held out")


def draw_reliability(diagram: Mapping[str, Any], path: str | Path, *, title: str = "") -> Path:
    """Write a reliability diagram as PNG; see `reliability_plot`."""
    return save_png(reliability_plot(diagram, title=title), path)
