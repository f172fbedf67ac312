"""The folder of a run that can be stopped and resumed, and what was asked of that run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_spatialrecon import storage
from napari_spatialrecon.errors import CheckpointError

#: File of the folder that says what was asked.
ASKED = "asked.json"


def begin(folder: Path, asked: Mapping[str, Any], *, resume: bool) -> None:
    """Write down what is asked of a new run; of a resumed one, refuse to go on with anything else.

    Checkpoints that an older run left in the folder are taken away before a new run.

    Parameters
    ----------
    asked
        Plain values: method, seed, config and fingerprints of the inputs.

    Raises
    ------
    CheckpointError
        `folder` holds no stopped run, or one that was asked for something else.
    """
    if resume:
        _require(folder, asked)
        return
    if (folder / ASKED).is_file():
        for manifest in folder.glob(f"*/{storage.MANIFEST}"):
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
            remedy="Try the same inputs and settings, or start anew without resuming.",
            where=str(folder),
        )
