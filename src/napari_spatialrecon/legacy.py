"""Names used in files of earlier versions, and their present names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Keys of `run.json`, of configs and of saved models before 0.2.
RENAMED: dict[str, str] = {
    "floor": "baseline",
    "floor_share": "baseline_share",
    "held_out_floor": "held_out_baseline",
    "held_out_floor_pcc": "held_out_baseline_pcc",
    "laid_onto": "registered_to",
}


def renamed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return `content` with old keys under their present names, at every depth.

    Examples
    --------
    >>> renamed({"floor": 1, "metrics": {"held_out_floor": 0.4, "method": 0.3}})
    {'baseline': 1, 'metrics': {'held_out_baseline': 0.4, 'method': 0.3}}
    """
    return {
        RENAMED.get(key, key): renamed(value) if isinstance(value, Mapping) else value
        for key, value in content.items()
    }


def read_record(path: str | Path) -> dict[str, Any]:
    """Return the content of a `run.json`, under present names.

    Raises
    ------
    OSError, ValueError
        The file cannot be read or is not a JSON object.
    """
    return renamed(json.loads(Path(path).read_text(encoding="utf-8")))
