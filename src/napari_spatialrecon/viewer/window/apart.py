"""Work in a process of its own, for libraries that hold Python's lock while they work.

igraph would freeze the window for 0.1 s with 3,000 cells, and for 1.5 s with 30,000; neither it
nor UMAP can be stopped otherwise.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatialrecon.errors import SpatialReconError, Stopped
from napari_spatialrecon.progress import ShouldStop

_POLL_S = 0.05
_SCRIPT = """
import importlib, json, sys
import numpy as np
module, _, name = sys.argv[1].partition(":")
function = getattr(importlib.import_module(module), name)
np.save(sys.argv[3], function(np.load(sys.argv[2]), **json.loads(sys.argv[4])))
"""


def apart(
    function: str, given: np.ndarray, what: str, should_stop: ShouldStop, **options: Any
) -> np.ndarray:
    """Return ``function(given, **options)``, computed in a separate process.

    Parameters
    ----------
    function
        ``"module:name"`` of a function of one array that returns an array.
    what
        What is computed, for an error: ``"communities"``.
    should_stop
        True ends the process.
    options
        As JSON can hold them.

    Raises
    ------
    Stopped
        It was stopped.
    SpatialReconError
        The process failed; the message has its last line.
    """
    with tempfile.TemporaryDirectory(prefix="spatialrecon-") as folder:
        source, target = Path(folder) / "given.npy", Path(folder) / "found.npy"
        np.save(source, given)
        process = subprocess.Popen(
            [sys.executable, "-c", _SCRIPT, function, source, target, json.dumps(options)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        errors = _wait(process, should_stop)
        if process.returncode != 0:
            raise SpatialReconError(
                f"Expected {what} of {len(given):,} cells, found exit code "
                f"{process.returncode} ({errors.strip().rpartition(chr(10))[2]})."
            )
        found: np.ndarray = np.load(target)
        return found


def _wait(process: subprocess.Popen[str], should_stop: ShouldStop) -> str:
    """Wait for the end of a process and return what it wrote on stderr."""
    while True:
        try:
            return process.communicate(timeout=_POLL_S)[1]
        except subprocess.TimeoutExpired:
            if should_stop():
                process.kill()
                process.communicate()
                raise Stopped() from None
