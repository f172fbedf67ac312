"""What files of earlier versions hold, and what it is called and means now."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Diameter in µm that versions before 0.2 took Space Ranger's `spot_diameter_fullres` for.
SPOT_UM = 55.0
#: What it is: their lengths in µm times this are right.
SPOT_RATIO = 65.0 / SPOT_UM

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


def is_earlier(ours: Mapping[str, Any]) -> bool:
    """Return whether `uns["spatialrecon"]` of a result was written before it had a format.

    Examples
    --------
    >>> is_earlier({"unit": "px", "provenance": "{}"}), is_earlier({"um_per_unit": 0.5})
    (True, False)
    """
    return "format" not in ours and ("provenance" in ours or "alignment" in ours)


def took_spots_as_55(um_per_unit: float, spot_diameter: float, ours: Mapping[str, Any]) -> bool:
    """Return whether a scale is exactly 55 µm over the diameter of a spot in pixels.

    Parameters
    ----------
    ours
        `uns["spatialrecon"]`: an alignment in it scaled the diameter, but not the µm.

    Examples
    --------
    >>> took_spots_as_55(0.5, 110.0, {}), took_spots_as_55(0.5, 130.0, {})
    (True, False)
    """
    alignment = ours.get("alignment")
    scales = [1.0]
    if isinstance(alignment, Mapping):
        (a, b, *_), (c, d, *_), *_ = alignment["transform"]["matrix"]
        scales.append(math.sqrt(abs(a * d - b * c)))
    width = um_per_unit * spot_diameter
    return any(math.isclose(width, SPOT_UM * scale, rel_tol=1e-6) for scale in scales)
