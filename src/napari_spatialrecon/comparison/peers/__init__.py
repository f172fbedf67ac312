"""Other tools behind one contract each; a tool is imported when it runs."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

#: Extra of the package that installs all of them.
EXTRA = 'pip install "napari-spatialrecon[peers]"'


@dataclass(frozen=True)
class PeerInfo:
    """Another tool.

    Parameters
    ----------
    name, title
        Name on the command line, and title shown to users.
    package, module
        Its name on PyPI, and the module that is imported.
    location
        ``module:class`` of its adapter.
    """

    name: str
    title: str
    package: str
    module: str
    tasks: tuple[str, ...]
    location: str

    def missing(self) -> str:
        """Return why the tool cannot run here, or nothing."""
        if importlib.util.find_spec(self.module) is None:
            return f"{self.package} is not installed"
        return ""

    def adapter(self) -> type[Any]:
        """Import and return the adapter's class."""
        module, _, name = self.location.partition(":")
        adapter: type[Any] = getattr(importlib.import_module(module), name)
        return adapter


def _peer(name: str, title: str, package: str, module: str, adapter: str, *tasks: str) -> PeerInfo:
    return PeerInfo(name, title, package, module, tasks, f"{__name__}.{name}:{adapter}")


_GENES, _MIX = "impute-genes", "deconvolve"
PEERS = (
    _peer("tangram", "Tangram", "tangram-sc", "tangram", "Tangram", "place", _GENES, _MIX),
    _peer("novosparc", "novoSpaRc", "novosparc", "novosparc", "NovoSpaRc", "place", _GENES),
    _peer("moscot", "moscot", "moscot", "moscot", "Moscot", "place", _GENES),
    _peer("gimvi", "gimVI", "scvi-tools", "scvi", "GimVI", _GENES),
    _peer("rctd", "RCTD", "rctd-py", "rctd", "Rctd", _MIX),
    _peer("stereoscope", "Stereoscope", "scvi-tools", "scvi", "Stereoscope", _MIX),
    _peer(
        "cell2location", "cell2location", "cell2location", "cell2location", "Cell2Location", _MIX
    ),
)
