"""The folder of a run that can be stopped and resumed, and the settings of that run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_spatialrecon import storage
from napari_spatialrecon.errors import CheckpointError

#: File with the settings of the run.
ASKED = "asked.json"


def begin(folder: Path, asked: Mapping[str, Any], *, resume: bool) -> None:
    """Record the settings of a new run; refuse to resume a run with other settings.

    Checkpoints of an older run in the folder are removed before a new run.

    Parameters
    ----------
    asked
        Plain values: method, seed, config and fingerprints of the inputs.

    Raises
    ------
    CheckpointError
        `folder` holds no stopped run, or one with other settings.
    """
    if resume:
        _require(folder, asked)
        return
    if (folder / ASKED).is_file():
        for manifest in list(folder.rglob(storage.MANIFEST)):
            shutil.rmtree(manifest.parent)
    storage.write_json(folder / ASKED, dict(asked))


def _require(folder: Path, asked: Mapping[str, Any]) -> None:
    try:
        before = json.loads((folder / ASKED).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            "Expected the folder of a stopped run, found none.",
            remedy="Try the folder named by the stopped run.",
            where=str(folder),
        ) from error
    now = json.loads(json.dumps(dict(asked)))
    other = [name for name in now if before.get(name) != now[name]]
    if other:
        raise CheckpointError(
            f"Expected the run that was stopped, found another {' and '.join(other)}.",
            remedy="Try the same inputs and settings, or start again without resuming.",
            where=str(folder),
        )
