"""Reconstruct what a spatial measurement lost, and show it on the histology image.

Names are imported on first use to keep ``import napari_spatialrecon`` fast;
`__init__.pyi` lists them.

>>> import napari_spatialrecon as sr
>>> sr.config("knn", task="place", neighbours=7).flat()["neighbours"]
7
"""

from __future__ import annotations

import sys
from typing import Any

import lazy_loader

_lazy, _, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-spatialrecon")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _lazy(name)


def __dir__() -> list[str]:
    return sorted(__all__)


def _show_configs() -> None:
    """Make IPython, if it is running, display a config as a form."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        formatter = shell.display_formatter.ipython_display_formatter
        formatter.for_type_by_name(f"{__name__}.hyperparameters", "Config", _show)


def _show(config: Any) -> None:
    from napari_spatialrecon.viewer.notebook import display

    display(config)


_show_configs()
