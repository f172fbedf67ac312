"""Put back what a spatial measurement lost, and lay it over the histology.

Names are imported when they are first used, so that ``import napari_spatialrecon`` stays quick:

>>> import napari_spatialrecon as sr
>>> sorted(sr.__all__)[:3]
['__version__', 'align_by_landmarks', 'deconvolve']
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

_PUBLIC = {
    "align_by_landmarks": "napari_spatialrecon.tasks.aligning",
    "deconvolve": "napari_spatialrecon.tasks.deconvolving",
    "evaluate_place": "napari_spatialrecon.evaluation.evaluate",
    "form": "napari_spatialrecon.viewer.notebook",
    "histology": "napari_spatialrecon.tissue.images",
    "impute_genes": "napari_spatialrecon.tasks.imputing",
    "impute_locations": "napari_spatialrecon.tasks.placing",
    "overlay": "napari_spatialrecon.evaluation.pictures",
    "place": "napari_spatialrecon.tasks.placing",
    "preflight": "napari_spatialrecon.tasks.preflight",
    "read_adata": "napari_spatialrecon.tissue.read",
    "set_alignment": "napari_spatialrecon.tasks.exporting",
    "simulate": "napari_spatialrecon.tissue.simulator.simulate",
    "super_resolve": "napari_spatialrecon.tasks.super_resolving",
    "to_spatialdata": "napari_spatialrecon.tasks.exporting",
    "train": "napari_spatialrecon.tasks.placing",
    "train_encoder": "napari_spatialrecon.tasks.encoding",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-spatialrecon")
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def _show_configs() -> None:
    """Let IPython, where this runs in it, show a config as a form."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        formatter = shell.display_formatter.ipython_display_formatter
        formatter.for_type_by_name(f"{__name__}.hyperparameters", "Config", _show)


def _show(config: Any) -> None:
    from napari_spatialrecon.viewer.notebook import display

    display(config)


_show_configs()
