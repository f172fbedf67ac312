"""The record of a run: inputs, settings, resources used and results."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatialrecon import storage
from napari_spatialrecon.progress import History

#: Packages whose version can change a result.
PACKAGES = ("napari-spatialrecon", "numpy", "scipy", "torch", "anndata", "scanpy", "scikit-image")

#: Number of rows of a sparse matrix that are hashed at a time.
_ROWS = 2048
#: Number of texts that are joined at a time: other threads wait meanwhile.
_TEXTS = 20_000


def versions() -> dict[str, str]:
    """Return the version of Python and of each package that can change a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def fingerprint(*parts: Any, between: Callable[[], object] = lambda: None) -> str:
    """Return a short hash of arrays, sparse matrices and strings: equal inputs, equal fingerprints.

    Parameters
    ----------
    between
        Called after each block of texts, so that work in a thread can make way for others.

    Examples
    --------
    >>> fingerprint("a", np.arange(3)) == fingerprint("a", np.arange(3))
    True
    """
    digest = hashlib.sha256()
    for part in parts:
        for piece in _pieces(part, between):
            digest.update(piece)
            digest.update(b"\0")
    return digest.hexdigest()[:16]


def _pieces(part: Any, between: Callable[[], object]) -> list[bytes]:
    if part is None:
        return [b"none"]
    if isinstance(part, str):
        return [part.encode()]
    if isinstance(part, RowsDigest):
        return part.pieces()
    if hasattr(part, "tocsr"):
        matrix, digest = part.tocsr(), RowsDigest()
        for start in range(0, max(matrix.shape[0], 1), _ROWS):
            digest.add(matrix[start : start + _ROWS])
        return digest.pieces()
    array = np.asarray(part)
    if array.dtype.kind in "OUST":
        flat, texts = array.ravel(), []
        for start in range(0, array.size, _TEXTS):
            texts.append("\n".join(map(str, flat[start : start + _TEXTS])).encode())
            between()
        return [str(array.shape).encode(), b"\n".join(texts)]
    return [str(array.shape).encode(), _array(array)]


def _array(array: np.ndarray) -> bytes:
    kind = "<f8" if array.dtype.kind == "f" else "<i8"
    return np.ascontiguousarray(array).astype(kind).tobytes()


class RowsDigest:
    """The digest of a sparse matrix of which blocks of rows are added one after the other.

    Its parts are hashed side by side, so that neither the matrix nor a copy of it has to be held.
    """

    def __init__(self) -> None:
        self._shape = (0, 0)
        self._parts = [hashlib.sha256() for _ in range(3)]

    def add(self, rows: Any) -> None:
        """Add rows in csr format, (n, n_columns)."""
        if not rows.has_sorted_indices:
            rows = rows.sorted_indices()
        self._shape = (self._shape[0] + rows.shape[0], rows.shape[1])
        filled = np.diff(rows.indptr)
        for part, array in zip(self._parts, (rows.data, rows.indices, filled), strict=True):
            part.update(_array(array))

    def pieces(self) -> list[bytes]:
        """Return the shape, and the digests of values, columns and values per row."""
        return [str(self._shape).encode(), *(part.digest() for part in self._parts)]


def threads() -> int:
    """Return the number of threads of numerical libraries: with another, last digits may differ."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() else os.cpu_count() or 1


def peak_memory_bytes() -> int | None:
    """Return the peak memory of this process, or None if the system does not report it."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


@dataclass
class RunRecord:
    """Content of `run.json`.

    Parameters
    ----------
    task, method
        For example ``"place"`` and ``"dpvae"``.
    config
        The config's nested values.
    inputs
        Name of an input (a path or a layer) to its fingerprint.
    settings
        Settings besides the config: paths, landmarks, preset.
    warnings
        What speaks against the result, a sentence each.
    history
        Metrics of the steps of the run, from which its curves are drawn.
    """

    task: str
    method: str
    config: Mapping[str, Any]
    seed: int
    device: str = "cpu"
    inputs: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    history: History = field(default_factory=list, repr=False)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _clock: float = field(default_factory=time.monotonic, repr=False)

    def provenance(self) -> dict[str, Any]:
        """Return the part that determines the result and is stored with it: no times, no memory."""
        return {
            "task": self.task,
            "method": self.method,
            "config": dict(self.config),
            "seed": self.seed,
            "device": self.device,
            "inputs": dict(self.inputs),
            "settings": dict(self.settings),
            "versions": versions(),
            "notes": list(self.notes),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the whole record, for `run.json`."""
        return {
            **self.provenance(),
            "warnings": list(self.warnings),
            **({"history": [list(row) for row in self.history]} if self.history else {}),
            "metrics": {
                name: float(value) if np.isfinite(value) else None
                for name, value in self.metrics.items()
            },
            "started": self.started.isoformat(timespec="seconds"),
            "wall_seconds": round(time.monotonic() - self._clock, 3),
            "peak_memory_bytes": peak_memory_bytes(),
            "platform": platform.platform(),
            "threads": threads(),
        }

    def write(self, path: str | Path) -> None:
        """Write the record as JSON, atomically."""
        storage.write_json(path, self.to_dict())
