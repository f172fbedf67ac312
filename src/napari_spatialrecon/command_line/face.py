"""How messages name arguments and settings on the command line."""

from __future__ import annotations

import shlex
from typing import Any

from napari_spatialrecon.hyperparameters import word

#: Options that are not called as the argument is.
_OPTIONS = {
    "references": "--reference",
    "register_to": "--onto",
    "ref": "--onto",
    "aligned": "--like",
    "histology": "--guided",
    "landmarks_query": "--pairs",
    "um_per_unit": "--um-per-pixel",
}


class CommandLine:
    """A terminal."""

    def argument(self, name: str, value: Any) -> str:
        """Return an option, ``--method knn``; one that is only given or not, without a value."""
        option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
        return option if value is ... or value is True else f"{option} {shlex.quote(word(value))}"

    def setting(self, name: str, value: Any) -> str:
        """Return an option, ``--set members=2``."""
        return f"--set {name}={'' if value is ... else shlex.quote(word(value))}"
