"""Communities in a separate process: igraph holds the GIL while it searches.

This would freeze the window for 0.1 s with 3,000 cells, and for 1.5 s with 30,000.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.errors import SpatialReconError, Stopped
from napari_spatialrecon.progress import ShouldStop

_POLL_S = 0.05
_SCRIPT = """
import sys
import numpy as np
from napari_spatialrecon.evaluation.communities import communities
np.save(sys.argv[2], communities(np.load(sys.argv[1])))
"""


def communities_in_process(places: np.ndarray, should_stop: ShouldStop) -> NDArray[np.int64]:
    """Return the result of `evaluation.communities.communities`, computed in a separate process.

    Parameters
    ----------
    places : (n, d) float
        Intrinsic coordinates or positions.
    should_stop
        True ends the process.

    Raises
    ------
    Stopped
        It was stopped.
    SpatialReconError
        The process failed; the message has its last line.
    """
    with tempfile.TemporaryDirectory(prefix="spatialrecon-") as folder:
        given, found = Path(folder) / "places.npy", Path(folder) / "communities.npy"
        np.save(given, places)
        process = subprocess.Popen(
            [sys.executable, "-c", _SCRIPT, str(given), str(found)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        errors = _wait(process, should_stop)
        if process.returncode != 0:
            raise SpatialReconError(
                f"Expected communities of {len(places):,} cells, found exit code "
                f"{process.returncode} ({errors.strip().rpartition(chr(10))[2]})."
            )
        codes: NDArray[np.int64] = np.load(found)
        return codes


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
